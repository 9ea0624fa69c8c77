"""Identification of an uploaded file by its content: its type, pages and remark, or why it is refused."""

from dataclasses import dataclass
from typing import IO

from tracker.portfolio.file_checks import compound, office, recordings, text
from tracker.portfolio.file_checks.faults import NOT_ACCEPTED, FileFaultError

HEAD = 8192
PDF_HEADER_WITHIN = 1024
"""Bytes in which the header of a PDF is looked for, as PDFium does."""
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"}
REFUSED_BRANDS = {b"avif", b"avis", b"crx ", b"jp2 ", b"jxl "}
QUICKTIME = b"qt  "
OLD_QUICKTIME_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
IMAGE_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"))
"""The first bytes ("magic numbers") of image formats."""
BINARY_SIGNATURES = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9")
"""First bytes of recordings, which are no text even where the rest of the file is readable."""
SAVE_AS_JPEG = "Save it as JPEG or PNG and upload that."
EXPORT_AS_MP4 = "Export the video as MP4 and upload that."
EXPORT_AS_MP3 = "Export the recording as MP3 or M4A and upload that."
UNPACK = "Unpack it and upload the files in it one by one."
REFUSED_SIGNATURES = (
    (b"GIF8", SAVE_AS_JPEG), (b"BM", SAVE_AS_JPEG), (b"II*\x00", SAVE_AS_JPEG), (b"MM\x00*", SAVE_AS_JPEG),
    (b"8BPS", SAVE_AS_JPEG), (b"\x00\x00\x01\x00", SAVE_AS_JPEG), (b"%!PS", "Save it as PDF and upload that."),
    (b"\x1aE\xdf\xa3", EXPORT_AS_MP4), (b"FLV", EXPORT_AS_MP4), (b"\x00\x00\x01\xba", EXPORT_AS_MP4),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Export it as MP4 or MP3 and upload that."),
    (b"fLaC", EXPORT_AS_MP3), (b"#!AMR", EXPORT_AS_MP3), (b"MThd", EXPORT_AS_MP3), (b"FORM", EXPORT_AS_MP3),
    (b"7z\xbc\xaf", UNPACK), (b"Rar!", UNPACK), (b"\x1f\x8b", UNPACK), (b"BZh", UNPACK),
)  # fmt: skip
"""First bytes of formats that are refused, and what to do instead."""


@dataclass(frozen=True)
class Identified:
    """What a file was found to be."""

    media_type: str
    pages: int = 0
    remark: str = ""
    """`hevc`, `unplayed`, `xfa`, `files_inside`, or empty."""


def is_accepted_text(stream: IO[bytes], head: bytes) -> bool:
    """Return whether the file is plain text and begins like no other format."""
    signatures = (*BINARY_SIGNATURES, *(signature for signature, _ in IMAGE_SIGNATURES), b"{\\rtf")
    is_other = head.startswith(signatures) or b"%PDF-" in head[:PDF_HEADER_WITHIN]
    return not is_other and text.is_plain_text(stream)


def identify(stream: IO[bytes]) -> Identified | None:
    """Return what the file is; None for an unknown type. Raises `FileFaultError` for a file that is refused."""
    stream.seek(0)
    head = stream.read(HEAD)
    if found := _identify_container(stream, head):
        return found
    if b"%PDF-" in head[:PDF_HEADER_WITHIN] and (found := _identify_pdf(stream, head)):
        return found
    if recordings.is_mp3(stream):
        return Identified("audio/mpeg")
    if recordings.is_aac(stream):
        return Identified("audio/aac")
    for signature, media_type in IMAGE_SIGNATURES:
        if head.startswith(signature):
            return _identify_image(stream, media_type)
    for signature, advice in REFUSED_SIGNATURES:
        if head.startswith(signature):
            raise FileFaultError(f"{NOT_ACCEPTED} {advice}")
    if text.is_web_page(stream):
        raise FileFaultError(f"{NOT_ACCEPTED} Print the page to a PDF and upload that.")
    return Identified("text/plain") if is_accepted_text(stream, head) else None


def _identify_container(stream: IO[bytes], head: bytes) -> Identified | None:
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
    elif head.startswith(b"{\\rtf"):
        media_type = "application/rtf"
    return Identified(media_type) if media_type else None


def _identify_iso_media(stream: IO[bytes], head: bytes) -> Identified | None:
    """Return HEIC, M4A, MP4 or MOV by the brand and the tracks of the container they share."""
    brand = head[8:12] if head[4:8] == b"ftyp" else QUICKTIME
    if brand in HEIC_BRANDS:
        return _identify_image(stream, "image/heic")
    if brand in REFUSED_BRANDS:
        raise FileFaultError(f"{NOT_ACCEPTED} {SAVE_AS_JPEG}")
    track, remark = recordings.read_tracks(stream)
    if track is None:
        return None
    video = "video/quicktime" if brand == QUICKTIME else "video/mp4"
    return Identified(video if track == "video" else "audio/mp4", remark=remark)


def _identify_riff(stream: IO[bytes], head: bytes) -> Identified | None:
    if head[8:12] == b"WAVE":
        return Identified("audio/wav", remark=recordings.check_wav(stream))
    if head[8:12] == b"WEBP":
        return _identify_image(stream, "image/webp")
    if head[8:12] == b"AVI ":
        raise FileFaultError(f"{NOT_ACCEPTED} {EXPORT_AS_MP4}")
    return None


def _identify_image(stream: IO[bytes], media_type: str) -> Identified:
    from tracker.portfolio.file_checks.images import check_image  # it takes long to load

    check_image(stream)
    return Identified(media_type)


def _identify_pdf(stream: IO[bytes], head: bytes) -> Identified | None:
    """Return the PDF; None for text that only mentions the header of one. Raises `FileFaultError`."""
    from tracker.portfolio.file_checks.pdf import inspect_pdf  # it takes long to load

    try:
        pages, remark = inspect_pdf(stream)
    except FileFaultError:
        if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-") and text.is_plain_text(stream):
            return Identified("text/plain")
        raise
    return Identified("application/pdf", pages, remark)
