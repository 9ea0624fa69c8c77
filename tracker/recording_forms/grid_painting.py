"""Painting of the marks in the grid of a recording form, and of the lines between its cells.

WeasyPrint lays out one cell in each row for all its marks. A cell for each mark takes a box, a style and a layout of
its own, over a thousand times in a form. The marks, and the lines between their cells, are painted here instead. A
cell for all marks has the attribute `data-marks`: a sign for each column, or a space. Its text is the tallest
sign of the row, so that the row becomes as high as with all of them.

This uses parts of WeasyPrint that may change with any release: `Document.pages`, `Page._page_box` and `Page.paint`;
the boxes of tables (`collapsed_border_grid`, `skipped_rows`, `skip_cell_border_bottom`, `column_positions`,
`column_widths`), cells and texts; `draw_text`, `split_first_line`, and the streams' `clone`, `stacked`, `transform`,
`marked`, `artifact` and `set_color`; `mark`, the tag of a cell. Before another release of WeasyPrint or pydyf is
installed, compare the pictures of forms, as `tests/recording_forms/test_grid_painting.py` does, and the tags; then
change `PAINTED_WITH`.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from weasyprint.document import Document, Page
from weasyprint.draw.text import draw_text
from weasyprint.formatting_structure import boxes
from weasyprint.text.line_break import split_first_line

PAINTED_WITH = {"weasyprint": "70.0", "pydyf": "0.13.0"}
"""The releases with which the painting was checked."""
MARKS_ATTRIBUTE = "data-marks"
NO_LINE = ((0, 0, 0), ("none", 0, None))
"""A line of WeasyPrint's collapsed borders that is not drawn."""


class GridPage(Page):
    """A page that paints the marks and the lines of its grid."""

    def __init__(self, page: Page, signs: "SignPainter") -> None:
        self.__dict__.update(vars(page))
        self.signs = signs
        tables = _find_boxes(self._page_box, boxes.TableBox)
        self.grids = [GridPart(table) for table in tables if _has_marks(table)]

    @property
    def rows(self) -> "list[MarksRow]":
        """Return the rows with marks on this page."""
        return [row for grid in self.grids for row in grid.rows]

    def paint(self, stream: Any, scale: float = 1) -> None:
        """Paint the page, and then its grid."""
        super().paint(stream, scale)
        with stream.stacked():
            stream.transform(a=scale, d=scale)
            for grid in self.grids:
                grid.paint_lines(stream)
                grid.paint_marks(stream, self.signs)


class MarksRow:
    """A row with one cell for all its marks."""

    def __init__(self, box: Any) -> None:
        """Take the sign out of the row's cell, so that WeasyPrint does not draw it."""
        self.box = box
        self.cell = box.children[-1]
        self.text: Any = next(_find_boxes(self.cell, boxes.TextBox), None)
        """The sign as it was laid out; None in a row without marks, and where the row began on the page before."""
        signs = self.cell.element.attrib[MARKS_ATTRIBUTE]
        self.signs = signs if self.text else " " * len(signs)
        self.cell.children = []


class GridPart:
    """The part of a form's grid that is on one page: the heading rows, and below them rows with marks only."""

    def __init__(self, table: Any) -> None:
        """Find the rows, and take the lines between them from those that WeasyPrint draws."""
        self.table = table
        headings, *groups = table.children
        self.headings = headings.children
        self.rows = [MarksRow(row) for group in groups for row in group.children]
        vertical, horizontal = table.collapsed_border_grid
        first, last = len(self.headings), len(horizontal) - 1
        self.line_widths = [_get_width(line) for line in vertical[first - 1]]
        self.edge_width, self.colour = _get_width(horizontal[last][0]), horizontal[last][0][1][2]
        skipped = table.skipped_rows - first if table.skipped_rows else 0
        self.has_last_row = first + skipped + len(self.rows) == last
        columns = len(self.line_widths)
        table.collapsed_border_grid = (
            [*vertical[:first], *[[NO_LINE] * columns] * (last - first)],
            [*horizontal[: first + 1], *[[NO_LINE] * (columns - 1)] * (last - first - 1), horizontal[last]],
        )

    @cached_property
    def thin_width(self) -> float:
        """Return the width of the lines inside the grid."""
        return min(width for width in self.line_widths if width)

    def paint_lines(self, stream: Any) -> None:
        """Draw the lines between the cells, as one path for each width."""
        table, first, last = self.table, self.rows[0].box, self.rows[-1].box
        top, bottom = first.position_y, last.position_y + last.height
        xs = [*table.column_positions, table.column_positions[-1] + table.column_widths[-1]]
        ys = [row.box.position_y for row in self.rows[1:]]
        end = bottom
        if not table.skip_cell_border_bottom:  # it is skipped where the row continues on the next page
            end += (self.edge_width if self.has_last_row else self.thin_width) / 2
            ys.append(bottom)
        with stream.artifact(), stream.stacked():
            stream.set_color(self.colour, stroke=True)
            for width in sorted({width for width in self.line_widths if width}):
                lines = [(x, top, x, end) for x, each in zip(xs, self.line_widths, strict=True) if each == width]
                if width == self.thin_width:
                    lines += [(xs[0], y, xs[-1], y) for y in ys]
                path = b" ".join(b"%.3f %.3f m %.3f %.3f l" % line for line in lines)
                stream.stream.append(b"%.3f w %s S" % (width, path))

    def paint_marks(self, stream: Any, painter: "SignPainter") -> None:
        """Paint each sign in the middle of its column, and add it to the cell as a text of its own, to be tagged."""
        labels = self.headings[-1].children[2:]
        middles = [label.content_box_x() + label.width / 2 for label in labels]
        for row in self.rows:
            for sign, middle in zip(row.signs, middles, strict=True):
                if sign != " ":
                    text = row.text.copy()
                    row.cell.children.append(text)
                    painter.paint(stream, text, sign, middle)


class SignPainter:
    """The signs of one document: each is laid out once, and then painted at many places."""

    def __init__(self) -> None:
        self.drawn_signs: dict[str, tuple[float, bytes]] = {}

    def paint(self, stream: Any, text: Any, sign: str, middle: float) -> None:
        """Paint a sign on the base line of a text of its row, with the tag of that text."""
        if sign not in self.drawn_signs:
            self.drawn_signs[sign] = self.draw(stream, text, sign)
        width, operators = self.drawn_signs[sign]
        with stream.marked(text, "Span"):
            place = (middle - width / 2, text.position_y + text.baseline)
            stream.stream.append(b"q 1 0 0 1 %.3f %.3f cm %s Q" % (*place, operators))

    @staticmethod
    def draw(stream: Any, text: Any, sign: str) -> tuple[float, bytes]:
        """Return the width of a sign, and the operators that draw it with its base line at the origin."""
        sample = text.copy_with_text(sign)
        sample.pango_layout, _, _, width, _, baseline = split_first_line(sign, text.style, None, None, 0)
        sample.position_x, sample.position_y, sample.baseline = 0, -baseline, baseline
        drawing = stream.clone(tags=None)
        draw_text(drawing, sample, 0, "clip", "none")
        return width, b" ".join(each if isinstance(each, bytes) else str(each).encode() for each in drawing.stream)


def paint_grids(document: Document) -> None:
    """Let the pages of a document paint the marks and the lines of their grids."""
    signs = SignPainter()
    document.pages = [GridPage(page, signs) for page in document.pages]


def _has_marks(table: Any) -> bool:
    """Return whether the rows of a table have one cell for all their marks."""
    rows = [row for group in table.children for row in group.children]
    return bool(rows) and MARKS_ATTRIBUTE in getattr(rows[-1].children[-1].element, "attrib", ())


def _get_width(line: Any) -> float:
    _, (_, width, _) = line
    return float(width)


def _find_boxes(box: Any, kind: type) -> Iterator[Any]:
    """Yield the boxes of a kind inside a box, without those inside them."""
    for child in getattr(box, "children", ()):
        if isinstance(child, kind):
            yield child
        else:
            yield from _find_boxes(child, kind)
