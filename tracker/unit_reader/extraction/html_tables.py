"""Tables of a web page: rows with cells if they hold data, or blocks in order if they lay out the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tracker.unit_reader.extraction.line_collector import LineCollector

if TYPE_CHECKING:
    from tracker.unit_reader.extraction.html import HtmlWalker

Element = Any
CELL_TAGS = ("td", "th")
MAX_COLUMNS = 100
MIN_LAYOUT_BLOCKS = 3
HEADING_TAGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def write_table(table: Element, walker: HtmlWalker) -> None:
    """Add a table's caption and rows to the walker's lines."""
    walker.end_line()
    for caption in table.iterchildren("caption"):
        walker.walk_children(caption)
        walker.end_line()
    rows = list(_iterate_rows(table))
    if _is_layout(table, rows):
        for row in rows:
            for cell in row:
                walker.walk_children(cell)
                walker.end_line()
        return
    for cells in _build_grid(rows, type(walker)):
        if any(cells):
            walker.collector.add_row(cells)


def _iterate_rows(table: Element) -> Iterator[list[Element]]:
    for child in table:
        if child.tag == "tr":
            yield [cell for cell in child if cell.tag in CELL_TAGS]
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from ([cell for cell in row if cell.tag in CELL_TAGS] for row in child.iterchildren("tr"))


def _is_layout(table: Element, rows: Sequence[Sequence[Element]]) -> bool:
    if table.get("role") in {"presentation", "none"}:
        return True
    if max((sum(map(_has_text, row)) for row in rows), default=0) <= 1:
        return True
    cells = [cell for row in rows for cell in row]
    if any(cell.tag == "th" for cell in cells):
        return False
    if any(_contains_page_parts(cell) for cell in cells):
        return True
    return len(rows) == 1 and any(len(cell) >= MIN_LAYOUT_BLOCKS and cell[0].tag in {"p", "div"} for cell in cells)


def _contains_page_parts(cell: Element) -> bool:
    """Return whether a cell holds a heading or a table of its own, so that the table is no data."""
    if next(cell.iter(*HEADING_TAGS), None) is not None:
        return True
    inner = next(cell.iter("table"), None)
    return inner is not None and sum(1 for _ in _iterate_rows(inner)) > 1


def _build_grid(rows: Sequence[Sequence[Element]], walker: type[HtmlWalker]) -> Iterator[tuple[str, ...]]:
    """Yield each row's cells by column; what spans rows or columns is given once, and is empty after."""
    spans_left: dict[int, int] = {}
    for row in rows:
        cells: dict[int, str] = {}
        started: dict[int, int] = {}
        column = 0
        for cell in row:
            while spans_left.get(column):
                column += 1
            if column >= MAX_COLUMNS:
                break
            cells[column] = _get_cell_text(cell, walker)
            wide, high = _parse_span(cell, "colspan", MAX_COLUMNS - column), _parse_span(cell, "rowspan", len(rows))
            started.update(dict.fromkeys(range(column, column + wide), high - 1))
            column += wide
        width = max([*started, *(position for position, left in spans_left.items() if left)], default=-1) + 1
        yield tuple(cells.get(position, "") for position in range(width))
        spans_left = {**{position: left - 1 for position, left in spans_left.items() if left}, **started}


def _get_cell_text(cell: Element, walker: type[HtmlWalker]) -> str:
    """Return a cell's lines, joined by line breaks."""
    collector = LineCollector()
    cell_walker = walker(collector, in_cell=True)
    cell_walker.walk_children(cell)
    cell_walker.end_line()
    return "\n".join(line[0] for line in collector.lines).strip()


def _parse_span(cell: Element, name: str, max_span: int) -> int:
    """Return a span, limited to the table; `rowspan="0"` reaches the table's end."""
    text = (cell.get(name) or "").strip()
    if not (text.isascii() and text.isdigit()):
        return 1
    number = int(text[:6])
    return max(1, min(number or (max_span if name == "rowspan" else 1), max_span))


def _has_text(cell: Element) -> bool:
    return any(part.strip() for part in cell.itertext())
