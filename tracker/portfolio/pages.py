"""Images of a PDF's pages, made in a sandboxed subprocess: no browser opens a PDF from a user on our pages."""

import secrets
from pathlib import Path

from tracker.errors import NotFound
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxError
from tracker.storage import file_store

MAX_PAGES = 60
"""The pages after these are read by downloading the file."""
RENDERER = Sandbox(
    "tracker.portfolio.page_subprocess",
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=10, file_size=20 * MEGABYTE),
    slots=2,
    timeout_seconds=15,
)


def count_pages(sha256: str) -> int:
    """Return how many pages of a stored PDF can be shown; 0 when it cannot be opened.

    The pages are counted once, and the number is stored beside the file.
    """
    stored_count = _find_count_file(sha256)
    if stored_count.exists():
        return _read_count(stored_count)
    try:
        answer = RENDERER.run(["count", str(file_store.get_path(sha256))])
        pages = min(int(answer.strip() or 0), MAX_PAGES)
    except (SandboxError, ValueError):
        pages = 0
    _write(stored_count, str(pages).encode())
    return pages


def get_page_count(sha256: str) -> int:
    """Return the number that was counted when the file was uploaded, without opening the file; else 0."""
    return _read_count(_find_count_file(sha256))


def make_page_image(sha256: str, number: int) -> Path:
    """Return a page as a JPEG, made once and kept. Raises `NotFound` for no such page or one that cannot be shown."""
    if not 1 <= number <= get_page_count(sha256):
        raise NotFound
    source = file_store.get_path(sha256)
    target = source.with_suffix(f".page-{number}.jpg")
    if target.exists():
        return target
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        RENDERER.run(["render", str(source), str(number), str(temporary)])
        temporary.replace(target)
    except (OSError, SandboxError) as error:
        raise NotFound("This page cannot be shown. Download the file instead.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _find_count_file(sha256: str) -> Path:
    return file_store.get_path(sha256).with_suffix(".pages")


def _read_count(path: Path) -> int:
    try:
        return int(path.read_text() or 0)
    except (OSError, ValueError):
        return 0


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
