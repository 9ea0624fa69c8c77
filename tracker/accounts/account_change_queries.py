"""Queries for changes of accounts: those that wait, and the history of a person's account."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import AccountChange
from tracker.vocabulary import AccountChangeKind


def find_waiting_change(person_id: int, kind: AccountChangeKind) -> AccountChange | None:
    """Return a person's change of this kind that waits, or None."""
    query = select(AccountChange).where(
        AccountChange.person_id == person_id,
        AccountChange.kind == kind,
        AccountChange.applied_at.is_(None),
        AccountChange.cancelled_at.is_(None),
    )
    return db.session.scalars(query).one_or_none()


def list_changes(person_id: int) -> list[AccountChange]:
    """List the changes of a person's account, those that wait first, then the last one first."""
    query = (
        select(AccountChange)
        .where(AccountChange.person_id == person_id)
        .options(
            joinedload(AccountChange.requested_by),
            joinedload(AccountChange.approved_by),
            joinedload(AccountChange.cancelled_by),
        )
        .order_by(AccountChange.id.desc())
    )
    return sorted(db.session.scalars(query), key=lambda change: not change.is_waiting)


def list_waiting_changes(centre_id: int) -> list[AccountChange]:
    """List the changes asked for at a centre that wait, with their people, the one that is due first."""
    query = (
        select(AccountChange)
        .where(
            AccountChange.centre_id == centre_id,
            AccountChange.applied_at.is_(None),
            AccountChange.cancelled_at.is_(None),
        )
        .options(joinedload(AccountChange.person), joinedload(AccountChange.requested_by))
        .order_by(AccountChange.takes_effect_at, AccountChange.id)
    )
    return list(db.session.scalars(query))
