"""What a signature and a declaration keep of the signer's email address: whether it was confirmed at that moment."""

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from tests import factories
from tests.assessment import workflow
from tests.assessment.addresses import confirm_by_link, unconfirm
from tests.factories import World
from tests.pausing import run_while_paused
from tests.verification.steps import find_live_decision
from tracker import clock
from tracker.accounts.services.account_links import issue_link
from tracker.accounts.services.email_confirmation import confirm_address
from tracker.assessment.services import signing
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Event, Signature, Submission, UnitAttempt
from tracker.portfolio.services.submissions import submit_evidence
from tracker.recording_forms.snapshot import take_snapshot
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import LinkPurpose


def verify(world: World) -> None:
    """Sample one decision as Carol, and sign."""
    attempt, carol = world.cfacc15, factories.make_actor(world.carol)
    with transaction():
        decision = find_live_decision(attempt, "1")
        draw_sample(attempt, [SampledDecision(decision.id, agrees=True, comment="", due_on=None)], "", carol)
    with transaction():
        sign_verification(attempt, take_snapshot(attempt).hash, carol, clock.now())


def read_signatures() -> dict[str, bool | None]:
    query = select(Signature.role, Signature.address_confirmed).order_by(Signature.id)
    return {role.value: confirmed for role, confirmed in db.session.execute(query)}


def test_each_signature_keeps_whether_the_address_was_confirmed(world: World) -> None:
    unconfirm(world.bob, world.carol)
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    verify(world)
    assert read_signatures() == {"assessor": False, "candidate": True, "internal_verifier": False}


def test_a_later_confirmation_does_not_change_a_signature(world: World) -> None:
    unconfirm(world.bob)
    workflow.sign(world, world.cfacc15)
    confirm_by_link(world.bob)
    assert world.bob.email_confirmed_at
    assert read_signatures() == {"assessor": False}
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(update(Signature).values(address_confirmed=True))
    db.session.rollback()


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_declaration_keeps_it_too(world: World, is_confirmed: bool) -> None:
    if not is_confirmed:
        unconfirm(world.alice)
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Call of 5 October")
        factories.claim(world.cfacc15, evidence, "1")
        submit_evidence(evidence, factories.make_actor(world.alice))
    submission = db.session.scalars(select(Submission)).one()
    assert submission.address_confirmed is is_confirmed
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(update(Submission).values(address_confirmed=not is_confirmed))
    db.session.rollback()


def test_a_confirmation_meanwhile_comes_wholly_after_the_signature(app: Flask, world: World) -> None:
    unconfirm(world.alice)
    workflow.sign(world, world.cfacc15)
    with transaction():
        snapshot_hash, alice = take_snapshot(world.cfacc15).hash, factories.make_actor(world.alice)
        path = issue_link(world.alice, LinkPurpose.CONFIRM_ADDRESS, alice, is_emailed=True)
    attempt_id = world.cfacc15.id

    def confirm_unit() -> None:
        with transaction():
            attempt = db.session.get_one(UnitAttempt, attempt_id)
            signing.confirm_unit(attempt, snapshot_hash, alice, clock.now())

    def confirm_own_address() -> None:
        with transaction():
            confirm_address(path.rpartition("/")[2], Actor(alice.person_id))

    run_while_paused(app, (signing, "Signature"), confirm_unit, confirm_own_address)
    acts = list(db.session.scalars(select(Event.act).order_by(Event.seq)))
    assert acts[-2:] == ["unit_confirmed", "email_confirmed"]
    assert read_signatures() == {"assessor": True, "candidate": False}
