"""Detection of a document's file format from its content, because a file's name may be wrong or missing."""

import io
import re
import zipfile
from enum import StrEnum
from typing import NoReturn

from tracker.unit_reader.document_model import Unreadable


class FileFormat(StrEnum):
    """File format of a document."""

    TEXT = "text"
    HTML = "html"
    DOCX = "docx"
    PDF = "pdf"


MAX_SCORED_LENGTH = 64 * 1024
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DOCUMENT_PART = re.compile(r"word/document\d*\.xml")
IMAGE_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*|<!--.{0,4000}?-->\s*)*<(?:!doctype\s+html|html|head|body|div|p|table|ul|ol|h[1-6]|section"
    rb"|article|main|span|meta|title|form|font|center)\b",
    re.IGNORECASE | re.DOTALL,
)
HTML_BLOCK = re.compile(rb"<(?:p|div|li|ul|ol|table|tr|td|h[1-6]|br|body|html)(?:\s[^<>]{0,1000})?/?>", re.IGNORECASE)
HTML_END_TAG = re.compile(rb"</(?:p|div|li|ul|ol|table|tr|td|h[1-6]|body|html)\s*>", re.IGNORECASE)


def detect_file_format(name: str, body: bytes) -> FileFormat:
    """Return the format of a file's content.

    Raises:
        Unreadable: The content is empty, a picture, an archive, or a document of another format.
    """
    start = body[:1024].lstrip()
    if not start:
        raise Unreadable(f"{name} is empty. Check that it is the right file.")
    if b"%PDF-" in start:
        return FileFormat.PDF
    if start.startswith(ZIP_SIGNATURES):
        return _detect_zip_format(name, body)
    if start.startswith(OLE_SIGNATURE):
        _refuse(name, "is an old Word document (.doc) or has a password", "Save it as DOCX without a password")
    if start.startswith(b"{\\rtf"):
        _refuse(name, "is in Rich Text Format", "Save it as DOCX or PDF")
    if start.startswith(IMAGE_SIGNATURES) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP"):
        _refuse(name, "is a picture without text", "Use the document that it shows, or type its text")
    return FileFormat.HTML if _is_markup(body[:MAX_SCORED_LENGTH].replace(b"\0", b"")) else FileFormat.TEXT


def _detect_zip_format(name: str, body: bytes) -> FileFormat:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        _refuse(name, "is a damaged DOCX or ZIP file", "Download it or save it again")
    if any(DOCUMENT_PART.fullmatch(each) for each in names):
        return FileFormat.DOCX
    if "content.xml" in names or any(each.startswith(("xl/", "ppt/")) for each in names):
        _refuse(name, "is not a text document but another office document", "Save it as DOCX or PDF")
    return _refuse(name, "is a ZIP file, not a document", "Extract the document and use that")


def _is_markup(start: bytes) -> bool:
    return bool(HTML_START.match(start)) or (
        len(HTML_BLOCK.findall(start)) > 2 and len(HTML_END_TAG.findall(start)) > 1
    )


def _refuse(name: str, what: str, remedy: str) -> NoReturn:
    raise Unreadable(f"{name} {what}. {remedy}.")
