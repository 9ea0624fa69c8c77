"""An assessor's queue, kept while nothing has happened: reading it anew costs most of what a page may take.

Whatever changes a queue is an event of the ledger, except that one accepts, returns or undoes: so the ledger's
head and one's own assessments about to be released say exactly whether what was read still holds.
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
    """What waits for this assessor, oldest first; read again only after something happened."""
    if not current_app.config["CACHE_QUEUE"]:
        return list_evidence_to_assess(person_id)
    kept: CachedQueues = current_app.extensions.setdefault("queue_cache", {})
    stamp = get_queue_stamp(person_id)  # first: what happens between the two reads is read again next time
    found = kept.get(person_id)
    if found and found[0] == stamp:
        return found[1]
    waiting = list_evidence_to_assess(person_id)
    if len(kept) >= MAX_CACHED_QUEUES:
        kept.clear()
    kept[person_id] = (stamp, waiting)
    return waiting


def get_queue_stamp(person_id: int) -> Stamp:
    """The hash of the last event, and which assessments of this assessor are about to be released; one statement."""
    head = select(Event.hash).order_by(Event.seq.desc()).limit(1).scalar_subquery()
    pending = select(head, func.count(Assessment.id), func.coalesce(func.sum(Assessment.id), 0)).where(
        Assessment.assessor_id == person_id, Assessment.release_after.is_not(None)
    )
    row = db.session.execute(pending).one()
    return row[0], row[1], int(row[2])
