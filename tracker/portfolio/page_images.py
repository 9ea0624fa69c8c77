"""Images of a PDF's pages, made in a sandboxed subprocess, so that no browser opens an uploaded PDF on a page."""

import secrets
from pathlib import Path

from tracker.errors import NotFound
from tracker.portfolio.file_details import load_details
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxError
from tracker.storage import file_store

MAX_PAGES = 60
"""Later pages are not shown; the file can be downloaded."""
RENDERER = Sandbox(
    "tracker.portfolio.page_subprocess",
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=10, file_size=20 * MEGABYTE),
    slots=2,
    timeout_seconds=15,
)


def count_shown_pages(sha256: str) -> int:
    """Return how many pages of a stored PDF can be shown as images; 0 when it cannot be opened."""
    return min(load_details(sha256).pages, MAX_PAGES)


def make_page_image(sha256: str, page_number: int) -> Path:
    """Return the file of a page as a JPEG, made once and kept.

    Raises `NotFound` where there is no such page or it cannot be shown.
    """
    if not 1 <= page_number <= count_shown_pages(sha256):
        raise NotFound
    source = file_store.get_path(sha256)
    target = source.with_suffix(f".page-{page_number}.jpg")
    if target.exists():
        return target
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        RENDERER.run([str(source), str(page_number), str(temporary)])
        temporary.replace(target)
    except (OSError, SandboxError) as error:
        raise NotFound("This page cannot be shown. Download the file instead.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target
