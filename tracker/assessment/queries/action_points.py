"""Queries for a unit's action points, for its assessor and its verifiers."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select

from tracker.extensions import db
from tracker.models import (
    ActionPoint,
    ActionPointCriterion,
    Criterion,
    Evidence,
    EvidenceVersion,
    Person,
    SampleItem,
    UnitAttempt,
)


@dataclass(frozen=True)
class ActionPointWithCriteria:
    """An action point with who raised it, the labels of its criteria and the item that it is about.

    Only an action point of a disagreement is about one item; it has the item's id and number.
    """

    action_point: ActionPoint
    raised_by: str
    labels: list[str]
    evidence_id: int | None = None
    evidence_number: int | None = None


def list_action_points(attempt: UnitAttempt) -> list[ActionPointWithCriteria]:
    """List an attempt's action points: open ones first, then by when they were raised."""
    rows = db.session.execute(
        select(ActionPoint, Person.name, Evidence.id, Evidence.number)
        .join(Person, Person.id == ActionPoint.raised_by_id)
        .outerjoin(SampleItem, SampleItem.id == ActionPoint.sample_item_id)
        .outerjoin(EvidenceVersion, EvidenceVersion.id == SampleItem.evidence_version_id)
        .outerjoin(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .where(ActionPoint.attempt_id == attempt.id)
        .order_by(ActionPoint.closed_at.is_not(None), ActionPoint.id)
    ).all()
    if not rows:
        return []
    labels: dict[int, list[str]] = {}
    query = (
        select(ActionPointCriterion.action_point_id, Criterion.label)
        .join(Criterion, Criterion.id == ActionPointCriterion.criterion_id)
        .where(ActionPointCriterion.action_point_id.in_([row[0].id for row in rows]))
        .order_by(Criterion.position)
    )
    for action_point_id, label in db.session.execute(query):
        labels.setdefault(action_point_id, []).append(label)
    return [
        ActionPointWithCriteria(action_point, name, labels.get(action_point.id, []), *item)
        for action_point, name, *item in rows
    ]


def count_open_action_points(attempt_ids: Iterable[int]) -> dict[int, int]:
    """Count the action points of each attempt that are not closed; attempts without any are left out."""
    query = (
        select(ActionPoint.attempt_id, func.count())
        .where(ActionPoint.attempt_id.in_(attempt_ids), ActionPoint.closed_at.is_(None))
        .group_by(ActionPoint.attempt_id)
    )
    return dict(db.session.execute(query).all())
