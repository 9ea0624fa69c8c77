"""Text of an XLSX file: each sheet with its rows, the cells joined by bars, and its comments."""

import re
import zipfile
from datetime import datetime, timedelta
from itertools import islice

from tracker.portfolio.document_text.xml_parts import (
    Element,
    get_attribute,
    get_name,
    list_elements,
    parse_part,
    read_relationships,
)

MAX_ROWS = 2_000
"""Rows that are read of each sheet."""
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's dates have no time zone
MAX_SERIAL = 2_958_465
"""The serial number of 31 December 9999."""
DATE_FORMATS = {*range(14, 23), *range(45, 48)}
DATE_LETTERS = re.compile(r"[ydh]", re.IGNORECASE)
NOT_LETTERS = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')


def read_xlsx(archive: zipfile.ZipFile) -> str:
    """Return the text of the sheets in their order."""
    workbook = parse_part(archive, "xl/workbook.xml")
    targets = read_relationships(archive, "xl/workbook.xml")
    strings = [_join_text(each) for each in list_elements(parse_part(archive, "xl/sharedStrings.xml"), "si")]
    date_styles = _list_date_styles(archive)
    parts = []
    for sheet in list_elements(workbook, "sheet"):
        _, target = targets.get(get_attribute(sheet, "id"), ("", ""))
        lines = [f"Sheet “{sheet.get('name', '')}”"]
        rows = list_elements(parse_part(archive, target), "row")
        lines += [_read_row(row, strings, date_styles) for row in islice(rows, MAX_ROWS)]
        if len(rows) > MAX_ROWS:
            lines.append(f"The first {MAX_ROWS} of {len(rows)} rows.")
        for kind, comments in read_relationships(archive, target).values():
            if kind == "comments":
                elements = list_elements(parse_part(archive, comments), "comment")
                lines += [f"Comment on {each.get('ref', '')}: {_join_text(each)}" for each in elements]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _read_row(row: Element, strings: list[str], date_styles: set[int]) -> str:
    cells = (_read_cell(cell, strings, date_styles) for cell in row if get_name(cell) == "c")
    return " | ".join(cells)


def _read_cell(cell: Element, strings: list[str], date_styles: set[int]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _join_text(cell)
    value = next((child.text or "" for child in cell if get_name(child) == "v"), "")
    if kind == "s":
        return strings[int(value)] if value.isdigit() and int(value) < len(strings) else ""
    if kind == "b":
        return "TRUE" if value == "1" else "FALSE"
    style = cell.get("s", "0")
    if kind == "n" and value and style.isdigit() and int(style) in date_styles:
        return _format_date(value)
    return value


def _format_date(value: str) -> str:
    try:
        serial = float(value)
    except ValueError:
        return value
    if not 0 <= serial <= MAX_SERIAL:
        return value
    moment = EPOCH + timedelta(days=serial)
    if serial < 1:
        return f"{moment:%H:%M}"
    return f"{moment:%d/%m/%Y}" if serial == int(serial) else f"{moment:%d/%m/%Y %H:%M}"


def _list_date_styles(archive: zipfile.ZipFile) -> set[int]:
    """Return the numbers of the cell styles that show a date or a time."""
    root = parse_part(archive, "xl/styles.xml")
    formats = set(DATE_FORMATS)
    for each in list_elements(root, "numFmt"):
        if DATE_LETTERS.search(NOT_LETTERS.sub("", each.get("formatCode", ""))):
            formats.add(int(each.get("numFmtId", "0")))
    styles = [style for group in list_elements(root, "cellXfs") for style in group]
    return {number for number, style in enumerate(styles) if int(style.get("numFmtId", "0")) in formats}


def _join_text(element: Element) -> str:
    """Return the text inside an element, without phonetic guides (such as the reading of a Japanese name)."""
    texts = [each for each in list_elements(element, "t") if get_name(each.getparent()) != "rPh"]
    return "".join(each.text or "" for each in texts)
