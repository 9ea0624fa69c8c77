"""Ruled tables of a PDF's page: rows of cells, with the lines of each cell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.unit_reader.extraction.pdf_words import BOX, Word, inside, strips_of

PlumbedPage = Any
TOLERANCES = {"snap_tolerance": 3, "join_tolerance": 3, "intersection_tolerance": 4}
NEAR = 4.0
MIN_RULE = 8.0
MAX_EDGES = 6_000
"""A drawing has more; finding a table in it would take minutes."""


@dataclass(frozen=True)
class TableRow:
    """One row; a merged cell's text stands in its first row and column."""

    cells: tuple[str, ...]
    top: float
    bottom: float
    begins: bool = False
    """It is the first of its table on this page."""

    @property
    def text(self) -> str:
        return " | ".join(self.cells)


def tables_of(page: PlumbedPage, words: Sequence[Word]) -> tuple[list[TableRow], list[Word]]:
    """The rows of the page's ruled tables, and the words that stand in none."""
    rows: list[TableRow] = []
    left = list(words)
    if len(page.lines) + len(page.rects) + len(page.curves) > MAX_EDGES:
        return rows, left
    for table in page.find_tables({**TOLERANCES, "explicit_horizontal_lines": _ends(page)}):
        if not _holds_data(table, left):
            continue
        for run in _runs(table.rows):
            rows.extend(_rows(run, left))
        taken = {id(word) for cell in table.cells for word in inside(left, cell)}
        left = [word for word in left if id(word) not in taken]
    return rows, left


def _ends(page: PlumbedPage) -> list[float]:
    """Where upright rules begin and end: a table that goes on over the page's end often draws no line there."""
    rules = sorted(
        (edge["top"], edge["bottom"])
        for edge in page.edges
        if edge["orientation"] == "v" and edge["bottom"] - edge["top"] > 0
    )
    found: list[float] = []
    spans: list[tuple[float, float]] = []
    for top, bottom in rules:
        if spans and top <= spans[-1][1] + NEAR:
            spans[-1] = (spans[-1][0], max(spans[-1][1], bottom))
        else:
            spans.append((top, bottom))
    for top, bottom in spans:
        if bottom - top > MIN_RULE:
            found += [top, bottom]
    return found


def _holds_data(table: Any, words: Sequence[Word]) -> bool:
    """A frame round text is none, nor are stacked boxes: somewhere two cells with words stand side by side."""
    return any(
        sum(1 for cell in row.cells if cell and inside(words, cell)) > 1
        or (len([cell for cell in row.cells if cell]) > 1 and len(table.rows) > 1)
        for row in table.rows
    )


def _runs(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Tables that touch, told apart: a row begins another where its cells begin in places that do not go together."""
    run: list[Any] = []
    columns: set[int] = set()
    for row in rows:
        own = {at for at, cell in enumerate(row.cells) if cell}
        if run and not (own <= columns or columns <= own):
            yield run
            run, columns = [], set()
        run.append(row)
        columns |= own
    if run:
        yield run


def _rows(run: Sequence[Any], words: Sequence[Word]) -> Iterator[TableRow]:
    columns = sorted({at for row in run for at, cell in enumerate(row.cells) if cell})
    begins = True
    for row in run:
        cells = tuple(_text(row.cells[at], words) if row.cells[at] else "" for at in columns)
        if any(cells):
            yield TableRow(cells, float(row.bbox[1]), float(row.bbox[3]), begins)
            begins = False


def _text(cell: BOX, words: Sequence[Word]) -> str:
    return "\n".join(_indented(cell, inside(words, cell)))


def _indented(cell: BOX, words: Sequence[Word]) -> Iterator[str]:
    """The cell's lines; those that begin further right are indented, as on a page."""
    strips = strips_of(words)
    edge = min((strip.x0 for strip in strips), default=cell[0])
    for strip in strips:
        yield " " * round((strip.x0 - edge) / (strip.size / 2)) + strip.text
