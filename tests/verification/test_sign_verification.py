"""Verification: signing as sampled, or releasing without sampling with a reason."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import PASSWORD, World
from tests.verification.conftest import VerifyPage
from tracker import clock
from tracker.errors import Conflict, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, Decision, Person, Signature, UnitAttempt
from tracker.models.people import UNSAMPLED_REASONS
from tracker.recording_forms.snapshot import take_snapshot
from tracker.registrations.allocations import allocate
from tracker.registrations.services import withdraw_candidate
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import AttemptState, Role, SignatureRole

Browser = Callable[[Person], FlaskClient]
Read = Callable[[FlaskClient, int], VerifyPage]


def state_of(attempt_id: int) -> AttemptState:
    db.session.rollback()
    return db.session.get_one(UnitAttempt, attempt_id).state


def agree(decision_ids: list[int]) -> dict[str, str]:
    return {f"decision-{number}": "agree" for number in decision_ids}


def verifiers_signature() -> Signature:
    query = select(Signature).where(Signature.role == SignatureRole.INTERNAL_VERIFIER)
    return db.session.scalars(query).one()


def test_verifier_signs_as_sampled(
    confirmed: World, client: Browser, read_page: Read, recorded_acts: Callable[[], list[str]]
) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    carol.post(f"/attempts/{attempt}/sample", data=agree(read_page(carol, attempt).decision_ids[:2]))
    data = {"snapshot_hash": read_page(carol, attempt).snapshot_hash, "password": PASSWORD}
    assert carol.post(f"/attempts/{attempt}/verify", data=data).status_code == 303
    assert state_of(attempt) is AttemptState.VERIFIED
    assert verifiers_signature().date_sampled == clock.today()
    assert recorded_acts()[-1] == "unit_verified"


def test_after_signing_the_verifier_can_issue_the_form_and_go_to_the_next_unit(
    confirmed: World, client: Browser, read_page: Read
) -> None:
    workflow.sign(confirmed, confirmed.inscc004)
    workflow.confirm(confirmed.inscc004)
    carol, attempt, following = client(confirmed.carol), confirmed.cfacc15.id, confirmed.inscc004.id
    data = {"snapshot_hash": read_page(carol, attempt).snapshot_hash, "password": PASSWORD}
    answer = carol.post(f"/attempts/{attempt}/release", data={**data, "reason": UNSAMPLED_REASONS[0]})
    page = carol.get(answer.headers["Location"]).text
    assert f'action="/attempts/{attempt}/form/issue"' in page
    assert page.index("Issue the form</button>") < page.index("Print without a seal")
    assert f'href="/attempts/{following}/verify">Next: INSCC004 of' in page
    last = carol.get(f"/attempts/{following}/verify/form").text
    assert "Print the form (PDF)" in last
    assert "Issue the form" not in last


def test_date_sampled_is_the_day_of_the_latest_sample_and_not_of_the_signature(
    confirmed: World, client: Browser, read_page: Read, freeze_clock: Callable[..., None]
) -> None:
    carol, attempt, first_day = client(confirmed.carol), confirmed.cfacc15.id, clock.now()
    decision_ids = read_page(carol, attempt).decision_ids
    carol.post(f"/attempts/{attempt}/sample", data=agree(decision_ids[:1]))
    freeze_clock(first_day + timedelta(days=2))
    carol = client(confirmed.carol)
    carol.post(f"/attempts/{attempt}/sample", data=agree(decision_ids[1:2]))
    freeze_clock(first_day + timedelta(days=5))
    carol = client(confirmed.carol)
    data = {"snapshot_hash": read_page(carol, attempt).snapshot_hash, "password": PASSWORD}
    assert carol.post(f"/attempts/{attempt}/verify", data=data).status_code == 303
    assert verifiers_signature().date_sampled == clock.day_of(first_day + timedelta(days=2))
    assert clock.day_of(verifiers_signature().signed_at) == clock.day_of(first_day + timedelta(days=5))


def test_verifier_cannot_sign_as_sampled_without_a_sample(confirmed: World, client: Browser, read_page: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {"snapshot_hash": read_page(carol, attempt).snapshot_hash, "password": PASSWORD}
    answer = carol.post(f"/attempts/{attempt}/verify", data=data)
    assert answer.status_code == 409
    assert "This round has no sample yet" in answer.text
    assert state_of(attempt) is AttemptState.CONFIRMED


def test_verifier_releases_without_sampling(confirmed: World, client: Browser, read_page: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {
        "snapshot_hash": read_page(carol, attempt).snapshot_hash,
        "password": PASSWORD,
        "reason": UNSAMPLED_REASONS[0],
    }
    assert carol.post(f"/attempts/{attempt}/release", data=data).status_code == 303
    signature = verifiers_signature()
    assert (signature.date_sampled, signature.unsampled_reason) == (None, UNSAMPLED_REASONS[0])


def test_a_reason_of_ones_own_needs_twenty_characters(confirmed: World, client: Browser, read_page: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {"snapshot_hash": read_page(carol, attempt).snapshot_hash, "password": PASSWORD, "reason": "other"}
    refusal = carol.post(f"/attempts/{attempt}/release", data={**data, "own_reason": "Known work."})
    assert refusal.status_code == 422
    assert "Enter at least 20 characters" in refusal.text
    assert "Known work." in refusal.text
    own_reason = "The same work was sampled in another unit."
    assert carol.post(f"/attempts/{attempt}/release", data={**data, "own_reason": own_reason}).status_code == 303
    assert verifiers_signature().unsampled_reason == own_reason


def test_a_reason_that_is_not_in_the_centres_list_cannot_be_chosen(
    confirmed: World, client: Browser, read_page: Read
) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {"snapshot_hash": read_page(carol, attempt).snapshot_hash, "password": PASSWORD, "reason": "Quick."}
    assert carol.post(f"/attempts/{attempt}/release", data=data).status_code == 422
    assert state_of(attempt) is AttemptState.CONFIRMED


def test_unit_page_says_that_a_released_unit_was_not_sampled(
    confirmed: World, client: Browser, read_page: Read
) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {
        "snapshot_hash": read_page(carol, attempt).snapshot_hash,
        "password": PASSWORD,
        "reason": UNSAMPLED_REASONS[0],
    }
    carol.post(f"/attempts/{attempt}/release", data=data)
    for path in (f"/attempts/{attempt}", f"/attempts/{attempt}/form", f"/attempts/{attempt}/verify/form"):
        assert "Not sampled" in carol.get(path).text, path


def test_completed_unit_of_a_withdrawn_candidate_can_be_verified(confirmed: World) -> None:
    """A withdrawn candidate is entitled to certification of the units they completed."""
    with transaction():
        withdraw_candidate(confirmed.cfacc15.registration, "Left the company.", factories.make_actor(confirmed.dan))
        sign_verification(
            confirmed.cfacc15,
            take_snapshot(confirmed.cfacc15).hash,
            factories.make_actor(confirmed.carol),
            clock.now(),
            unsampled_reason=UNSAMPLED_REASONS[0],
        )
    assert state_of(confirmed.cfacc15.id) is AttemptState.VERIFIED


def test_unfinished_unit_of_a_withdrawn_candidate_cannot_be_sampled(world: World) -> None:
    workflow.meet_everything(world, world.cfacc15)
    decision = db.session.scalars(select(Decision)).first()
    assert decision
    with transaction():
        withdraw_candidate(world.cfacc15.registration, "Left the company.", factories.make_actor(world.dan))
    with pytest.raises(Refused, match="has been withdrawn"), transaction():
        draw_sample(world.cfacc15, [SampledDecision(decision.id, agrees=True)], "", factories.make_actor(world.carol))


def test_completed_unit_of_a_withdrawn_candidate_can_be_allocated_to_another_verifier(confirmed: World) -> None:
    with transaction():
        ivan = factories.make_person("Ivan Reid", confirmed.northgate, Role.INTERNAL_VERIFIER, Role.ASSESSOR)
        withdraw_candidate(confirmed.cfacc15.registration, "Left the company.", factories.make_actor(confirmed.dan))
        by_dan = factories.make_actor(confirmed.dan)
        assert allocate(confirmed.cfacc15, ivan, Role.INTERNAL_VERIFIER, "Carol is on leave.", by_dan)
    with pytest.raises(Refused, match="has been withdrawn"), transaction():
        allocate(confirmed.cfacc15, ivan, Role.ASSESSOR, "Bob is on leave.", factories.make_actor(confirmed.dan))


def test_a_wrong_password_signs_nothing_and_keeps_the_reason(
    confirmed: World, client: Browser, read_page: Read
) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {
        "snapshot_hash": read_page(carol, attempt).snapshot_hash,
        "password": "not hers",
        "reason": "other",
        "own_reason": "Sampled last week.",
    }
    answer = carol.post(f"/attempts/{attempt}/release", data=data)
    assert answer.status_code == 422
    assert "That is not your password" in answer.text
    assert "Sampled last week." in answer.text
    assert state_of(attempt) is AttemptState.CONFIRMED


@pytest.mark.parametrize("reason", [None, UNSAMPLED_REASONS[0]])
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
    with pytest.raises(Refused, match="An action point on this unit is open"), transaction():
        sign_verification(attempt, snapshot, factories.make_actor(carol), clock.now(), unsampled_reason=reason)
    assert state_of(attempt.id) is AttemptState.CONFIRMED


def test_verifier_cannot_sign_a_form_that_has_changed(confirmed: World) -> None:
    with pytest.raises(Conflict), transaction():
        sign_verification(
            confirmed.cfacc15,
            "0" * 64,
            factories.make_actor(confirmed.carol),
            clock.now(),
            unsampled_reason=UNSAMPLED_REASONS[0],
        )
    assert state_of(confirmed.cfacc15.id) is AttemptState.CONFIRMED


def test_person_who_has_assessed_cannot_verify(confirmed: World) -> None:
    """Bob has the role and the allocation, but he signed this attempt as its assessor."""
    attempt = confirmed.cfacc15
    with transaction():
        factories.grant(confirmed.bob, confirmed.northgate, Role.INTERNAL_VERIFIER)
    for act in (
        lambda: sign_verification(
            attempt,
            take_snapshot(attempt).hash,
            factories.make_actor(confirmed.bob),
            clock.now(),
            unsampled_reason=UNSAMPLED_REASONS[0],
        ),
        lambda: draw_sample(attempt, [SampledDecision(1, agrees=True)], "", factories.make_actor(confirmed.bob)),
    ):
        with pytest.raises(Refused, match="cannot verify"), transaction():
            act()


def test_signing_twice_at_once_signs_once(confirmed: World, client: Browser, read_page: Read) -> None:
    carol, attempt = client(confirmed.carol), confirmed.cfacc15.id
    data = {
        "snapshot_hash": read_page(carol, attempt).snapshot_hash,
        "password": PASSWORD,
        "reason": UNSAMPLED_REASONS[0],
    }
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
