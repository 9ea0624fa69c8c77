"""Integrity checks of the record in parts, so that memory does not grow with the record."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum, auto
from itertools import islice

from sqlalchemy import select

from tracker.accounts.sessions import ABSOLUTE_TIMEOUT
from tracker.clock import now
from tracker.extensions import db
from tracker.integrity.invariants import Check, Result, list_faults
from tracker.integrity.ledger_events import MAX_COUNTED
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.owners import People
from tracker.integrity.part_snapshot import CommonReads, PartSnapshot
from tracker.integrity.parts import PART_SIZE, Parts, plan_parts
from tracker.integrity.verified import (
    LAST,
    UNFINISHED,
    Verified,
    build_verified,
    find_verified,
    remove_verified,
    save_verified,
)
from tracker.models import UserSession

MAX_INTERRUPTION = timedelta(days=1)
"""The age after which an interrupted check is not resumed."""
PARTS_BETWEEN_SAVES = 20
"""Parts after which an unfinished check is saved."""


class Extent(Enum):
    """The people whose records a check reads. Every check reads all events, and what belongs to nobody."""

    WHOLE = auto()
    """Everybody."""
    REST = auto()
    """Everybody, except whom an interrupted check had read and no later event names."""
    SINCE_LAST = auto()
    """The people whom an event after the last signed result names, and those with an open session."""


@dataclass(frozen=True)
class Progress:
    """The progress of a check, after each part."""

    done: int
    count: int
    part: PartSnapshot
    """What was read of the part: nothing if another process has read it."""
    base: Verified | None
    """What an earlier check had covered."""


Observe = Callable[[Progress], None]


def ignore(_progress: Progress) -> None:
    """Ignore the progress."""


@dataclass(frozen=True)
class PartWork:
    """A part to be checked: its people, or None for what belongs to nobody, and the numbers of its events."""

    people: People | None
    seqs: list[int]
    skipped: frozenset[int]
    """The places of the checks that have found `MAX_COUNTED` faults, so that no more are counted."""

    @property
    def is_empty(self) -> bool:
        """Return whether nobody's record has to be read."""
        return self.people is not None and self.people.named == ()


@dataclass(frozen=True)
class PartFaults:
    """The faults of a part."""

    by_check: Sequence[list[str]]
    """At most `MAX_COUNTED` of each check, in the order of the checks."""
    salts_of_rows: int
    """The number of salts that belong to a row of the part."""


NO_FAULTS = PartFaults((), 0)
CheckParts = Callable[[Iterable[PartWork]], Iterator[PartFaults]]
"""A function that checks parts of people in other processes, and yields the faults in the order of the parts."""


def check_part(checks: list[Check], common: CommonReads, work: PartWork) -> tuple[PartSnapshot, PartFaults]:
    """Run the checks on a part. Return what was read, and the faults."""
    part, before = PartSnapshot(common, work.people, work.seqs), common.salts_of_rows
    if work.is_empty:
        return part, NO_FAULTS
    by_check = [
        list(islice(list_faults(check, part), MAX_COUNTED))
        if place not in work.skipped and not (check.once and part.people)
        else []
        for place, check in enumerate(checks)
    ]
    return part, PartFaults(by_check, common.salts_of_rows - before)


@dataclass
class PartCheck:
    """One run of checks over the parts of the record."""

    checks: list[Check]
    common: CommonReads
    parts: Parts
    base: Verified | None = None
    """What an earlier check covered, and this one relies on."""
    check_elsewhere: CheckParts | None = None
    """Checks the parts of people; None if this process does."""
    found: list[dict[str, None]] = field(init=False)
    """The faults of each check, in order."""

    def __post_init__(self) -> None:
        self.found = [{} for _ in self.checks]

    def run(self, observe: Observe, *, saves: bool) -> Iterator[Result]:
        """Check each part, and yield the result of each check."""
        covered = build_verified(self.common.whole, self.checks) if saves else None
        if covered and self.base:
            covered = replace(covered, whole_at=self.base.whole_at)
        self.parts.new_after = self.base.size if self.base else None
        self.parts.divide_events(self.common.event_pass)
        if self.base:
            self.parts.named |= set(_list_signed_in())
        ranges = self.parts.list_people()
        count = len(ranges) + 1
        for place, part in enumerate(self._check_people(ranges)):
            until = ranges[place].until
            is_to_be_saved = self._reads_everybody and (place + 1) % PARTS_BETWEEN_SAVES == 0 and not any(self.found)
            if covered and until is not None and is_to_be_saved:
                save_verified(UNFINISHED, replace(covered, until=until))
            observe(Progress(place + 1, count, part, self.base))
        shared, faults = check_part(self.checks, self.common, self._plan(len(ranges), None))
        self._add(faults)
        observe(Progress(count, count, shared, self.base))
        self._keep(covered, has_faults=any(self.found))
        for check, found in zip(self.checks, self.found, strict=True):
            yield Result(check, len(found), next(iter(found), None))

    def _check_people(self, ranges: list[People]) -> Iterator[PartSnapshot]:
        """Check the parts of people in order, and yield what this process has read of each."""
        works = (self._plan(place, self._limit(people)) for place, people in enumerate(ranges))
        if self.check_elsewhere:
            for people, faults in zip(ranges, self.check_elsewhere(works), strict=True):
                self.common.salts_of_rows += faults.salts_of_rows
                self._add(faults)
                yield PartSnapshot(self.common, people, ())
            return
        for work in works:
            part, faults = check_part(self.checks, self.common, work)
            self._add(faults)
            yield part

    def _plan(self, place: int, people: People | None) -> PartWork:
        full = frozenset(number for number, found in enumerate(self.found) if len(found) >= MAX_COUNTED)
        return PartWork(people, self.parts.list_seqs(place, people), full)

    def _add(self, faults: PartFaults) -> None:
        for found, own in zip(self.found, faults.by_check, strict=False):  # there are none of an empty part
            found.update(dict.fromkeys(own[: MAX_COUNTED - len(found)]))

    def _keep(self, covered: Verified | None, *, has_faults: bool) -> None:
        """Keep what was covered. After a fault nothing is kept, so that no later check leaves out where it is."""
        if has_faults:
            remove_verified(LAST)
        elif covered:
            save_verified(LAST, covered)
        if has_faults or (covered and self._reads_everybody):
            remove_verified(UNFINISHED)

    def _limit(self, people: People) -> People:
        """Return those people of a range whose records have to be read."""
        if self.base is None:
            return people
        until = self.base.until
        if until is not None and (people.until is None or people.until > until):
            return people
        after, limit = people.after or 0, people.until
        named = (each for each in self.parts.named if each > after and (limit is None or each <= limit))
        return replace(people, named=tuple(sorted(named)))

    @property
    def _reads_everybody(self) -> bool:
        """Return whether this is a check of everything, from its beginning or from where it was interrupted."""
        return self.base is None or self.base.until is not None


def check_in_parts(
    whole: LedgerSnapshot,
    checks: Iterable[Check],
    part_size: int = PART_SIZE,
    observe: Observe = ignore,
    *,
    extent: Extent = Extent.WHOLE,
    saves: bool = False,
    check_elsewhere: CheckParts | None = None,
) -> Iterator[Result]:
    """Run checks over each part of the record, and yield the result of each in the order of their numbers.

    Args:
        whole: what is read of the files and settings.
        checks: the checks. Those that are to run once do so with the shared part, which is the last.
        part_size: people and items of evidence that are checked together.
        observe: is called with the progress after each part.
        extent: whose records are read.
        saves: whether to sign and keep what was covered, for later checks to begin with.
        check_elsewhere: checks the parts of people; None if this process does.
    """
    checks = sorted(checks, key=lambda check: check.number)
    common = CommonReads(whole)
    base = None
    if extent is not Extent.WHOLE:
        nobody = PartSnapshot(common, People(named=()), ())
        base = find_verified(UNFINISHED if extent is Extent.REST else LAST, nobody, checks)
        if extent is Extent.REST and base and not timedelta(0) <= now() - base.began_at <= MAX_INTERRUPTION:
            base = None
    common.is_whole = base is None
    yield from PartCheck(checks, common, plan_parts(part_size), base, check_elsewhere).run(observe, saves=saves)


def _list_signed_in() -> Iterator[int]:
    """Yield the people with an open session, since no event names a session that was planted."""
    query = select(UserSession.person_id).where(
        UserSession.ended_at.is_(None), UserSession.created_at > now() - ABSOLUTE_TIMEOUT
    )
    yield from db.session.scalars(query)
