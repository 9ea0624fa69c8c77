"""Content of a printed witness list: plain values, without Flask or the database."""

from dataclasses import dataclass, replace
from datetime import date

from tracker.recording_forms.staff_content import SheetTable
from tracker.vocabulary import CentreTerms, ListedStatus
from tracker.web.text_direction import isolate

TITLE = "Witness list"
WITNESSES = SheetTable(
    TITLE,
    (
        ("Name", 50), ("Job or relationship to the candidates", 56), ("Status", 40), ("From", 30), ("Until", 30),
        ("Induction", 30), ("Signature", 45),
    ),
    blank_rows=12,
)  # fmt: skip


@dataclass(frozen=True)
class WitnessListContent:
    """The witnesses on a centre's list on a day, or, without a day, the blank list."""

    centre_name: str
    printed_for: date | None
    rows: tuple[tuple[str, ...], ...] = ()
    is_cut: bool = False
    """Whether the centre has more witnesses than are printed."""
    terms: CentreTerms = CentreTerms.SCOTLAND

    @property
    def is_blank(self) -> bool:
        """Return whether the list is to be filled in by hand."""
        return self.printed_for is None

    @property
    def table(self) -> SheetTable:
        """Return the table with its rows."""
        return replace(WITNESSES, rows=self.rows)

    @property
    def statuses(self) -> str:
        """Return the statuses in one line, for the pen."""
        return " · ".join(each.label for each in ListedStatus)

    @property
    def row_count(self) -> int:
        """Return the number of table rows, on which the time for rendering depends."""
        return WITNESSES.blank_rows if self.is_blank else len(self.rows)

    @property
    def page_header(self) -> str:
        """Return the header of every page after the first."""
        return f"{isolate(self.centre_name)} · {TITLE}" if self.centre_name else TITLE

    @property
    def page_footer(self) -> str:
        """Return the page footer, which says of which centre and as on which day the list is."""
        if self.printed_for is None:
            return f"{TITLE} · blank"
        return f"{TITLE} · {isolate(self.centre_name)} · as on {self.printed_for.day} {self.printed_for:%B %Y}"
