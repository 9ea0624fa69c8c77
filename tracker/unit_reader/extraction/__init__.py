"""Extraction of a document's lines, for text, HTML, DOCX and PDF.

The documents come from outside: call this only in the sandboxed subprocess (`tracker.unit_reader.sandboxed_reader`).
"""

from collections.abc import Callable
from typing import Any

from tracker.unit_reader.document_model import SourceText, Unreadable
from tracker.unit_reader.extraction.plain_text import read_text
from tracker.unit_reader.file_format import Kind, kind_of

MAX_LINES = 200_000
MAX_WORD_LENGTH = 5_000
"""No unit prints a longer one: ten such lines would be a page."""


def read_source(name: str, body: bytes) -> SourceText:
    """Return a document's lines. Raises `Unreadable` with what is wrong with it and what to do."""
    kind = kind_of(name, body)
    source = read_text(name, body) if kind is Kind.TEXT else _read_structured(kind, name, body)
    _check(source)
    return source


def _read_structured(kind: Kind, name: str, body: bytes) -> SourceText:
    read = _find_reader(kind)
    try:
        return SourceText.from_json(name, kind.value, read(body))
    except Unreadable as error:
        raise Unreadable(f"{name} {error}") from error


def _find_reader(kind: Kind) -> Callable[[bytes], dict[str, Any]]:
    """Return the reader of a kind; only the libraries of that kind are loaded."""
    if kind is Kind.PDF:
        from tracker.unit_reader.extraction.pdf import read_pdf

        return read_pdf
    if kind is Kind.DOCX:
        from tracker.unit_reader.extraction.docx import read_docx

        return read_docx
    from tracker.unit_reader.extraction.html import read_html

    return read_html


def _check(source: SourceText) -> None:
    """What no unit holds, and what the steps after this one need not be able to bear."""
    if not any(line.text for line in source.lines):
        raise Unreadable(f"{source.name} holds no text. Look whether it is the right file.")
    if len(source.lines) > MAX_LINES:
        raise Unreadable(
            f"{source.name} holds {len(source.lines):,} lines, far more than any unit. Take the one unit out of it."
        )
    for line in source.lines:
        if len(line.text) > MAX_WORD_LENGTH and max(map(len, line.text.split())) > MAX_WORD_LENGTH:
            raise Unreadable(
                f"Line {line.number} of {source.name} holds one word of more than {MAX_WORD_LENGTH:,} characters, "
                "which no unit does. Take it out, and read the rest."
            )
