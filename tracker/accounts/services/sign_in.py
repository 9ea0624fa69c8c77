"""Sign-in and password resets, with rate limiting per account and per IP address; ending one's own sessions."""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select

from tracker.accounts.passwords import is_password
from tracker.accounts.services.account_changes import apply_due_changes
from tracker.accounts.services.account_links import send_link
from tracker.accounts.sessions import hash_token
from tracker.clock import now
from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import FailedSignIn, Person, UserSession
from tracker.vocabulary import LinkPurpose

WINDOW = timedelta(minutes=15)
MAX_PER_ACCOUNT = 8
MAX_PER_ADDRESS = 40
"""Failures allowed within the window from one IP address, over all accounts."""
MAX_RESET_LINKS = 3
WRONG = "The email address or the password is wrong. Check both, or ask for a new password."
TOO_MANY_ATTEMPTS = "There were too many wrong passwords. Wait {}, then try again."
TOO_MANY_LINKS = "You asked for a link too often. Check your junk folder. To ask again, wait {}."


def authenticate(email: str, password: str, address: str) -> Person:
    """Return the person with this email address and password.

    A failure is recorded in a transaction of its own, so that it outlives the rollback of the request.

    Raises:
        Invalid: with the same message for an unknown address and for a wrong password, or too many attempts.
    """
    account = hash_token(email.strip().lower())
    apply_due_changes(email.strip().lower())
    with transactions.reading():
        check_rate_limit(account, address, MAX_PER_ACCOUNT, TOO_MANY_ATTEMPTS)
        person = db.session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()
        stored_hash, deactivated_at = (person.password_hash, person.deactivated_at) if person else (None, None)
    if is_password(stored_hash, password) and person and not deactivated_at and _is_unchanged(person, stored_hash):
        clear_failures(account, address)
        return person
    record_failure(account, address)
    raise Invalid(WRONG)


def _is_unchanged(person: Person, password_hash: str | None) -> bool:
    """Lock the person; return whether the password is still the one checked, and the account still open.

    Otherwise the session that starts now would outlive a change that was meant to end every session.
    """
    lock_rows(Person, [person.id])
    return person.password_hash == password_hash and person.deactivated_at is None


def request_password_reset(email: str, address: str) -> None:
    """Email a link for setting a new password to this address if it has an account, without revealing whether it has.

    Requests are rate limited under a key of their own, so that they never block the account's sign-in.

    Raises:
        Invalid: too many requests for this account or from this IP address.
    """
    account = hash_token(f"reset {email.strip().lower()}")
    with transactions.reading():
        check_rate_limit(account, address, MAX_RESET_LINKS, TOO_MANY_LINKS)
    record_failure(account, address)
    apply_due_changes(email.strip().lower())
    person = db.session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()
    if person and not person.deactivated_at:
        send_link(person, LinkPurpose.RESET, OPERATOR)


def check_rate_limit(account: str, address: str, limit: int, message: str) -> None:
    """Raise `Invalid`, saying how long to wait, if this account or IP address has failed too often.

    Args:
        account: the hashed key under which failures are counted.
        address: the client's IP address.
        limit: failures allowed for the account within the window.
        message: the error, with a `{}` for the time to wait.
    """
    wait = max(
        _compute_wait(FailedSignIn.account_hash == account, limit),
        _compute_wait(FailedSignIn.address == address[:45], MAX_PER_ADDRESS),
    )
    if wait > timedelta():
        minutes = -(-wait // timedelta(minutes=1))
        raise Invalid(message.format("a minute" if minutes == 1 else f"{minutes} minutes"))


def record_failure(account: str, address: str) -> None:
    """Record a failure in a transaction of its own, and delete those that no longer count."""
    with transactions.transaction():
        db.session.execute(delete(FailedSignIn).where(FailedSignIn.failed_at < now() - 4 * WINDOW))
        db.session.add(FailedSignIn(account_hash=account, address=address[:45], failed_at=now()))


def clear_failures(account: str, address: str) -> None:
    """Delete the failures of this account from this IP address; those from other addresses still count."""
    db.session.execute(
        delete(FailedSignIn).where(FailedSignIn.account_hash == account, FailedSignIn.address == address[:45])
    )


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


def _compute_wait(matching: ColumnElement[bool], limit: int) -> timedelta:
    """Return the time until the oldest of the last `limit` failures leaves the window."""
    query = select(FailedSignIn.failed_at).where(matching, FailedSignIn.failed_at > now() - WINDOW)
    oldest = db.session.scalar(query.order_by(FailedSignIn.failed_at.desc()).offset(limit - 1).limit(1))
    return oldest + WINDOW - now() if oldest else timedelta()
