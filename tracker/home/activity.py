"""Recent activity at a centre, from the events of the ledger."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from tracker.extensions import db
from tracker.models import Event, Grant, Person, Unit, UnitAttempt
from tracker.web.text_direction import isolate

MAX_SHOWN = 8
MAX_SEARCHED = 5_000
"""Only so many of the installation's latest events are searched for those of a centre."""
ACT_PHRASES = {
    "evidence_submitted": "submitted evidence",
    "assessment_released": "assessed evidence",
    "unit_signed": "signed a unit off",
    "unit_confirmed": "confirmed a unit",
    "unit_disputed": "disputed a unit",
    "unit_verified": "verified a unit",
    "sample_drawn": "sampled a unit",
    "action_point_raised": "raised an action point",
    "action_point_answered": "answered an action point",
    "action_point_closed": "closed an action point",
    "candidate_registered": "registered a candidate",
    "candidate_withdrawn": "withdrew a candidate",
    "registration_changed": "changed a registration",
    "allocation_made": "allocated a unit",
    "attempt_voided": "voided a unit",
    "form_issued": "issued a form",
    "grant_given": "gave a role",
    "grant_ended": "ended a role",
    "visit_opened": "opened a visit",
    "unit_published": "published a unit",
}
"""The acts that are shown, each with the phrase that follows the person's name."""


@dataclass(frozen=True, slots=True)
class Activity:
    """An act of a person at a centre, and the unit of a candidate that it was about, if any."""

    occurred_at: datetime
    person_id: int
    person_name: str
    phrase: str
    unit: str


def list_recent_activity(centre_id: int) -> list[Activity]:
    """List the latest acts under roles at a centre, newest first, in two statements."""
    last_seq = select(func.coalesce(func.max(Event.seq), 0)).scalar_subquery()
    query = (
        select(Event.at, Person.id, Person.name, Event.act, Event.object_type, Event.object_id, Event.body)
        .join(Grant, Grant.id == Event.grant_id)
        .join(Person, Person.id == Event.actor_id)
        .where(Grant.centre_id == centre_id, Event.act.in_(ACT_PHRASES), Event.seq > last_seq - MAX_SEARCHED)
        .order_by(Event.seq.desc())
        .limit(MAX_SHOWN)
    )
    rows = db.session.execute(query).all()
    attempt_ids = [_find_attempt_id(row.object_type, row.object_id, row.body) for row in rows]
    units = _describe_units({attempt_id for attempt_id in attempt_ids if attempt_id})
    return [
        Activity(row.at, row.id, row.name, ACT_PHRASES[row.act], units.get(attempt_id or 0, ""))
        for row, attempt_id in zip(rows, attempt_ids, strict=True)
    ]


def _find_attempt_id(object_type: str, object_id: int, body: bytes) -> int | None:
    """Return the id of the attempt that an event is about, or None."""
    if object_type == "unit_attempt":
        return object_id
    attempt_id = json.loads(body).get("data", {}).get("attempt")
    return attempt_id if isinstance(attempt_id, int) else None


def _describe_units(attempt_ids: set[int]) -> dict[int, str]:
    query = (
        select(UnitAttempt.id, Unit.code, Person.name)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(UnitAttempt.id.in_(attempt_ids))
    )
    return {row[0]: f"{row[1]} of {isolate(row[2])}" for row in db.session.execute(query)}
