"""Sign-off of a unit that rests on one method, day or customer: only with a sentence, which stays with the signature."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker import clock
from tracker.assessment.services import signing
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.matrix import load_matrix
from tracker.models import Event, Signature, UnitAttempt
from tracker.portfolio.evidence_warnings import list_sign_off_warnings
from tracker.recording_forms.snapshot import take_snapshot
from tracker.vocabulary import Method

ClientFor = Callable[..., FlaskClient]
REASON = "Ten calls of one shift show each criterion more than once."


def sign(world: World, attempt: UnitAttempt, reason: str) -> Signature:
    with transaction():
        seen, by_bob = take_snapshot(attempt).hash, factories.make_actor(world.bob)
        return signing.sign_unit(attempt, seen, "Well done.", by_bob, clock.now(), warnings_reason=reason)


@pytest.mark.parametrize("reason", ["", "   ", "Enough.", "x" * 2_001])
def test_a_unit_with_a_warning_is_not_signed_without_a_sentence(
    world: World, ready: UnitAttempt, reason: str
) -> None:
    with pytest.raises(Invalid, match="All evidence is of one method: work product") as refusal:
        sign(world, ready, reason)
    assert refusal.value.field == "warnings_reason"
    assert db.session.scalar(select(Signature.id)) is None


def test_the_sentence_is_kept_with_the_signature_and_hashed_in_its_event(world: World, ready: UnitAttempt) -> None:
    signature = sign(world, ready, f" {REASON} ")
    assert signature.warnings_reason == REASON
    assert signature.comment == "Well done.", "the printed comment stays the assessor's own"
    event = db.session.scalars(select(Event).where(Event.act == "unit_signed")).one()
    assert b'"warnings_reason"' in event.body
    assert REASON.encode() not in event.body


def test_a_unit_of_several_methods_days_and_customers_needs_none(world: World) -> None:
    attempt = world.cfacc15
    _, version, claims = workflow.submit_item(attempt, "Call", "1")
    workflow.accept(attempt, version, world.bob, claims)
    with transaction():
        other = factories.make_evidence(attempt, "Team meeting")
        other.method, other.happened_from = Method.OBSERVATION, clock.today()
        other.customers = "Case CH-3000"
        more = factories.claim(attempt, other, "2")
        second = factories.submit(other)
    workflow.accept(attempt, second, world.bob, more)
    assert list_sign_off_warnings(load_matrix(attempt).claiming_rows) == []
    workflow.meet_everything(world, attempt)
    workflow.confirm_requirements(world, attempt)
    assert sign(world, attempt, "Not asked for, and not kept.").warnings_reason is None


def test_the_page_asks_and_keeps_what_was_typed(world: World, client: ClientFor, ready: UnitAttempt) -> None:
    bob, path = client(world.bob), f"/attempts/{ready.id}/sign"
    assert "Why the evidence is sufficient" in bob.get(path).text
    saved = bob.post(
        f"{path}/draft",
        data={"changed": ["warnings_reason"], "warnings_reason": REASON},
        headers={"Accept": "application/json"},
    )
    assert saved.status_code == 200
    assert REASON in bob.get(path).text
    bob.post(path, data={"act": "save", "comment": "Well done.", "warnings_reason": "A draft without JavaScript."})
    assert "A draft without JavaScript." in bob.get(path).text
    db.session.rollback()
    assert ready.closing_comment == "Well done."


def test_the_verifier_reads_the_warnings_and_the_sentence(
    world: World, client: ClientFor, ready: UnitAttempt
) -> None:
    sign(world, ready, REASON)
    page = client(world.carol).get(f"/attempts/{ready.id}/verify/requirements").text
    assert "All evidence is of one method: work product." in page
    assert REASON in page
    assert REASON in client(world.carol).get(f"/attempts/{ready.id}").text
