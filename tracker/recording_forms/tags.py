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
            _complete(list(_rows(element, elements)))


def _rows(element: Any, elements: dict[bytes, Any]) -> Iterator[list[Any]]:
    for reference in element["K"]:
        child = elements[reference]
        if child["S"] == "/TR":
            yield [elements[each] for each in child["K"]]
        else:
            yield from _rows(child, elements)


def _complete(rows: list[list[Any]]) -> None:
    names = {id(cell["ID"]): cell["ID"].data for row in rows for cell in row if "ID" in cell}
    groups: dict[int, bytes] = {}
    for number, row in enumerate(rows):
        heads_a_row = number > 0 and any(cell["S"] == "/TD" for cell in row)
        column = 0
        for cell in row:
            span = cell["A"].get("ColSpan", 1)
            name = names[id(cell["ID"])] if "ID" in cell else None
            if name:
                cell["A"]["Scope"] = "/Row" if heads_a_row else "/Column"
            if number == 0 and name and span > 1:
                groups |= dict.fromkeys(range(column, column + span), name)
            # each name is written out once: a thousand cells repeat it
            heads = [names[id(each)] for each in cell["A"].pop("Headers", ())]
            if number > 0 and (heads := _under(heads, groups.get(column))):
                cell["A"]["Headers"] = pydyf.Array(heads)
            column += span


def _under(heads: list[bytes], group: bytes | None) -> list[bytes]:
    """Return a cell's headings with that of its group, between those of the row and the column."""
    if group is None:
        return heads
    others = [each for each in heads if each != group]
    return [*others[:-1], group, *others[-1:]]
