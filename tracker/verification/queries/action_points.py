"""Queries for the action points on units allocated to an internal verifier."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func

from tracker.clock import day_of
from tracker.extensions import db
from tracker.models import ActionPoint, Person, Unit, UnitAttempt
from tracker.verification.queries.allocated import select_allocated
from tracker.vocabulary import AttemptState
from tracker.web.list_pages import load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words


@dataclass(frozen=True, slots=True)
class AllocatedActionPoint:
    """An action point on an attempt allocated to an internal verifier."""

    id: int
    attempt_id: int
    code: str
    candidate: str
    action: str
    raised_at: datetime
    due_on: date
    response: str | None
    responded_at: datetime | None
    closed_at: datetime | None

    @property
    def state(self) -> str:
        """Return `closed`, `answered` (to close or ask again) or `waiting` (for the assessor's response)."""
        if self.closed_at:
            return "closed"
        return "answered" if self.responded_at else "waiting"


class ActionPointCounts(NamedTuple):
    """How many open action points wait for the verifier, and how many for the assessor."""

    answered: int
    waiting: int


STATE_WORDS = {"answered": "To close or ask again", "waiting": "Waiting for the assessor", "closed": "Closed"}
ACTION_POINTS = ListDefinition[AllocatedActionPoint](
    "action-points",
    (
        Column("Candidate", lambda row: row.candidate, can_sort=True),
        Column("Unit", lambda row: row.code, can_sort=True),
        Column("Action required", lambda row: row.action),
        Column("Raised", lambda row: day_of(row.raised_at), can_sort=True),
        Column("Due", lambda row: row.due_on, can_sort=True),
        Column("Response", lambda row: row.response),
        Column("State", lambda row: STATE_WORDS[row.state]),
    ),
    own_order="To close first",
)
STATES = Filter("state", "State", "Open", {**STATE_WORDS, "all": "Open and closed"})


def count_action_points(person_id: int) -> ActionPointCounts:
    """Count the open action points on a verifier's attempts that are not void, by who acts next."""
    query = _select_action_points(
        person_id,
        func.count(ActionPoint.id).filter(ActionPoint.responded_at.is_not(None)),
        func.count(ActionPoint.id).filter(ActionPoint.responded_at.is_(None)),
    ).where(ActionPoint.closed_at.is_(None))
    return ActionPointCounts(*db.session.execute(query).one())


def list_action_points(person_id: int, query: ListQuery) -> ListPage[AllocatedActionPoint]:
    """List a page of a verifier's action points, those to close or ask again first. Runs two SQL statements."""
    statement = _select_action_points(
        person_id,
        ActionPoint.id,
        ActionPoint.attempt_id,
        Unit.code,
        Person.name,
        ActionPoint.action,
        ActionPoint.raised_at,
        ActionPoint.due_on,
        ActionPoint.response,
        ActionPoint.responded_at,
        ActionPoint.closed_at,
    ).where(
        _is_in_state(query.get("state")),
        contains_words(query, Person.name, Unit.code, ActionPoint.action, ActionPoint.response),
    )
    return load_page(
        ACTION_POINTS,
        query,
        statement,
        lambda row: AllocatedActionPoint(*row),
        key=ActionPoint.id,
        order_by={
            "": [ActionPoint.closed_at.is_not(None), ActionPoint.responded_at.is_(None), ActionPoint.raised_at],
            "candidate": [by_name(Person.name)],
            "unit": [Unit.code],
            "raised": [ActionPoint.raised_at],
            "due": [ActionPoint.due_on],
        },
    )


def _is_in_state(state: str) -> ColumnElement[bool]:
    is_open, is_answered = ActionPoint.closed_at.is_(None), ActionPoint.responded_at.is_not(None)
    return {
        "": is_open,
        "answered": is_open & is_answered,
        "waiting": is_open & ~is_answered,
        "closed": ~is_open,
        "all": is_open | ~is_open,
    }[state]


def _select_action_points(person_id: int, *columns: Any) -> Select[Any]:
    """Select columns of the action points on a verifier's attempts; those of void attempts are left out."""
    return (
        select_allocated(person_id, *columns)
        .join(ActionPoint, ActionPoint.attempt_id == UnitAttempt.id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(UnitAttempt.state != AttemptState.VOID)
    )
