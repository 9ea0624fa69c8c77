"""Cache of assessors' queues in memory, because reading a queue is slow (docs/performance.md).

Every change of a queue is an event of the ledger, except accepting, returning and undoing. So a cached queue is valid
while the ledger's last event and the assessor's own unreleased assessments are the same.
"""

from flask import current_app
from sqlalchemy import func, select

from tracker.assessment.queries.queue import EvidenceToAssess, list_evidence_to_assess
from tracker.extensions import db
from tracker.models import Assessment, Event

MAX_CACHED_QUEUES = 100

Stamp = tuple[str | None, int, int]
CachedQueues = dict[int, tuple[Stamp, list[EvidenceToAssess]]]


def read_queue(person_id: int) -> list[EvidenceToAssess]:
    """Return an assessor's queue, oldest first, from the cache if that is still valid."""
    if not current_app.config["CACHE_QUEUE"]:
        return list_evidence_to_assess(person_id)
    cached: CachedQueues = current_app.extensions.setdefault("queue_cache", {})
    stamp = get_queue_stamp(person_id)  # taken before the queue is read, so that a change in between is not missed
    entry = cached.get(person_id)
    if entry and entry[0] == stamp:
        return entry[1]
    queue = list_evidence_to_assess(person_id)
    if len(cached) >= MAX_CACHED_QUEUES:
        cached.clear()
    cached[person_id] = (stamp, queue)
    return queue


def get_queue_stamp(person_id: int) -> Stamp:
    """Return the last event's hash, and the count and sum of ids of the assessor's unreleased assessments."""
    last_hash = select(Event.hash).order_by(Event.seq.desc()).limit(1).scalar_subquery()
    query = select(last_hash, func.count(Assessment.id), func.coalesce(func.sum(Assessment.id), 0)).where(
        Assessment.assessor_id == person_id, Assessment.release_after.is_not(None)
    )
    row = db.session.execute(query).one()
    return row[0], row[1], int(row[2])
