"""Identification of an uploaded file by its content: its type, pages and remark, or why it is refused."""

from dataclasses import dataclass
from typing import IO

from tracker.portfolio.file_checks import compound, office, recordings, text
from tracker.portfolio.file_checks.faults import NOT_ACCEPTED, FileFaultError

HEAD_SIZE = 8192
MAX_PDF_HEADER_OFFSET = 1024
"""The header of a PDF is looked for in so many bytes, as PDFium does."""
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"}
REFUSED_BRANDS = {b"avif", b"avis", b"crx ", b"jp2 ", b"jxl "}
QUICKTIME = b"qt  "
OLD_QUICKTIME_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
IMAGE_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"))
"""The first bytes ("magic numbers") of image formats."""
BINARY_SIGNATURES = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9")
"""First bytes of recordings, which are not accepted as text even if the rest of the file is readable."""
SAVE_AS_JPEG = "Save it as JPEG or PNG and upload that."
EXPORT_AS_MP4 = "Export the video as MP4 and upload that."
EXPORT_AS_MP3 = "Export the recording as MP3 or M4A and upload that."
UNPACK = "Unpack it and upload the files in it one by one."
REFUSED_SIGNATURES = (
    (b"GIF8", SAVE_AS_JPEG), (b"BM", SAVE_AS_JPEG), (b"II*\x00", SAVE_AS_JPEG), (b"MM\x00*", SAVE_AS_JPEG),
    (b"8BPS", SAVE_AS_JPEG), (b"\x00\x00\x01\x00", SAVE_AS_JPEG), (b"%!PS", "Save it as PDF and upload that."),
    (b"FLV", EXPORT_AS_MP4), (b"\x00\x00\x01\xba", EXPORT_AS_MP4),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Export it as MP4 or MP3 and upload that."),
    (b"fLaC", EXPORT_AS_MP3), (b"#!AMR", EXPORT_AS_MP3), (b"MThd", EXPORT_AS_MP3), (b"FORM", EXPORT_AS_MP3),
    (b"7z\xbc\xaf", UNPACK), (b"Rar!", UNPACK), (b"\x1f\x8b", UNPACK), (b"BZh", UNPACK),
)  # fmt: skip
"""First bytes of formats that are refused, and what to do instead."""


@dataclass(frozen=True)
class IdentifiedFile:
    """The type of a file by its content, with the page count of a PDF and a remark."""

    media_type: str
    pages: int = 0
    remark: str = ""
    """`hevc`, `unplayed`, `xfa`, `files_inside`, or empty."""


def is_accepted_text(stream: IO[bytes], head: bytes) -> bool:
    """Return whether the file is plain text and does not begin like another accepted format."""
    signatures = (*BINARY_SIGNATURES, *(signature for signature, _ in IMAGE_SIGNATURES), b"{\\rtf")
    is_other = head.startswith(signatures) or b"%PDF-" in head[:MAX_PDF_HEADER_OFFSET]
    return not is_other and text.is_plain_text(stream)


def identify(stream: IO[bytes]) -> IdentifiedFile | None:
    """Return the file's type by its content; None for an unknown type. Raises `FileFaultError` for a refused file."""
    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    if identified := _identify_container(stream, head):
        return identified
    if b"%PDF-" in head[:MAX_PDF_HEADER_OFFSET]:
        return _identify_pdf(stream, head)
    if recordings.is_mp3(stream):
        return IdentifiedFile("audio/mpeg")
    if recordings.is_aac(stream):
        return IdentifiedFile("audio/aac")
    for signature, media_type in IMAGE_SIGNATURES:
        if head.startswith(signature):
            return _identify_image(stream, media_type)
    for signature, advice in REFUSED_SIGNATURES:
        if head.startswith(signature):
            raise FileFaultError(f"{NOT_ACCEPTED} {advice}")
    if text.is_web_page(stream):
        raise FileFaultError(f"{NOT_ACCEPTED} Print the page to a PDF and upload that.")
    return IdentifiedFile("text/plain") if is_accepted_text(stream, head) else None


def _identify_container(stream: IO[bytes], head: bytes) -> IdentifiedFile | None:
    media_type = None
    if head[4:8] == b"ftyp" or head[4:8] in OLD_QUICKTIME_BOXES:
        return _identify_iso_media(stream, head)
    if head.startswith(b"PK\x03\x04"):
        media_type = office.find_office_media_type(stream)
    elif head.startswith(compound.SIGNATURE):
        media_type = compound.find_compound_media_type(stream)
    elif head.startswith(b"RIFF"):
        return _identify_riff(stream, head)
    elif head.startswith(b"OggS"):
        if not recordings.is_ogg_audio(head):
            raise FileFaultError(f"{NOT_ACCEPTED} {EXPORT_AS_MP4}")
        media_type = "audio/ogg"
    elif head.startswith(recordings.EBML):
        media_type = recordings.find_webm_media_type(stream)
        if media_type is None:
            raise FileFaultError(f"{NOT_ACCEPTED} {EXPORT_AS_MP4}")
    elif head.startswith(b"{\\rtf"):
        media_type = "application/rtf"
    return IdentifiedFile(media_type) if media_type else None


def _identify_iso_media(stream: IO[bytes], head: bytes) -> IdentifiedFile | None:
    """Return the type of a file in the ISO container (HEIC, M4A, MP4 or MOV), by its brand and tracks."""
    brand = head[8:12] if head[4:8] == b"ftyp" else QUICKTIME
    if brand in HEIC_BRANDS:
        return _identify_image(stream, "image/heic")
    if brand in REFUSED_BRANDS:
        raise FileFaultError(f"{NOT_ACCEPTED} {SAVE_AS_JPEG}")
    track, remark = recordings.read_tracks(stream)
    if track is None:
        return None
    video = "video/quicktime" if brand == QUICKTIME else "video/mp4"
    return IdentifiedFile(video if track == "video" else "audio/mp4", remark=remark)


def _identify_riff(stream: IO[bytes], head: bytes) -> IdentifiedFile | None:
    if head[8:12] == b"WAVE":
        return IdentifiedFile("audio/wav", remark=recordings.check_wav(stream))
    if head[8:12] == b"WEBP":
        return _identify_image(stream, "image/webp")
    if head[8:12] == b"AVI ":
        raise FileFaultError(f"{NOT_ACCEPTED} {EXPORT_AS_MP4}")
    return None


def _identify_image(stream: IO[bytes], media_type: str) -> IdentifiedFile:
    from tracker.portfolio.file_checks.images import check_image  # it takes long to load

    check_image(stream)
    return IdentifiedFile(media_type)


def _identify_pdf(stream: IO[bytes], head: bytes) -> IdentifiedFile:
    """Return a PDF's type, page count and remark, or the type of a text that only mentions a PDF's header.

    Raises `FileFaultError` for a PDF that is refused.
    """
    from tracker.portfolio.file_checks.pdf import inspect_pdf  # it takes long to load

    try:
        pages, remark = inspect_pdf(stream)
    except FileFaultError:
        if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-") and text.is_plain_text(stream):
            return IdentifiedFile("text/plain")
        raise
    return IdentifiedFile("application/pdf", pages, remark)
