"""Content of the sheet "Staff register and CPD" of one person: plain values, without Flask or the database."""

from dataclasses import dataclass
from datetime import date

from tracker.recording_forms.form_content import MAX_HEADER_NAME
from tracker.recording_forms.printed_text import add_break_points, shorten
from tracker.vocabulary import CentreTerms
from tracker.web.text_direction import isolate

TITLE = "Staff register and CPD"
BLANK_ROWS = 4
BLANK_CPD_ROWS = 8


@dataclass(frozen=True)
class SheetTable:
    """A table of the sheet, with a heading of its own."""

    title: str
    columns: tuple[tuple[str, int], ...]
    """The head of each column, and its width in millimetres; all together 281."""
    rows: tuple[tuple[str, ...], ...] = ()
    blank_rows: int = BLANK_ROWS
    """How many rows to write in the table has on a blank sheet."""

    @property
    def printed_rows(self) -> tuple[tuple[str, ...], ...]:
        """Return the rows, with break points in long words."""
        return tuple(tuple(add_break_points(cell) for cell in row) for row in self.rows)


AWARDS = SheetTable(
    "Assessor’s and verifier’s awards, held or worked towards",
    (
        ("Award", 56), ("Awarding body", 50), ("Certificate number", 45), ("Date of the award", 40), ("Until", 40),
        ("Certificate seen by, date", 50),
    ),
)  # fmt: skip
COMPETENCE = SheetTable(
    "Occupational competence", (("Unit or sector", 70), ("Basis of competence", 161), ("Recorded", 50))
)
CPD = SheetTable(
    "Continuing professional development",
    (("Date", 37), ("Activity", 64), ("What was learned and how it is used", 98), ("Evidence", 64), ("Hours", 18)),
    blank_rows=BLANK_CPD_ROWS,
)
INTERESTS = SheetTable(
    "Declarations of interests",
    (("Declared", 37), ("Whom or what it concerns", 112), ("What the centre does about it", 95), ("Ended", 37)),
)


@dataclass(frozen=True)
class StaffContent:
    """The staff record of one person at one centre, or, without a name, the blank sheet."""

    name: str
    centre_name: str
    roles: str
    printed_for: date | None
    """None for a blank sheet."""
    terms: CentreTerms = CentreTerms.SCOTLAND
    tables: tuple[SheetTable, ...] = (AWARDS, COMPETENCE, CPD, INTERESTS)

    @property
    def is_blank(self) -> bool:
        """Return whether the sheet is to be filled in by hand."""
        return self.printed_for is None

    @property
    def row_count(self) -> int:
        """Return the number of table rows, on which the time for rendering depends."""
        return sum(table.blank_rows if self.is_blank else len(table.rows) for table in self.tables)

    @property
    def page_header(self) -> str:
        """Return the header of every page after the first."""
        name = f"{isolate(shorten(self.name, MAX_HEADER_NAME))} · " if self.name else ""
        return f"{name}{TITLE}"

    @property
    def page_footer(self) -> str:
        """Return the page footer, which says of whom and as on which day the sheet is."""
        if self.printed_for is None:
            return f"{TITLE} · blank"
        day = f"as on {self.printed_for.day} {self.printed_for:%B %Y}"
        return f"{TITLE} · {isolate(shorten(self.name, MAX_HEADER_NAME))} · {isolate(self.centre_name)} · {day}"
