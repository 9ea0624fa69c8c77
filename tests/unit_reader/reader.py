"""Reading of a document in this process, for the tests."""

import json
from typing import Any

from tracker.unit_reader.assembly import read_unit
from tracker.unit_reader.document_model import Line, NoUnit, SourceText
from tracker.unit_reader.extraction import extract_lines
from tracker.unit_reader.extraction.html import extract_html
from tracker.unit_reader.file_format import FileFormat


def read_document(name: str, body: bytes) -> tuple[dict[str, Any], dict[int, str]]:
    """Return what was read, as `--json` prints it, and the document's lines by number."""
    source = extract_lines(name, body)
    return read_unit(source).as_json(), numbered(source)


def read_html_here(body: bytes) -> dict[str, Any]:
    """Return what was read of a web page."""
    source = SourceText.from_json("unit.html", FileFormat.HTML.value, json.loads(json.dumps(extract_html(body))))
    return read_unit(source).as_json()


def text_source(text: str, name: str = "unit.txt") -> SourceText:
    """Return plain text as extracted lines, without extracting them from bytes."""
    lines = text.replace("\r\n", "\n").split("\n")
    return SourceText(name, "text", tuple(Line(number, each.rstrip()) for number, each in enumerate(lines, 1)))


def numbered(source: SourceText) -> dict[int, str]:
    return {each.number: each.text for each in source.lines}


__all__ = ["NoUnit", "extract_lines", "numbered", "read_document", "read_html_here", "text_source"]
