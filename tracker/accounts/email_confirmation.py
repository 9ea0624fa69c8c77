"""Whether a signer had confirmed their email address, and the words that say so beside a signature."""

from datetime import datetime

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import Person
from tracker.web.formatting import day

UNCONFIRMED = "email address not confirmed when signed"


def has_confirmed_address(person_id: int) -> bool:
    """Return whether a person's address is confirmed, and lock it until the end of the transaction.

    So what a signature says of the address holds when its event is recorded (docs/rules.md, Signing, rule 15).
    """
    query = select(Person.email_confirmed_at).where(Person.id == person_id).with_for_update(read=True)
    return db.session.scalar(query) is not None


def describe_address(address_confirmed: bool | None, confirmed_at: datetime | None) -> str:
    """Return what is said of the signer's address beside a signature.

    Args:
        address_confirmed: whether it was confirmed when they signed; None if they signed before that was recorded.
        confirmed_at: when they confirmed the address that they have now; None if they have not.

    Returns:
        `email address not confirmed when signed; confirmed on 3 December 2026`; empty where it was confirmed and
        where that was not recorded.
    """
    if address_confirmed is not False:
        return ""
    return f"{UNCONFIRMED}; confirmed on {day(confirmed_at)}" if confirmed_at else UNCONFIRMED
