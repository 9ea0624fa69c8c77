"""Confirming one's own email address with a link that is emailed to it (docs/rules.md, Roles and permissions)."""

from sqlalchemy import select

from tracker.accounts.services.account_links import LinkExpired, lock_open_link, record_confirmation, send_link
from tracker.accounts.services.attempt_limits import count_link_request
from tracker.accounts.sessions import hash_token
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.models import AccountLink, Person
from tracker.vocabulary import LinkPurpose

NO_EMAILS = "This installation sends no emails, so no address can be confirmed. Nothing was sent."
EXPIRED = (
    "It has expired, was already used, was replaced by a newer link, or is for another account. Nothing was changed. "
    "Ask for a new link under My account."
)


def request_confirmation(actor: Actor, client_address: str) -> Person:
    """Email the actor a link that confirms their address, and return them.

    Requests are rate limited as those for a new password are, under a key of their own.

    Args:
        actor: whose address it is.
        client_address: the IP address that the request came from.

    Raises:
        Invalid: too many requests of this person or from this IP address.
        Refused: no emails are sent here, or the address is confirmed.
    """
    if not emails.can_deliver():
        raise Refused(NO_EMAILS)
    count_link_request(f"confirm address {actor.person_id}", client_address)
    person = db.session.get_one(Person, actor.person_id)
    if person.email_confirmed_at:
        raise Refused(f"{person.email} is confirmed already. Nothing was sent.")
    send_link(person, LinkPurpose.CONFIRM_ADDRESS, actor)
    return person


def find_address_to_confirm(token: str, person_id: int) -> str | None:
    """Return the address that this person can still confirm with this link, or None."""
    query = select(AccountLink.emailed_to).where(
        AccountLink.token_hash == hash_token(token),
        AccountLink.person_id == person_id,
        AccountLink.purpose == LinkPurpose.CONFIRM_ADDRESS,
        AccountLink.used_at.is_(None),
        AccountLink.expires_at > now(),
    )
    return db.session.scalar(query)


def confirm_address(token: str, actor: Actor) -> None:
    """Confirm the actor's email address with the link that was emailed to it.

    Raises:
        LinkExpired: the link cannot be used any more, or is not for this person.
    """
    link = lock_open_link(token)
    if link is None or link.purpose is not LinkPurpose.CONFIRM_ADDRESS:
        raise LinkExpired(EXPIRED)
    if link.person_id != actor.person_id or link.emailed_to != link.person.email:
        raise LinkExpired(EXPIRED)
    link.used_at = now()
    record_confirmation(link, actor)
