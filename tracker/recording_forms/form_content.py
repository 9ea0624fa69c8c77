"""What a recording form prints, and nothing else: plain values, no Flask, no database."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby

from tracker.units.documents import UnitDocument
from tracker.vocabulary import CriterionKind

STATEMENT_OF_COMPETENCE = (
    "I confirm that all evidence (including Knowledge and Understanding), for the entire Unit has been met:"
)
"""Verbatim from the awarding body's candidate recording form."""

HEADS = {
    CriterionKind.PERFORMANCE: ("Performance Criteria", "PC"),
    CriterionKind.KNOWLEDGE: ("Knowledge and Understanding", "K&U"),
}
"""The awarding body's words over a group of columns, and what is left of them over one too narrow for words."""

SNAPSHOT_FILE, CODE_FILE = "snapshot.json", "code.txt"
"""What an issued form carries."""

LONG_WORD = re.compile(r"\S{30,}")
BREAK = "\u200b"
"""A space without width: where a line may end inside a word."""


def breakable(text: str) -> str:
    """Text whose long words may end a line after every fifth sign.

    A style sheet can ask for the same, but then each line of a long word measures all the rest of it:
    ten thousand signs took 25 seconds.
    """
    return LONG_WORD.sub(lambda word: BREAK.join(re.findall(".{1,5}", word[0])), text)


class Mark(StrEnum):
    """The sign in a cell."""

    DECIDED = "✓"
    """Decided `met` or `needs_more`: the item shows the criterion."""
    CLAIMED = "○"
    """Claimed and not yet judged."""


@dataclass(frozen=True)
class FormColumn:
    kind: CriterionKind
    label: str


@dataclass(frozen=True)
class FormRow:
    """One item of evidence; a mark or nothing for each column."""

    ref: str
    description: str
    marks: tuple[Mark | None, ...]

    @property
    def what(self) -> str:
        """The description, as it is set in type."""
        return breakable(self.description)

    @property
    def is_tall(self) -> bool:
        """Too long to be kept on one page whatever it costs."""
        return len(self.description) > 800


def grouped(number: str) -> str:
    """A form's number as people read it out: `e285-3b04-…`."""
    return "-".join(number[at : at + 4] for at in range(0, len(number), 4))


@dataclass(frozen=True)
class FormSignature:
    name: str
    signed_on: date


@dataclass(frozen=True)
class FormIssue:
    """What makes a print an issued form: its number and code, and the snapshot that goes with it."""

    number: str
    code: str
    """As it stands in the address that the square leads to."""
    square: bytes
    """The code as a picture (PNG)."""
    checked_at: str
    """The address of the page that tells whether a form is ours."""
    issued_at: datetime
    snapshot: str

    @property
    def grouped_number(self) -> str:
        """The number as it is printed."""
        return grouped(self.number)


@dataclass(frozen=True)
class FormContent:
    """Everything on one candidate recording form. The same facts give the same bytes."""

    unit_code: str
    unit_title: str
    unit_version: str
    columns: tuple[FormColumn, ...]
    statement: str = STATEMENT_OF_COMPETENCE
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
    """In words, for the foot of the page: `verified 3 November 2026`."""
    snapshot_hash: str = ""
    issue: FormIssue | None = None

    @property
    def is_blank(self) -> bool:
        return not self.candidate_name

    @property
    def groups(self) -> list[tuple[CriterionKind, int]]:
        """The heads over the columns, and how many columns each spans."""
        return [(kind, len(list(columns))) for kind, columns in groupby(self.columns, key=lambda c: c.kind)]

    @property
    def width(self) -> str:
        """How the sheet shares its width between the description and the columns."""
        return "few" if len(self.columns) <= 26 else "some" if len(self.columns) <= 40 else "many"

    @property
    def foot(self) -> str:
        """What identifies every page of this form."""
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
        """The comments, as they are set in type."""
        return [breakable(line) for line in self.comments.splitlines()]

    @property
    def dated(self) -> date | None:
        """The day of the last signature, which the file gives as its own."""
        signatures = (self.candidate, self.assessor, self.internal_verifier)
        return max((each.signed_on for each in signatures if each), default=None)

    @staticmethod
    def head_of(kind: CriterionKind, span: int) -> str:
        """The words over a group of columns."""
        words, short = HEADS[kind]
        return words if span > 4 else short


def build_blank_content(unit: UnitDocument, statement: str = STATEMENT_OF_COMPETENCE) -> FormContent:
    """The form of a unit for the pen."""
    return FormContent(
        unit_code=unit.full_code,
        unit_title=unit.title,
        unit_version=unit.version,
        columns=tuple(FormColumn(each.kind, each.label) for each in unit.assessable),
        statement=statement,
    )


@dataclass(frozen=True)
class IndexRow:
    ref: str
    description: str
    method: str
    when: str
    where: str
    units: str
    sampled_by: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """What follows the reference, as it is set in type."""
        cells = (self.description, self.method, self.when, self.where, self.units, self.sampled_by)
        return tuple(breakable(cell) for cell in cells)


@dataclass(frozen=True)
class IndexContent:
    """The index of evidence of one candidate at one centre."""

    candidate_name: str
    candidate_number: str
    centre_name: str
    printed_for: date
    rows: tuple[IndexRow, ...]

    @property
    def foot(self) -> str:
        """What identifies every page of this index."""
        day = f"as on {self.printed_for.day} {self.printed_for:%B %Y}"
        return f"Index of evidence · candidate {self.candidate_number} · {self.centre_name} · {day}"
