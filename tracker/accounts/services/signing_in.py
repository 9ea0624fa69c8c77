"""Signing in, slowed down after failures per account and per address."""

from datetime import timedelta

from sqlalchemy import delete, func, select

from tracker import transactions
from tracker.accounts.passwords import is_password
from tracker.accounts.sessions import hash_token
from tracker.clock import now
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.models import FailedSignIn, Person

WINDOW = timedelta(minutes=15)
MOST_PER_ACCOUNT = 8
MOST_PER_ADDRESS = 40
WRONG = "That address and password do not go together. Check both, or ask for a new password."
THROTTLED = "There were too many wrong passwords. Wait 15 minutes, then try again, or ask for a new password."


def prove_password(email: str, password: str, address: str) -> Person:
    """The person whose password this is. Raises `Invalid`, the same for an unknown address as for a slip.

    The failure is kept in a transaction of its own: it must survive the refusal.
    """
    account = hash_token(email.strip().lower())
    with transactions.reading():
        if is_throttled(account, address):
            raise Invalid(THROTTLED)
        person = db.session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()
        found = (person.password_hash, person.deactivated_at) if person else (None, None)
    if is_password(found[0], password) and person and not found[1]:
        return person
    keep_failure(account, address)
    raise Invalid(WRONG)


def is_throttled(account: str, address: str) -> bool:
    """Whether this account, or this address, has failed too often lately."""
    recent = select(func.count()).select_from(FailedSignIn).where(FailedSignIn.failed_at > now() - WINDOW)
    by_account = db.session.scalar(recent.where(FailedSignIn.email_hash == account)) or 0
    by_address = db.session.scalar(recent.where(FailedSignIn.address == address)) or 0
    return by_account >= MOST_PER_ACCOUNT or by_address >= MOST_PER_ADDRESS


def keep_failure(account: str, address: str) -> None:
    with transactions.transaction():
        db.session.execute(delete(FailedSignIn).where(FailedSignIn.failed_at < now() - 4 * WINDOW))
        db.session.add(FailedSignIn(email_hash=account, address=address[:45], failed_at=now()))
