"""Content of sheets in sections, such as a witness testimony: plain values, without Flask or the database.

A sheet is filled from the record, or blank for the pen. The same content gives the same bytes. None of our own words
on these sheets is a term that a centre chooses, so nothing is put into its terms: titles, names and sealed
declarations are printed as they are.
"""

from dataclasses import dataclass
from datetime import date

from tracker.recording_forms.form_content import MAX_HEADER_NAME
from tracker.recording_forms.printed_text import add_break_points, shorten
from tracker.web.text_direction import isolate

LONG_CELL = 300
"""Characters of a cell. A row with a longer one may continue on the next page."""


@dataclass(frozen=True)
class Fact:
    """A label at the head of a sheet with what was entered; empty on a blank sheet."""

    label: str
    entry: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table in a section."""

    head: str
    width: str = ""
    """The class that gives its width; empty for the rest of the sheet."""


@dataclass(frozen=True)
class Grid:
    """A table in a section. The first cell of a row names it."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    blank_rows: int = 0
    """Rows to write in, on a blank sheet."""

    @property
    def printed_rows(self) -> list[tuple[bool, tuple[tuple[str, ...], ...]]]:
        """Return each row, with whether it may continue on the next page; its cells in lines with break points."""
        return [
            (
                max(map(len, row), default=0) > LONG_CELL,
                tuple(tuple(map(add_break_points, cell.splitlines())) for cell in row),
            )
            for row in self.rows
        ]


@dataclass(frozen=True)
class SheetSignature:
    """Who declared something and when, or a line to sign on."""

    label: str
    name: str = ""
    """With how it was given: `Bob Archer, authenticated electronically`. Empty for a line to sign on."""
    moment: str = ""


@dataclass(frozen=True)
class SheetSection:
    """A section with a heading: text, a table, lines to write on, and signatures, in this order."""

    title: str
    paragraphs: tuple[str, ...] = ()
    """Sentences, such as a declaration as it was given."""
    typed: tuple[str, ...] = ()
    """Paragraphs that somebody typed; their line breaks stay."""
    help: str = ""
    """How to fill in the section by hand."""
    boxes: tuple[str, ...] = ()
    """Choices to tick by hand."""
    grid: Grid | None = None
    ruled: int = 0
    """Lines to write on."""
    signatures: tuple[SheetSignature, ...] = ()
    starts_page: bool = False
    level: int = 2
    """Of its heading."""


@dataclass(frozen=True)
class SectionedSheet:
    """Everything on a sheet in sections."""

    name: str
    """What the sheet is called in headings, headers and footers: `Witness testimony`."""
    candidate_name: str
    candidate_number: str
    facts: tuple[tuple[Fact, ...], ...]
    """The lines at its head, with one or two facts each."""
    sections: tuple[SheetSection, ...]
    reference: str = ""
    """`Evidence 3, version 2`; empty on a blank sheet."""
    printed_for: date | None = None
    """The day on which it is as printed; None for a blank sheet."""
    note: str = ""
    """What every reader has to know first, in a frame."""
    last_words: str = ""
    """How what is on it was given."""

    @property
    def is_blank(self) -> bool:
        """Return whether the sheet is to be filled in by hand."""
        return self.printed_for is None

    @property
    def row_count(self) -> int:
        """Return the number of table rows and paragraphs, on which the time for rendering depends."""
        return sum(len(each.typed) + (len(each.grid.rows) if each.grid else 0) for each in self.sections)

    @property
    def printed_facts(self) -> list[list[tuple[str, str]]]:
        """Return the lines at the head, with break points in what was entered."""
        return [[(fact.label, add_break_points(fact.entry)) for fact in line] for line in self.facts]

    @property
    def page_header(self) -> str:
        """Return the header of every page after the first."""
        parts = (
            isolate(shorten(self.candidate_name, MAX_HEADER_NAME)),
            f"candidate {isolate(self.candidate_number)}",
            self.name,
            self.reference.lower(),
        )
        return " · ".join(part for part in parts if part)

    @property
    def page_footer(self) -> str:
        """Return the page footer, which identifies every page of this sheet."""
        day = f"as on {self.printed_for.day} {self.printed_for:%B %Y}" if self.printed_for else "blank"
        parts = (self.name, self.reference.lower(), f"candidate {isolate(self.candidate_number)}", day)
        return " · ".join(part for part in parts if part)
