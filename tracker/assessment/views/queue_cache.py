"""Cache of assessors' queues in memory, because reading a queue is slow (docs/performance.md).

Every change of a queue is an event of the ledger, except accepting, returning and undoing, and the start or end of a
role at a set time. So a cached queue is valid while no event concerned its assessor or a candidate of theirs, and the
assessor's roles and their own unreleased assessments are the same.
"""

from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from flask import current_app
from sqlalchemy import Select, bindparam, func, select, true

from tracker.assessment.queries.concerned_people import People, list_concerned
from tracker.assessment.queries.queue import EvidenceToAssess, list_evidence_to_assess
from tracker.extensions import db
from tracker.ledger.events import GENESIS
from tracker.models import Allocation, Assessment, Event, UnitAttempt
from tracker.statements import fetch_rows
from tracker.vocabulary import Role
from tracker.web.current_user import me

MAX_CACHED_QUEUES = 100
MAX_REMEMBERED_EVENTS = 1_000

Own = tuple[int, int, tuple[int, ...]]
"""The count and sum of ids of an assessor's unreleased assessments, and the ids of their roles."""


@dataclass(frozen=True)
class CachedQueue:
    """A queue as it was after an event, with the people whose events change it."""

    seq: int
    own: Own
    people: frozenset[int]
    queue: list[EvidenceToAssess]


@dataclass
class QueueCache:
    """The queues that one process has read, and whom the latest events concerned."""

    seq: int = 0
    hash: str = GENESIS
    """The last event that was looked at."""
    concerned: deque[tuple[int, People]] = field(default_factory=lambda: deque(maxlen=MAX_REMEMBERED_EVENTS))
    queues: dict[int, CachedQueue] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def follow_ledger(self, seq: int, last_hash: str, hash_before: str | None) -> None:
        """Look at the events up to this one; forget everything if they are too many, or another ledger's."""
        if (self.seq and hash_before != self.hash) or not self.seq <= seq <= self.seq + MAX_REMEMBERED_EVENTS:
            self.queues.clear()
            self.concerned.clear()
        elif seq > self.seq:
            self.concerned.extend(list_concerned(self.seq, seq))
        self.seq, self.hash = seq, last_hash

    def find(self, person_id: int, own: Own) -> CachedQueue | None:
        """Return the queue of an assessor if it is still valid."""
        cached = self.queues.get(person_id)
        if cached is None or cached.own != own or cached.seq < self.seq - MAX_REMEMBERED_EVENTS:
            return None
        newer = (people for seq, people in self.concerned if seq > cached.seq)
        return None if any(people is None or people & cached.people for people in newer) else cached

    def store(self, person_id: int, cached: CachedQueue) -> None:
        """Store the queue of an assessor."""
        if len(self.queues) >= MAX_CACHED_QUEUES:
            self.queues.clear()
        self.queues[person_id] = cached


def read_queue(person_id: int) -> list[EvidenceToAssess]:
    """Return the queue of the assessor who is signed in, oldest first, from the cache if that is still valid."""
    if not current_app.config["CACHE_QUEUE"]:
        return list_evidence_to_assess(person_id)
    cache: QueueCache = current_app.extensions.setdefault("queue_cache", QueueCache())
    with cache.lock:  # the ledger is looked at before the queue is read, so that a change in between is not missed
        own = _follow_ledger(cache, person_id)
        seq, cached = cache.seq, cache.find(person_id, own)
    if cached:
        return cached.queue
    queue = list_evidence_to_assess(person_id)
    with cache.lock:
        cache.store(person_id, CachedQueue(seq, own, _list_people(person_id), queue))
    return queue


def _select_own_part() -> Select[*tuple[Any, ...]]:
    """Select an assessor's unreleased assessments, the last event, and the hash of the one last looked at."""
    last = select(Event.seq, Event.hash).order_by(Event.seq.desc()).limit(1).subquery()
    before = select(Event.hash).where(Event.seq == bindparam("seq")).scalar_subquery()
    unreleased = select(
        func.count(Assessment.id).label("count"), func.coalesce(func.sum(Assessment.id), 0).label("total")
    ).where(Assessment.assessor_id == bindparam("person_id"), Assessment.release_after.is_not(None))
    own = unreleased.subquery()
    return select(own.c.count, own.c.total, last.c.seq, last.c.hash, before).select_from(own).outerjoin(last, true())


OWN_PART = _select_own_part()


def _follow_ledger(cache: QueueCache, person_id: int) -> Own:
    """Let the cache look at the newest events; return the assessor's own part of what a queue depends on."""
    count, total, seq, last_hash, hash_before = fetch_rows(OWN_PART, seq=cache.seq, person_id=person_id)[0]
    cache.follow_ledger(seq or 0, last_hash or GENESIS, hash_before)
    return count, int(total), tuple(grant.id for grant in me().grants)


def _list_people(person_id: int) -> frozenset[int]:
    """Return the assessor and the candidates of every unit that is or was allocated to them."""
    query = (
        select(UnitAttempt.candidate_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(Allocation.person_id == person_id, Allocation.role == Role.ASSESSOR)
        .distinct()
    )
    return frozenset({person_id, *db.session.scalars(query)})
