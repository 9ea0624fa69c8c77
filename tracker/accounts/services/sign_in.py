"""Signing in and asking for a link, slowed down after failures per account and per address; ending sessions."""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select

from tracker.accounts.passwords import is_password
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
MAX_RESET_LINKS = 3
WRONG = "That address and password do not go together. Check both, or ask for a new password."
THROTTLED = "There were too many wrong passwords. Wait {}, then try again."
ASKED_TOO_OFTEN = "A link was asked for too often. Wait {}, then ask again, and look into your junk mail meanwhile."


def authenticate(email: str, password: str, address: str) -> Person:
    """The person whose password this is. Raises `Invalid`, the same for an unknown address as for a slip.

    The failure is kept in a transaction of its own: it must survive the refusal.
    """
    account = hash_token(email.strip().lower())
    with transactions.reading():
        check_rate_limit(account, address, MAX_PER_ACCOUNT, THROTTLED)
        person = db.session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()
        found = (person.password_hash, person.deactivated_at) if person else (None, None)
    if is_password(found[0], password) and person and not found[1] and _is_still(person, found[0]):
        clear_failures(account, address)
        return person
    record_failure(account, address)
    raise Invalid(WRONG)


def _is_still(person: Person, password_hash: str | None) -> bool:
    """Whether the password was not changed, nor the account closed, while it was checked with no lock held.

    Else the session that begins now would outlive the change that was to end every one.
    """
    lock_rows(Person, [person.id])
    return person.password_hash == password_hash and person.deactivated_at is None


def request_password_reset(email: str, address: str) -> None:
    """Mail a link to set a new password, if somebody has this address; who asks cannot tell.

    Asking counts like a failure, under a key of its own: it never locks an account's sign-in.
    """
    account = hash_token(f"reset {email.strip().lower()}")
    with transactions.reading():
        check_rate_limit(account, address, MAX_RESET_LINKS, ASKED_TOO_OFTEN)
    record_failure(account, address)
    person = db.session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()
    if person and not person.deactivated_at:
        send_link(person, LinkPurpose.RESET, OPERATOR)


def check_rate_limit(account: str, address: str, most: int, sentence: str) -> None:
    """Raise `Invalid`, saying how long to wait, when this account or this address has failed too often lately."""
    wait = max(
        _wait(FailedSignIn.account_hash == account, most),
        _wait(FailedSignIn.address == address[:45], MAX_PER_ADDRESS),
    )
    if wait > timedelta():
        minutes = -(-wait // timedelta(minutes=1))
        raise Invalid(sentence.format("a minute" if minutes == 1 else f"{minutes} minutes"))


def record_failure(account: str, address: str) -> None:
    with transactions.transaction():
        db.session.execute(delete(FailedSignIn).where(FailedSignIn.failed_at < now() - 4 * WINDOW))
        db.session.add(FailedSignIn(account_hash=account, address=address[:45], failed_at=now()))


def clear_failures(account: str, address: str) -> None:
    """Slips before a right password weigh nothing; another address's guesses at this account still do."""
    db.session.execute(
        delete(FailedSignIn).where(FailedSignIn.account_hash == account, FailedSignIn.address == address[:45])
    )


def end_own_session(session_id: int, actor: Actor) -> None:
    """Sign one of one's own browsers out."""
    query = select(UserSession).where(UserSession.id == session_id, UserSession.person_id == actor.person_id)
    found = db.session.scalars(query).one_or_none()
    if found is None or found.ended_at:
        raise NotFound
    found.ended_at = now()
    record("session_ended", found, actor)


def _wait(matching: ColumnElement[bool], most: int) -> timedelta:
    """Until the oldest of the last `most` failures is out of the window."""
    query = select(FailedSignIn.failed_at).where(matching, FailedSignIn.failed_at > now() - WINDOW)
    oldest = db.session.scalar(query.order_by(FailedSignIn.failed_at.desc()).offset(most - 1).limit(1))
    return oldest + WINDOW - now() if oldest else timedelta()
