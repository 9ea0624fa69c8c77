"""Checks of uploaded files by type: damaged, locked and malicious files are refused."""

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

MEBIBYTE = 1024 * 1024
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"}
MEDIA_BRANDS = {
    *(b"M4A ", b"M4B ", b"M4V ", b"M4VP", b"mp41", b"mp42", b"isom", b"avc1", b"dash", b"mmp4", b"MSNV"),
    *(b"iso2", b"iso4", b"iso5", b"iso6", b"3gp4", b"3gp5", b"3gp6"),
}
VIDEO_TRACK = re.compile(rb"hdlr.{8}vide", re.DOTALL)
MAX_INDEX_SIZE = 32 * MEBIBYTE

MAX_MEMBERS = 5_000
MAX_UNPACKED_SIZE = 1024 * MEBIBYTE
SUSPICIOUS_UNPACKED = 50 * MEBIBYTE
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
"""Pixels of an image that is decoded whole; a JPEG can be decoded at a smaller size."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS

MPEG1_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
MPEG2_BITRATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
"""Layer III bitrates in kbit/s, by the index in the frame header; 0 for a free format or a bad index."""
SAMPLE_RATES = {3: (44100, 48000, 32000, 0), 2: (22050, 24000, 16000, 0), 0: (11025, 12000, 8000, 0)}
"""Samples per second, by the version bits (3 MPEG-1, 2 MPEG-2, 0 MPEG-2.5) and the index in the frame header."""

CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
MARKUP = re.compile(r"\s*(<!doctype|<\?xml|<html|<head|<body|<svg|<script|<iframe|#!|%!PS|\{\\rtf)", re.IGNORECASE)


class FileFaultError(Exception):
    """A fault in an uploaded file; the message completes the sentence that names the file."""


def check_picture(stream: IO[bytes]) -> None:
    """Raise `FileFaultError` for an image that cannot be opened, is cut short, or has too many pixels to show."""
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
        raise FileFaultError("the image is damaged or incomplete. Take or save it again.") from error


def _check_pixels(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    if pixels > (MAX_PIXELS if picture.format in {"JPEG", "MPO"} else MAX_DECODED):
        raise FileFaultError("the image has too many pixels to be shown. Save it smaller.")


def check_pdf(stream: IO[bytes]) -> None:
    """Raise `FileFaultError` when the end of a PDF is missing."""
    size = stream.seek(0, SEEK_END)
    stream.seek(max(0, size - 4096))
    tail = stream.read()
    if b"%%EOF" not in tail or b"startxref" not in tail:
        raise FileFaultError("the PDF is damaged or incomplete. Save or scan it again.")


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
    """Return the length of a layer III frame in bytes; 0 when this is no frame header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version = header[1] >> 3 & 3
    rate = SAMPLE_RATES.get(version, (0, 0, 0, 0))[header[2] >> 2 & 3]
    bitrate = (MPEG1_BITRATES if version == 3 else MPEG2_BITRATES)[header[2] >> 4]
    if not rate or not bitrate:
        return 0
    return (144 if version == 3 else 72) * bitrate * 1000 // rate + (header[2] >> 1 & 1)


def has_video_track(stream: IO[bytes]) -> bool:
    """Whether an MP4 has a video track. Raises `FileFaultError` when it is cut short or its index is missing."""
    index = None
    for kind, start, size in _boxes(stream):
        if kind == b"moov" and size <= MAX_INDEX_SIZE:
            stream.seek(start)
            index = stream.read(size)
    if index is None:
        raise FileFaultError("the recording is damaged or incomplete. Save it again.")
    return VIDEO_TRACK.search(index) is not None


def _boxes(stream: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, offset and size of each box on the outermost level."""
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
            raise FileFaultError("the recording is damaged or incomplete. Save it again.")
        yield header[4:8], place, size
        place += size


def find_office_media_type(stream: IO[bytes]) -> str | None:
    """Return the media type of an office file in a ZIP, by its parts; None where it is none.

    Raises `FileFaultError` for macros, ZIP bombs, and damaged or locked files.
    """
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_members(members)
            return _main_part(archive, {member.filename for member in members})
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise FileFaultError("it is damaged. Save it again.") from error


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    swollen = unpacked > SUSPICIOUS_UNPACKED and unpacked > MAX_EXPANSION * max(packed, 1)
    if len(members) > MAX_MEMBERS or unpacked > MAX_UNPACKED_SIZE or swollen:
        raise FileFaultError("its content is too large when unpacked. Save it again.")
    if any(member.flag_bits & 1 for member in members):
        raise FileFaultError("it is password protected. Save a copy without a password and upload that.")
    if any(member.filename.lower().endswith(MACROS) for member in members):
        raise FileFaultError("it contains macros. Save a copy without macros and upload that.")


def _main_part(archive: zipfile.ZipFile, names: set[str]) -> str | None:
    if "mimetype" in names:
        declared = _read_start(archive, "mimetype").strip().decode("ascii", errors="replace")
        return OPEN_DOCUMENT_TEXT if declared == OPEN_DOCUMENT_TEXT and "content.xml" in names else None
    if "[Content_Types].xml" not in names:
        return None
    types = _read_start(archive, "[Content_Types].xml")
    if b"macroEnabled" in types:
        raise FileFaultError("it contains macros. Save a copy without macros and upload that.")
    for kind, folder in MAIN_PARTS.items():
        if f"{kind}.main+xml".encode() in types and any(name.startswith(folder) for name in names):
            return f"{OFFICE}{kind}"
    return None


def _read_start(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the first megabyte of a part, whatever size it claims to have."""
    with archive.open(name) as part:
        return part.read(MEBIBYTE)


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
    """Yield the text a megabyte at a time, and whether it is the beginning."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    is_first = True
    while chunk := stream.read(MEBIBYTE):
        yield decoder.decode(chunk).lstrip("\ufeff"), is_first
        is_first = False
    decoder.decode(b"", final=True)
