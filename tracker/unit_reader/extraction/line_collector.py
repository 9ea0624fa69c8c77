"""Collector of the lines, doubts and title that are extracted from a structured document."""

import re
from dataclasses import dataclass, field
from typing import Any

from tracker.unit_reader.document_model import Unreadable

MAX_CHARACTERS = 8_000_000
INDENT_WIDTH = 4
MAX_TYPE_HEADING_LENGTH = 120
"""In characters, of a heading that only its larger or bolder type marks."""
MAX_BOLD_SHARE = 0.4
ITEM_LABEL = re.compile(r"\(?(?:[A-Z]{0,3}\d{1,3}(?:\.\d{1,3})*|[a-z]|[ivx]{1,5})[.):]*\s")
"""The label of an item: `1.`, `P1`, `1.1`, `a)`, `(iv)`."""


@dataclass
class LineCollector:
    """Lines, doubts and title of a document while they are extracted."""

    lines: list[tuple[str, int | None, bool, tuple[str, ...], str]] = field(default_factory=list)
    doubts: list[tuple[tuple[int, ...], str, str]] = field(default_factory=list)
    title: str = ""
    characters: int = 0

    def add(self, text: str, page: int | None = None, is_heading: bool = False, item: str = "") -> int:
        """Add a line, and return its number."""
        return self._append(text.rstrip(), page, is_heading=is_heading, cells=(), item=item)

    def add_row(self, cells: tuple[str, ...], page: int | None = None) -> int:
        """Add a table's row, and return its number."""
        return self._append(
            " | ".join(" ".join(cell.split()) for cell in cells), page, is_heading=False, cells=cells, item=""
        )

    def add_doubt(self, lines: tuple[int, ...], what: str, assumed: str) -> None:
        """Add a doubt about some lines."""
        self.doubts.append((lines, what, assumed))

    def as_json(self) -> dict[str, Any]:
        """Return the lines, doubts and title as plain values for `SourceText.from_json`."""
        return {"lines": self.lines, "doubts": self.doubts, "title": self.title}

    def _append(self, text: str, page: int | None, *, is_heading: bool, cells: tuple[str, ...], item: str) -> int:
        self.characters += len(text)
        if self.characters > MAX_CHARACTERS:
            raise Unreadable(
                "has far more text than any unit. Save one unit’s pages as a separate file and use that."
            )
        self.lines.append((text, page, is_heading, cells, item))
        return len(self.lines)


def may_be_heading(text: str) -> bool:
    """Return whether a bold line can be a heading; an item never is, since it would be lost."""
    return len(text) <= MAX_TYPE_HEADING_LENGTH and text[-1] not in ".;," and not ITEM_LABEL.match(text)


def unmark_bold_headings(collector: LineCollector, bold: list[int]) -> None:
    """Remove the heading mark from bold lines if much of the document is bold."""
    if len(bold) > 3 and len(bold) > len(collector.lines) * MAX_BOLD_SHARE:
        for number in bold:
            text, page, _, cells, item = collector.lines[number - 1]
            collector.lines[number - 1] = (text, page, False, cells, item)
