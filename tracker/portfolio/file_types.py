"""Types of uploaded files, identified by content; names and declared types are never trusted."""

from dataclasses import dataclass
from typing import IO

from tracker.errors import Invalid
from tracker.portfolio import file_checks
from tracker.portfolio.file_checks import FileFaultError

TYPE_NAMES = "JPEG, PNG, HEIC, PDF, DOCX, XLSX, PPTX, ODT, MP3, M4A, MP4 and TXT"
HEAD = 8192
MAX_SHOWN_LENGTH = 60


@dataclass(frozen=True)
class FileType:
    """An accepted file type: the extensions it may have, and how it may be shown."""

    media_type: str
    extensions: tuple[str, ...]
    shown_as: str = "download"
    """`image` (re-encoded), `pages` (each as an image), `audio`, `video`, or `download`."""


OFFICE = "application/vnd.openxmlformats-officedocument."
JPEG = FileType("image/jpeg", ("jpg", "jpeg", "jpe", "jfif"), "image")
PNG = FileType("image/png", ("png",), "image")
HEIC = FileType("image/heic", ("heic", "heif"), "image")
PDF = FileType("application/pdf", ("pdf",), "pages")
DOCX = FileType(f"{OFFICE}wordprocessingml.document", ("docx",))
XLSX = FileType(f"{OFFICE}spreadsheetml.sheet", ("xlsx",))
PPTX = FileType(f"{OFFICE}presentationml.presentation", ("pptx",))
ODT = FileType("application/vnd.oasis.opendocument.text", ("odt",))
MP3 = FileType("audio/mpeg", ("mp3",), "audio")
M4A = FileType("audio/mp4", ("m4a", "mp4"), "audio")
MP4 = FileType("video/mp4", ("mp4", "m4v"), "video")
TXT = FileType("text/plain", ("txt",))

TYPES = (JPEG, PNG, HEIC, PDF, DOCX, XLSX, PPTX, ODT, MP3, M4A, MP4, TXT)
BY_MEDIA_TYPE = {each.media_type: each for each in TYPES}
EXTENSIONS = tuple(dict.fromkeys(extension for each in TYPES for extension in each.extensions))
IMAGE_SIGNATURES = ((b"\xff\xd8\xff", JPEG), (b"\x89PNG", PNG))
"""The first bytes ("magic numbers") of each image format."""
OTHER_SIGNATURES = (b"{\\rtf", b"%!PS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"GIF8", b"OggS", b"fLaC")
"""First bytes of formats that are refused, even where the rest of the file is readable text."""


def identify_file_type(stream: IO[bytes], name: str) -> FileType:
    """Return the type of a file. Raises `Invalid` with a sentence naming the file when it is not accepted."""
    stream.seek(0)
    head = stream.read(HEAD)
    if not head:
        raise Invalid(f"“{shorten_name(name)}” is empty and was not added. Choose the file again.", "files")
    try:
        file_type = _identify_by_content(stream, head)
    except FileFaultError as fault:
        raise Invalid(f"“{shorten_name(name)}” was not added: {fault}", "files") from fault
    if file_type is None:
        raise Invalid(
            f"“{shorten_name(name)}” was not added: its type is not accepted. The accepted types are {TYPE_NAMES}.",
            "files",
        )
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension not in file_type.extensions:
        problem = f"its name ends in “.{extension[:10]}”" if extension else "its name has no extension"
        raise Invalid(
            f"“{shorten_name(name)}” was not added: {problem}, but its content is "
            f"{file_type.extensions[0].upper()}. Correct the extension, or save the file as one of the accepted "
            f"types: {TYPE_NAMES}.",
            "files",
        )
    return file_type


def shorten_name(name: str) -> str:
    """Return a file name short enough for a sentence."""
    return name if len(name) <= MAX_SHOWN_LENGTH else f"{name[:40]}…{name[-15:]}"


def _identify_by_content(stream: IO[bytes], head: bytes) -> FileType | None:
    if head[4:8] == b"ftyp":
        return _identify_iso_media(stream, head[8:12])
    if head.startswith(b"PK\x03\x04"):
        return _identify_zip(stream)
    if head.startswith(b"%PDF-"):
        file_checks.check_pdf(stream)
        return PDF
    if file_checks.is_mp3(stream):
        return MP3
    return _image(stream, head) or _plain_text(stream, head)


def _image(stream: IO[bytes], head: bytes) -> FileType | None:
    image_type = next((each for signature, each in IMAGE_SIGNATURES if head.startswith(signature)), None)
    if image_type:
        file_checks.check_picture(stream)
    return image_type


def _plain_text(stream: IO[bytes], head: bytes) -> FileType | None:
    return TXT if not head.startswith(OTHER_SIGNATURES) and file_checks.is_plain_text(stream) else None


def _identify_iso_media(stream: IO[bytes], brand: bytes) -> FileType | None:
    """Return HEIC, M4A or MP4 by the brand and the tracks of the container they share."""
    if brand in file_checks.HEIC_BRANDS:
        file_checks.check_picture(stream)
        return HEIC
    if brand not in file_checks.MEDIA_BRANDS:
        return None
    return MP4 if file_checks.has_video_track(stream) else M4A


def _identify_zip(stream: IO[bytes]) -> FileType | None:
    media_type = file_checks.find_office_media_type(stream)
    return BY_MEDIA_TYPE.get(media_type) if media_type else None
