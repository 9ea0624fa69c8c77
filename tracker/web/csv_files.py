"""Writing of CSV files for spreadsheets: UTF-8 with byte order mark, commas, and no cell that is a formula."""

import csv
import io
from collections.abc import Iterable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""Characters that make a spreadsheet treat a cell as a formula; some programs accept the full-width ones too."""


def write_csv(rows: Iterable[Iterable[object]]) -> bytes:
    """Return the rows as a CSV file that spreadsheets open directly, with a byte order mark."""
    return b"\xef\xbb\xbf" + format_csv(rows).encode()


def format_csv(rows: Iterable[Iterable[object]]) -> str:
    """Return the rows as CSV; None is an empty cell, and a lone carriage return inside a cell is quoted too."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for row in rows:
        writer.writerow(["" if cell is None else escape_formula(str(cell)) for cell in row])
    return buffer.getvalue()


def escape_formula(cell: str) -> str:
    """Return a cell that no spreadsheet treats as a formula, by putting an apostrophe before it."""
    return f"'{cell}" if cell.startswith((*FORMULA_STARTS, "'")) else cell


def unescape_formula(cell: str) -> str:
    """Return the text of a cell without the apostrophe that `escape_formula` added."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*FORMULA_STARTS, "'")) else cell
