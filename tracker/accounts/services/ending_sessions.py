"""Ending sessions: one of one's own, and all of a person's by an administrator of their centre."""

from sqlalchemy import func, select

from tracker.accounts import emails as email_texts
from tracker.accounts.services.people import check_account_managed
from tracker.accounts.services.two_step_verification import send_security_email
from tracker.accounts.sessions import end_sessions, is_open
from tracker.clock import now
from tracker.errors import NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Centre, Person, UserSession
from tracker.web.text_direction import isolate


def end_own_session(session_id: int, actor: Actor) -> None:
    """End one of the actor's own sessions.

    Raises:
        NotFound: somebody else's session, or one that has ended.
    """
    query = select(UserSession).where(UserSession.id == session_id, UserSession.person_id == actor.person_id)
    session = db.session.scalars(query).one_or_none()
    if session is None or session.ended_at:
        raise NotFound
    session.ended_at = now()
    record("session_ended", session, actor)


def end_persons_sessions(person: Person, centre: Centre, actor: Actor) -> int:
    """End every session of a person and email them; return how many there were (docs/rules.md, Sign-in, rule 10).

    Raises:
        Refused: see `check_account_managed`, or the person is not signed in.
    """
    check_account_managed(person, centre, actor)
    count = count_open_sessions(person.id)
    if not count:
        raise Refused(f"{isolate(person.name)} is not signed in anywhere. Nothing was changed.")
    end_sessions(person.id)
    record("sessions_ended", person, actor, centre=centre.id, count=count)
    send_security_email(person, *email_texts.build_sessions_ended_email(centre.name))
    return count


def count_open_sessions(person_id: int) -> int:
    """Return how many browsers a person is signed in with."""
    query = select(func.count()).select_from(UserSession).where(UserSession.person_id == person_id, is_open())
    return db.session.scalar(query) or 0
