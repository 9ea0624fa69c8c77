"""Steps of verification, done by the product's own services."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker import clock
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.matrix import load_matrix
from tracker.models import ActionPoint, Decision, UnitAttempt
from tracker.verification.services.sampling import SampledDecision, draw_sample

ACTION = "See the notes of the first two contacts, then assess the criterion again."


def find_live_decision(attempt: UnitAttempt, label: str) -> Decision:
    """Return the one live decision on a criterion of the attempt."""
    [row] = load_matrix(attempt).claiming_rows
    cell = row.cells[factories.criterion(attempt, label).id]
    assert cell.decision_id
    return db.session.get_one(Decision, cell.decision_id)


def agree(world: World, decision: Decision, attempt: UnitAttempt | None = None) -> None:
    """Sample a decision as Carol and agree with it."""
    with transaction():
        draw_sample(
            attempt or world.cfacc15,
            [SampledDecision(decision.id, agrees=True)],
            "",
            factories.make_actor(world.carol),
        )


def disagree(world: World, decision: Decision, attempt: UnitAttempt | None = None) -> ActionPoint:
    """Disagree with a decision as Carol, and return the action point that it raised."""
    due_on = clock.today() + timedelta(days=14)
    with transaction():
        draw_sample(
            attempt or world.cfacc15,
            [SampledDecision(decision.id, agrees=False, comment=ACTION, due_on=due_on)],
            "",
            factories.make_actor(world.carol),
        )
    return db.session.scalars(select(ActionPoint).order_by(ActionPoint.id.desc())).first() or pytest.fail("none")
