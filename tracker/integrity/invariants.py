"""Integrity checks: the decorator that registers them, and running them all."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from tracker.integrity.ledger_events import MAX_COUNTED
from tracker.integrity.ledger_snapshot import LedgerSnapshot


@dataclass(frozen=True)
class Check:
    """One invariant, by its number in docs/integrity.md."""

    number: int
    name: str
    find: Callable[[LedgerSnapshot], Iterable[str]]
    """Yields a sentence for each fault."""
    covers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns of which it notices a change, by table."""
    once: bool = False
    """Whether it runs once for the whole record, and not for each part of it."""


@dataclass(frozen=True)
class Result:
    """The outcome of one check: how many faults, and the first."""

    check: Check
    count: int
    """How many faults were found, up to `MAX_COUNTED`."""
    first: str | None

    @property
    def holds(self) -> bool:
        """Return whether the check found no fault."""
        return self.count == 0


CHECKS: list[Check] = []


def invariant(
    number: int, name: str, covers: Mapping[str, tuple[str, ...]] | None = None, *, once: bool = False
) -> Callable[[Callable[[LedgerSnapshot], Iterable[str]]], Callable[[LedgerSnapshot], Iterable[str]]]:
    """Register a function that yields faults as one of the checks."""

    def register(find: Callable[[LedgerSnapshot], Iterable[str]]) -> Callable[[LedgerSnapshot], Iterable[str]]:
        CHECKS.append(Check(number, name, find, covers or {}, once))
        return find

    return register


def run_checks(ledger: LedgerSnapshot, checks: Iterable[Check]) -> Iterator[Result]:
    """Yield the result of each check in the order of their numbers, as soon as it is known."""
    for check in sorted(checks, key=lambda check: check.number):
        faults = list(islice(list_faults(check, ledger), MAX_COUNTED))
        yield Result(check, len(faults), faults[0] if faults else None)


def list_faults(check: Check, ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield the faults that a check finds, or a sentence if it cannot go on."""
    try:
        yield from check.find(ledger)
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # rows and events may be damaged in any way
        yield f"the check could not read what it needs: {type(error).__name__} {error}"
