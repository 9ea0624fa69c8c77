"""One-time links by which a person sets a password: invitations and resets."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from tracker.accounts.passwords import MIN_LENGTH, is_guessable
from tracker.accounts.sessions import end_sessions, hash_token
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import AccountLink, Person
from tracker.vocabulary import LinkPurpose

LASTS = {LinkPurpose.INVITATION: timedelta(days=14), LinkPurpose.RESET: timedelta(hours=1)}
MAX_PASSWORD_LENGTH = 200
LAPSED = (
    "It has lapsed, was already used, or a newer one took its place. Nothing was changed. "
    "Ask for a new one on the sign-in page, or ask your centre."
)


class LinkExpired(Refused):
    """A link that is over, was used, or never was; which of them is not told."""

    title = "This link no longer works"

    def __init__(self) -> None:
        super().__init__(LAPSED)


@dataclass(frozen=True)
class OpenLink:
    """A link that can still be used: what for, and whose it is."""

    purpose: LinkPurpose
    name: str
    email: str


def issue_link(person: Person, purpose: LinkPurpose, actor: Actor) -> str:
    """The path of a new link; older ones of the same purpose lapse. Only the token's hash is kept."""
    moment = now()
    close_links(person, purpose)
    token = secrets.token_urlsafe(32)
    link = AccountLink(
        person_id=person.id,
        purpose=purpose,
        token_hash=hash_token(token),
        created_at=moment,
        created_by_id=actor.person_id,
        expires_at=moment + LASTS[purpose],
    )
    db.session.add(link)
    db.session.flush()
    record("link_issued", person, actor, purpose=purpose.value)
    return f"/links/{token}"


def send_link(person: Person, purpose: LinkPurpose, actor: Actor, why: str = "") -> None:
    """Mail a new link to its person, and show it to nobody else. `why` is a sentence for an invitation."""
    address = emails.build_url(issue_link(person, purpose, actor))
    if purpose is LinkPurpose.INVITATION:
        subject, told = "Your invitation to the evidence tracker", "You are invited to the evidence tracker."
        told = f"{told} {why}".strip()
        lasts = "It works once, within 14 days."
    else:
        subject, told = "Set a new password", "A new password was asked for at this address."
        lasts = "It works once, within an hour. If you did not ask, do nothing: your password stays as it is."
    emails.send(
        person.email, subject, f"Hello {person.name},\n\n{told} Choose your password here:\n\n{address}\n\n{lasts}\n"
    )


def find_link(token: str) -> OpenLink | None:
    """What a token opens, while it can still be used."""
    query = (
        select(AccountLink.purpose, Person.name, Person.email)
        .join(Person, Person.id == AccountLink.person_id)
        .where(
            AccountLink.token_hash == hash_token(token),
            AccountLink.used_at.is_(None),
            AccountLink.expires_at > now(),
            Person.deactivated_at.is_(None),
        )
    )
    found = db.session.execute(query).one_or_none()
    return OpenLink(*found) if found else None


def use_link(token: str, password_hash: str, name: str = "") -> Person:
    """Set the password by a link, and on an invitation the name too. Of two who follow it at once, one may."""
    link = db.session.scalars(
        select(AccountLink).where(AccountLink.token_hash == hash_token(token)).with_for_update(of=AccountLink)
    ).one_or_none()
    if link is None or link.used_at or link.expires_at <= now() or link.person.deactivated_at:
        raise LinkExpired
    link.used_at = now()
    person = link.person
    if link.purpose is LinkPurpose.RESET:
        set_password(person, password_hash, Actor(person.id), "password_reset")
    else:
        person.name = " ".join(name.split()) or person.name
        set_password(person, password_hash, Actor(person.id), "invitation_accepted")
    return person


def set_password(
    person: Person, password_hash: str, actor: Actor, act: str, *, keep_session: int | None = None
) -> None:
    """Change a password, end the other sessions and every open link, and tell the person that it happened."""
    person.password_hash = password_hash
    end_sessions(person.id, except_id=keep_session)
    for purpose in LinkPurpose:
        close_links(person, purpose)
    record(act, person, actor)
    if act != "invitation_accepted":
        emails.send(
            person.email,
            "Your password was changed",
            f"Hello {person.name},\n\nYour password for the evidence tracker was changed just now, and every other "
            "browser was signed out. If this was not you, ask for a new link on the sign-in page at once.\n",
        )


def close_links(person: Person, purpose: LinkPurpose) -> None:
    """Have a person's open links of a purpose lapse now."""
    db.session.execute(
        update(AccountLink)
        .where(AccountLink.person_id == person.id, AccountLink.purpose == purpose, AccountLink.used_at.is_(None))
        .values(used_at=now())
    )


def has_open_invitation(person: Person) -> bool:
    query = select(AccountLink.id).where(
        AccountLink.person_id == person.id,
        AccountLink.purpose == LinkPurpose.INVITATION,
        AccountLink.used_at.is_(None),
        AccountLink.expires_at > now(),
    )
    return db.session.execute(query.limit(1)).first() is not None


def check_password(password: str, name: str, email: str) -> None:
    """Raise `Invalid` unless this will do as the password of who has this name and address."""
    if len(password) < MIN_LENGTH:
        raise Invalid(
            f"A password needs at least {MIN_LENGTH} characters. Three unrelated words do well.", "password"
        )
    if len(password) > MAX_PASSWORD_LENGTH:
        raise Invalid(f"A password may have at most {MAX_PASSWORD_LENGTH} characters.", "password")
    if is_guessable(password, (name, email)):
        raise Invalid("That password is too easy to guess. Three unrelated words do well.", "password")
