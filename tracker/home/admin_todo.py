"""What an administrator's home says: who waits for somebody, who has not come, who has held a unit longest."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from tracker.clock import now
from tracker.extensions import db
from tracker.models import Grant, Person, Registration
from tracker.registrations.queries import (
    AllocatedAttempt,
    AttemptToAllocate,
    list_allocations,
    list_attempts_to_allocate,
)

MAX_SHOWN = 10


@dataclass(frozen=True, slots=True)
class AdminTodo:
    """What waits for an administrator; of each kind the first ten."""

    waiting: list[AttemptToAllocate]
    invited: list[tuple[int, str, datetime]]
    """Person, name, since when."""
    longest_in_progress: list[AllocatedAttempt]
    withdrawn: list[tuple[int, str, datetime | None]]
    """Registration, name, when."""


def load_admin_todo(centre_id: int) -> AdminTodo:
    """Four statements, each bounded."""
    longest_in_progress, _ = list_allocations(centre_id, 1, MAX_SHOWN, assessed_only=True)
    return AdminTodo(
        list_attempts_to_allocate(centre_id, MAX_SHOWN),
        _invited(centre_id),
        longest_in_progress,
        _withdrawn(centre_id),
    )


def _invited(centre_id: int) -> list[tuple[int, str, datetime]]:
    """People with a role to come or to take up who have not chosen a password yet."""
    holding = select(Grant.person_id).where(
        Grant.centre_id == centre_id, or_(Grant.ends_at.is_(None), Grant.ends_at > now())
    )
    query = (
        select(Person.id, Person.name, Person.created_at)
        .where(Person.password_hash.is_(None), Person.deactivated_at.is_(None), Person.id.in_(holding))
        .order_by(Person.created_at, Person.id)
        .limit(MAX_SHOWN)
    )
    return [(row[0], row[1], row[2]) for row in db.session.execute(query)]


def _withdrawn(centre_id: int) -> list[tuple[int, str, datetime | None]]:
    query = (
        select(Registration.id, Person.name, Registration.withdrawn_at)
        .join(Person, Person.id == Registration.candidate_id)
        .where(Registration.centre_id == centre_id, Registration.withdrawn_at.is_not(None))
        .order_by(Registration.withdrawn_at.desc())
        .limit(MAX_SHOWN)
    )
    return [(row[0], row[1], row[2]) for row in db.session.execute(query)]
