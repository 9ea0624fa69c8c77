"""What an uploaded file is, by its content; its name and declared type are never trusted."""

import zipfile
from dataclasses import dataclass
from typing import IO

import filetype

from tracker.errors import Invalid

KINDS = "JPEG, PNG, HEIC, PDF, DOCX, XLSX, PPTX, ODT, MP3, M4A, MP4 and TXT"
HEAD = 8192
MOST_MEMBERS = 5_000
LARGEST_UNPACKED = 1024 * 1024 * 1024
MOST_EXPANSION = 200


@dataclass(frozen=True)
class FileType:
    """A kind we take: the endings it may have, and how it may be shown."""

    media_type: str
    endings: tuple[str, ...]
    shown_as: str = "download"
    """`image` (re-encoded), `audio`, `video`, or `download`."""


OFFICE = "application/vnd.openxmlformats-officedocument."
TYPES = (
    FileType("image/jpeg", ("jpg", "jpeg", "jpe"), "image"),
    FileType("image/png", ("png",), "image"),
    FileType("image/heic", ("heic", "heif"), "image"),
    FileType("application/pdf", ("pdf",)),
    FileType(f"{OFFICE}wordprocessingml.document", ("docx",)),
    FileType(f"{OFFICE}spreadsheetml.sheet", ("xlsx",)),
    FileType(f"{OFFICE}presentationml.presentation", ("pptx",)),
    FileType("application/vnd.oasis.opendocument.text", ("odt",)),
    FileType("audio/mpeg", ("mp3",), "audio"),
    FileType("audio/mp4", ("m4a",), "audio"),
    FileType("video/mp4", ("mp4", "m4v"), "video"),
    FileType("text/plain", ("txt",)),
)
BY_MEDIA_TYPE = {each.media_type: each for each in TYPES}
MAIN_PARTS = {
    "word/document.xml": f"{OFFICE}wordprocessingml.document",
    "xl/workbook.xml": f"{OFFICE}spreadsheetml.sheet",
    "ppt/presentation.xml": f"{OFFICE}presentationml.presentation",
}
HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
AUDIO_BRANDS = {b"M4A ", b"M4B "}
VIDEO_BRANDS = {
    b"mp41",
    b"mp42",
    b"isom",
    b"iso2",
    b"iso4",
    b"iso5",
    b"iso6",
    b"avc1",
    b"M4V ",
    b"M4VP",
    b"dash",
    b"3gp4",
    b"3gp5",
}


def recognise(stream: IO[bytes], name: str) -> FileType:
    """The kind of a file. Raises `Invalid` with a sentence naming the file when it is none we take."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    stream.seek(0)
    head = stream.read(HEAD)
    if not head:
        raise Invalid(f"“{shown(name)}” is empty. It was not added. Choose the file again.", "files")
    found = _by_content(stream, head, name)
    if found is None:
        raise Invalid(f"“{shown(name)}” was not added: it is none of the kinds we take, which are {KINDS}.", "files")
    if ending not in found.endings:
        raise Invalid(
            f"“{shown(name)}” was not added: its name ends in “.{ending[:10]}”, but its content is "
            f"{found.endings[0].upper()}. Give it the right ending, or save it again as one of {KINDS}.",
            "files",
        )
    return found


def shown(name: str) -> str:
    """A file's name, short enough for a sentence."""
    return name if len(name) <= 60 else f"{name[:40]}…{name[-15:]}"


def _by_content(stream: IO[bytes], head: bytes, name: str) -> FileType | None:
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head.startswith(b"PK\x03\x04"):
        return _zipped(stream, name)
    if head.startswith(b"%PDF-"):
        return BY_MEDIA_TYPE["application/pdf"] if _ends_as_pdf(stream) else None
    guessed = filetype.guess(head)
    if guessed is not None:
        kind = BY_MEDIA_TYPE.get(guessed.mime)
        return kind if kind and kind.media_type in {"image/jpeg", "image/png", "audio/mpeg"} else None
    return BY_MEDIA_TYPE["text/plain"] if _is_plain_text(stream) else None


def _iso_media(head: bytes) -> FileType | None:
    """HEIC, M4A and MP4 share a container; its brand says which it is."""
    brand = head[8:12]
    if brand in HEIC_BRANDS:
        return BY_MEDIA_TYPE["image/heic"]
    if brand in AUDIO_BRANDS:
        return BY_MEDIA_TYPE["audio/mp4"]
    return BY_MEDIA_TYPE["video/mp4"] if brand in VIDEO_BRANDS else None


def _zipped(stream: IO[bytes], name: str) -> FileType | None:
    """An office file by its parts; macros, bombs and broken archives are refused."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_members(members, name)
            names = {member.filename for member in members}
            if "mimetype" in names:
                odt = archive.read("mimetype")[:100].strip() == b"application/vnd.oasis.opendocument.text"
                return BY_MEDIA_TYPE["application/vnd.oasis.opendocument.text"] if odt else None
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise Invalid(f"“{shown(name)}” is damaged or locked and was not added. Save it again.", "files") from error
    if any(part.lower().endswith("vbaproject.bin") for part in names):
        raise Invalid(f"“{shown(name)}” holds macros and was not added. Save it without them.", "files")
    main = next((kind for part, kind in MAIN_PARTS.items() if part in names), None)
    return BY_MEDIA_TYPE[main] if main and "[Content_Types].xml" in names else None


def _check_members(members: list[zipfile.ZipInfo], name: str) -> None:
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    bomb = unpacked > LARGEST_UNPACKED or (unpacked > 50_000_000 and unpacked > MOST_EXPANSION * max(packed, 1))
    if len(members) > MOST_MEMBERS or bomb:
        raise Invalid(f"“{shown(name)}” unpacks to far more than it should and was not added.", "files")


def _ends_as_pdf(stream: IO[bytes]) -> bool:
    stream.seek(0, 2)
    stream.seek(max(0, stream.tell() - 2048))
    return b"%%EOF" in stream.read()


def _is_plain_text(stream: IO[bytes]) -> bool:
    """Text in a common encoding, without control characters."""
    stream.seek(0)
    sample = stream.read(1024 * 1024)
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = sample[: len(sample) // 2 * 2].decode("utf-16")
        except UnicodeDecodeError:
            return False
    else:
        text = (
            sample.decode("utf-8", errors="ignore") if _is_utf8(sample) else sample.decode("cp1252", errors="ignore")
        )
    return not any(ord(character) < 32 and character not in "\t\n\r\f" for character in text)


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(sample) - 4  # cut in the middle of a character
    return True
