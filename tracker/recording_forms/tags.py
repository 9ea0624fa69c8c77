"""What a tagged table lacks as WeasyPrint leaves it: each cell under the head of its group, each head its scope."""

from collections.abc import Iterator
from typing import Any

import pydyf


def name_heads(_document: object, pdf: pydyf.PDF) -> None:
    """Complete the tags of every table, just before the file is written.

    WeasyPrint names the head of a group for the group's first column only, and "6" stands under both
    performance criteria and knowledge: without its group, a mark read aloud is ambiguous.
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
    groups: dict[int, Any] = {}
    for number, row in enumerate(rows):
        heads_a_row = number > 0 and any(cell["S"] == "/TD" for cell in row)
        column = 0
        for cell in row:
            span = cell["A"].get("ColSpan", 1)
            if number == 0 and "ID" not in cell:
                cell["A"].pop("Headers", None)  # the empty corner stands under nothing
            if "ID" in cell:
                cell["A"]["Scope"] = "/Row" if heads_a_row else "/Column"
            if "ID" in cell and number == 0 and span > 1:
                groups |= dict.fromkeys(range(column, column + span), cell["ID"])
            elif column in groups:
                _stand_under(cell, groups[column])
            column += span


def _stand_under(cell: Any, head: Any) -> None:
    """Between the head of the row and the label of the column, for every column alike."""
    heads = [each for each in cell["A"].get("Headers", ()) if each.data != head.data]
    cell["A"]["Headers"] = pydyf.Array([*heads[:-1], head, *heads[-1:]])
