"""Completion of the table tags of a PDF: cells of the marks, group headings of cells, scopes of headings."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pydyf

from tracker.recording_forms.grid_painting import GridPage
from tracker.recording_forms.written_objects import WrittenObject

Elements = dict[bytes, Any]
"""The elements of the tree of tags, by their references."""


def complete_table_tags(document: Any, pdf: pydyf.PDF) -> None:
    """Complete the tags of every table.

    WeasyPrint gives the heading of a group to the group's first column only, and the label "6" occurs under both
    performance criteria and knowledge: a screen reader needs the group to tell them apart.
    """
    elements = {each.reference: each for each in pdf.objects if isinstance(each, pydyf.Dictionary)}
    pages = (page for page in document.pages if isinstance(page, GridPage))
    signs = {row.cell.mark.reference: row.signs for page in pages for row in page.rows}
    for element in list(elements.values()):
        if element.get("S") == "/Table":
            TableTags(pdf, elements, signs, element).complete()


class TableTags:
    """The tags of one table."""

    def __init__(self, pdf: pydyf.PDF, elements: Elements, signs: dict[bytes, str], table: Any) -> None:
        """Read the rows, and the ids of the headings. `signs` has those of each cell for all marks of a row."""
        self.pdf = pdf
        self.elements = elements
        self.signs = signs
        self.rows = [(row, [elements[each] for each in row["K"]]) for row in _list_rows(table, elements)]
        cells = (cell for _, cells in self.rows for cell in cells if "ID" in cell)
        self.ids = {id(cell["ID"]): cell["ID"].data for cell in cells}
        self.group_ids: dict[int, bytes] = {}
        self.heading_ids: defaultdict[int, list[bytes]] = defaultdict(list)
        """The ids of all the headings of each column, from above."""

    def complete(self) -> None:
        """Give each heading cell its scope, and each other cell the ids of all the headings above and beside it."""
        for number, (row, cells) in enumerate(self.rows):
            is_data_row = number > 0 and any(cell["S"] == "/TD" for cell in cells)
            row_ids = [self.ids[id(cell["ID"])] for cell in cells if is_data_row and "ID" in cell]
            column = 0
            for cell in cells:
                span = cell["A"].get("ColSpan", 1)
                if "ID" in cell:
                    cell["A"]["Scope"] = "/Row" if is_data_row else "/Column"
                    if not is_data_row:
                        self.note_heading(self.ids[id(cell["ID"])], number, range(column, column + span))
                # each id is written out once: a thousand cells repeat it
                headers = [self.ids[id(each)] for each in cell["A"].pop("Headers", ())]
                if cell.reference in self.signs:
                    self.divide(row, cell, row_ids, column)
                elif number > 0 and (headers := _add_group_heading(headers, self.group_ids.get(column))):
                    cell["A"]["Headers"] = pydyf.Array(headers)
                column += span

    def note_heading(self, heading_id: bytes, number: int, columns: range) -> None:
        """Keep the id of a heading in the row of this number over these columns."""
        for column in columns:
            self.heading_ids[column].append(heading_id)
        if number == 0 and len(columns) > 1:
            self.group_ids |= dict.fromkeys(columns, heading_id)

    def divide(self, row: Any, cell: Any, row_ids: list[bytes], column: int) -> None:
        """Put a cell for each column in place of the one for all marks of a row.

        The cells are written as bytes, which takes less time than dictionaries and arrays.
        """
        signs, painted = self.signs[cell.reference], iter(cell["K"])
        numbers = [cell.number, *range(len(self.pdf.objects), len(self.pdf.objects) + len(signs) - 1)]
        self.pdf.objects.extend(repeat(None, len(signs) - 1))
        for at, (number, sign) in enumerate(zip(numbers, signs, strict=True), column):
            kid = b""
            if sign != " ":
                kid = next(painted)
                self.elements[kid]["P"] = b"%d 0 R" % number
            headers = b" ".join([*row_ids, *self.heading_ids[at]])
            tag = b"<</Type /StructElem/S /TD/K [%s]/Pg %s/P %s/A <</O /Table/Headers [%s]>>>>"
            data = tag % (kid, cell["Pg"], cell["P"], headers)
            self.pdf.objects[number] = WrittenObject(number, data)
        row["K"].extend(b"%d 0 R" % number for number in numbers[1:])


def _list_rows(element: Any, elements: Elements) -> Iterator[Any]:
    """Yield the rows of a table."""
    for reference in element["K"]:
        child = elements[reference]
        if child["S"] == "/TR":
            yield child
        else:
            yield from _list_rows(child, elements)


def _add_group_heading(headers: list[bytes], group_id: bytes | None) -> list[bytes]:
    """Return a cell's headings with that of its group, between those of the row and the column."""
    if group_id is None:
        return headers
    others = [each for each in headers if each != group_id]
    return [*others[:-1], group_id, *others[-1:]]
