"""Verification: signing as sampled, or releasing without sampling with a reason."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import PASSWORD, World
from tracker import clock
from tracker.errors import Conflict, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, Person, Signature, UnitAttempt
from tracker.recording_forms.snapshot import take_snapshot
from tracker.verification import services
from tracker.vocabulary import AttemptState, Role, SignatureRole

Browser = Callable[[Person], FlaskClient]
Read = Callable[[FlaskClient, int], dict[str, list[str]]]


def state_of(attempt_id: int) -> AttemptState:
    db.session.rollback()
    return db.session.get_one(UnitAttempt, attempt_id).state


def verifiers_signature() -> Signature:
    query = select(Signature).where(Signature.role == SignatureRole.INTERNAL_VERIFIER)
    return db.session.scalars(query).one()


def test_verifier_signs_as_sampled(
    confirmed: World, client: Browser, read: Read, recorded_acts: Callable[[], list[str]]
) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    carol.post(f"/attempts/{attempt}/sample", data={"decision": read(carol, attempt)["decision"][:2]})
    data = {"snapshot_hash": read(carol, attempt)["snapshot_hash"][0], "password": PASSWORD}
    assert carol.post(f"/attempts/{attempt}/verify", data=data).status_code == 303
    assert state_of(attempt) is AttemptState.VERIFIED
    assert verifiers_signature().date_sampled == clock.today()
    assert recorded_acts()[-1] == "unit_verified"


def test_verifier_cannot_sign_as_sampled_without_a_sample(confirmed: World, client: Browser, read: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {"snapshot_hash": read(carol, attempt)["snapshot_hash"][0], "password": PASSWORD}
    answer = carol.post(f"/attempts/{attempt}/verify", data=data)
    assert answer.status_code == 409
    assert "This round has no sample yet" in answer.text
    assert state_of(attempt) is AttemptState.CONFIRMED


def test_verifier_releases_without_sampling(confirmed: World, client: Browser, read: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {
        "snapshot_hash": read(carol, attempt)["snapshot_hash"][0],
        "password": PASSWORD,
        "reason": "Sampled last week.",
    }
    assert carol.post(f"/attempts/{attempt}/release", data=data).status_code == 303
    signature = verifiers_signature()
    assert (signature.date_sampled, signature.unsampled_reason) == (None, "Sampled last week.")


def test_a_wrong_password_signs_nothing_and_keeps_the_reason(confirmed: World, client: Browser, read: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {
        "snapshot_hash": read(carol, attempt)["snapshot_hash"][0],
        "password": "not hers",
        "reason": "Sampled last week.",
    }
    answer = carol.post(f"/attempts/{attempt}/release", data=data)
    assert answer.status_code == 422
    assert "That is not your password" in answer.text
    assert "Sampled last week." in answer.text
    assert state_of(attempt) is AttemptState.CONFIRMED


@pytest.mark.parametrize("reason", [None, "Sampled last week."])
def test_verifier_cannot_sign_with_an_open_action_point(confirmed: World, reason: str | None) -> None:
    """An action point ends the round, so that none is open in a confirmed unit; the signature checks it all the same."""
    carol, attempt = confirmed.carol, confirmed.cfacc15
    with transaction():
        factories.add_and_flush(
            ActionPoint(
                attempt_id=attempt.id,
                round=attempt.round,
                raised_by_id=carol.id,
                raised_at=clock.now(),
                action="Explain the date of evidence 1.",
                due_on=clock.today(),
            )
        )
    snapshot = take_snapshot(attempt).hash
    with pytest.raises(Refused, match="has no response from the assessor yet"), transaction():
        services.sign_verification(
            attempt, snapshot, factories.make_actor(carol), clock.now(), unsampled_reason=reason
        )
    assert state_of(attempt.id) is AttemptState.CONFIRMED


def test_verifier_cannot_sign_a_form_that_has_changed(confirmed: World) -> None:
    with pytest.raises(Conflict), transaction():
        services.sign_verification(
            confirmed.cfacc15,
            "0" * 64,
            factories.make_actor(confirmed.carol),
            clock.now(),
            unsampled_reason="Known work.",
        )
    assert state_of(confirmed.cfacc15.id) is AttemptState.CONFIRMED


def test_person_who_has_assessed_cannot_verify(confirmed: World) -> None:
    """Bob has the role and the allocation, but he signed this attempt as its assessor."""
    attempt = confirmed.cfacc15
    with transaction():
        factories.grant(confirmed.bob, confirmed.northgate, Role.INTERNAL_VERIFIER)
    for act in (
        lambda: services.sign_verification(
            attempt,
            take_snapshot(attempt).hash,
            factories.make_actor(confirmed.bob),
            clock.now(),
            unsampled_reason="x",
        ),
        lambda: services.draw_sample(
            attempt, [services.SampledDecision(1, 1, agrees=True)], "", factories.make_actor(confirmed.bob)
        ),
    ):
        with pytest.raises(Refused, match="cannot verify"), transaction():
            act()


def test_signing_twice_at_once_signs_once(confirmed: World, client: Browser, read: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {"snapshot_hash": read(carol, attempt)["snapshot_hash"][0], "password": PASSWORD, "reason": "Known work."}
    assert carol.post(f"/attempts/{attempt}/release", data=data).status_code == 303
    assert carol.post(f"/attempts/{attempt}/release", data=data).status_code == 409
    assert verifiers_signature()


def test_unit_not_confirmed_by_the_candidate_cannot_be_verified(world: World, client: Browser) -> None:
    workflow.sign(world, world.cfacc15)
    answer = client(world.carol).post(
        f"/attempts/{world.cfacc15.id}/release", data={"snapshot_hash": "x", "password": PASSWORD, "reason": "y"}
    )
    assert answer.status_code == 409
    assert "the candidate confirms it next" in answer.text
