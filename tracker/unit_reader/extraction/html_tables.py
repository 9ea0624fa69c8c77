"""Tables of a web page: rows with cells if they hold data, or blocks in order if they lay out the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tracker.unit_reader.extraction.line_collector import Gathered

if TYPE_CHECKING:
    from tracker.unit_reader.extraction.html import Walker

Element = Any
CELLS = ("td", "th")
MAX_COLUMNS = 100
BLOCKS_OF_LAYOUT = 3
INNER = ("h1", "h2", "h3", "h4", "h5", "h6")


def write(table: Element, walker: Walker) -> None:
    """Write a table's caption and rows where the walker stands."""
    walker.end_line()
    for caption in table.iterchildren("caption"):
        walker.children(caption)
        walker.end_line()
    rows = list(_rows(table))
    if _is_layout(table, rows):
        for row in rows:
            for cell in row:
                walker.children(cell)
                walker.end_line()
        return
    for cells in _grid(rows, type(walker)):
        if any(cells):
            walker.gathered.add_row(cells)


def _rows(table: Element) -> Iterator[list[Element]]:
    for child in table:
        if child.tag == "tr":
            yield [cell for cell in child if cell.tag in CELLS]
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from ([cell for cell in row if cell.tag in CELLS] for row in child.iterchildren("tr"))


def _is_layout(table: Element, rows: Sequence[Sequence[Element]]) -> bool:
    if table.get("role") in {"presentation", "none"}:
        return True
    if max((sum(map(_has_text, row)) for row in rows), default=0) <= 1:
        return True
    cells = [cell for row in rows for cell in row]
    if any(cell.tag == "th" for cell in cells):
        return False
    if any(_holds_page(cell) for cell in cells):
        return True
    return len(rows) == 1 and any(len(cell) >= BLOCKS_OF_LAYOUT and cell[0].tag in {"p", "div"} for cell in cells)


def _holds_page(cell: Element) -> bool:
    """A heading or a table of its own inside a cell: the table holds parts of a page, not data."""
    if next(cell.iter(*INNER), None) is not None:
        return True
    inner = next(cell.iter("table"), None)
    return inner is not None and sum(1 for _ in _rows(inner)) > 1


def _grid(rows: Sequence[Sequence[Element]], walker: type[Walker]) -> Iterator[tuple[str, ...]]:
    """Each row's cells by column; what spans rows or columns is said once, and is empty after."""
    below: dict[int, int] = {}
    for row in rows:
        cells: dict[int, str] = {}
        started: dict[int, int] = {}
        column = 0
        for cell in row:
            while below.get(column):
                column += 1
            if column >= MAX_COLUMNS:
                break
            cells[column] = _text(cell, walker)
            wide, high = _span(cell, "colspan", MAX_COLUMNS - column), _span(cell, "rowspan", len(rows))
            started.update(dict.fromkeys(range(column, column + wide), high - 1))
            column += wide
        width = max([*started, *(at for at, left in below.items() if left)], default=-1) + 1
        yield tuple(cells.get(at, "") for at in range(width))
        below = {**{at: left - 1 for at, left in below.items() if left}, **started}


def _text(cell: Element, walker: type[Walker]) -> str:
    """A cell's lines, one below the other."""
    inside = Gathered()
    within = walker(inside, in_cell=True)
    within.children(cell)
    within.end_line()
    return "\n".join(line[0] for line in inside.lines).strip()


def _span(cell: Element, name: str, most: int) -> int:
    """`rowspan="0"` goes to the table's end; a silly number goes no further than the table does."""
    text = (cell.get(name) or "").strip()
    if not (text.isascii() and text.isdigit()):
        return 1
    number = int(text[:6])
    return max(1, min(number or (most if name == "rowspan" else 1), most))


def _has_text(cell: Element) -> bool:
    return any(part.strip() for part in cell.itertext())
