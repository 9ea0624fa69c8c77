"""Sign-off: what must be done first, confirmed requirements, the password, and exactly the form shown."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests import factories
from tests.assessment import workflow
from tests.factories import PASSWORD, World
from tracker import clock
from tracker.accounts.services.attempt_limits import PASSWORD_CONFIRMATION
from tracker.assessment.services import assessments, signing
from tracker.assessment.services.sign_off_checks import list_sign_off_blockers
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.matrix import load_matrix
from tracker.models import ActionPoint, Event, RequirementConfirmation, Signature, UnitAttempt
from tracker.recording_forms.snapshot import take_snapshot
from tracker.vocabulary import AttemptState, Method, Outcome, SignatureRole, Simulation

ClientFor = Callable[..., FlaskClient]
REASON = workflow.WARNINGS_REASON


def signing_form(page: str, **fields: Any) -> dict[str, Any]:
    """Return the form of the page with every requirement ticked and the password."""
    hidden_fields = dict(re.findall(r'<input type="hidden" name="(snapshot_hash|version)" value="(\w+)">', page))
    ticks = re.findall(r'name="requirement" value="(\d+)"', page)
    return {
        **hidden_fields,
        "requirement": ticks,
        "password": PASSWORD,
        "act": "sign",
        "warnings_reason": REASON,
        **fields,
    }


def sign_as_bob(world: World, attempt: UnitAttempt, **options: Any) -> Signature:
    with transaction():
        return signing.sign_unit(
            attempt,
            take_snapshot(attempt).hash,
            "Well done.",
            factories.make_actor(world.bob),
            clock.now(),
            **{"warnings_reason": REASON, **options},
        )


def test_assessor_signs_off_a_unit(world: World, ready: UnitAttempt, recorded_acts: Callable[[], list[str]]) -> None:
    signature = sign_as_bob(world, ready)
    assert (ready.state, ready.assessed_at) == (AttemptState.ASSESSED, signature.signed_at)
    assert (signature.role, signature.round, signature.person_id) == (SignatureRole.ASSESSOR, 1, world.bob.id)
    assert signature.comment == ready.closing_comment == "Well done."
    assert signature.snapshot_hash == take_snapshot(ready).hash
    event = db.session.scalars(select(Event).where(Event.act == "unit_signed")).one()
    assert signature.snapshot_hash.encode() in event.body
    assert b"Well done" not in event.body
    assert b'"sufficient":true' in event.body
    assert recorded_acts().count("unit_signed") == 1


def test_everything_to_do_before_sign_off_is_listed(world: World) -> None:
    workflow.submit_item(world.cfacc15, "Complaint", "1")
    words = [each.text for each in list_sign_off_blockers(world.cfacc15, load_matrix(world.cfacc15))]
    assert words[0] == "Evidence 1 “Complaint”: 1 claim to assess"
    assert words[1].startswith("Criterion 1, claimed: ")
    assert words[2].startswith("Criterion 2, nothing yet: ")
    assert sum(each.startswith("Knowledge ") for each in words) == 11


def test_decision_that_can_still_be_undone_blocks_sign_off(world: World) -> None:
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, workflow.build_draft({claim: Outcome.MET}), bob)
        assessments.accept_evidence(world.cfacc15, version, bob)
    first = list_sign_off_blockers(world.cfacc15, load_matrix(world.cfacc15))[0]
    assert "can still be undone" in first.text


def test_assessor_cannot_sign_with_an_unmet_criterion(world: World) -> None:
    workflow.confirm_requirements(world, world.cfacc15)
    with pytest.raises(Refused, match="Criterion 1, nothing yet"):
        sign_as_bob(world, world.cfacc15)
    assert world.cfacc15.state is AttemptState.IN_PROGRESS


def test_undecided_claim_on_submitted_evidence_blocks_sign_off(world: World, ready: UnitAttempt) -> None:
    workflow.submit_item(ready, "One more", "1")
    with pytest.raises(Refused, match="1 claim to assess"):
        sign_as_bob(world, ready)


def test_decision_that_awaits_affirmation_blocks_sign_off(world: World) -> None:
    version, _ = workflow.meet_everything(world, world.cfacc15)
    workflow.confirm_requirements(world, world.cfacc15)
    workflow.submit_next_version(version.evidence)
    with pytest.raises(Refused, match="24 claims to assess"):
        sign_as_bob(world, world.cfacc15)


def test_draft_evidence_does_not_block_sign_off(world: World, ready: UnitAttempt) -> None:
    with transaction():
        factories.claim(ready, factories.make_evidence(ready, "Draft"), "1")
    sign_as_bob(world, ready)
    assert ready.state is AttemptState.ASSESSED


def test_every_evidence_requirement_must_be_confirmed_in_this_round(world: World, ready: UnitAttempt) -> None:
    with transaction():
        ready.round = 2
    with pytest.raises(Invalid, match="Confirm every evidence requirement"):
        sign_as_bob(world, ready)


def test_action_point_without_a_response_blocks_sign_off(world: World, ready: UnitAttempt) -> None:
    with transaction():
        action_point = ActionPoint(
            attempt_id=ready.id,
            round=1,
            raised_by_id=world.carol.id,
            raised_at=clock.now(),
            action="Say which rule was applied.",
            due_on=clock.today(),
        )
        db.session.add(action_point)
    with pytest.raises(Refused, match="action point needs"):
        sign_as_bob(world, ready)


def test_form_that_changed_since_it_was_shown_is_not_signed(world: World, ready: UnitAttempt) -> None:
    snapshot_hash = take_snapshot(ready).hash
    _, version, claims = workflow.submit_item(ready, "Another", "1")
    workflow.accept(ready, version, world.bob, claims)
    with pytest.raises(Conflict, match="changed while you were reading"):
        signing.sign_unit(ready, snapshot_hash, "", factories.make_actor(world.bob), clock.now())
    with pytest.raises(Conflict):
        sign_as_bob(world, ready, seen_version=ready.version - 1)


def test_unit_cannot_be_signed_twice(world: World, ready: UnitAttempt) -> None:
    sign_as_bob(world, ready)
    with pytest.raises(Refused, match="is signed by its assessor; the candidate confirms it next"):
        sign_as_bob(world, ready)
    assert len(db.session.scalars(select(Signature)).all()) == 1


def test_database_refuses_a_second_live_signature(world: World, ready: UnitAttempt) -> None:
    sign_as_bob(world, ready)
    first = db.session.scalars(select(Signature)).one()
    columns = {key: getattr(first, key) for key in Signature.__mapper__.columns.keys() if key != "id"}  # noqa: SIM118 - a mapper's collection, not a dict
    db.session.add(Signature(**columns))
    with pytest.raises(IntegrityError):
        db.session.flush()
    rollback()


@pytest.mark.parametrize("name", ["alice", "carol"])
def test_candidate_and_verifier_cannot_sign_as_assessor(world: World, ready: UnitAttempt, name: str) -> None:
    with transaction():
        action_point = ActionPoint(
            attempt_id=ready.id,
            round=1,
            raised_by_id=world.carol.id,
            raised_at=clock.now(),
            action="",
            due_on=clock.today(),
            response="Done",
            responded_at=clock.now(),
            responded_by_id=world.bob.id,
        )
        db.session.add(action_point)
    with pytest.raises(Refused, match=r"Nobody can assess their own work|cannot assess it"):
        signing.sign_unit(
            ready, take_snapshot(ready).hash, "", factories.make_actor(getattr(world, name)), clock.now()
        )


def test_simulation_that_the_unit_does_not_mention_needs_a_reason(world: World) -> None:
    with transaction():
        world.inscc004.unit.simulation = Simulation.UNSTATED
    version, _ = workflow.meet_everything(world, world.inscc004)
    workflow.confirm_requirements(world, world.inscc004)
    with transaction():
        evidence = factories.make_evidence(world.inscc004, "Practice call")
        evidence.method = Method.SIMULATION
        claims = factories.claim(world.inscc004, evidence, "1")
        version = factories.submit(evidence)
    workflow.accept(world.inscc004, version, world.bob, claims)
    with pytest.raises(Invalid, match="simulated evidence") as refusal:
        sign_as_bob(world, world.inscc004)
    assert refusal.value.field == "simulation_reason"
    signature = sign_as_bob(world, world.inscc004, simulation_reason="Strategy 4.2 allows it.")
    assert signature.comment.endswith("because: Strategy 4.2 allows it.")


@pytest.fixture
def simulated(world: World) -> UnitAttempt:
    """INSCC004, which does not say whether simulation is allowed, with everything met and a simulation claimed."""
    with transaction():
        world.inscc004.unit.simulation = Simulation.UNSTATED
    workflow.meet_everything(world, world.inscc004)
    workflow.confirm_requirements(world, world.inscc004)
    with transaction():
        evidence = factories.make_evidence(world.inscc004, "Practice call")
        evidence.method = Method.SIMULATION
        claims = factories.claim(world.inscc004, evidence, "1")
        version = factories.submit(evidence)
    workflow.accept(world.inscc004, version, world.bob, claims)
    return world.inscc004


def test_save_for_later_keeps_every_typed_text(world: World, client: ClientFor, simulated: UnitAttempt) -> None:
    """Without JavaScript the reason for simulation was lost."""
    bob, address = client(world.bob), f"/attempts/{simulated.id}/sign"
    typed = {
        "comment": "Twelve weeks of work.",
        "warnings_reason": "The calls are real.",
        "simulation_reason": "Strategy 4.2 allows it.",
    }
    page = bob.get(address).text
    answer = bob.post(address, data=signing_form(page, act="save", **typed))
    assert answer.status_code == 303
    page = bob.get(answer.location).text
    for text in typed.values():
        assert text in page
    assert (
        "saved_at"
        in bob.post(f"{address}/draft", data={"simulation_reason": "4.3.", "changed": "simulation_reason"}).json
    )
    assert "4.3." in bob.get(address).text
    too_long = bob.post(address, data=signing_form(page, act="save", simulation_reason="z" * 2_001))
    assert too_long.status_code == 422
    assert "z" * 2_001 in too_long.text


def test_reason_for_simulation_is_printed_once_after_a_retraction(world: World, simulated: UnitAttempt) -> None:
    """The drafted comment held the reason too, so that the second signature had it twice."""
    reason = "Strategy 4.2 allows it."
    sign_as_bob(world, simulated, simulation_reason=reason)
    with transaction():
        signing.retract_signature(simulated, "A comment was missing.", factories.make_actor(world.bob))
    assert simulated.simulation_reason == reason
    assert reason not in simulated.closing_comment
    workflow.confirm_requirements(world, simulated)
    signature = sign_as_bob(world, simulated, simulation_reason=reason)
    assert signature.comment.count(reason) == 1


def test_note_of_a_requirement_that_is_not_ticked_is_refused_and_kept(world: World, client: ClientFor) -> None:
    """Save for later dropped it without a word."""
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/sign"
    first, second = re.findall(r'name="requirement" value="(\d+)"', bob.get(address).text)[:2]
    fields = {"requirement": first, f"note-{first}": "Item 1", f"note-{second}": "Item 2", "act": "save"}
    answer = bob.post(address, data=fields)
    assert answer.status_code == 422
    assert "Tick requirement 2 first. Then its note is saved." in answer.text
    assert 'value="Item 1"' in answer.text
    assert 'value="Item 2"' in answer.text


def test_requirement_is_confirmed_once_and_its_note_may_change(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    (first, *_) = workflow.confirm_requirements(world, world.cfacc15)
    before = recorded_acts().count("requirement_confirmed")
    with transaction():
        signing.confirm_requirement(world.cfacc15, first, "Seen in items 1 and 2.", factories.make_actor(world.bob))
    assert recorded_acts().count("requirement_confirmed") == before
    query = select(RequirementConfirmation).where(RequirementConfirmation.requirement_id == first)
    assert [each.note for each in db.session.scalars(query)] == ["Seen in items 1 and 2."]


def test_requirement_of_another_unit_cannot_be_confirmed(world: World) -> None:
    with transaction():
        other_attempt = factories.make_attempt(world.registration, "DELIVERCC")
    ids = workflow.confirm_requirements(world, world.cfacc15)
    with pytest.raises(NotFound):
        signing.confirm_requirement(other_attempt, ids[0], "", factories.make_actor(world.bob))


# --- the page ----------------------------------------------------------------------------------------------


def test_assessor_signs_on_the_page(world: World, client: ClientFor) -> None:
    workflow.meet_everything(world, world.cfacc15)
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/sign"
    page = bob.get(address).text
    assert "Sign as assessor" in page
    response = bob.post(address, data=signing_form(page, comment="Well done."))
    assert (response.status_code, response.location) == (303, address)
    signed = bob.get(address).text
    assert signed.count("You have signed off") == 1
    assert signed.count("confirms this unit next") == 1
    assert "You have signed off CFACC15 of Alice Moran" in signed
    assert "Confirm CFACC15" in client(world.alice).get("/").text


def test_page_of_a_blocked_unit_asks_for_no_password(world: World, client: ClientFor) -> None:
    page = client(world.bob).get(f"/attempts/{world.cfacc15.id}/sign").text
    assert "Before you can sign off" in page
    assert "Sign as assessor" not in page


def test_password_guesses_at_signing_are_rate_limited(world: World, client: ClientFor, ready: UnitAttempt) -> None:
    """After five wrong passwords the right one is refused too; signing in with it still works."""
    bob, address = client(world.bob), f"/attempts/{ready.id}/sign"
    form = signing_form(bob.get(address).text, password="a guess at it")
    for _ in range(PASSWORD_CONFIRMATION.free_attempts):
        assert "That is not your password" in bob.post(address, data=form).text
    answer = bob.post(address, data={**form, "password": PASSWORD})
    assert answer.status_code == 422
    assert "too many wrong passwords" in answer.text
    assert "Nothing was signed." in answer.text
    db.session.rollback()
    assert ready.state is AttemptState.IN_PROGRESS


def test_a_wrong_password_signs_nothing_and_keeps_what_was_typed(world: World, client: ClientFor) -> None:
    workflow.meet_everything(world, world.cfacc15)
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/sign"
    form = signing_form(bob.get(address).text, comment="Well done & thorough.", password="wrong")
    note = f"note-{form['requirement'][0]}"
    response = bob.post(address, data={**form, note: "See item 1."})
    assert response.status_code == 422
    assert "That is not your password. Nothing was signed." in response.text
    assert "Well done &amp; thorough." in response.text
    assert "See item 1." in response.text
    assert response.text.count('type="checkbox"') == response.text.count(" checked")
    assert "wrong" not in re.findall(r'name="password"[^>]*value="([^"]*)"', response.text)
    assert db.session.scalars(select(Signature)).all() == []


def test_outdated_page_is_shown_again_with_what_was_typed(world: World, client: ClientFor) -> None:
    workflow.meet_everything(world, world.cfacc15)
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/sign"
    form = signing_form(bob.get(address).text, comment="Well done.")
    workflow.submit_item(world.cfacc15, "Slipped in", "1")
    response = bob.post(address, data=form)
    assert response.status_code == 409
    assert "changed while you were reading" in response.text
    assert "Slipped in" in response.text
    assert "Well done." in response.text
    assert db.session.scalars(select(Signature)).all() == []


def test_the_same_signing_form_sent_twice_signs_once(world: World, client: ClientFor) -> None:
    workflow.meet_everything(world, world.cfacc15)
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/sign"
    page = bob.get(address).text
    form = signing_form(page, idempotency_key=re.findall(r'name="idempotency_key" value="([^"]+)"', page)[-1])
    assert [bob.post(address, data=form).location for _ in range(2)] == [address, address]
    assert len(db.session.scalars(select(Signature)).all()) == 1


def test_confirmations_notes_and_comment_are_autosaved(world: World, client: ClientFor) -> None:
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/sign"
    page = bob.get(address).text
    first = re.findall(r'name="requirement" value="(\d+)"', page)[0]
    refusal = bob.post(f"{address}/draft", data={f"note-{first}": "Item 1", "changed": f"note-{first}"})
    assert refusal.status_code == 422
    fields = {"requirement": first, f"note-{first}": "Item 1", "comment": "Going well."}
    reply = bob.post(f"{address}/draft", data={**fields, "changed": list(fields)})
    assert reply.status_code == 200
    assert reply.json["fields"]["version"] == world.cfacc15.version
    page = bob.get(address).text
    assert "Going well." in page
    assert "Item 1" in page
    assert re.search(rf'id="requirement-{first}"[^>]* checked', page)
    assert bob.post(f"{address}/draft", data={"changed": "requirement"}).status_code == 200
    assert not re.search(rf'id="requirement-{first}"[^>]* checked', bob.get(address).text)


def test_closing_comment_over_the_limit_is_refused_and_kept(world: World, client: ClientFor) -> None:
    workflow.meet_everything(world, world.cfacc15)
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/sign"
    for act in ("save", "sign"):
        form = signing_form(bob.get(address).text, comment="z" * 10_000, act=act)
        response = bob.post(address, data=form)
        assert response.status_code == 422
        assert "4,000 characters" in response.text
        assert "z" * 10_000 in response.text


def test_only_the_allocated_assessor_signs(world: World, client: ClientFor) -> None:
    workflow.meet_everything(world, world.cfacc15)
    address = f"/attempts/{world.cfacc15.id}/sign"
    form = signing_form(client(world.bob).get(address).text)
    for person in (world.alice, world.carol, world.dan, world.eve, world.frank, world.grace, world.heidi):
        assert client(person).get(address).status_code == 404, person.name
        assert client(person).post(address, data=form).status_code == 404, person.name
    assert db.session.scalars(select(Signature)).all() == []


def test_the_page_asks_little_of_the_database_whatever_the_number_of_rows(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    clock.frozen = clock.now()  # else the session writes its time of last use once a minute
    workflow.meet_everything(world, world.cfacc15)
    bob, counts = client(world.bob), []
    bob.get(f"/attempts/{world.cfacc15.id}/sign")  # reads again what the test itself expired
    for _ in range(2):
        for n in range(5):
            workflow.submit_item(world.cfacc15, f"Item {n}", "1", "2")
        with count_statements() as statements:
            assert bob.get(f"/attempts/{world.cfacc15.id}/sign").status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert max(counts) <= 14
