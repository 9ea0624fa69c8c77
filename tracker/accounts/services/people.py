"""Centres, people and the roles they hold."""

from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from tracker.accounts.services.account_links import has_open_invitation, send_link
from tracker.accounts.sessions import end_sessions
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, Grant, Person
from tracker.vocabulary import LinkPurpose, Role, use_terms


def create_centre(name: str, number: str, admin_email: str, admin_name: str) -> tuple[Centre, Person]:
    """A centre and its first administrator; the operator alone does this (design, rule 15)."""
    if not (0 < len(name) <= 200 and 0 < len(number) <= 40):
        raise Invalid(
            "A centre needs a name of at most 200 and a number of at most 40 characters. Nothing was created."
        )
    if not is_address(admin_email):
        raise Invalid(f"“{admin_email}” is not an email address. Nothing was created.")
    if db.session.scalar(select(Centre.id).where(Centre.number == number)):
        raise Refused(f"There is a centre with the number {number} already. Nothing was created.")
    centre = Centre(name=name, number=number, created_at=now())
    db.session.add(centre)
    db.session.flush()
    record("centre_created", centre, OPERATOR)
    person = find_or_create_person(admin_email, admin_name, OPERATOR)
    grant_role(person, centre, Role.ADMINISTRATOR, OPERATOR)
    return centre, person


def invite_person(
    email: str,
    name: str,
    centre: Centre,
    role: Role,
    actor: Actor,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Person:
    """Give somebody a role here: a new person, or one whom the installation knows already."""
    person = find_or_create_person(email, name, actor)
    give_role(person, centre, role, actor, starts_at=starts_at, ends_at=ends_at)
    return person


def give_role(
    person: Person,
    centre: Centre,
    role: Role,
    actor: Actor,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Grant:
    """Grant a role and tell its person: by an invitation if they have no password and no open one."""
    grant = grant_role(person, centre, role, actor, starts_at=starts_at, ends_at=ends_at)
    told = f"You have been given the role of {use_terms(role.label, centre.terms).lower()} at {centre.name}."
    if person.password_hash is None and not has_open_invitation(person):
        send_link(person, LinkPurpose.INVITATION, actor, why=told)
    else:
        told = f"{told} Sign in at {emails.build_url('/')}"
        emails.notify(person, f"grant_given:{grant.id}", f"Your role at {centre.name}", told)
    return grant


def find_or_create_person(email: str, name: str, actor: Actor) -> Person:
    """One person an address for the whole installation; the name of one who exists stays as it is."""
    address = email.strip().lower()
    person = find_person(address)
    if person is None:
        person = Person(name=" ".join(name.split()), email=address, created_at=now())
        db.session.add(person)
        db.session.flush()
        record("person_invited", person, actor)
    if person.deactivated_at:
        raise Refused("The account of this address was closed. Ask the installation's operator. Nothing was changed.")
    return person


def grant_role(
    person: Person,
    centre: Centre,
    role: Role,
    actor: Actor,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Grant:
    """Grant a role between two moments. Nobody grants themselves one; the same one twice is refused."""
    if actor.person_id == person.id:
        raise Refused("Nobody can give themselves a role. Another administrator can. Nothing was changed.")
    start = starts_at or now()
    if ends_at and ends_at <= max(start, now()):
        raise Invalid("The last day must not lie before the first, nor be over.", "ends")
    lock_rows(Person, [person.id])  # of two who grant the same role at once, the second finds it granted
    if find_live_grant(person.id, centre.id, role):
        label = use_terms(role.label, centre.terms).lower()
        raise Refused(f"{person.name} has the role of {label} here already. Nothing was changed.")
    grant = Grant(
        person_id=person.id,
        centre_id=centre.id,
        role=role,
        starts_at=start,
        ends_at=ends_at,
        granted_by_id=actor.person_id,
        granted_at=now(),
    )
    db.session.add(grant)
    db.session.flush()
    record("grant_given", grant, actor, person=person.id, centre=centre.id, role=role.value)
    return grant


def end_grant(grant: Grant, actor: Actor) -> None:
    """End a role now. What was done under it stays."""
    if grant.person_id == actor.person_id:
        raise Refused("Nobody can end their own role. Another administrator can. Nothing was changed.")
    if grant.ends_at and grant.ends_at <= now():
        raise Refused("That role had already ended. Nothing was changed.")
    grant.ends_at = max(now(), grant.starts_at)
    record("grant_ended", grant, actor, person=grant.person_id, role=grant.role.value)


def deactivate_person(person: Person) -> None:
    """Close an account at once: its sessions end. The operator alone does this (design, rule 15)."""
    if person.deactivated_at:
        raise Refused(f"{person.email} was closed already. Nothing was changed.")
    person.deactivated_at = now()
    end_sessions(person.id)
    record("person_deactivated", person, OPERATOR)


def is_address(email: str) -> bool:
    try:
        validate_email(email, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def find_person(email: str) -> Person | None:
    return db.session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()


def find_live_grant(person_id: int, centre_id: int, role: Role) -> Grant | None:
    """A grant of this role that has not ended; one that is still to begin counts."""
    query = select(Grant).where(Grant.person_id == person_id, Grant.centre_id == centre_id, Grant.role == role)
    return next((each for each in db.session.scalars(query) if not each.ends_at or each.ends_at > now()), None)
