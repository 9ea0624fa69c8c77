"""Checks of OLE compound files: Word 97–2003 documents, Outlook messages, and locked office documents."""

import re
from io import SEEK_END
from typing import IO

import olefile  # type: ignore[import-untyped]  # it carries no types

from tracker.portfolio.file_checks.faults import LOCKED, MACROS_FOUND, NOT_ACCEPTED, FileFaultError

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DOC, MSG = "application/msword", "application/vnd.ms-outlook"
KNOWN_NAMES = (
    *("WordDocument", "EncryptedPackage", "EncryptionInfo", "__properties_version1.0", "Workbook"),
    *("PowerPoint Document", "_VBA_PROJECT"),
)
MACRO_NAMES = {"_VBA_PROJECT", "_VBA_PROJECT_CUR", "VBA", "Macros"}
WORD_FILE = re.compile(rb"\xec\xa5.{8}(..)", re.DOTALL)
"""The start of a WordDocument stream: its magic number, and after eight bytes the flags."""
ENCRYPTED_FLAG = 0x0100


def find_compound_media_type(stream: IO[bytes]) -> str | None:
    """Return the media type of a compound file by the names in its directory; None for any other.

    Raises `FileFaultError` for locked files, macros, and kinds that are accepted in another format only.
    """
    names = _list_names(stream) or _find_known_names(stream)
    if names & {"EncryptedPackage", "EncryptionInfo"}:
        raise FileFaultError(LOCKED)
    if "WordDocument" in names:
        if _is_locked_word_file(stream):
            raise FileFaultError(LOCKED)
        if names & MACRO_NAMES:
            raise FileFaultError(MACROS_FOUND)
        return DOC
    if "__properties_version1.0" in names:
        return MSG
    if names & {"Workbook", "Book"}:
        raise FileFaultError(f"{NOT_ACCEPTED} Save the spreadsheet as XLSX and upload that.")
    if "PowerPoint Document" in names:
        raise FileFaultError(f"{NOT_ACCEPTED} Save the presentation as PPTX and upload that.")
    return None


def _list_names(stream: IO[bytes]) -> set[str]:
    """Return the names of streams and storages; nothing where the directory is damaged."""
    stream.seek(0)
    try:
        with olefile.OleFileIO(stream) as file:
            return {name for path in file.listdir(storages=True) for name in path}
    except (OSError, ValueError, IndexError, RecursionError):
        return set()


def _find_known_names(stream: IO[bytes]) -> set[str]:
    """Return which of `KNOWN_NAMES` the file contains, for one whose directory cannot be followed."""
    names, overlap = set(), b""
    stream.seek(0)
    while chunk := stream.read(1024 * 1024):
        names |= {name for name in KNOWN_NAMES if name.encode("utf-16-le") in overlap + chunk}
        overlap = chunk[-128:]
    return names


def _is_locked_word_file(stream: IO[bytes]) -> bool:
    """Return whether a Word file's flag for encryption is set, in its stream, which begins at a sector."""
    end = stream.seek(0, SEEK_END)
    for offset in range(512, min(end, 4 * 1024 * 1024), 512):
        stream.seek(offset)
        if match := WORD_FILE.match(stream.read(12)):
            return bool(int.from_bytes(match[1], "little") & ENCRYPTED_FLAG)
    return False
