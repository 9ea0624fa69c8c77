"""What a check is, and how all of them are run."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from tracker.integrity.ledger_snapshot import LedgerSnapshot

MAX_COUNTED = 1_000
"""A check that fails this often has said enough."""


@dataclass(frozen=True)
class Check:
    """One invariant, by its number in docs/integrity.md."""

    number: int
    name: str
    find: Callable[[LedgerSnapshot], Iterable[str]]
    """What is wrong, a sentence each."""
    covers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns of which it notices a change, by table."""


@dataclass(frozen=True)
class Result:
    """The outcome of one check: how many faults, and the first."""

    check: Check
    count: int
    """How many offences were found, up to `MAX_COUNTED`."""
    first: str | None

    @property
    def holds(self) -> bool:
        """Return whether the check found no fault."""
        return self.count == 0


CHECKS: list[Check] = []


def invariant(
    number: int, name: str, covers: Mapping[str, tuple[str, ...]] | None = None
) -> Callable[[Callable[[LedgerSnapshot], Iterable[str]]], Callable[[LedgerSnapshot], Iterable[str]]]:
    """Make a function that finds offences one of the checks."""

    def added(find: Callable[[LedgerSnapshot], Iterable[str]]) -> Callable[[LedgerSnapshot], Iterable[str]]:
        CHECKS.append(Check(number, name, find, covers or {}))
        return find

    return added


def run_checks(ledger: LedgerSnapshot, checks: Iterable[Check]) -> Iterator[Result]:
    """Yield the result of each check in the order of their numbers, as soon as it is known."""
    for each in sorted(checks, key=lambda check: check.number):
        found = list(islice(_offences(each, ledger), MAX_COUNTED))
        yield Result(each, len(found), found[0] if found else None)


def _offences(check: Check, ledger: LedgerSnapshot) -> Iterator[str]:
    try:
        yield from check.find(ledger)
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # a damaged record leads anywhere
        yield f"something it rests on is missing or unreadable: {type(error).__name__} {error}"


def covered(checks: Iterable[Check]) -> dict[str, list[str]]:
    """By table, the columns that some check protects."""
    columns: dict[str, set[str]] = {}
    for each in checks:
        for table, names in each.covers.items():
            columns.setdefault(table, set()).update(names)
    return {table: sorted(columns[table]) for table in sorted(columns)}
