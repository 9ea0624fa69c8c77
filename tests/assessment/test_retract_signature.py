"""Retraction of the assessor's signature before the candidate has confirmed."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.assessment.services.signing import retract_signature
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.matrix import load_matrix
from tracker.models import Reopening, Signature
from tracker.vocabulary import AttemptState, ReopeningKind

ClientFor = Callable[..., FlaskClient]


def test_retraction_puts_the_unit_in_progress_in_the_next_round(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    workflow.sign(world, world.cfacc15)
    with transaction():
        retract_signature(world.cfacc15, "I signed the wrong unit.", factories.make_actor(world.bob))
    attempt = world.cfacc15
    assert (attempt.state, attempt.round, attempt.assessed_at) == (AttemptState.IN_PROGRESS, 2, None)
    signature = db.session.scalars(select(Signature)).one()
    assert signature.superseded_at
    reopening = db.session.scalars(select(Reopening)).one()
    assert (reopening.kind, reopening.round) == (ReopeningKind.RETRACTION, 1)
    assert recorded_acts()[-2:] == ["attempt_reopened", "signature_retracted"]


def test_retraction_keeps_every_decision(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    with transaction():
        retract_signature(world.cfacc15, "I signed the wrong unit.", factories.make_actor(world.bob))
    assert load_matrix(world.cfacc15).met == 24


def test_assessor_can_sign_again_after_retraction(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    with transaction():
        retract_signature(world.cfacc15, "I signed too early.", factories.make_actor(world.bob))
    workflow.confirm_requirements(world, world.cfacc15)
    with transaction():
        workflow.signing.sign_unit(
            world.cfacc15,
            workflow.take_snapshot(world.cfacc15).hash,
            "",
            factories.make_actor(world.bob),
            workflow.clock.now(),
            warnings_reason=workflow.WARNINGS_REASON,
        )
    signatures = db.session.scalars(select(Signature).order_by(Signature.id)).all()
    assert [(each.round, each.superseded_at is None) for each in signatures] == [(1, False), (2, True)]


def test_retraction_needs_a_reason(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15)
    with pytest.raises(Invalid, match="Enter the reason"):
        retract_signature(world.cfacc15, " ", factories.make_actor(world.bob))
    rollback()
    response = client(world.bob).post(f"/attempts/{world.cfacc15.id}/retract", data={"reason": ""})
    assert response.status_code == 422
    assert "Enter the reason." in response.text


def test_assessor_cannot_retract_once_candidate_has_confirmed(world: World) -> None:
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    with pytest.raises(Refused, match="the internal verifier verifies it next"):
        retract_signature(world.cfacc15, "Too late", factories.make_actor(world.bob))


def test_assessor_retracts_on_the_page_and_candidate_sees_the_reason(world: World, client: ClientFor) -> None:
    workflow.sign(world, world.cfacc15)
    response = client(world.bob).post(
        f"/attempts/{world.cfacc15.id}/retract", data={"reason": "I signed the wrong unit."}
    )
    assert response.status_code == 303
    assert "I signed the wrong unit." in client(world.alice).get(f"/attempts/{world.cfacc15.id}").text
