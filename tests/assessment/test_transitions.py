"""Every action in every state by every role: allowed where the table says so, and refused elsewhere."""

from collections.abc import Callable
from itertools import product

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker import clock
from tracker.assessment.services import signing
from tracker.assessment.transitions import (
    STATE_AND_NEXT_STEP,
    TRANSITIONS,
    AttemptAction,
    change_attempt_state,
    check_action_allowed,
)
from tracker.errors import TrackerError
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import rollback, transaction
from tracker.models import Decision, Person, Signature, UnitAttempt
from tracker.recording_forms.snapshot import take_snapshot
from tracker.registrations.services import void_attempt
from tracker.verification.services.returning import reopen_verified, return_unit
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import AttemptState, Role, SignatureRole

Act = Callable[[UnitAttempt, Actor], object]
BringTo = Callable[[AttemptState], UnitAttempt]

PEOPLE = {
    Role.CANDIDATE: "alice",
    Role.ASSESSOR: "bob",
    Role.INTERNAL_VERIFIER: "carol",
    Role.EXTERNAL_VERIFIER: "eve",
    Role.ADMINISTRATOR: "dan",
}


def first_criterion(attempt: UnitAttempt) -> list[int]:
    return [factories.criterion(attempt, "1").id]


def first_decision(attempt: UnitAttempt) -> int:
    query = select(Decision.id).where(Decision.attempt_id == attempt.id, Decision.superseded_at.is_(None))
    return min(db.session.scalars(query))


# To refuse, a countersigner must have been asked: tests/assessment/test_countersigned_sign_off.py.
ACTS: dict[AttemptAction, Act] = {
    AttemptAction.SIGN: lambda at, actor: signing.sign_unit(
        at, take_snapshot(at).hash, "", actor, clock.now(), warnings_reason=workflow.WARNINGS_REASON
    ),
    AttemptAction.RETRACT: lambda at, actor: signing.retract_signature(at, "Why", actor),
    AttemptAction.CONFIRM: lambda at, actor: signing.confirm_unit(at, take_snapshot(at).hash, actor, clock.now()),
    AttemptAction.DISPUTE: lambda at, actor: signing.dispute_unit(at, first_criterion(at), "Why", actor),
    AttemptAction.VERIFY: lambda at, actor: sign_verification(
        at, take_snapshot(at).hash, actor, clock.now(), unsampled_reason="Not in this quarter's plan."
    ),
    AttemptAction.RETURN: lambda at, actor: return_unit(at, first_criterion(at), "Look again", clock.today(), actor),
    AttemptAction.REOPEN: lambda at, actor: reopen_verified(at, first_criterion(at), "Why", actor),
    AttemptAction.DISAGREE: lambda at, actor: draw_sample(
        at, [SampledDecision(first_decision(at), agrees=False, comment="Look again", due_on=clock.today())], "", actor
    ),
    AttemptAction.VOID: lambda at, actor: void_attempt(at, "Registered by mistake", actor),
}


@pytest.fixture
def bring_to(world: World, prepare: Callable[[str, Callable[[], None]], None]) -> BringTo:
    """Return a function that returns CFACC15 in a state, with everything met and the signatures that belong to the state."""

    def restore(state: AttemptState) -> UnitAttempt:
        prepare(f"CFACC15 in the state {state}", lambda: sign_until(world, state))
        return world.cfacc15

    return restore


def sign_until(world: World, state: AttemptState) -> None:
    attempt = world.cfacc15
    workflow.meet_everything(world, attempt)
    workflow.confirm_requirements(world, attempt)
    signed = {
        AttemptState.ASSESSED: [(SignatureRole.ASSESSOR, world.bob)],
        AttemptState.CONFIRMED: [(SignatureRole.ASSESSOR, world.bob), (SignatureRole.CANDIDATE, world.alice)],
    }
    later = [*signed[AttemptState.CONFIRMED], (SignatureRole.INTERNAL_VERIFIER, world.carol)]
    with transaction():
        for role, person in signed.get(
            state, later if state in {AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED} else []
        ):
            db.session.add(signature(attempt, role, person))
        attempt.state = state
        if state not in {AttemptState.IN_PROGRESS, AttemptState.VOID}:
            attempt.assessed_at = clock.now()


def signature(attempt: UnitAttempt, role: SignatureRole, person: Person) -> Signature:
    return Signature(
        attempt_id=attempt.id,
        round=attempt.round,
        role=role,
        person_id=person.id,
        signed_at=clock.now(),
        statement="",
        comment="",
        snapshot="{}",
        snapshot_hash="0" * 64,
        reauthenticated_at=clock.now(),
        session_ref="",
    )


SAMPLE_WITHOUT_TRANSITION = (AttemptState.IN_PROGRESS, AttemptAction.DISAGREE)
"""A disagreement before sign-off: allowed, and the unit stays in progress."""


@pytest.mark.parametrize(
    ("state", "move"),
    [pair for pair in product(AttemptState, ACTS) if pair != SAMPLE_WITHOUT_TRANSITION],
    ids=str,
)
def test_each_action_is_allowed_only_in_its_states(
    world: World, bring_to: BringTo, state: AttemptState, move: AttemptAction
) -> None:
    attempt = bring_to(state)
    expected = TRANSITIONS.get((state, move))
    role = next(each.role for (_, action), each in TRANSITIONS.items() if action is move)
    actor = factories.make_actor(getattr(world, PEOPLE[role]))
    if expected:
        with transaction():
            ACTS[move](attempt, actor)
        assert attempt.state is expected.new_state
        return
    with pytest.raises(TrackerError):
        ACTS[move](attempt, actor)
    rollback()
    assert attempt.state is state


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("transition", "role"), list(product([each for each in TRANSITIONS if each[1] in ACTS], Role)), ids=str
)
def test_each_action_is_allowed_only_to_its_role(
    world: World,
    client: Callable[..., FlaskClient],
    bring_to: BringTo,
    transition: tuple[AttemptState, AttemptAction],
    role: Role,
) -> None:
    """Only the action's role can do it over HTTP, where the permission table is checked."""
    state, move = transition
    attempt = bring_to(state)
    paths = {
        AttemptAction.SIGN: "sign",
        AttemptAction.RETRACT: "retract",
        AttemptAction.CONFIRM: "confirm",
        AttemptAction.DISPUTE: "dispute",
        AttemptAction.VERIFY: "release",
        AttemptAction.RETURN: "return",
        AttemptAction.REOPEN: "reopen",
        AttemptAction.DISAGREE: "sample",
        AttemptAction.VOID: "void",
    }
    response = client(getattr(world, PEOPLE[role])).post(
        f"/attempts/{attempt.id}/{paths[move]}",
        data={
            "snapshot_hash": take_snapshot(attempt).hash,
            "password": factories.PASSWORD,
            "act": "sign",
            "warnings_reason": workflow.WARNINGS_REASON,
            "requirement": [each.id for each in attempt.unit.requirements],
            "criterion": first_criterion(attempt),
            "reason": "other",
            "own_reason": "Not in this quarter's plan.",
            f"decision-{first_decision(attempt)}": "disagree",
            f"action-{first_decision(attempt)}": "Look again",
            f"due-{first_decision(attempt)}": clock.today().isoformat(),
            "action": "Look again",
            "due_on": clock.today().isoformat(),
        },
    )
    db.session.refresh(attempt)
    if role is TRANSITIONS[transition].role:
        assert (response.status_code, attempt.state) == (303, TRANSITIONS[transition].new_state)
    else:
        assert (response.status_code, attempt.state) == (404, state)


SAMPLE_WITHOUT_TRANSITION = (AttemptState.IN_PROGRESS, AttemptAction.DISAGREE)
"""A disagreement before sign-off: allowed, and the unit stays in progress."""


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("state", "move"),
    [pair for pair in product(AttemptState, AttemptAction) if pair != SAMPLE_WITHOUT_TRANSITION],
    ids=str,
)
def test_refused_action_says_the_state_and_who_acts_next(
    world: World, state: AttemptState, move: AttemptAction
) -> None:
    attempt = world.cfacc15
    attempt.state = state
    if (state, move) in TRANSITIONS:
        change_attempt_state(attempt, move)
        assert attempt.state is TRANSITIONS[state, move].new_state
    else:
        with pytest.raises(TrackerError, match=STATE_AND_NEXT_STEP[state].split(";", maxsplit=1)[0]):
            check_action_allowed(attempt, move)
    rollback()


def test_no_action_leaves_certificate_claimed_or_void() -> None:
    closed = {AttemptState.CERTIFICATE_CLAIMED, AttemptState.VOID}
    assert not closed & {state for state, _ in TRANSITIONS}


def test_administrator_can_void_every_state_before_certificate_claimed() -> None:
    voiding = {state: to for (state, move), to in TRANSITIONS.items() if move is AttemptAction.VOID}
    assert set(voiding) == set(AttemptState) - {AttemptState.CERTIFICATE_CLAIMED, AttemptState.VOID}
    assert {each.role for each in voiding.values()} == {Role.ADMINISTRATOR}
