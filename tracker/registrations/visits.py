"""Visits of external verifiers: which attempts they may read, and between which dates."""

from collections.abc import Collection
from datetime import datetime, timedelta

from tracker.background import emails
from tracker.clock import day_of, now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Centre, Person, UnitAttempt, Visit, VisitAttempt
from tracker.registrations import emails as email_texts
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
    """Let an external verifier read the named attempts between two moments, and email them.

    Raises:
        Refused: the person is not an external verifier here.
        Invalid: dates in the wrong order or in the past, or no attempts.
        NotFound: an attempt of another centre.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator opens visits, never the operator
    check_has_role(person, centre, Role.EXTERNAL_VERIFIER)
    if ends_at <= starts_at:
        raise Invalid("Enter a last day that is not before the first day.", "ends")
    if ends_at <= now():
        raise Invalid("Enter a last day that is not in the past.", "ends")
    if not attempts:
        raise Invalid("Choose the units in scope.", "attempts")
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
    message = email_texts.build_visit_opened_email(
        centre.name, day_of(starts_at), visit.last_day, emails.build_url("/visit")
    )
    emails.notify(person, f"visit_opened:{visit.id}", *message)
    return visit


def end_visit(visit: Visit, actor: Actor) -> None:
    """End a visit now; one that has not started yet then never starts. Raise `Refused` if it has ended."""
    moment = now()
    if visit.ends_at <= moment:
        raise Refused("This visit has already ended. Nothing was changed.")
    visit.ends_at, visit.starts_at = moment, min(visit.starts_at, moment - timedelta(microseconds=1))
    record("visit_ended", visit, actor)
