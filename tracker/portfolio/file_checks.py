"""What each kind of file must hold to be what it says: enough to refuse what is damaged, locked or a trap."""

import codecs
import re
import warnings
import zipfile
from collections.abc import Iterator
from io import SEEK_END
from typing import IO

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

CHUNK = 1024 * 1024
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"}
MEDIA_BRANDS = {
    *(b"M4A ", b"M4B ", b"M4V ", b"M4VP", b"mp41", b"mp42", b"isom", b"avc1", b"dash", b"mmp4", b"MSNV"),
    *(b"iso2", b"iso4", b"iso5", b"iso6", b"3gp4", b"3gp5", b"3gp6"),
}
VIDEO_TRACK = re.compile(rb"hdlr.{8}vide", re.DOTALL)
MAX_INDEX_SIZE = 32 * CHUNK

MAX_MEMBERS = 5_000
MAX_UNPACKED_SIZE = 1024 * CHUNK
SUSPICIOUS_UNPACKED = 50 * CHUNK
MAX_EXPANSION = 200
OPEN_DOCUMENT_TEXT = "application/vnd.oasis.opendocument.text"
MAIN_PARTS = {
    "wordprocessingml.document": "word/",
    "spreadsheetml.sheet": "xl/",
    "presentationml.presentation": "ppt/",
}
OFFICE = "application/vnd.openxmlformats-officedocument."
MACROS = ("vbaproject.bin", "vbadata.xml", "basic/script-lc.xml")

MAX_PIXELS = 200_000_000
MAX_DECODED = 80_000_000
"""What a picture may hold once decoded whole; a JPEG is decoded smaller than it is."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS

BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
BITRATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
RATES = {3: (44100, 48000, 32000, 0), 2: (22050, 24000, 16000, 0), 0: (11025, 12000, 8000, 0)}

CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
MARKUP = re.compile(r"\s*(<!doctype|<\?xml|<html|<head|<body|<svg|<script|<iframe|#!|%!PS|\{\\rtf)", re.IGNORECASE)


class FaultyError(Exception):
    """The file is not what it should be; the message ends the sentence that names it."""


def check_picture(stream: IO[bytes]) -> None:
    """Raise when a picture cannot be opened, is cut short, or holds more pixels than can be shown."""
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we count the pixels ourselves
            with Image.open(stream, formats=("JPEG", "PNG", "HEIF")) as picture:
                _check_pixels(picture)
                if picture.format in {"JPEG", "MPO"}:
                    picture.draft("RGB", (max(1, picture.width // 8), max(1, picture.height // 8)))
                    picture.load()
                elif picture.format == "PNG":
                    picture.verify()
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, Image.DecompressionBombError) as error:
        raise FaultyError("the picture is damaged or cut short. Take it or save it again.") from error


def _check_pixels(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    if pixels > (MAX_PIXELS if picture.format in {"JPEG", "MPO"} else MAX_DECODED):
        raise FaultyError("the picture has far more pixels than can be shown. Save it smaller.")


def check_pdf(stream: IO[bytes]) -> None:
    """Raise when the end of a PDF is missing."""
    size = stream.seek(0, SEEK_END)
    stream.seek(max(0, size - 4096))
    tail = stream.read()
    if b"%%EOF" not in tail or b"startxref" not in tail:
        raise FaultyError("the PDF is damaged or cut short. Save or scan it again.")


def is_mp3(stream: IO[bytes]) -> bool:
    """Whether MPEG audio frames, at least two in a row, follow the tags."""
    stream.seek(0)
    head = stream.read(10)
    start = 0
    if head.startswith(b"ID3") and len(head) == 10 and max(head[6:10]) < 0x80:
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    elif len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    stream.seek(start)
    padded = stream.read(16 * 1024)
    found = padded.lstrip(b"\x00")
    first = _frame_length(found[:4])
    return bool(first and _frame_length(found[first : first + 4]))


def _frame_length(header: bytes) -> int:
    """Bytes in a layer III frame; 0 when this is no frame's header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version = header[1] >> 3 & 3
    rate = RATES.get(version, (0, 0, 0, 0))[header[2] >> 2 & 3]
    bitrate = (BITRATES if version == 3 else BITRATES_2)[header[2] >> 4]
    if not rate or not bitrate:
        return 0
    return (144 if version == 3 else 72) * bitrate * 1000 // rate + (header[2] >> 1 & 1)


def has_video_track(stream: IO[bytes]) -> bool:
    """Whether an MP4 has pictures; raise when its boxes do not fill it or its index is missing."""
    index = None
    for kind, start, size in _boxes(stream):
        if kind == b"moov" and size <= MAX_INDEX_SIZE:
            stream.seek(start)
            index = stream.read(size)
    if index is None:
        raise FaultyError("the recording is damaged or cut short. Save it again.")
    return VIDEO_TRACK.search(index) is not None


def _boxes(stream: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and size of each box on the outermost level."""
    end, place = stream.seek(0, SEEK_END), 0
    while place < end:
        stream.seek(place)
        header = stream.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        elif size == 0:
            size = end - place
        if len(header) < 8 or size < 8 or place + size > end:
            raise FaultyError("the recording is damaged or cut short. Save it again.")
        yield header[4:8], place, size
        place += size


def office_media_type(stream: IO[bytes]) -> str | None:
    """What a ZIP is as an office file, by its parts; raise for macros, bombs, and what is damaged or locked."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_members(members)
            return _main_part(archive, {member.filename for member in members})
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise FaultyError("it is damaged. Save it again.") from error


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    swollen = unpacked > SUSPICIOUS_UNPACKED and unpacked > MAX_EXPANSION * max(packed, 1)
    if len(members) > MAX_MEMBERS or unpacked > MAX_UNPACKED_SIZE or swollen:
        raise FaultyError("it unpacks to far more than such a file should.")
    if any(member.flag_bits & 1 for member in members):
        raise FaultyError("it is locked with a password. Save it without one.")
    if any(member.filename.lower().endswith(MACROS) for member in members):
        raise FaultyError("it holds macros. Save it without them.")


def _main_part(archive: zipfile.ZipFile, names: set[str]) -> str | None:
    if "mimetype" in names:
        declared = _begin_of(archive, "mimetype").strip().decode("ascii", errors="replace")
        return OPEN_DOCUMENT_TEXT if declared == OPEN_DOCUMENT_TEXT and "content.xml" in names else None
    if "[Content_Types].xml" not in names:
        return None
    types = _begin_of(archive, "[Content_Types].xml")
    if b"macroEnabled" in types:
        raise FaultyError("it holds macros. Save it without them.")
    for kind, folder in MAIN_PARTS.items():
        if f"{kind}.main+xml".encode() in types and any(name.startswith(folder) for name in names):
            return f"{OFFICE}{kind}"
    return None


def _begin_of(archive: zipfile.ZipFile, name: str) -> bytes:
    """The first megabyte of a part; never the whole of what claims to be larger."""
    with archive.open(name) as part:
        return part.read(CHUNK)


def is_plain_text(stream: IO[bytes]) -> bool:
    """Whether the whole is text in UTF-8, UTF-16 or Windows-1252 without control characters, and no markup."""
    stream.seek(0)
    encodings = ("utf-16",) if stream.read(2) in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8", "cp1252")
    for encoding in encodings:
        try:
            return all(
                not CONTROLS.search(text) and not (is_first and MARKUP.match(text))
                for text, is_first in _decoded(stream, encoding)
            )
        except UnicodeDecodeError:
            continue
    return False


def _decoded(stream: IO[bytes], encoding: str) -> Iterator[tuple[str, bool]]:
    """The text a megabyte at a time, and whether it is the beginning."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    is_first = True
    while chunk := stream.read(CHUNK):
        yield decoder.decode(chunk).lstrip("\ufeff"), is_first
        is_first = False
    decoder.decode(b"", final=True)
