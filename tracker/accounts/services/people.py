"""Centres, people, and the roles granted to them."""

from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from tracker.accounts import emails as email_texts
from tracker.accounts.person_names import clean_name, is_name
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
from tracker.web.text_direction import isolate


def create_centre(name: str, number: str, admin_email: str, admin_name: str) -> tuple[Centre, Person]:
    """Create a centre and its first administrator: for the operator only (docs/rules.md, Roles and permissions).

    Args:
        name: the centre's name.
        number: its number at the awarding body.
        admin_email: the administrator's email address.
        admin_name: the administrator's name, used where they have no account yet.

    Returns:
        The centre and its administrator, who may have an account already.
    """
    if not (0 < len(name) <= 200 and 0 < len(number) <= 40):
        raise Invalid(
            "Give the centre a name of at most 200 characters and a number of at most 40. Nothing was created."
        )
    if not is_address(admin_email):
        raise Invalid(f"“{admin_email}” is not an email address. Nothing was created.")
    if find_person(admin_email) is None and not is_name(clean_name(admin_name)):
        raise Invalid("Give the administrator’s name with --admin-name. Nothing was created.")
    if db.session.scalar(select(Centre.id).where(Centre.number == number)):
        raise Refused(f"There is already a centre with the number {number}. Nothing was created.")
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
    """Give a role at a centre to the person with this address, creating the person if there is none."""
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
    """Grant a role and email its person: an invitation if they have neither a password nor an open invitation.

    Raises:
        Refused: see `grant_role`; or the account is closed.
    """
    if person.deactivated_at:
        raise Refused(f"The account of {isolate(person.name)} is closed. Nothing was changed.")
    grant = grant_role(person, centre, role, actor, starts_at=starts_at, ends_at=ends_at)
    if person.password_hash is None and not has_open_invitation(person):
        send_link(
            person,
            LinkPurpose.INVITATION,
            actor,
            email_texts.describe_role(use_terms(role.label, centre.terms), centre.name),
        )
    else:
        message = email_texts.build_role_given_email(
            use_terms(role.label, centre.terms), centre.name, emails.build_url("/")
        )
        emails.notify(person, f"grant_given:{grant.id}", *message)
    return grant


def find_or_create_person(email: str, name: str, actor: Actor) -> Person:
    """Return the person with this address, created if there is none; an existing person's name is not changed.

    Raises:
        Invalid: a new person's address or name that cannot be used.
        Refused: the account is closed.
    """
    address, name = email.strip().lower(), clean_name(name)
    person = find_person(address)
    if person is None:
        if not is_address(address):
            raise Invalid("Emails cannot be sent to this address. Enter one such as name@example.org.", "email")
        if not is_name(name):
            raise Invalid("Enter a name with at least one letter and at most 200 characters.", "name")
        person = Person(name=name, email=address, created_at=now())
        db.session.add(person)
        db.session.flush()
        record("person_invited", person, actor)
    if person.deactivated_at:
        raise Refused("The account with this address is closed. Ask your system operator. Nothing was changed.")
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
    """Grant a role at a centre, from now or `starts_at` until `ends_at` if given.

    Raises:
        Refused: to oneself, or a role that the person has already (docs/rules.md, Roles and permissions).
        Invalid: an end before the start or in the past.
    """
    if actor.person_id == person.id:
        raise Refused("You cannot give yourself a role. Ask another administrator. Nothing was changed.")
    start = starts_at or now()
    if ends_at and ends_at <= max(start, now()):
        raise Invalid("Enter a last day that is not before the first day and not in the past.", "ends")
    lock_rows(Person, [person.id])  # when two people grant the same role at once, the second finds it granted
    if find_live_grant(person.id, centre.id, role):
        label = use_terms(role.label, centre.terms).lower()
        raise Refused(f"{isolate(person.name)} already has the role of {label} here. Nothing was changed.")
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
    """End a role now. What was done under it is kept.

    Raises:
        Refused: one's own role, or a role that has ended.
    """
    if grant.person_id == actor.person_id:
        raise Refused("You cannot end your own role. Ask another administrator. Nothing was changed.")
    if grant.ends_at and grant.ends_at <= now():
        raise Refused("That role has already ended. Nothing was changed.")
    grant.ends_at = max(now(), grant.starts_at)
    record("grant_ended", grant, actor, person=grant.person_id, role=grant.role.value)


def end_all_roles(person: Person, centre: Centre, actor: Actor) -> int:
    """End every role of a person at a centre, and their sessions if they have no role elsewhere.

    Returns how many roles were ended.

    Raises:
        Refused: one's own roles, or a person without a role here.
    """
    if person.id == actor.person_id:
        raise Refused("You cannot end your own roles. Ask another administrator. Nothing was changed.")
    query = select(Grant).where(Grant.person_id == person.id, Grant.centre_id == centre.id).order_by(Grant.id)
    live = [grant for grant in db.session.scalars(query) if not grant.ends_at or grant.ends_at > now()]
    if not live:
        raise Refused(f"{isolate(person.name)} has no role here now. Nothing was changed.")
    for grant in live:
        end_grant(grant, actor)
    if not list_centre_ids(person):
        end_sessions(person.id)
    return len(live)


def start_password_reset(person: Person, centre: Centre, actor: Actor) -> None:
    """Email a link with which a person sets a new password; the administrator never sees the link.

    Raises:
        Refused: see `check_account_managed`; somebody without a password, or an installation that sends no emails
            (docs/rules.md, Roles and permissions, rule 15).
    """
    check_account_managed(person, centre, actor)
    if person.password_hash is None:
        raise Refused(
            f"{isolate(person.name)} has no password yet. Send another invitation instead. Nothing was changed."
        )
    if not emails.can_deliver():
        raise Refused("This installation sends no emails. Ask your system operator for a link. Nothing was changed.")
    send_link(person, LinkPurpose.RESET, actor)


def check_account_managed(person: Person, centre: Centre, actor: Actor) -> None:
    """Raise `Refused` unless an administrator of the centre may act on this account, which is not their own.

    docs/rules.md, Roles and permissions, rule 16.
    """
    if person.id == actor.person_id:
        raise Refused("This is your own account. Ask another administrator. Nothing was changed.")
    if obstacle := find_account_obstacle(person, centre):
        raise Refused(f"{obstacle} Nothing was changed.")


def find_account_obstacle(person: Person, centre: Centre) -> str:
    """Return why an administrator of a centre may not act on a person's account, or an empty string.

    Every current and future role of the person must be at the centre; for others the system operator acts.
    """
    if person.deactivated_at:
        return f"The account of {isolate(person.name)} is closed."
    centre_ids = list_centre_ids(person)
    if centre_ids - {centre.id}:
        return f"{isolate(person.name)} has a role at another centre too. Ask your system operator."
    return "" if centre_ids else f"{isolate(person.name)} has no role here now. Ask your system operator."


def list_centre_ids(person: Person) -> set[int]:
    """Return the ids of the centres at which a person has a current or future role."""
    query = select(Grant).where(Grant.person_id == person.id)
    return {each.centre_id for each in db.session.scalars(query) if not each.ends_at or each.ends_at > now()}


def deactivate_person(person: Person) -> None:
    """Close an account and end its sessions: for the operator only (docs/rules.md, Roles and permissions)."""
    if person.deactivated_at:
        raise Refused(f"The account {person.email} is already closed. Nothing was changed.")
    person.deactivated_at = now()
    end_sessions(person.id)
    record("person_deactivated", person, OPERATOR)


def is_address(email: str) -> bool:
    """Return whether this is an email address that email servers accept: of ASCII characters only."""
    if not email.isascii():
        return False
    try:
        validate_email(email, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def find_person(email: str) -> Person | None:
    """Return the person with this email address, or None."""
    return db.session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()


def find_live_grant(person_id: int, centre_id: int, role: Role) -> Grant | None:
    """Return the grant of this role that has not ended, or None; one that starts later counts."""
    query = select(Grant).where(Grant.person_id == person_id, Grant.centre_id == centre_id, Grant.role == role)
    return next((each for each in db.session.scalars(query) if not each.ends_at or each.ends_at > now()), None)
