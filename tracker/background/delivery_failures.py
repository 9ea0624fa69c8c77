"""Emails that could not be delivered, for the pages of the people they were for."""

from contextlib import suppress

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from tracker import clock
from tracker.extensions import db
from tracker.ledger import read_only, transactions
from tracker.models import DeliveryFailure


def record_failure(address: str, code: int | None, *, given_up: bool) -> None:
    """Record that an email to this address could not be delivered, for the page of the person who has it."""
    if read_only.is_read_only():
        return
    failure = DeliveryFailure(address=address, code=code, failed_at=clock.now(), given_up=given_up)
    with suppress(IntegrityError), transactions.transaction():  # another process has recorded one just now
        db.session.merge(failure)


def delete_failure(address: str) -> None:
    """Delete the record of a failure once an email to the address has been accepted."""
    if read_only.is_read_only() or not db.session.get(DeliveryFailure, address):
        return
    with transactions.transaction():
        db.session.execute(delete(DeliveryFailure).where(DeliveryFailure.address == address))


def find_failure(address: str) -> DeliveryFailure | None:
    """Return the failure of the last email to this address, or None if it was accepted or none was sent."""
    return db.session.get(DeliveryFailure, address)
