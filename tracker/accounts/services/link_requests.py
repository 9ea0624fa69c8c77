"""Links that somebody asks for on the sign-in page: the worker sends them, so that the answer says nothing.

The request takes the same path for every address. Whether an address has an account is looked up by the worker only.
"""

from datetime import timedelta

from sqlalchemy import select

from tracker import security_log
from tracker.accounts.services.account_changes import apply_due_changes
from tracker.accounts.services.account_links import LinkExpired, OpenLink, find_link, lock_open_link, send_link
from tracker.accounts.services.attempt_limits import count_link_request
from tracker.accounts.services.people import find_person
from tracker.background.jobs import enqueue
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.models import LinkRequest
from tracker.vocabulary import LinkPurpose

EXPIRED = (
    "It has expired, was already used, or was replaced by a newer link. Nothing was changed. Ask for a new link when "
    "you sign in."
)
LIFETIME = timedelta(hours=1)
"""How long the worker may take. A link that comes later is not expected any more."""


def request_link(email: str, purpose: LinkPurpose, address: str) -> None:
    """Let the worker email a link to this address if it has an account. Nothing differs for one that has none.

    Args:
        email: the address as it was typed.
        purpose: a new password, or sign-in with a new browser.
        address: the IP address that the request came from.

    Raises:
        Invalid: too many requests for this account or from this IP address.
    """
    email = email.strip().lower()
    count_link_request(f"{purpose} {email}", address)
    row = LinkRequest(email=email, purpose=purpose, requested_at=now())
    db.session.add(row)
    db.session.flush()
    security_log.write("link_requested", account=security_log.hash_email(email), purpose=purpose.value)
    enqueue(send_requested_link, row.id)


def send_requested_link(request_id: int) -> None:
    """Email the link of a request if its address has an open account, and delete the request."""
    with transactions.reading():
        email = db.session.scalar(select(LinkRequest.email).where(LinkRequest.id == request_id))
    if email is None:
        return
    apply_due_changes(email)
    with transactions.transaction():
        row = db.session.scalars(
            select(LinkRequest).where(LinkRequest.id == request_id).with_for_update()
        ).one_or_none()
        if row is None:
            return
        db.session.delete(row)
        person = find_person(row.email)
        if person and not person.deactivated_at and row.requested_at > now() - LIFETIME:
            send_link(person, row.purpose, OPERATOR)


def send_requested_links() -> None:
    """Answer the requests of which the job was lost; the worker calls it every minute."""
    with transactions.reading():
        ids = db.session.scalars(select(LinkRequest.id).order_by(LinkRequest.id)).all()
    for request_id in ids:
        send_requested_link(request_id)


def find_browser_link(token: str) -> OpenLink:
    """Return the link for a new browser with this token; raise `LinkExpired` if it cannot be used any more."""
    link = find_link(token, (LinkPurpose.NEW_BROWSER,))
    if link is None:
        raise LinkExpired(EXPIRED)
    return link


def confirm_browser(token: str) -> int:
    """Use the link that somebody was emailed to sign in with a new browser, and return the person's id.

    It opens nothing: the password, and the second step where it is needed, are asked for as before.

    Raises:
        LinkExpired: the link cannot be used any more.
    """
    link = lock_open_link(token)
    if link is None or link.purpose is not LinkPurpose.NEW_BROWSER:
        raise LinkExpired(EXPIRED)
    link.used_at = now()
    record("browser_confirmed", link.person, Actor(link.person_id))
    return link.person_id
