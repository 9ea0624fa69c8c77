"""One-time links: invitations, password resets and confirmations of an email address."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from tracker.accounts import emails as email_texts
from tracker.accounts.known_browsers import forget_browsers
from tracker.accounts.passwords import CONTEXT_WORDS, MIN_LENGTH, is_guessable
from tracker.accounts.person_names import clean_name, is_name
from tracker.accounts.sessions import end_sessions, hash_token
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import AccountLink, Centre, Person
from tracker.vocabulary import LinkPurpose
from tracker.web.text_direction import isolate

LIFETIME = {
    LinkPurpose.INVITATION: timedelta(days=14),
    LinkPurpose.RESET: timedelta(hours=1),
    LinkPurpose.CONFIRM_ADDRESS: timedelta(days=1),
    LinkPurpose.NEW_BROWSER: timedelta(hours=1),
}
PASSWORD_LINKS = (LinkPurpose.INVITATION, LinkPurpose.RESET)
"""The links that set a password."""
PATHS = {
    LinkPurpose.INVITATION: "/links",
    LinkPurpose.RESET: "/links",
    LinkPurpose.CONFIRM_ADDRESS: "/account/confirm-address",
    LinkPurpose.NEW_BROWSER: "/sign-in/new-browser",
}
"""Where a link leads; its token follows."""
MAX_PASSWORD_LENGTH = 200
EXPIRED = "It has expired, was already used, or was replaced by a newer link. Nothing was changed."


class LinkExpired(Refused):
    """A link that has expired, was used or never existed: the message does not say which."""

    title = "This link no longer works"

    def __init__(self, sentence: str = "") -> None:
        """Say what is wrong, and where to ask for another link; by default for a link that sets a password."""
        by_email = "Ask for a new link on the sign-in page, or ask your centre."
        super().__init__(sentence or f"{EXPIRED} {by_email if emails.can_deliver() else 'Ask your centre for one.'}")


@dataclass(frozen=True)
class OpenLink:
    """A link that can still be used, with its purpose and its person."""

    purpose: LinkPurpose
    name: str
    email: str


def issue_link(
    person: Person, purpose: LinkPurpose, actor: Actor, *, is_emailed: bool = False, is_shown: bool = False
) -> str:
    """Create a link and return its path. Older links for the same purpose expire; only the token's hash is stored.

    Args:
        person: whose account it is for.
        purpose: what it is for.
        actor: who issues it.
        is_emailed: whether only the person gets it, by email to their address, which using it then confirms.
        is_shown: whether the administrator is shown it. The event says both.
    """
    moment = now()
    close_links(person, purpose)
    token = secrets.token_urlsafe(32)
    link = AccountLink(
        person_id=person.id,
        purpose=purpose,
        token_hash=hash_token(token),
        emailed_to=person.email if is_emailed else None,
        created_at=moment,
        expires_at=moment + LIFETIME[purpose],
    )
    db.session.add(link)
    db.session.flush()
    facts: dict[str, Any] = {"shown_to_administrator": True} if is_shown else {}
    record("link_issued", person, actor, purpose=purpose.value, emailed=is_emailed, **facts)
    return f"{PATHS[purpose]}/{token}"


def send_link(person: Person, purpose: LinkPurpose, actor: Actor, reason: str = "") -> str:
    """Email a new link to its person; nobody else sees it. `reason` is a sentence for an invitation.

    Returns:
        Its path, for the demonstration, which accepts the invitations of its people.
    """
    path = issue_link(person, purpose, actor, is_emailed=emails.can_deliver())
    message = email_texts.build_link_email(purpose, person.name, emails.build_url(path), reason)
    emails.send(person.email, *message)
    return path


def issue_shown_link(person: Person, centre: Centre, actor: Actor) -> str:
    """Create an invitation for the centre's administrator to hand over, and return its path.

    Raises:
        Refused: emails are sent here, the person has an account, or they have a role at another centre, where the
            administrator could act as them (docs/rules.md, Roles and permissions, rule 14).
    """
    if emails.can_deliver() or person.password_hash or person.deactivated_at:
        raise Refused("The link can be shown only where no emails are sent, to somebody without an account.")
    if any(grant.centre_id != centre.id for grant in person.grants):
        raise Refused(
            f"{isolate(person.name)} was also given a role at another centre, so the link is not shown. Ask your "
            "system operator for a link. Nothing was changed."
        )
    return issue_link(person, LinkPurpose.INVITATION, actor, is_shown=True)


def find_link(token: str, purposes: Collection[LinkPurpose] = PASSWORD_LINKS) -> OpenLink | None:
    """Return the link with this token, for a password unless said otherwise, while it can be used, or None."""
    query = (
        select(AccountLink.purpose, Person.name, Person.email)
        .join(Person, Person.id == AccountLink.person_id)
        .where(
            AccountLink.token_hash == hash_token(token),
            AccountLink.purpose.in_(purposes),
            AccountLink.used_at.is_(None),
            AccountLink.expires_at > now(),
            Person.deactivated_at.is_(None),
        )
    )
    row = db.session.execute(query).one_or_none()
    return OpenLink(*row) if row else None


def use_link(token: str, password_hash: str, name: str = "") -> Person:
    """Set a password with a link, and for an invitation the name too. A link that was emailed confirms the address.

    Raises:
        LinkExpired: the link cannot be used any more.
    """
    link = lock_open_link(token)
    if link is None or link.purpose not in PASSWORD_LINKS:
        raise LinkExpired
    link.used_at = now()
    person = link.person
    if link.purpose is LinkPurpose.RESET:
        set_password(person, password_hash, Actor(person.id), "password_reset")
    else:
        typed = clean_name(name)
        person.name = typed if is_name(typed) else person.name
        set_password(person, password_hash, Actor(person.id), "invitation_accepted")
    record_confirmation(link, Actor(person.id))
    return person


def lock_open_link(token: str) -> AccountLink | None:
    """Lock the link with this token, so that it works once, and its person; return None if it cannot be used."""
    link = db.session.scalars(
        select(AccountLink).where(AccountLink.token_hash == hash_token(token)).with_for_update(of=AccountLink)
    ).one_or_none()
    if link is None or link.used_at or link.expires_at <= now():
        return None
    lock_rows(Person, [link.person_id])
    return None if link.person.deactivated_at else link


def record_confirmation(link: AccountLink, actor: Actor) -> None:
    """Record that a person used a link that was emailed to their address, unless the address is confirmed already."""
    person = link.person
    if link.emailed_to != person.email or person.email_confirmed_at:
        return
    person.email_confirmed_at = now()
    confirmed_at = person.email_confirmed_at.isoformat(timespec="microseconds")
    record("email_confirmed", person, actor, purpose=link.purpose.value, confirmed_at=confirmed_at)


def set_password(
    person: Person, password_hash: str, actor: Actor, act: str, *, keep_session: int | None = None
) -> None:
    """Set a password, end the person's other sessions and links for a password, and email them that it was changed.

    Args:
        person: whose password it is.
        password_hash: its hash, made before any lock was taken.
        actor: who sets it.
        act: the event to record.
        keep_session: the id of the session that is not ended.
    """
    person.password_hash = password_hash
    end_sessions(person.id, except_id=keep_session)
    forget_browsers(person.id)
    for purpose in (*PASSWORD_LINKS, LinkPurpose.NEW_BROWSER):
        close_links(person, purpose)
    record(act, person, actor, texts={"password": password_hash})
    if act != "invitation_accepted":
        emails.send(person.email, *email_texts.build_password_changed_email(person.name))


def close_links(person: Person, purpose: LinkPurpose) -> None:
    """Make a person's open links for this purpose unusable."""
    db.session.execute(
        update(AccountLink)
        .where(AccountLink.person_id == person.id, AccountLink.purpose == purpose, AccountLink.used_at.is_(None))
        .values(used_at=now())
    )


def has_open_invitation(person: Person) -> bool:
    """Return whether a person has an invitation that can still be used; where emails are sent, one by email.

    Nobody may have got a link that was issued before emails were configured.
    """
    query = select(AccountLink.id).where(
        AccountLink.person_id == person.id,
        AccountLink.purpose == LinkPurpose.INVITATION,
        AccountLink.used_at.is_(None),
        AccountLink.expires_at > now(),
    )
    if emails.can_deliver():
        query = query.where(AccountLink.emailed_to == person.email)
    return db.session.execute(query.limit(1)).first() is not None


def check_password(password: str, name: str, email: str) -> None:
    """Raise `Invalid` for a password that is too short, too long, or easy to guess from the name and address."""
    if len(password) < MIN_LENGTH:
        raise Invalid(f"Use at least {MIN_LENGTH} characters, for example three unrelated words.", "password")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise Invalid(f"Use at most {MAX_PASSWORD_LENGTH} characters.", "password")
    if is_guessable(password, (name, email, *CONTEXT_WORDS)):
        raise Invalid("This password is too easy to guess. Use three unrelated words, for example.", "password")
