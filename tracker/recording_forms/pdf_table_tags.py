"""Completion of the table tags of a PDF: WeasyPrint omits group headings of cells and scopes of headings."""

from collections.abc import Iterator
from typing import Any

import pydyf


def complete_table_headers(_document: object, pdf: pydyf.PDF) -> None:
    """Complete the tags of every table, just before the file is written.

    WeasyPrint gives the heading of a group to the group's first column only, and the label "6" occurs under both
    performance criteria and knowledge: a screen reader needs the group to tell them apart.
    """
    elements = {each.reference: each for each in pdf.objects if isinstance(each, pydyf.Dictionary)}
    for element in elements.values():
        if element.get("S") == "/Table":
            _complete_headers_of_cells(list(_list_rows(element, elements)))


def _list_rows(element: Any, elements: dict[bytes, Any]) -> Iterator[list[Any]]:
    """Yield the rows of a table, each as the list of its cells."""
    for reference in element["K"]:
        child = elements[reference]
        if child["S"] == "/TR":
            yield [elements[each] for each in child["K"]]
        else:
            yield from _list_rows(child, elements)


def _complete_headers_of_cells(rows: list[list[Any]]) -> None:
    """Give each heading cell its scope, and each other cell the ids of all the headings above and beside it."""
    ids = {id(cell["ID"]): cell["ID"].data for row in rows for cell in row if "ID" in cell}
    group_ids: dict[int, bytes] = {}
    for number, row in enumerate(rows):
        is_data_row = number > 0 and any(cell["S"] == "/TD" for cell in row)
        column = 0
        for cell in row:
            span = cell["A"].get("ColSpan", 1)
            heading_id = ids[id(cell["ID"])] if "ID" in cell else None
            if heading_id:
                cell["A"]["Scope"] = "/Row" if is_data_row else "/Column"
            if number == 0 and heading_id and span > 1:
                group_ids |= dict.fromkeys(range(column, column + span), heading_id)
            # each id is written out once: a thousand cells repeat it
            headers = [ids[id(each)] for each in cell["A"].pop("Headers", ())]
            if number > 0 and (headers := _add_group_heading(headers, group_ids.get(column))):
                cell["A"]["Headers"] = pydyf.Array(headers)
            column += span


def _add_group_heading(headers: list[bytes], group_id: bytes | None) -> list[bytes]:
    """Return a cell's headings with that of its group, between those of the row and the column."""
    if group_id is None:
        return headers
    others = [each for each in headers if each != group_id]
    return [*others[:-1], group_id, *others[-1:]]
