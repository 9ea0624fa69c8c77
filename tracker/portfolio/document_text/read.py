"""Text of a document of any type that has a text preview."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from tracker.portfolio.document_text.email_message import read_eml
from tracker.portfolio.document_text.open_document import read_odt
from tracker.portfolio.document_text.outlook_message import read_msg
from tracker.portfolio.document_text.rich_text import read_rtf
from tracker.portfolio.document_text.slides import read_pptx
from tracker.portfolio.document_text.spreadsheet import read_xlsx
from tracker.portfolio.document_text.word import read_docx
from tracker.portfolio.document_text.xfa_form import read_xfa

MAX_CHARACTERS = 200_000
MAX_SOURCE_SIZE = 32 * 1024 * 1024
"""Bytes that are read of a file that is not a ZIP."""
OFFICE = "application/vnd.openxmlformats-officedocument."
ZIP_READERS: dict[str, Callable[[zipfile.ZipFile], str]] = {
    f"{OFFICE}wordprocessingml.document": read_docx,
    f"{OFFICE}spreadsheetml.sheet": read_xlsx,
    f"{OFFICE}presentationml.presentation": read_pptx,
    "application/vnd.oasis.opendocument.text": read_odt,
}
BYTE_READERS: dict[str, Callable[[bytes], str]] = {
    "application/rtf": read_rtf,
    "message/rfc822": read_eml,
}
FILE_READERS: dict[str, Callable[[Path], str]] = {
    "application/vnd.ms-outlook": read_msg,
    "application/pdf": read_xfa,
}


def read_text(source: Path, media_type: str) -> str:
    """Return the text of a document, cut at `MAX_CHARACTERS`. Raises `KeyError` for a type without a preview."""
    if reader := ZIP_READERS.get(media_type):
        with zipfile.ZipFile(source) as archive:
            text = reader(archive)
    elif file_reader := FILE_READERS.get(media_type):
        text = file_reader(source)
    else:
        text = BYTE_READERS[media_type](_read_start(source))
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]}\n\nThe text after this is not shown. Download the file to read it."
    return text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def _read_start(source: Path) -> bytes:
    with source.open("rb") as stream:
        return stream.read(MAX_SOURCE_SIZE)
