"""Content of recording forms and of indexes of evidence: plain values, without Flask or the database."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from tracker.units.documents import UnitDocument
from tracker.vocabulary import CentreTerms, ClaimMark, CriterionKind

STATEMENT_OF_COMPETENCE = (
    "I confirm that all evidence (including Knowledge and Understanding), for the entire Unit has been met:"
)
"""Verbatim from the awarding body's candidate recording form."""

GROUP_HEADINGS = {
    CriterionKind.PERFORMANCE: ("Performance Criteria", "PC"),
    CriterionKind.KNOWLEDGE: ("Knowledge and Understanding", "K&U"),
}
"""The awarding body's heading over a group of columns, and its short form over a narrow group."""

SNAPSHOT_FILE, CODE_FILE = "snapshot.json", "code.txt"
"""The files attached to an issued form."""

LONG_WORD = re.compile(r"\S{30,}")
BREAK = "\u200b"
"""A zero-width space: a line may end there, inside a word."""


def add_break_points(text: str) -> str:
    """Return text whose long words may be broken after every fifth character.

    A style sheet can do the same, but then each line of a long word measures all the rest of it: ten thousand
    characters took 25 seconds.
    """
    return LONG_WORD.sub(lambda word: BREAK.join(re.findall(".{1,5}", word[0])), text)


@dataclass(frozen=True)
class FormColumn:
    """One criterion of the unit."""

    kind: CriterionKind
    label: str


@dataclass(frozen=True)
class FormRow:
    """One item of evidence, with a mark or None for each column."""

    ref: str
    description: str
    marks: tuple[ClaimMark | None, ...]

    @property
    def printed_description(self) -> str:
        """Return the description with its break points."""
        return add_break_points(self.description)

    @property
    def is_tall(self) -> bool:
        """Whether the row is too long to be kept on one page."""
        return len(self.description) > 800


def format_form_number(number: str) -> str:
    """Return a form's number in groups of four, as people read it out: `e285-3b04-…`."""
    return "-".join(number[at : at + 4] for at in range(0, len(number), 4))


@dataclass(frozen=True)
class FormSignature:
    """A signature on the form."""

    name: str
    signed_on: date


@dataclass(frozen=True)
class FormIssue:
    """The number, the code and the snapshot that an issued form carries."""

    number: str
    code: str
    """As it stands in the address that the QR code leads to."""
    qr_code: bytes
    """The QR code as a PNG image."""
    verify_url: str
    """The address of the page where anyone can check a form."""
    issued_at: datetime
    snapshot: str

    @property
    def printed_number(self) -> str:
        """Return the number as it is printed."""
        return format_form_number(self.number)


@dataclass(frozen=True)
class FormContent:
    """Everything on one candidate recording form. The same content gives the same bytes."""

    unit_code: str
    unit_title: str
    unit_version: str
    columns: tuple[FormColumn, ...]
    statement: str = STATEMENT_OF_COMPETENCE
    terms: CentreTerms = CentreTerms.SCOTLAND
    """The terms in which the labels of the verifier's signature are printed."""
    rows: tuple[FormRow, ...] = ()
    candidate_name: str = ""
    candidate_number: str = ""
    assessor_name: str = ""
    round: int | None = None
    comments: str = ""
    candidate: FormSignature | None = None
    assessor: FormSignature | None = None
    internal_verifier: FormSignature | None = None
    date_sampled: date | None = None
    state: str = "blank form"
    """In words, for the page footer: `verified 3 November 2026`."""
    snapshot_hash: str = ""
    issue: FormIssue | None = None

    @property
    def mark_kinds(self) -> tuple[ClaimMark, ...]:
        """Return the marks that the legend explains."""
        return tuple(ClaimMark)

    @property
    def is_blank(self) -> bool:
        """Whether the form is to be filled in by hand."""
        return not self.candidate_name

    @property
    def groups(self) -> list[tuple[CriterionKind, int]]:
        """Return the groups of columns, and how many columns each spans."""
        return [(kind, len(list(columns))) for kind, columns in groupby(self.columns, key=lambda c: c.kind)]

    @property
    def width(self) -> str:
        """Return the CSS class that shares the width between the description and the columns."""
        return "few" if len(self.columns) <= 26 else "some" if len(self.columns) <= 40 else "many"

    @property
    def page_footer(self) -> str:
        """Return the page footer, which identifies every page of this form."""
        parts = (
            f"{self.unit_code} version {self.unit_version}",
            f"candidate {self.candidate_number}" if self.candidate_number else "",
            f"round {self.round}" if self.round else "",
            self.state,
            f"record {self.snapshot_hash[:16]}" if self.snapshot_hash else "",
            f"form {self.issue.number[:8]}" if self.issue else "",
        )
        return " · ".join(part for part in parts if part)

    @property
    def comment_lines(self) -> list[str]:
        """Return the lines of the comments with their break points."""
        return [add_break_points(line) for line in self.comments.splitlines()]

    @property
    def last_signed_on(self) -> date | None:
        """Return the date of the last signature, which is also the date of the PDF; None without signatures."""
        signatures = (self.candidate, self.assessor, self.internal_verifier)
        return max((each.signed_on for each in signatures if each), default=None)

    @staticmethod
    def get_heading(kind: CriterionKind, span: int) -> str:
        """Return the heading over a group of columns, short where the group is narrow."""
        heading, short = GROUP_HEADINGS[kind]
        return heading if span > 4 else short


def build_blank_content(unit: UnitDocument, statement: str = STATEMENT_OF_COMPETENCE) -> FormContent:
    """Return the content of a unit's blank form, to be filled in by hand."""
    return FormContent(
        unit_code=unit.full_code,
        unit_title=unit.title,
        unit_version=unit.version,
        columns=tuple(FormColumn(each.kind, each.label) for each in unit.assessable),
        statement=statement,
    )


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
    def page_footer(self) -> str:
        """Return the page footer, which identifies every page of this index."""
        day = f"as on {self.printed_for.day} {self.printed_for:%B %Y}"
        return f"Index of evidence · candidate {self.candidate_number} · {self.centre_name} · {day}"
