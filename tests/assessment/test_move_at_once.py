"""Version moves, claims and assessments at the same moment: each happens once, before or after the others."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests import factories
from tests.assessment import workflow
from tests.assessment.second_version import REASON, publish_second_version
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, World
from tests.pausing import run_while_paused
from tracker.assessment.services import assessments, version_moves
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Claim, Criterion, Decision, Person, UnitAttempt, VersionMove
from tracker.vocabulary import Outcome

Act = tuple[Person, str, dict[str, str]]


@pytest.fixture
def at_once(app: Flask, client: Callable[[Person], FlaskClient]) -> Callable[..., list[int]]:
    """`at_once((person, address, form), …)` posts each form in a browser of its own, all at one moment."""

    def build_post(address: str, form: dict[str, str]) -> Callable[[FlaskClient], int]:
        return lambda browser: browser.post(address, data=form).status_code

    return lambda *acts: run_concurrently(app, *[(client(person), build_post(*request)) for person, *request in acts])


def check_consistent(attempt_id: int) -> int:
    """Check that live claims are of the attempt's own version, and live decisions of live claims.

    Returns:
        How many live claims there are.
    """
    db.session.rollback()
    attempt = db.session.get_one(UnitAttempt, attempt_id)
    foreign_claims = (
        select(func.count())
        .select_from(Claim)
        .join(Criterion, Criterion.id == Claim.criterion_id)
        .where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None), Criterion.unit_id != attempt.unit_id)
    )
    assert db.session.scalar(foreign_claims) == 0
    orphaned_decisions = (
        select(func.count())
        .select_from(Decision)
        .join(Claim, Claim.id == Decision.claim_id)
        .where(Decision.superseded_at.is_(None), Claim.removed_at.is_not(None))
    )
    assert db.session.scalar(orphaned_decisions) == 0
    live_claims = (
        select(func.count()).select_from(Claim).where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None))
    )
    return db.session.scalar(live_claims) or 0


def test_two_moves_at_once_move_once(world: World, at_once: Callable[..., list[int]]) -> None:
    newer, attempt = publish_second_version(world), world.cfacc15.id
    workflow.submit_item(world.cfacc15, "Call", "1")
    act = (
        world.dan,
        f"/attempts/{world.cfacc15.id}/move",
        {"to": newer.slug, "reason": REASON, "password": PASSWORD},
    )
    assert sorted(at_once(act, act)) == [303, 409]
    assert db.session.scalar(select(func.count()).select_from(VersionMove)) == 1
    check_consistent(attempt)


def test_a_move_and_claims_at_once(world: World, at_once: Callable[..., list[int]]) -> None:
    """A tick before the move is carried over; a tick after it is refused."""
    newer, attempt = publish_second_version(world), world.cfacc15.id
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Call", "1")
    ticks = [
        (world.alice, f"/evidence/{evidence.id}/tick", {"attempt": world.cfacc15.id, "criterion": factories.criterion(world.cfacc15, label).id, "on": "1"})
        for label in ("5", "6", "7")
    ]  # fmt: skip
    act = (
        world.dan,
        f"/attempts/{world.cfacc15.id}/move",
        {"to": newer.slug, "reason": REASON, "password": PASSWORD},
    )
    move_status, *tick_statuses = at_once(act, *ticks)
    assert move_status == 303
    assert set(tick_statuses) <= {200, 409}
    assert check_consistent(attempt) == 1 + tick_statuses.count(200)


def test_a_move_and_a_decision_at_once(world: World, at_once: Callable[..., list[int]]) -> None:
    """Either the assessment is first and the move is refused, or the move is first and the assessment is refused."""
    newer, attempt = publish_second_version(world), world.cfacc15.id
    evidence, _, claims = workflow.submit_item(world.cfacc15, "Call", "1", "2")
    form = {f"outcome-{claim.id}": "met" for claim in claims}
    form |= {"valid": "y", "authentic": "y", "current": "y", "act": "accept"}
    decide = (world.bob, f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess", form)
    act = (
        world.dan,
        f"/attempts/{world.cfacc15.id}/move",
        {"to": newer.slug, "reason": REASON, "password": PASSWORD},
    )
    move_status, assessment_status = at_once(act, decide)
    assert (move_status, assessment_status) in {(303, 409), (409, 303)}
    check_consistent(attempt)
    pending = db.session.scalars(select(Assessment).where(Assessment.release_after.is_not(None))).first()
    assert (pending is not None) == (assessment_status == 303)


def test_a_release_that_is_due_and_a_move_at_once(world: World, at_once: Callable[..., list[int]]) -> None:
    newer, attempt = publish_second_version(world), world.cfacc15.id
    _, version, claims = workflow.submit_item(world.cfacc15, "Call", "1", "2")
    with transaction():
        actor = factories.make_actor(world.bob)
        assessments.save_draft(
            world.cfacc15, version, workflow.build_draft(dict.fromkeys(claims, Outcome.MET)), actor
        )
        assessments.accept_evidence(world.cfacc15, version, actor).release_after = now() - timedelta(seconds=1)
    act = (
        world.dan,
        f"/attempts/{world.cfacc15.id}/move",
        {"to": newer.slug, "reason": REASON, "password": PASSWORD},
    )
    tick = (world.alice, "/account", {})
    move_status, _ = at_once(act, tick)
    assert move_status == 303
    check_consistent(attempt)
    live_decisions = select(func.count()).select_from(Decision).where(Decision.superseded_at.is_(None))
    assert db.session.scalar(live_decisions) == 1, "1 is kept; 2 was reworded and is to assess again"


def test_all_at_once_twice_moves_each_once(world: World, at_once: Callable[..., list[int]]) -> None:
    newer, attempt = publish_second_version(world), world.cfacc15.id
    workflow.submit_item(world.cfacc15, "Call", "1")
    address = f"/centres/{world.northgate.id}/moves/cfacc15/{newer.slug}"
    act = (world.dan, address, {"reason": REASON, "password": PASSWORD})
    assert at_once(act, act) == [303, 303]
    assert db.session.scalar(select(func.count()).select_from(VersionMove)) == 1
    check_consistent(attempt)


def test_a_criterion_ticked_while_all_are_moved_is_refused(
    world: World, app: Flask, client: Callable[[Person], FlaskClient]
) -> None:
    """The tick waits for the move of all attempts, which has read the claims already."""
    newer, attempt = publish_second_version(world), world.cfacc15.id
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Call", "1")
    move = f"/centres/{world.northgate.id}/moves/cfacc15/{newer.slug}"
    tick = f"/evidence/{evidence.id}/tick"
    fields = {"attempt": attempt, "criterion": factories.criterion(world.cfacc15, "5").id, "on": "1"}
    dan, alice = client(world.dan), client(world.alice)
    statuses = run_while_paused(
        app,
        (version_moves, "check_ready_to_move"),  # called once the claims to move are read
        lambda: dan.post(move, data={"reason": REASON, "password": PASSWORD}).status_code,
        lambda: alice.post(tick, data=fields).status_code,
    )
    assert statuses == (303, 409)
    assert check_consistent(attempt) == 1
