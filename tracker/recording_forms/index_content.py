"""Content of an index of evidence: plain values, without Flask or the database."""

from dataclasses import dataclass
from datetime import date

from tracker.recording_forms.form_content import MAX_HEADER_NAME
from tracker.recording_forms.printed_text import add_break_points, shorten
from tracker.web.text_direction import isolate


@dataclass(frozen=True)
class IndexRow:
    """One item in the index of evidence."""

    ref: str
    description: str
    method: str
    when: str
    where: str
    units: str
    sampled_by: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the cells after the reference, with their break points."""
        cells = (self.description, self.method, self.when, self.where, self.units, self.sampled_by)
        return tuple(add_break_points(cell) for cell in cells)


@dataclass(frozen=True)
class IndexContent:
    """The index of evidence of one candidate at one centre."""

    candidate_name: str
    candidate_number: str
    centre_name: str
    printed_for: date
    rows: tuple[IndexRow, ...]

    @property
    def row_count(self) -> int:
        """Return the number of table rows, on which the time for rendering depends."""
        return len(self.rows)

    @property
    def page_header(self) -> str:
        """Return the header of every page after the first."""
        name = isolate(shorten(self.candidate_name, MAX_HEADER_NAME))
        return f"{name} · candidate {isolate(self.candidate_number)} · Index of Evidence"

    @property
    def page_footer(self) -> str:
        """Return the page footer, which identifies every page of this index."""
        day = f"as on {self.printed_for.day} {self.printed_for:%B %Y}"
        return f"Index of evidence · candidate {isolate(self.candidate_number)} · {isolate(self.centre_name)} · {day}"
