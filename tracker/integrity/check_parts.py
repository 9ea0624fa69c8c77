"""Checking the record part by part: the memory that this takes does not grow with the record."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from tracker.integrity.invariants import Check, Result, list_faults
from tracker.integrity.ledger_events import MAX_COUNTED
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.part_snapshot import CommonReads, PartSnapshot
from tracker.integrity.parts import plan_parts

Observe = Callable[[int, int, PartSnapshot], None]
"""Is told how many parts were checked, of how many, and the last of them."""


def ignore(_done: int, _count: int, _part: PartSnapshot) -> None:
    """Take no notice of the progress."""


def check_in_parts(
    whole: LedgerSnapshot, checks: Iterable[Check], part_size: int, observe: Observe = ignore
) -> Iterator[Result]:
    """Run checks over each part of the record, and yield the result of each in the order of their numbers.

    Args:
        whole: what is read of the files and settings.
        checks: the checks. Those that are to run once do so with the shared part, which is the last.
        part_size: people and items of evidence that are checked together.
        observe: is told of each part when it was checked.
    """
    checks = sorted(checks, key=lambda check: check.number)
    common, parts = CommonReads(whole), plan_parts(part_size)
    parts.divide_events(common.event_pass)
    found: list[dict[str, None]] = [{} for _ in checks]
    for place, people in enumerate([*parts.list_people(), None]):
        part = PartSnapshot(common, people, parts.seqs[place])
        for check, faults in zip(checks, found, strict=True):
            if not check.once or people is None:
                room = MAX_COUNTED - len(faults)
                faults.update(dict.fromkeys(islice(list_faults(check, part), room)))
        observe(place + 1, len(parts.seqs), part)
    for check, faults in zip(checks, found, strict=True):
        yield Result(check, len(faults), next(iter(faults), None))
