"""The text of a CSV file as spreadsheets save it, and its rows by column."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tracker.errors import Invalid
from tracker.web.text_direction import isolate

COLUMNS = (
    "name",
    "email",
    "roles",
    "from",
    "until",
    "candidate number",
    "qualification",
    "registration number",
    "registration date",
    "units",
    "assessor email",
    "internal verifier email",
)
REQUIRED_COLUMNS = frozenset({"name", "email"})
OTHER_NAMES = {
    "role": "roles",
    "assessor": "assessor email",
    "internal verifier": "internal verifier email",
    "internal quality assurer": "internal verifier email",
    "internal quality assurer email": "internal verifier email",
}
"""Further names of columns, as older files and the centres of England have them."""
DELIMITERS = ",;\t"
MAX_ROWS = 500
MAX_SIZE = 1024 * 1024
WORKBOOK_SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of XLSX and ODS files, which are ZIP files, and of XLS files."""
SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t])"?,*', re.IGNORECASE)
"""The first line with which Excel names the delimiter of a file."""


@dataclass(frozen=True)
class TableRow:
    """One row: its number as a spreadsheet shows it, and its cells by column."""

    number: int
    cells: dict[str, str]
    has_more_cells: bool
    """Whether it has more cells than there are columns."""

    def get(self, column: str) -> str:
        """Return the text of a cell; empty if there is none."""
        return self.cells.get(column, "")


def decode_csv(content: bytes) -> str:
    """Return the text of a file saved by a spreadsheet: UTF-16 or UTF-8, or else Windows-1252.

    Raises:
        Invalid: the file is larger than `MAX_SIZE`, or it is a workbook or another kind of file and not text.
    """
    if content.startswith(WORKBOOK_SIGNATURES):
        raise Invalid(
            "This file is a workbook, not CSV. Open it in the spreadsheet, choose Save as, then CSV, and upload that "
            "file. Nothing was imported.",
            "file",
        )
    if len(content) > MAX_SIZE:
        raise Invalid("The file is larger than 1 MB. Nothing was imported. Split it into smaller files.", "file")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\x00" in content or content.startswith(b"%PDF"):
        raise Invalid(
            "This file is not CSV. Save the list as CSV and upload that file. Nothing was imported.", "file"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_table(text: str) -> list[TableRow]:
    """Return the rows of a table in CSV; raise `Invalid` if it is none, or has other columns or too many rows."""
    if len(text) > MAX_SIZE:
        raise Invalid("The text is larger than 1 MB. Nothing was imported. Split it into smaller parts.", "text")
    delimiter, text = _split_separator_line(text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    except csv.Error as error:
        raise Invalid("This is not a table in CSV. Nothing was imported.", "text") from error
    numbered = [(number, row) for number, row in enumerate(rows, start=1) if any(row)]
    if not numbered:
        raise Invalid("Choose a file, or paste its rows. Nothing was imported.", "text")
    if len(numbered) - 1 > MAX_ROWS:
        raise Invalid(f"There are more than {MAX_ROWS} rows. Nothing was imported. Split the file.", "text")
    header = _read_header(numbered[0][1])
    return [
        TableRow(number, dict(zip(header, row, strict=False)), any(row[len(header) :]))
        for number, row in numbered[1:]
    ]


def _split_separator_line(text: str) -> tuple[str, str]:
    """Return the delimiter of a table and the text without a first line such as `sep=;`, which spreadsheets hide."""
    first, _, rest = text.partition("\n")
    if named := SEPARATOR_LINE.fullmatch(first.strip(" ")):
        return named[1], rest
    first = next((line for line in text.split("\n") if line.strip()), "")
    return max(DELIMITERS, key=first.count), text


def _read_header(row: Iterable[str]) -> list[str]:
    header = [_get_column(cell) for cell in row]
    while header and not header[-1]:
        header.pop()  # empty columns at the right of a spreadsheet
    unknown = [cell for cell in header if cell not in COLUMNS]
    doubled = [cell for cell in header if header.count(cell) > 1]
    if set(header) >= REQUIRED_COLUMNS and not unknown and not doubled:
        return header
    found = (
        f"“{isolate((unknown or doubled)[0][:40])}” is not one of them, or is there twice. "
        if unknown or doubled
        else ""
    )
    raise Invalid(
        f"Name the columns in the first row: {', '.join(COLUMNS)}. Only name and email must be there. {found}"
        "Nothing was imported.",
        "text",
    )


def _get_column(cell: str) -> str:
    name = " ".join(cell.lower().replace("_", " ").split())
    return OTHER_NAMES.get(name, name)
