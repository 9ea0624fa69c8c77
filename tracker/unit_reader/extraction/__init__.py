"""Extraction of a document's lines, for text, HTML, DOCX and PDF.

The documents come from outside: call this only in the sandboxed subprocess (`tracker.unit_reader.sandboxed_reader`).
"""

from collections.abc import Callable
from typing import Any

from tracker.unit_reader.document_model import SourceText, Unreadable
from tracker.unit_reader.extraction.plain_text import extract_plain_text
from tracker.unit_reader.file_format import FileFormat, detect_file_format

MAX_LINES = 200_000
MAX_WORD_LENGTH = 5_000
"""In characters. No unit prints a longer word: ten of them would fill a page."""


def extract_lines(name: str, body: bytes) -> SourceText:
    """Return a document's lines.

    Raises:
        Unreadable: The document cannot be read; the sentence says why, and how to put it right.
    """
    file_format = detect_file_format(name, body)
    source = (
        extract_plain_text(name, body)
        if file_format is FileFormat.TEXT
        else _extract_structured(file_format, name, body)
    )
    _check_limits(source)
    return source


def _extract_structured(file_format: FileFormat, name: str, body: bytes) -> SourceText:
    extract = _find_extractor(file_format)
    try:
        return SourceText.from_json(name, file_format.value, extract(body))
    except Unreadable as error:
        raise Unreadable(f"{name} {error}") from error


def _find_extractor(file_format: FileFormat) -> Callable[[bytes], dict[str, Any]]:
    """Return the function for a format; only the libraries of that format are loaded."""
    if file_format is FileFormat.PDF:
        from tracker.unit_reader.extraction.pdf import extract_pdf

        return extract_pdf
    if file_format is FileFormat.DOCX:
        from tracker.unit_reader.extraction.docx import extract_docx

        return extract_docx
    from tracker.unit_reader.extraction.html import extract_html

    return extract_html


def _check_limits(source: SourceText) -> None:
    """Raise `Unreadable` for more text than any unit holds, so that later steps need no limits."""
    if not any(line.text for line in source.lines):
        raise Unreadable(f"{source.name} has no text. Check that it is the right file.")
    if len(source.lines) > MAX_LINES:
        raise Unreadable(
            f"{source.name} has {len(source.lines):,} lines, far more than any unit. "
            "Save one unit’s pages as a separate file and use that."
        )
    for line in source.lines:
        if len(line.text) > MAX_WORD_LENGTH and max(map(len, line.text.split())) > MAX_WORD_LENGTH:
            raise Unreadable(
                f"Line {line.number} of {source.name} has a word of more than {MAX_WORD_LENGTH:,} characters. "
                "Remove it and try again."
            )
