"""Whether a signer has confirmed their email address at the moment of signing."""

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import Person


def has_confirmed_address(person_id: int) -> bool:
    """Return whether a person's address is confirmed, and lock it until the end of the transaction.

    So what a signature says of the address holds when its event is recorded (docs/rules.md, Signing, rule 15).
    """
    query = select(Person.email_confirmed_at).where(Person.id == person_id).with_for_update(read=True)
    return db.session.scalar(query) is not None
