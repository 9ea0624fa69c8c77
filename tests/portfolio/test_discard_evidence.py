"""Discarding a draft that was never submitted, with its claims."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Evidence


def test_alice_discards_a_draft(
    alice: FlaskClient, complaint: Evidence, recorded_acts: Callable[[], list[str]]
) -> None:
    answer = alice.post(f"/evidence/{complaint.id}/discard")
    assert answer.location == "/evidence"
    assert "Complaint CH-2231" not in alice.get("/evidence").text
    assert alice.get(f"/evidence/{complaint.id}").status_code == 404
    assert recorded_acts() == ["draft_discarded"]
    claims = db.session.scalars(select(Claim).where(Claim.evidence_id == complaint.id)).all()
    assert all(claim.removed_at for claim in claims)


def test_a_discarded_draft_is_not_found(alice: FlaskClient, complaint: Evidence) -> None:
    alice.post(f"/evidence/{complaint.id}/discard")
    assert alice.post(f"/evidence/{complaint.id}/discard").status_code == 404


def test_a_submitted_item_cannot_be_discarded(alice: FlaskClient, world: World, complaint: Evidence) -> None:
    with transaction():
        factories.submit(complaint)
    alice.post(f"/evidence/{complaint.id}/withdraw")
    answer = alice.post(f"/evidence/{complaint.id}/discard")
    assert answer.status_code == 409
    assert "stays in your index" in answer.text
    db.session.rollback()
    assert complaint.discarded_at is None
