"""Queries for the account pages: people, roles, sessions and signatures."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from tracker.accounts.sessions import ABSOLUTE_TIMEOUT, IDLE_TIMEOUT
from tracker.clock import now
from tracker.extensions import db
from tracker.models import Centre, Event, Grant, Person, Signature, Unit, UnitAttempt, UserSession
from tracker.vocabulary import Role, SignatureRole

PAGE = 50
MAX_DEMO_GRANTS = 60


@dataclass(frozen=True)
class DemoPerson:
    """One of the demo's people, as the sign-in page offers them."""

    name: str
    email: str
    other_roles: tuple[str, ...]


@dataclass(frozen=True)
class OwnSignature:
    """A receipt for a signature: what was signed and when, and the hash of the event that records it."""

    role: SignatureRole
    unit_code: str
    candidate: str
    round: int
    signed_at: datetime
    superseded_at: datetime | None
    snapshot_hash: str
    event_hash: str | None


def list_demo_people() -> list[tuple[Role, list[DemoPerson]]]:
    """List the demo's people under their first role, with the roles in the order of the work."""
    query = (
        select(Person.id, Person.name, Person.email, Grant.role)
        .join(Grant, Grant.person_id == Person.id)
        .where(Person.deactivated_at.is_(None), Person.password_hash.is_not(None))
        .order_by(Grant.id)
        .limit(MAX_DEMO_GRANTS)
    )
    rows = db.session.execute(query).all()
    first: dict[int, Role] = {}
    others: dict[int, list[str]] = {}
    for row in rows:
        if first.setdefault(row.id, row.role) is not row.role:
            others.setdefault(row.id, []).append(row.role.label.lower())
    people = {row.id: DemoPerson(row.name, row.email, tuple(others.get(row.id, ()))) for row in rows}
    by_role = [(role, [people[each] for each in people if first[each] is role]) for role in Role]
    return [(role, holders) for role, holders in by_role if holders]


def list_people(centre: Centre, words: str, page: int) -> tuple[list[Person], bool]:
    """List a page of the people with a role at a centre, past or present, by name; and whether there are more."""
    own = select(Grant.person_id).where(Grant.centre_id == centre.id)
    query = select(Person).where(Person.id.in_(own)).options(selectinload(Person.grants))
    if words := words.strip().lower():
        query = query.where(
            or_(
                func.lower(Person.name).contains(words, autoescape=True),
                Person.email.contains(words, autoescape=True),
            )
        )
    people = list(
        db.session.scalars(query.order_by(Person.name, Person.id).limit(PAGE + 1).offset(PAGE * (page - 1)))
    )
    return people[:PAGE], len(people) > PAGE


def find_person_at(centre: Centre, person_id: int) -> Person | None:
    """Return the person if they have or had a role at this centre, or None."""
    query = select(Person).where(
        Person.id == person_id, Person.id.in_(select(Grant.person_id).where(Grant.centre_id == centre.id))
    )
    return db.session.scalars(query).one_or_none()


def list_grants_at(centre: Centre, person: Person) -> list[Grant]:
    """List a person's roles at a centre: current and future ones first, then those that have ended."""
    query = select(Grant).where(Grant.person_id == person.id, Grant.centre_id == centre.id).order_by(Grant.id)
    moment = now()
    return sorted(db.session.scalars(query), key=lambda grant: bool(grant.ends_at and grant.ends_at <= moment))


def find_grant_at(centre: Centre, person_id: int, grant_id: int) -> Grant | None:
    """Return a person's role at this centre, or None if there is none with this id."""
    query = select(Grant).where(Grant.id == grant_id, Grant.person_id == person_id, Grant.centre_id == centre.id)
    return db.session.scalars(query).one_or_none()


def list_sessions(person_id: int) -> list[UserSession]:
    """List a person's live sessions, last used first."""
    moment = now()
    query = (
        select(UserSession)
        .where(
            UserSession.person_id == person_id,
            UserSession.ended_at.is_(None),
            UserSession.last_seen_at > moment - IDLE_TIMEOUT,
            UserSession.created_at > moment - ABSOLUTE_TIMEOUT,
        )
        .order_by(UserSession.last_seen_at.desc())
    )
    return list(db.session.scalars(query))


def list_own_roles(person_id: int) -> list[Grant]:
    """List a person's current and future roles."""
    query = (
        select(Grant)
        .where(Grant.person_id == person_id, or_(Grant.ends_at.is_(None), Grant.ends_at > now()))
        .options(joinedload(Grant.centre))
        .order_by(Grant.id)
    )
    return list(db.session.scalars(query))


def list_own_signatures(person_id: int, page: int) -> tuple[list[OwnSignature], bool]:
    """List a page of a person's signatures, newest first; and whether more follow."""
    query = (
        select(
            Signature.role,
            Unit.code,
            Person.name,
            Signature.round,
            Signature.signed_at,
            Signature.superseded_at,
            Signature.snapshot_hash,
            Event.hash,
        )
        .join(UnitAttempt, UnitAttempt.id == Signature.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .outerjoin(Event, (Event.object_type == "signature") & (Event.object_id == Signature.id))
        .where(Signature.person_id == person_id)
        .order_by(Signature.signed_at.desc(), Signature.id.desc())
        .limit(PAGE + 1)
        .offset(PAGE * (page - 1))
    )
    signatures = [OwnSignature(*row) for row in db.session.execute(query)]
    return signatures[:PAGE], len(signatures) > PAGE
