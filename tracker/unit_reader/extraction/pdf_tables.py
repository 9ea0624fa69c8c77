"""Ruled tables of a PDF's page: rows of cells, with the lines of each cell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.unit_reader.extraction.pdf_words import BOX, Word, select_inside, split_printed_lines

PlumberPage = Any
TOLERANCES = {"snap_tolerance": 3, "join_tolerance": 3, "intersection_tolerance": 4}
MAX_RULE_GAP = 4.0
MIN_RULE_LENGTH = 8.0
MAX_EDGES = 6_000
"""A drawing has more, and finding tables in it would take minutes."""


@dataclass(frozen=True)
class TableRow:
    """One row. A merged cell's text is in its first row and column. Positions are points from the page's top."""

    cells: tuple[str, ...]
    top: float
    bottom: float
    is_first: bool = False
    """It is the first row of its table on this page."""

    @property
    def text(self) -> str:
        """Return the cells joined by ` | `."""
        return " | ".join(self.cells)


def extract_tables(page: PlumberPage, words: Sequence[Word]) -> tuple[list[TableRow], list[Word]]:
    """Return the rows of the page's ruled tables, and the words that are in none."""
    rows: list[TableRow] = []
    left_words = list(words)
    if len(page.lines) + len(page.rects) + len(page.curves) > MAX_EDGES:
        return rows, left_words
    for table in page.find_tables({**TOLERANCES, "explicit_horizontal_lines": _find_rule_ends(page)}):
        if not _has_data(table, left_words):
            continue
        for part in _split_touching_tables(table.rows):
            rows.extend(_build_rows(part, left_words))
        taken = {id(word) for cell in table.cells for word in select_inside(left_words, cell)}
        left_words = [word for word in left_words if id(word) not in taken]
    return rows, left_words


def _find_rule_ends(page: PlumberPage) -> list[float]:
    """Return where upright rules start and end; a table cut by the page's end often has no rule there."""
    rules = sorted(
        (edge["top"], edge["bottom"])
        for edge in page.edges
        if edge["orientation"] == "v" and edge["bottom"] - edge["top"] > 0
    )
    positions: list[float] = []
    spans: list[tuple[float, float]] = []
    for top, bottom in rules:
        if spans and top <= spans[-1][1] + MAX_RULE_GAP:
            spans[-1] = (spans[-1][0], max(spans[-1][1], bottom))
        else:
            spans.append((top, bottom))
    for top, bottom in spans:
        if bottom - top > MIN_RULE_LENGTH:
            positions += [top, bottom]
    return positions


def _has_data(table: Any, words: Sequence[Word]) -> bool:
    """Return whether two cells with words are side by side; a frame round text or stacked boxes are no table."""
    return any(
        sum(1 for cell in row.cells if cell and select_inside(words, cell)) > 1
        or (len([cell for cell in row.cells if cell]) > 1 and len(table.rows) > 1)
        for row in table.rows
    )


def _split_touching_tables(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the rows of each table, where tables touch: another starts if its columns do not match."""
    part: list[Any] = []
    columns: set[int] = set()
    for row in rows:
        own = {column for column, cell in enumerate(row.cells) if cell}
        if part and not (own <= columns or columns <= own):
            yield part
            part, columns = [], set()
        part.append(row)
        columns |= own
    if part:
        yield part


def _build_rows(part: Sequence[Any], words: Sequence[Word]) -> Iterator[TableRow]:
    columns = sorted({column for row in part for column, cell in enumerate(row.cells) if cell})
    is_first = True
    for row in part:
        cells = tuple(_get_cell_text(row.cells[column], words) if row.cells[column] else "" for column in columns)
        if any(cells):
            yield TableRow(cells, float(row.bbox[1]), float(row.bbox[3]), is_first)
            is_first = False


def _get_cell_text(cell: BOX, words: Sequence[Word]) -> str:
    return "\n".join(_indent_lines(cell, select_inside(words, cell)))


def _indent_lines(cell: BOX, words: Sequence[Word]) -> Iterator[str]:
    """Yield a cell's lines, indented as on the page."""
    lines = split_printed_lines(words)
    edge = min((line.x0 for line in lines), default=cell[0])
    for line in lines:
        yield " " * round((line.x0 - edge) / (line.size / 2)) + line.text
