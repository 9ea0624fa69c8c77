"""Extraction of a document in this process, and short ways to look at its lines."""

import pytest

from tracker.unit_reader.document_model import Line, SourceText, Unreadable
from tracker.unit_reader.extraction import extract_lines
from tracker.unit_reader.sandboxed_reader import read_document


def read(body: str | bytes, name: str = "unit") -> SourceText:
    return extract_lines(name, body.encode() if isinstance(body, str) else body)


def texts(source: SourceText) -> list[str]:
    return [line.text for line in source.lines]


def headings(source: SourceText) -> list[str]:
    return [line.text for line in source.lines if line.is_heading]


def rows(source: SourceText) -> list[tuple[str, ...]]:
    return [line.cells for line in source.lines if line.cells]


def find(source: SourceText, text: str) -> Line:
    return next(line for line in source.lines if text in line.text)


def refusal(body: bytes, name: str = "unit") -> str:
    with pytest.raises(Unreadable) as raised:
        read_document(name, body)
    return str(raised.value)
