"""What an uploaded file is, by its content; its name and declared type are never trusted."""

from dataclasses import dataclass
from typing import IO

from tracker.errors import Invalid
from tracker.portfolio import file_checks
from tracker.portfolio.file_checks import FaultyError

KINDS = "JPEG, PNG, HEIC, PDF, DOCX, XLSX, PPTX, ODT, MP3, M4A, MP4 and TXT"
HEAD = 8192
MAX_SHOWN_LENGTH = 60


@dataclass(frozen=True)
class FileType:
    """A kind we take: the endings it may have, and how it may be shown."""

    media_type: str
    endings: tuple[str, ...]
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
ENDINGS = tuple(dict.fromkeys(ending for each in TYPES for ending in each.endings))
IMAGE_SIGNATURES = ((b"\xff\xd8\xff", JPEG), (b"\x89PNG", PNG))
"""The first bytes ("magic numbers") of each image format."""
OTHER_SIGNATURES = (b"{\\rtf", b"%!PS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"GIF8", b"OggS", b"fLaC")
"""First bytes of formats that are refused, even where the rest of the file is readable text."""


def recognise(stream: IO[bytes], name: str) -> FileType:
    """The kind of a file. Raises `Invalid` with a sentence naming the file when it is none we take."""
    stream.seek(0)
    head = stream.read(HEAD)
    if not head:
        raise Invalid(f"“{shown(name)}” is empty. It was not added. Choose the file again.", "files")
    try:
        found = _by_content(stream, head)
    except FaultyError as fault:
        raise Invalid(f"“{shown(name)}” was not added: {fault}", "files") from fault
    if found is None:
        raise Invalid(f"“{shown(name)}” was not added: it is none of the kinds we take, which are {KINDS}.", "files")
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in found.endings:
        called = f"its name ends in “.{ending[:10]}”" if ending else "its name has no ending"
        raise Invalid(
            f"“{shown(name)}” was not added: {called}, but its content is {found.endings[0].upper()}. Give it the "
            f"right ending, or save it again as one of the kinds we take, which are {KINDS}.",
            "files",
        )
    return found


def shown(name: str) -> str:
    """A file's name, short enough for a sentence."""
    return name if len(name) <= MAX_SHOWN_LENGTH else f"{name[:40]}…{name[-15:]}"


def _by_content(stream: IO[bytes], head: bytes) -> FileType | None:
    if head[4:8] == b"ftyp":
        return _iso_media(stream, head[8:12])
    if head.startswith(b"PK\x03\x04"):
        return _zipped(stream)
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


def _iso_media(stream: IO[bytes], brand: bytes) -> FileType | None:
    """HEIC, M4A and MP4 share a container; its brand and its tracks say which it is."""
    if brand in file_checks.HEIC_BRANDS:
        file_checks.check_picture(stream)
        return HEIC
    if brand not in file_checks.MEDIA_BRANDS:
        return None
    return MP4 if file_checks.has_video_track(stream) else M4A


def _zipped(stream: IO[bytes]) -> FileType | None:
    media_type = file_checks.office_media_type(stream)
    return BY_MEDIA_TYPE.get(media_type) if media_type else None
