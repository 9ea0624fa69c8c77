"""Previews of documents as text, made in a sandboxed subprocess at upload and kept beside the file."""

import re
import tempfile
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import NotFound
from tracker.models.stored_files import TEXT_NAME
from tracker.portfolio.derived_files import has_derived, load_derived, read_recorded
from tracker.portfolio.file_checks.text import decode_start
from tracker.portfolio.file_details import load_details
from tracker.portfolio.file_types import BY_MEDIA_TYPE, CSV, DECODER_SLOTS, DOCX, PDF, TXT
from tracker.portfolio.libreoffice import DOC, can_convert, convert_document
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxError
from tracker.storage import file_store
from tracker.web.fair_shares import Turn

MAX_SHOWN_LENGTH = 4_000
"""Characters that a page shows; it links to the whole text."""
PLAIN_TEXT = {TXT.media_type, CSV.media_type}
"""Media types of files that are text already, and need no preview."""
TEXT_READER = Sandbox(
    "tracker.portfolio.text_subprocess",
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=10, file_size=4 * MEGABYTE),
    slots=DECODER_SLOTS,
    timeout_seconds=15,
)


CHANGE = re.compile(r"\[(?:inserted|deleted)(?: by [^\[\]]*)?: ")
"""The mark of a tracked change in the text of a document."""


@dataclass(frozen=True)
class TextPreview:
    """The beginning of a document's text."""

    text: str
    is_cut: bool
    has_changes: bool
    """Whether a tracked change is marked in it or in the text after it."""


def has_text_preview(sha256: str, media_type: str) -> bool:
    """Return whether the text of a stored file is read and kept: of a document, or of a PDF with an XFA form.

    Plain text needs no preview.
    """
    if BY_MEDIA_TYPE[media_type].shown_as == "text":
        return media_type not in PLAIN_TEXT
    return media_type == PDF.media_type and load_details(sha256).is_xfa_form


def lacks_text_preview(sha256: str, media_type: str) -> bool:
    """Return whether the text of a stored file is still to be read, and can be on this machine."""
    is_readable = media_type != DOC or can_convert(media_type)
    return is_readable and has_text_preview(sha256, media_type) and not has_derived(sha256, TEXT_NAME)


def load_text(sha256: str, media_type: str, turn: Turn = nullcontext) -> bytes:
    """Return a document's text in UTF-8, read once and kept. Raises `NotFound` where it cannot be read."""
    try:
        return load_derived(
            sha256, TEXT_NAME, lambda source, target: target.write_bytes(_read_text(source, media_type)), turn
        )
    except (OSError, SandboxError) as error:
        raise NotFound("This file cannot be shown. Download it instead.") from error


def load_text_preview(sha256: str, media_type: str, recorded: str | None) -> TextPreview | None:
    """Return the beginning of a document's text, without opening the document; None where it was not read.

    Args:
        sha256: the stored file.
        media_type: its type.
        recorded: the hash that its text had when it was read; None where it was not.
    """
    try:
        if media_type in PLAIN_TEXT:
            with closing(file_store.open_file(sha256)) as plain:
                text = decode_start(plain.read(4 * MAX_SHOWN_LENGTH))
        else:
            text = (read_recorded(sha256, TEXT_NAME, recorded) or b"").decode()
    except (OSError, ValueError):
        return None
    if not text.strip():
        return None
    return TextPreview(text[:MAX_SHOWN_LENGTH], len(text) > MAX_SHOWN_LENGTH, CHANGE.search(text) is not None)


def _read_text(source: Path, media_type: str) -> bytes:
    """Return the text of a stored document in UTF-8; a DOC is read as DOCX. Raises `SandboxError`."""
    if media_type != DOC:
        return TEXT_READER.run([str(source), media_type])
    with tempfile.NamedTemporaryFile() as converted:
        converted.write(convert_document(source, media_type, "docx"))
        converted.flush()
        return TEXT_READER.run([converted.name, DOCX.media_type])
