"""Types of uploaded files, identified by content; names and declared types are never trusted."""

import json
from dataclasses import dataclass
from typing import IO

from tracker.errors import Invalid
from tracker.portfolio.file_checks.identify import HEAD_SIZE, IdentifiedFile, is_accepted_text
from tracker.portfolio.file_checks.text import is_message
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxBusy, SandboxError
from tracker.sandbox.slots import Slots
from tracker.web.text_direction import isolate

TYPE_NAMES = (
    "JPEG, PNG, HEIC, WEBP, PDF, DOCX, DOC, ODT, RTF, XLSX, CSV, PPTX, TXT, EML, MSG, MP3, M4A, WAV, OGG, AAC, WEBM, "
    "MP4 and MOV"
)
MAX_SHOWN_NAME_LENGTH = 60
DECODER_SLOTS = Slots("decoders", 2)
"""What decodes files of evidence: the check, pictures, pages and texts, two at once on the machine."""
CHECKER = Sandbox(
    "tracker.portfolio.check_subprocess",
    Limits(address_space=768 * MEGABYTE, cpu_seconds=20, file_size=200 * MEGABYTE),
    slots=DECODER_SLOTS,
    timeout_seconds=30,
)


@dataclass(frozen=True)
class FileType:
    """An accepted file type: the extensions it may have, and how it may be shown."""

    media_type: str
    extensions: tuple[str, ...]
    shown_as: str = "download"
    """`image` (re-encoded), `pages` (each as an image), `text` (and pages, if LibreOffice is installed), `audio`,
    `video`, or `download`."""


OFFICE = "application/vnd.openxmlformats-officedocument."
PDF = FileType("application/pdf", ("pdf",), "pages")
TXT = FileType("text/plain", ("txt",), "text")
CSV = FileType("text/csv", ("csv",), "text")
EML = FileType("message/rfc822", ("eml",), "text")
DOCX = FileType(f"{OFFICE}wordprocessingml.document", ("docx",), "text")
TYPES = (
    FileType("image/jpeg", ("jpg", "jpeg", "jpe", "jfif"), "image"),
    FileType("image/png", ("png",), "image"),
    FileType("image/heic", ("heic", "heif", "hif"), "image"),
    FileType("image/webp", ("webp",), "image"),
    PDF,
    DOCX,
    FileType("application/msword", ("doc",), "text"),
    FileType("application/vnd.oasis.opendocument.text", ("odt",), "text"),
    FileType("application/rtf", ("rtf",), "text"),
    FileType(f"{OFFICE}spreadsheetml.sheet", ("xlsx",), "text"),
    CSV,
    FileType(f"{OFFICE}presentationml.presentation", ("pptx",), "text"),
    TXT,
    EML,
    FileType("application/vnd.ms-outlook", ("msg",), "text"),
    FileType("audio/mpeg", ("mp3",), "audio"),
    FileType("audio/mp4", ("m4a", "m4b", "mp4", "3gp"), "audio"),
    FileType("audio/wav", ("wav",), "audio"),
    FileType("audio/ogg", ("ogg", "oga", "opus"), "audio"),
    FileType("audio/aac", ("aac",), "audio"),
    FileType("audio/webm", ("webm", "weba"), "audio"),
    FileType("video/webm", ("webm",), "video"),
    FileType("video/mp4", ("mp4", "m4v", "3gp", "3g2"), "video"),
    FileType("video/quicktime", ("mov", "qt"), "video"),
)
BY_MEDIA_TYPE = {each.media_type: each for each in TYPES}
EXTENSIONS = tuple(dict.fromkeys(extension for each in TYPES for extension in each.extensions))


def identify_file(stream: IO[bytes], name: str) -> IdentifiedFile:
    """Return a file's type by its content. Raises `Invalid` with a sentence naming the file when it is refused.

    The name only distinguishes text, CSV and email, all of which are text.
    """
    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    if not head:
        raise Invalid(f"“{shorten_name(name)}” is empty and was not added. Choose the file again.", "files")
    if is_accepted_text(stream, head):
        return _identify_text(stream, name)
    identified = _identify_in_sandbox(stream, name)
    return _identify_text(stream, name) if identified.media_type == TXT.media_type else identified


def _identify_in_sandbox(stream: IO[bytes], name: str) -> IdentifiedFile:
    try:
        result = json.loads(CHECKER.run(stdin=stream))
    except SandboxBusy:
        result = {"fault": "too many files are being checked. Upload it again in a minute."}
    except (SandboxError, ValueError):
        result = {"fault": "it could not be checked, so it may be damaged. Save it again, or save it as a PDF."}
    if result is None:
        result = {"fault": f"its type is not accepted. The accepted types are {TYPE_NAMES}."}
    if "fault" in result:
        raise Invalid(f"“{shorten_name(name)}” was not added: {result['fault']}", "files")
    return IdentifiedFile(**result)


def _identify_text(stream: IO[bytes], name: str) -> IdentifiedFile:
    extension = get_extension(name)
    if extension in EML.extensions and is_message(stream):
        return IdentifiedFile(EML.media_type)
    return IdentifiedFile(CSV.media_type if extension in CSV.extensions else TXT.media_type)


def correct_extension(name: str, media_type: str) -> str:
    """Return the name with an extension that fits the content: a wrong one is replaced, a missing one added."""
    extensions = BY_MEDIA_TYPE[media_type].extensions
    extension = get_extension(name)
    if extension in extensions:
        return name
    is_extension = 1 <= len(extension) <= 5 and extension.isalnum() and not extension.isdigit()
    stem = name.rpartition(".")[0] if is_extension else name.rstrip(".")
    return stem if get_extension(stem) in extensions else f"{stem or 'file'}.{extensions[0]}"


def get_extension(name: str) -> str:
    """Return what follows the last full stop of a name, in lower case; empty when there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def shorten_name(name: str) -> str:
    """Return a file name for a sentence: short enough, and isolated from the words around it."""
    return isolate(name if len(name) <= MAX_SHOWN_NAME_LENGTH else f"{name[:40]}…{name[-15:]}")
