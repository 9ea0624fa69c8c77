"""Two-step verification before a signature: whom a centre asks, when, and what is kept meanwhile."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from tests import factories
from tests.accounts.authenticators import code_now
from tests.accounts.test_unsaved_text import count_unsaved_texts, read_value
from tests.assessment import workflow
from tests.assessment.test_sign_unit import sign_as_bob, signing_form
from tests.factories import PASSWORD, World
from tracker import clock
from tracker.accounts.services.signing_two_step import LIFETIME
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Event, Person, RecoveryCode, Signature, UnitAttempt, UserSession
from tracker.models.people import UNSAMPLED_REASONS
from tracker.vocabulary import SecondStepMethod, SigningTwoStep
from tracker.web.current_user import SecondStep

ClientFor = Callable[[Person], FlaskClient]
COMMENT = "Alice handled every call calmly.\n\nA steady record."
LATE = LIFETIME + timedelta(minutes=1)


@pytest.fixture
def ready(world: World, ready: UnitAttempt) -> UnitAttempt:
    """CFACC15, with nothing to do but sign; Bob, Carol and Alice have an authenticator app, and Dan has none."""
    with transaction():
        for person in (world.alice, world.bob, world.carol):
            factories.make_app(person)
    return ready


def do_second_step(person: Person, ago: timedelta = timedelta(0)) -> None:
    """Let the second step have been done in the person's session with an app, so long ago."""
    with transaction():
        values = {"verified_at": clock.now() - ago, "verified_with": SecondStepMethod.APP}
        db.session.execute(update(UserSession).where(UserSession.person_id == person.id).values(values))


def choose(world: World, asked: SigningTwoStep) -> None:
    with transaction():
        world.northgate.signing_two_step = asked


def count_signatures() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(Signature.id))) or 0


def read_second_step(act: str) -> Any:
    db.session.rollback()
    event = db.session.scalars(select(Event).where(Event.act == act)).one()
    return json.loads(event.body)["data"]["second_step"]


def test_opening_the_sign_off_page_leads_to_the_second_step_first(
    world: World, ready: UnitAttempt, client: ClientFor
) -> None:
    """Bob opens the page six minutes after he signed in: he enters a code, reads the form and signs it."""
    bob, address = client(world.bob), f"/attempts/{ready.id}/sign"
    do_second_step(world.bob, LATE)
    answer = bob.get(address)
    assert (answer.status_code, answer.location) == (303, f"/two-step-verification?next={address}")
    assert "Confirm it is you before you sign" in bob.get(answer.location).text
    back = bob.post(answer.location, data={"code": code_now()})
    assert (back.status_code, back.location) == (303, address)
    assert bob.post(address, data=signing_form(bob.get(address).text)).status_code == 303
    step = read_second_step("unit_signed")
    verified_at = db.session.scalars(select(UserSession.verified_at)).one()
    assert step == {"method": "app", "at": verified_at.isoformat()}


def test_a_comment_that_took_longer_comes_back_after_the_second_step(
    world: World, ready: UnitAttempt, client: ClientFor
) -> None:
    """Bob writes for six minutes: nothing is signed until he enters a code, and everything typed is still there."""
    bob, address = client(world.bob), f"/attempts/{ready.id}/sign"
    do_second_step(world.bob)
    form = signing_form(bob.get(address).text, comment=COMMENT)
    ticked = form["requirement"].pop()
    do_second_step(world.bob, LATE)
    answer = bob.post(address, data={**form, "save_id": "a" * 32})
    assert answer.status_code == 303
    assert answer.location.startswith("/two-step-verification?next=")
    assert "Set-Cookie" not in answer.headers or "saved-" not in str(answer.headers.getlist("Set-Cookie"))
    assert count_signatures() == 0
    second_step = bob.get(answer.location).text
    assert "Nothing was signed" in second_step
    assert "What you typed is kept" in second_step
    page = bob.get(bob.post(answer.location, data={"code": code_now()}).location).text
    assert read_value(page, "comment") == COMMENT
    assert "without two-step verification. It is not signed yet: check it, then sign it." in page
    assert read_value(page, "password") == ""
    assert f'value="{ticked}" checked' not in page, "the tick that was taken away stays away"
    everything = signing_form(page, comment=COMMENT, unsaved_text=read_value(page, "unsaved_text"))
    assert bob.post(address, data=everything).status_code == 303
    assert db.session.scalars(select(Signature)).one().comment == COMMENT
    assert count_unsaved_texts() == 0


def test_a_form_that_is_late_twice_is_kept_once(world: World, ready: UnitAttempt, client: ClientFor) -> None:
    bob, address = client(world.bob), f"/attempts/{ready.id}/sign"
    do_second_step(world.bob)
    form = signing_form(bob.get(address).text, comment=COMMENT)
    do_second_step(world.bob, LATE)
    back = bob.post(bob.post(address, data=form).location, data={"code": code_now()}).location
    unsaved_id = read_value(bob.get(back).text, "unsaved_text")
    do_second_step(world.bob, LATE)
    bob.post(address, data={**form, "comment": "Shorter.", "unsaved_text": unsaved_id})
    assert count_unsaved_texts() == 1


def test_pages_on_which_nothing_can_be_signed_ask_for_nothing(
    world: World, ready: UnitAttempt, client: ClientFor
) -> None:
    """Bob reads a unit with a claim to assess, and saves another for later."""
    bob = client(world.bob)
    do_second_step(world.bob, LATE)
    assert bob.get(f"/attempts/{world.inscc004.id}/sign").status_code == 200
    answer = bob.post(f"/attempts/{ready.id}/sign", data={"act": "save", "comment": COMMENT})
    assert (answer.status_code, "two-step" in answer.location) == (303, False)


@pytest.mark.parametrize(
    ("asked", "is_bob_asked", "is_alice_asked"),
    [
        (SigningTwoStep.STAFF, True, False),
        (SigningTwoStep.EVERYBODY, True, True),
        (SigningTwoStep.NOBODY, False, False),
    ],
)
def test_the_centre_chooses_who_is_asked(
    world: World,
    ready: UnitAttempt,
    client: ClientFor,
    asked: SigningTwoStep,
    is_bob_asked: bool,
    is_alice_asked: bool,
) -> None:
    choose(world, asked)
    bob, alice = client(world.bob), client(world.alice)
    do_second_step(world.bob, LATE)
    do_second_step(world.alice, LATE)
    assert (bob.get(f"/attempts/{ready.id}/sign").status_code == 303) is is_bob_asked
    step = SecondStep(clock.now(), SecondStepMethod.PASSKEY)
    sign_as_bob(world, ready, second_step=step)
    address = f"/attempts/{ready.id}/confirm"
    assert (alice.get(address).status_code == 303) is is_alice_asked
    late = alice.post(address, data={"password": PASSWORD, "snapshot_hash": "0" * 64})
    assert ("/two-step-verification" in (late.location or "")) is is_alice_asked
    assert count_unsaved_texts() == 0, "Alice typed nothing that has to be kept"


def test_people_who_have_not_set_it_up_are_not_asked(world: World, client: ClientFor) -> None:
    choose(world, SigningTwoStep.EVERYBODY)
    workflow.sign(world, world.cfacc15)
    alice, address = client(world.alice), f"/attempts/{world.cfacc15.id}/confirm"
    page = alice.get(address)
    assert page.status_code == 200
    data = {"password": PASSWORD, "snapshot_hash": read_value(page.text, "snapshot_hash")}
    assert alice.post(address, data=data).location == f"/attempts/{world.cfacc15.id}"
    assert read_second_step("unit_confirmed") is None


def test_a_verifiers_own_reason_comes_back_after_the_second_step(
    world: World, ready: UnitAttempt, client: ClientFor
) -> None:
    sign_as_bob(world, ready, second_step=SecondStep(clock.now(), SecondStepMethod.APP))
    workflow.confirm(ready)
    carol, address = client(world.carol), f"/attempts/{ready.id}/verify/sign"
    do_second_step(world.carol, LATE)
    assert carol.get(address).location == f"/two-step-verification?next={address}"
    do_second_step(world.carol)
    snapshot_hash = read_value(carol.get(address).text, "snapshot_hash")
    do_second_step(world.carol, LATE)
    reason = "Bob's last three units were sampled in full this month."
    data = {"snapshot_hash": snapshot_hash, "password": PASSWORD, "own_reason": reason, "reason": "own"}
    answer = carol.post(f"/attempts/{ready.id}/release", data=data)
    page = carol.get(carol.post(answer.location, data={"code": code_now()}).location).text
    assert read_value(page, "own_reason") == reason
    assert count_signatures() == 2
    released = {"snapshot_hash": snapshot_hash, "password": PASSWORD, "reason": UNSAMPLED_REASONS[0]}
    assert carol.post(f"/attempts/{ready.id}/release", data=released).status_code == 303
    assert read_second_step("unit_verified")["method"] == "app"


def test_a_recovery_code_does_too_and_the_event_says_so(world: World, ready: UnitAttempt, client: ClientFor) -> None:
    with transaction():
        code_hash = factories.cheap_hash("abcdefghjkmn")
        db.session.add(RecoveryCode(person_id=world.bob.id, code_hash=code_hash, created_at=factories.LONG_AGO))
    bob, address = client(world.bob), f"/attempts/{ready.id}/sign"
    do_second_step(world.bob, LATE)
    answer = bob.post("/two-step-verification/recovery-code", data={"code": "abcd-efgh-jkmn"})
    assert answer.status_code == 303
    bob.post(address, data=signing_form(bob.get(address).text))
    assert read_second_step("unit_signed")["method"] == "recovery_code"


def test_a_wrong_code_leads_nowhere_and_is_limited(world: World, ready: UnitAttempt, client: ClientFor) -> None:
    bob = client(world.bob)
    do_second_step(world.bob, LATE)
    for _ in range(5):
        assert bob.post("/two-step-verification", data={"code": "000000"}).status_code == 422
    assert "Wait" in bob.post("/two-step-verification", data={"code": code_now()}).text
    assert bob.get(f"/attempts/{ready.id}/sign").status_code == 303
    assert bob.get("/queue").status_code == 200, "everything else stays open"


def test_the_service_signs_nothing_without_a_recent_second_step(world: World, ready: UnitAttempt) -> None:
    for step in (None, SecondStep(clock.now() - LATE, SecondStepMethod.APP)):
        with pytest.raises(Invalid, match="Signing needs two-step verification"):
            sign_as_bob(world, ready, second_step=step)
    assert count_signatures() == 0
