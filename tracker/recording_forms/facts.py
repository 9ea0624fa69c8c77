"""What a recording form prints, and nothing else: plain values, no Flask, no database."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby

from tracker.standards.documents import UnitDocument
from tracker.vocabulary import CriterionKind


class Mark(StrEnum):
    """The sign in a cell."""

    DECIDED = "✓"
    """Decided `met` or `more_needed`: the item shows the criterion."""
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


@dataclass(frozen=True)
class FormSignature:
    name: str
    signed_on: date


@dataclass(frozen=True)
class FormFacts:
    """Everything on one candidate recording form. The same facts give the same bytes."""

    unit_code: str
    unit_title: str
    unit_version: str
    columns: tuple[FormColumn, ...]
    statement: str
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
    state: str = "Blank form"
    snapshot_hash: str = ""

    @property
    def is_blank(self) -> bool:
        return not self.candidate_name

    @property
    def groups(self) -> list[tuple[CriterionKind, int]]:
        """The two heads over the columns, and how many columns each spans."""
        return [(kind, len(list(columns))) for kind, columns in groupby(self.columns, key=lambda c: c.kind)]

    @property
    def first_of_group(self) -> frozenset[int]:
        """Where a thick rule is drawn."""
        starts, position = [], 0
        for _, span in self.groups:
            starts.append(position)
            position += span
        return frozenset(starts)


def blank_facts(unit: UnitDocument, statement: str) -> FormFacts:
    """The form of a unit for the pen."""
    return FormFacts(
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


@dataclass(frozen=True)
class IndexFacts:
    """The index of evidence of one candidate at one centre."""

    candidate_name: str
    candidate_number: str
    centre_name: str
    printed_for: date
    rows: tuple[IndexRow, ...]
