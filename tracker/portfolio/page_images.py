"""Images of the pages of a PDF, or of a document that was converted to one, made in a sandboxed subprocess.

No browser opens an uploaded PDF on a page.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tracker.errors import Busy, Invalid, NotFound
from tracker.ledger.transactions import reading
from tracker.portfolio import libreoffice
from tracker.portfolio.derived_files import find_derived, load_derived, make_derived
from tracker.portfolio.file_details import FileDetails, load_details
from tracker.portfolio.file_types import DECODER_SLOTS, PDF, identify_file
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxBusy, SandboxError, SandboxFailed
from tracker.web.fair_shares import Turn

MAX_PAGES = 60
"""Later pages are not shown; the file can be downloaded."""
PDF_NAME = "preview.pdf"
"""The name of the PDF that a stored document was converted to."""
RENDERER = Sandbox(
    "tracker.portfolio.page_subprocess",
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=10, file_size=20 * MEGABYTE),
    slots=DECODER_SLOTS,
    timeout_seconds=15,
)


def count_shown_pages(details: FileDetails) -> int:
    """Return how many pages of a stored file can be shown as images; 0 where it has none."""
    return min(details.pages, MAX_PAGES)


def load_page_image(sha256: str, media_type: str, page_number: int, turn: Turn = nullcontext) -> bytes:
    """Return a page as a JPEG, made once and kept.

    Raises `NotFound` where there is no such page or it cannot be shown, `Busy` while too many others are decoded.
    """
    with reading():
        if not 1 <= page_number <= count_shown_pages(load_details(sha256)):
            raise NotFound
        name = f"page-{page_number}.jpg"
        content = find_derived(sha256, name)
    if content is not None:
        return content
    try:
        with turn(), _open_converted(sha256, media_type) as converted:

            def render(source: Path, target: Path) -> None:
                RENDERER.run([str(converted or source), str(page_number), str(target)])

            return make_derived(sha256, name, render)
    except SandboxBusy as error:
        raise Busy from error
    except (OSError, SandboxError) as error:
        raise NotFound("This page cannot be shown. Download the file instead.") from error


@contextmanager
def _open_converted(sha256: str, media_type: str) -> Iterator[Path | None]:
    """Yield the path of the PDF that a document is converted to; None for a file that is a PDF itself."""
    if media_type == PDF.media_type:
        yield None
        return
    with tempfile.NamedTemporaryFile() as converted:
        converted.write(load_pdf(sha256, media_type))
        converted.flush()
        yield Path(converted.name)


def load_pdf(sha256: str, media_type: str) -> bytes:
    """Return a stored document as PDF, converted once and kept. Raises `SandboxError` where it cannot be."""
    return load_derived(
        sha256, PDF_NAME, lambda source, target: target.write_bytes(_convert_to_pdf(source, media_type))
    )


def _convert_to_pdf(source: Path, media_type: str) -> bytes:
    """Return a document as PDF. Raises `SandboxError` where that gives no PDF that can be opened."""
    pdf = libreoffice.convert_document(source, media_type, "pdf")
    try:
        identify_file(io.BytesIO(pdf), "pages.pdf")
    except Invalid as error:
        raise SandboxFailed(str(error)) from error
    return pdf
