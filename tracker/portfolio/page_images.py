"""Images of the pages of a PDF, or of a document that was converted to one, made in a sandboxed subprocess.

No browser opens an uploaded PDF on a page.
"""

from pathlib import Path

from tracker.errors import Busy, NotFound
from tracker.portfolio.file_details import load_details
from tracker.portfolio.file_types import DECODER_SLOTS
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxBusy, SandboxError
from tracker.storage import file_store

MAX_PAGES = 60
"""Later pages are not shown; the file can be downloaded."""
PDF_SUFFIX = ".preview.pdf"
"""The end of the name of the PDF that a stored document was converted to."""
RENDERER = Sandbox(
    "tracker.portfolio.page_subprocess",
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=10, file_size=20 * MEGABYTE),
    slots=DECODER_SLOTS,
    timeout_seconds=15,
)


def count_shown_pages(sha256: str) -> int:
    """Return how many pages of a stored file can be shown as images; 0 where it has none."""
    return min(load_details(sha256).pages, MAX_PAGES)


def make_page_image(sha256: str, page_number: int) -> Path:
    """Return the file of a page as a JPEG, made once and kept.

    Raises `NotFound` where there is no such page or it cannot be shown, `Busy` while too many others are decoded.
    """
    if not 1 <= page_number <= count_shown_pages(sha256):
        raise NotFound
    source = file_store.get_path(sha256)
    target = source.with_suffix(f".page-{page_number}.jpg")
    if target.exists():
        return target
    pdf = source.with_suffix(PDF_SUFFIX)
    try:
        with file_store.replacing(target) as temporary:
            RENDERER.run([str(pdf if pdf.exists() else source), str(page_number), str(temporary)])
    except SandboxBusy as error:
        raise Busy from error
    except (OSError, SandboxError) as error:
        raise NotFound("This page cannot be shown. Download the file instead.") from error
    return target
