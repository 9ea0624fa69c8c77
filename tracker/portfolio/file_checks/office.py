"""Checks of office files in a ZIP: damaged, locked and malicious ones are refused."""

import zipfile
from typing import IO

from tracker.portfolio.file_checks.faults import LOCKED, MACROS_FOUND, NOT_ACCEPTED, FileFaultError

MEBIBYTE = 1024 * 1024
MAX_MEMBERS = 5_000
MAX_UNPACKED_SIZE = 1024 * MEBIBYTE
SUSPICIOUS_UNPACKED_SIZE = 50 * MEBIBYTE
MAX_EXPANSION = 200
"""Times that a file of more than `SUSPICIOUS_UNPACKED_SIZE` may grow when unpacked; more is a ZIP bomb."""
OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
OPEN_DOCUMENT_TEXT = f"{OPEN_DOCUMENT}text"
MAIN_PARTS = {
    "wordprocessingml.document": "word/",
    "spreadsheetml.sheet": "xl/",
    "presentationml.presentation": "ppt/",
}
OFFICE = "application/vnd.openxmlformats-officedocument."
MACROS = ("vbaproject.bin", "vbadata.xml", "basic/script-lc.xml")
REFUSED_OPEN_DOCUMENTS = {
    "spreadsheet": "Save the spreadsheet as XLSX or PDF and upload that.",
    "presentation": "Save the presentation as PPTX or PDF and upload that.",
    "graphics": "Save the drawing as PDF and upload that.",
}


def find_office_media_type(stream: IO[bytes]) -> str | None:
    """Return the media type of an office file in a ZIP, by its parts; None for any other ZIP.

    Raises `FileFaultError` for macros, ZIP bombs, and damaged or locked files.
    """
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_members(members)
            return _find_main_type(archive, {member.filename for member in members})
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise FileFaultError("it is damaged. Save it again.") from error


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    packed_size = sum(member.compress_size for member in members)
    unpacked_size = sum(member.file_size for member in members)
    is_zip_bomb = unpacked_size > SUSPICIOUS_UNPACKED_SIZE and unpacked_size > MAX_EXPANSION * max(packed_size, 1)
    if len(members) > MAX_MEMBERS or unpacked_size > MAX_UNPACKED_SIZE or is_zip_bomb:
        raise FileFaultError("its content is too large when unpacked. Save it again.")
    if any(member.flag_bits & 1 for member in members):
        raise FileFaultError(LOCKED)
    if any(member.filename.lower().endswith(MACROS) for member in members):
        raise FileFaultError(MACROS_FOUND)


def _find_main_type(archive: zipfile.ZipFile, names: set[str]) -> str | None:
    if "mimetype" in names:
        return _find_open_document_type(archive, names)
    if "[Content_Types].xml" not in names:
        if any(name.endswith(".iwa") for name in names):
            raise FileFaultError(f"{NOT_ACCEPTED} Export it as PDF and upload that.")
        raise FileFaultError(f"{NOT_ACCEPTED} Unpack it and upload the files in it one by one.")
    types = _read_start(archive, "[Content_Types].xml")
    if b"macroEnabled" in types:
        raise FileFaultError(MACROS_FOUND)
    for kind, folder in MAIN_PARTS.items():
        if f"{kind}.main+xml".encode() in types and any(name.startswith(folder) for name in names):
            return f"{OFFICE}{kind}"
    return None


def _find_open_document_type(archive: zipfile.ZipFile, names: set[str]) -> str | None:
    """Return the media type of an OpenDocument text. Raises `FileFaultError` for locked ones and other kinds."""
    declared = _read_start(archive, "mimetype").strip().decode("ascii", errors="replace")
    is_locked = "encrypted-package" in names or (
        "META-INF/manifest.xml" in names and b"encryption-data" in _read_start(archive, "META-INF/manifest.xml")
    )
    if declared.startswith(OPEN_DOCUMENT) and is_locked:
        raise FileFaultError(LOCKED)
    if advice := REFUSED_OPEN_DOCUMENTS.get(declared.removeprefix(OPEN_DOCUMENT)):
        raise FileFaultError(f"{NOT_ACCEPTED} {advice}")
    return OPEN_DOCUMENT_TEXT if declared == OPEN_DOCUMENT_TEXT and "content.xml" in names else None


def _read_start(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the first megabyte of a part; the size that the ZIP states is not trusted."""
    with archive.open(name) as part:
        return part.read(MEBIBYTE)
