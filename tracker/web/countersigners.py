"""Countersigners: who reads a unit because something of it waits for them."""

from sqlalchemy import ColumnElement, and_, bindparam, select

from tracker.models import Countersignature
from tracker.statements import fetch_rows


def is_open() -> ColumnElement[bool]:
    """Return the SQL condition under which a countersignature waits for its answer."""
    return and_(Countersignature.answered_at.is_(None), Countersignature.ended_at.is_(None))


ASKED_IN_ATTEMPT = select(Countersignature.id).where(
    Countersignature.attempt_id == bindparam("attempt_id"),
    Countersignature.person_id == bindparam("person_id"),
    is_open(),
)


def is_asked_in(attempt_id: int, person_id: int) -> bool:
    """Return whether something in an attempt waits for a person to countersign it."""
    return bool(fetch_rows(ASKED_IN_ATTEMPT, attempt_id=attempt_id, person_id=person_id))
