"""What an import does with each row: what is new, what exists already, and what is refused."""

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
"""What an import adds, with the word for one of each."""


@dataclass(frozen=True)
class RowOutcome:
    """What importing a row does: what is new, what exists already and stays, or which column is refused and why."""

    number: int
    name: str
    email: str
    new: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    column: str = ""
    error: str = ""


@dataclass(frozen=True)
class ImportPreview:
    """The rows of a file, and what importing them would do."""

    rows: tuple[RowOutcome, ...]
    totals: Counter[str]
    """How many new people, roles, registrations, units and allocations."""

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
        """Stands for what is new: the act is refused if it would do something else."""
        return hashlib.sha256(repr([(row.number, row.new) for row in self.rows]).encode()).hexdigest()


@dataclass
class Step:
    """What has been done for one row in one step, and the column that a refusal would be about."""

    column: str = ""
    new: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)
    changes: list[AllocationChange] = field(default_factory=list)
    person: Person | None = None
    registration: Registration | None = None

    def add(self, kind: str, text: str, count: int = 1) -> None:
        """Note something new."""
        self.new.append(text)
        self.totals[kind] += count
