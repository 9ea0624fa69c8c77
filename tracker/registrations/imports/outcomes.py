"""Outcomes of an import, row by row: what is new, what exists already, and what is refused."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from tracker.models import Person, Registration
from tracker.registrations.allocations import AllocationChange
from tracker.web.formatting import counted

KINDS = {
    "people": "person",
    "roles": "role",
    "registrations": "registration",
    "units": "unit",
    "allocations": "allocation",
}
"""The kinds of record that an import adds, plural and singular."""


@dataclass(frozen=True)
class RowOutcome:
    """The outcome of a row: what is new, what exists already and is kept, or the error and its column."""

    number: int
    name: str
    email: str
    new: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    column: str = ""
    error: str = ""


@dataclass(frozen=True)
class ImportPreview:
    """The outcomes of the rows of a file, in a preview or an import."""

    rows: tuple[RowOutcome, ...]
    totals: Counter[str]
    """The number of new people, roles, registrations, units and allocations."""

    @property
    def new(self) -> tuple[RowOutcome, ...]:
        """The rows that add something."""
        return tuple(row for row in self.rows if row.new and not row.error)

    @property
    def unchanged(self) -> tuple[RowOutcome, ...]:
        """The rows of which everything exists already."""
        return tuple(row for row in self.rows if not row.new and not row.error)

    @property
    def invalid(self) -> tuple[RowOutcome, ...]:
        """The rows with an error."""
        return tuple(row for row in self.rows if row.error)

    @property
    def counts(self) -> list[str]:
        """How much is new of each kind, as `40 new people`."""
        return [
            counted(self.totals[plural], f"new {singular}", f"new {plural}")
            for plural, singular in KINDS.items()
            if self.totals[plural]
        ]

    @property
    def digest(self) -> str:
        """The hash of what is new. The import is refused if its own has another hash."""
        return hashlib.sha256(repr([(row.number, row.new) for row in self.rows]).encode()).hexdigest()


@dataclass
class Step:
    """What one step of a row has added and kept, and the column that a refusal would be about."""

    column: str = ""
    new: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)
    changes: list[AllocationChange] = field(default_factory=list)
    person: Person | None = None
    registration: Registration | None = None

    def add(self, kind: str, text: str, count: int = 1) -> None:
        """Add something new."""
        self.new.append(text)
        self.totals[kind] += count
