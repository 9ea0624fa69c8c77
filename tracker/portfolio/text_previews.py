"""Previews of documents as text, made in a sandboxed subprocess at upload and kept beside the file."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import NotFound
from tracker.portfolio.file_checks.text import decode_start
from tracker.portfolio.file_types import CSV, TXT
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxError
from tracker.storage import file_store

MAX_SHOWN_LENGTH = 4_000
"""Characters that a page shows; it links to the whole text."""
PLAIN_TEXT = {TXT.media_type, CSV.media_type}
"""Media types of files that are text already, and need no preview."""
TEXT_READER = Sandbox(
    "tracker.portfolio.text_subprocess",
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=10, file_size=4 * MEGABYTE),
    slots=2,
    timeout_seconds=15,
)


@dataclass(frozen=True)
class TextPreview:
    """The beginning of a document's text."""

    text: str
    is_cut: bool


def make_text_preview(sha256: str, media_type: str) -> Path:
    """Return the file of a document's text, made once and kept. Raises `NotFound` where it cannot be read."""
    source = file_store.get_path(sha256)
    target = source.with_suffix(".preview.txt")
    if target.exists():
        return target
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(TEXT_READER.run([str(source), media_type]))
        temporary.replace(target)
    except (OSError, SandboxError) as error:
        raise NotFound("This file cannot be shown. Download it instead.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def load_text_preview(sha256: str, media_type: str) -> TextPreview | None:
    """Return the beginning of a document's text, without opening the document; None where it could not be read."""
    source = file_store.get_path(sha256)
    try:
        if media_type in PLAIN_TEXT:
            with source.open("rb") as plain:
                text = decode_start(plain.read(4 * MAX_SHOWN_LENGTH))
        else:
            with source.with_suffix(".preview.txt").open(encoding="utf-8") as stream:
                text = stream.read(MAX_SHOWN_LENGTH + 1)
    except (OSError, ValueError):
        return None
    return TextPreview(text[:MAX_SHOWN_LENGTH], len(text) > MAX_SHOWN_LENGTH) if text.strip() else None
