"""The record checked every night by the worker, and what the last check found."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from tracker.clock import LONDON, now
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.transactions import transaction
from tracker.models import RecordCheck

HOUR = 2
"""In London: nobody is at work."""
AT_THE_LATEST = timedelta(hours=26)


def check_nightly() -> RecordCheck | None:
    """Check the record if tonight's check is due; looked for every minute by the worker."""
    last = find_last_check()
    moment = now()
    if last and not _is_due(last):
        db.session.rollback()
        return None
    from tracker.integrity.verify import verify_record

    size, _ = events.head()
    results: list[dict[str, Any]] = [
        {"invariant": each.check.number, "name": each.check.name, "offences": each.count, "first": each.first}
        for each in verify_record()
    ]
    with transaction():
        found = RecordCheck(
            checked_at=moment,
            finished_at=now(),
            events=size,
            violated=sum(each["offences"] > 0 for each in results),
            results=results,
        )
        db.session.add(found)
    return found


def find_last_check() -> RecordCheck | None:
    return db.session.scalars(select(RecordCheck).order_by(RecordCheck.id.desc()).limit(1)).first()


def _is_due(last: RecordCheck) -> bool:
    """In the night after the last one, or whenever the worker is back after more than a day."""
    here, before = now().astimezone(LONDON), last.checked_at.astimezone(LONDON)
    tonight = here.date() > before.date() and HOUR <= here.hour < HOUR + 3
    return tonight or now() - last.checked_at >= AT_THE_LATEST
