"""Checks of OLE compound files: Word 97–2003 documents, Outlook messages, and locked office documents."""

import re
from collections.abc import Iterator
from io import SEEK_END
from typing import IO

from tracker.portfolio.file_checks.faults import LOCKED, MACROS_FOUND, NOT_ACCEPTED, FileFaultError

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DOC, MSG = "application/msword", "application/vnd.ms-outlook"
ENTRY_SIZE = 128
"""Bytes of a directory entry."""
MAX_DIRECTORY_SECTORS = 4_096
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
    names = set(_list_names(stream)) or _find_known_names(stream)
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


def _list_names(stream: IO[bytes]) -> Iterator[str]:
    """Yield the names in the directory, whose sectors the allocation table links; stop where it is damaged."""
    stream.seek(0)
    header = stream.read(512)
    shift = int.from_bytes(header[30:32], "little")
    if shift not in {9, 12}:
        return
    sector_size = 1 << shift
    table = [int.from_bytes(header[offset : offset + 4], "little") for offset in range(76, 512, 4)]
    sector = int.from_bytes(header[48:52], "little")
    for _ in range(MAX_DIRECTORY_SECTORS):
        stream.seek((sector + 1) * sector_size)
        content = stream.read(sector_size)
        for start in range(0, len(content) - ENTRY_SIZE + 1, ENTRY_SIZE):
            length = int.from_bytes(content[start + 64 : start + 66], "little")
            if 2 <= length <= 64:
                yield content[start : start + length - 2].decode("utf-16-le", errors="replace")
        block, index = divmod(sector, sector_size // 4)
        if len(content) < sector_size or block >= len(table):
            return
        stream.seek((table[block] + 1) * sector_size + index * 4)
        sector = int.from_bytes(stream.read(4), "little")
        if sector >= 0xFFFFFFFA:
            return


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
