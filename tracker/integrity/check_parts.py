"""Integrity checks of the record in parts, so that memory does not grow with the record."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
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
    base: Verified | None
    """What an earlier check had covered."""


Observe = Callable[[Progress], None]


def ignore(_progress: Progress) -> None:
    """Ignore the progress."""


@dataclass
class PartCheck:
    """One run of checks over the parts of the record."""

    checks: list[Check]
    common: CommonReads
    parts: Parts
    base: Verified | None = None
    """What an earlier check covered, and this one relies on."""

    def run(self, observe: Observe, *, saves: bool) -> Iterator[Result]:
        """Check each part, and yield the result of each check."""
        found: list[dict[str, None]] = [{} for _ in self.checks]
        covered = build_verified(self.common.whole, self.checks) if saves else None
        if covered and self.base:
            covered = replace(covered, whole_at=self.base.whole_at)
        self.parts.new_after = self.base.size if self.base else None
        self.parts.divide_events(self.common.event_pass)
        if self.base:
            self.parts.named |= set(_list_signed_in())
        ranges = self.parts.list_people()
        for place, people in enumerate([*ranges, None]):
            own = self._limit(people)
            part = PartSnapshot(self.common, own, self.parts.list_seqs(place, own))
            if own is None or own.named != ():
                self._check(part, found)
            is_to_be_saved = self._reads_everybody and (place + 1) % PARTS_BETWEEN_SAVES == 0 and not any(found)
            if covered and people and people.until is not None and is_to_be_saved:
                save_verified(UNFINISHED, replace(covered, until=people.until))
            observe(Progress(place + 1, len(ranges) + 1, part, self.base))
        self._keep(covered, has_faults=any(found))
        for check, faults in zip(self.checks, found, strict=True):
            yield Result(check, len(faults), next(iter(faults), None))

    def _keep(self, covered: Verified | None, *, has_faults: bool) -> None:
        """Keep what was covered. After a fault nothing is kept, so that no later check leaves out where it is."""
        if has_faults:
            remove_verified(LAST)
        elif covered:
            save_verified(LAST, covered)
        if has_faults or (covered and self._reads_everybody):
            remove_verified(UNFINISHED)

    def _check(self, part: PartSnapshot, found: list[dict[str, None]]) -> None:
        for check, faults in zip(self.checks, found, strict=True):
            if not check.once or part.people is None:
                room = MAX_COUNTED - len(faults)
                faults.update(dict.fromkeys(islice(list_faults(check, part), room)))

    def _limit(self, people: People | None) -> People | None:
        """Return those people of a range whose records have to be read."""
        if self.base is None or people is None:
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
) -> Iterator[Result]:
    """Run checks over each part of the record, and yield the result of each in the order of their numbers.

    Args:
        whole: what is read of the files and settings.
        checks: the checks. Those that are to run once do so with the shared part, which is the last.
        part_size: people and items of evidence that are checked together.
        observe: is called with the progress after each part.
        extent: whose records are read.
        saves: whether to sign and keep what was covered, for later checks to begin with.
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
    yield from PartCheck(checks, common, plan_parts(part_size), base).run(observe, saves=saves)


def _list_signed_in() -> Iterator[int]:
    """Yield the people with an open session, since no event names a session that was planted."""
    query = select(UserSession.person_id).where(
        UserSession.ended_at.is_(None), UserSession.created_at > now() - ABSOLUTE_TIMEOUT
    )
    yield from db.session.scalars(query)
