"""The pages of a PDF as pictures, made in a bounded process: no browser opens a stranger's PDF on our pages."""

import secrets
import subprocess
import threading
from pathlib import Path

from tracker.errors import NotFound
from tracker.sandbox.child import process_of
from tracker.storage import file_store

PROCESS = process_of("tracker.portfolio.page_process")
MAX_PAGES = 60
"""More are read by downloading the file."""
SECONDS = 15
at_once = threading.BoundedSemaphore(2)


def count_pages(sha256: str) -> int:
    """How many pages of a stored PDF can be shown, counted once and noted beside it; 0 when it cannot be opened."""
    note = _note(sha256)
    if note.exists():
        return _noted(note)
    try:
        pages = min(int(_run("count", file_store.get_path(sha256)).strip() or 0), MAX_PAGES)
    except (OSError, ValueError, subprocess.SubprocessError):
        pages = 0
    _write(note, str(pages).encode())
    return pages


def find_pages(sha256: str) -> int:
    """What was counted when the file came; opens nothing."""
    return _noted(_note(sha256))


def picture_of_page(sha256: str, number: int) -> Path:
    """A page as a JPEG, made once and kept. Raises `NotFound` when there is no such page or it cannot be shown."""
    if not 1 <= number <= find_pages(sha256):
        raise NotFound
    source = file_store.get_path(sha256)
    target = source.with_suffix(f".page-{number}.jpg")
    if target.exists():
        return target
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        _run("paint", source, str(number), str(temporary))
        temporary.replace(target)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotFound("This page cannot be shown. Download the file instead.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _run(act: str, source: Path, *rest: str) -> bytes:
    if not at_once.acquire(timeout=SECONDS):
        raise subprocess.TimeoutExpired(act, SECONDS)
    try:
        command = [*PROCESS, act, str(source), *rest]  # without our environment: no secret is a PDF's business
        done = subprocess.run(command, env={}, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603 - our own module
    finally:
        at_once.release()
    return done.stdout


def _note(sha256: str) -> Path:
    return file_store.get_path(sha256).with_suffix(".pages")


def _noted(note: Path) -> int:
    try:
        return int(note.read_text() or 0)
    except (OSError, ValueError):
        return 0


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
