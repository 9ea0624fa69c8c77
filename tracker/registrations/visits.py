"""Opening and ending visits: what an external verifier may read, and between which moments."""

from collections.abc import Collection
from datetime import datetime, timedelta

from tracker.background import emails
from tracker.clock import day_of, now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Centre, Person, UnitAttempt, Visit, VisitAttempt
from tracker.registrations.services import check_has_role
from tracker.vocabulary import Role


def open_visit(
    person: Person,
    centre: Centre,
    starts_at: datetime,
    ends_at: datetime,
    attempts: Collection[UnitAttempt],
    actor: Actor,
) -> Visit:
    """Let an external verifier read the attempts named, between two moments."""
    assert actor.person_id is not None  # noqa: S101 - an administrator opens visits, never the operator
    check_has_role(person, centre, Role.EXTERNAL_VERIFIER)
    if ends_at <= starts_at:
        raise Invalid("The last day must not lie before the first.", "ends")
    if ends_at <= now():
        raise Invalid("The last day is over already. Choose a later one.", "ends")
    if not attempts:
        raise Invalid("Choose the units that are in scope.", "attempts")
    if any(attempt.centre_id != centre.id for attempt in attempts):
        raise NotFound
    visit = Visit(
        centre_id=centre.id,
        person=person,
        starts_at=starts_at,
        ends_at=ends_at,
        opened_by_id=actor.person_id,
        opened_at=now(),
    )
    db.session.add(visit)
    db.session.flush()
    db.session.add_all(VisitAttempt(visit_id=visit.id, attempt_id=attempt.id) for attempt in attempts)
    record("visit_opened", visit, actor, person=person.id, attempts=sorted(attempt.id for attempt in attempts))
    first, last = day_of(starts_at), day_of(ends_at)
    emails.notify(
        person,
        f"visit_opened:{visit.id}",
        f"Your visit to {centre.name}",
        f"{centre.name} has opened units for you to read, from {first.day} {first:%B %Y} until "
        f"{last.day} {last:%B %Y}: {emails.build_url('/visit')}",
    )
    return visit


def end_visit(visit: Visit, actor: Actor) -> None:
    """Close a visit before its last day. One that had not begun never does."""
    moment = now()
    if visit.ends_at <= moment:
        raise Refused("This visit had already ended. Nothing was changed.")
    visit.ends_at, visit.starts_at = moment, min(visit.starts_at, moment - timedelta(microseconds=1))
    record("visit_ended", visit, actor)
