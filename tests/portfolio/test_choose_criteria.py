"""Choosing the criteria that an item claims, in all units of the candidate at once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Evidence, UnitAttempt
from tracker.portfolio.services.submissions import submit_evidence
from tracker.vocabulary import AttemptState, CriterionKind, Method, Outcome, Simulation

SCRIPT = {"Accept": "application/json"}


def value(attempt: UnitAttempt, label: str) -> str:
    return f"{attempt.id}-{factories.criterion(attempt, label).id}"


def list_claimed_cells(evidence: Evidence) -> set[str]:
    db.session.rollback()
    rows = db.session.execute(
        select(Claim.attempt_id, Claim.criterion_id).where(
            Claim.evidence_id == evidence.id, Claim.removed_at.is_(None)
        )
    )
    return {f"{attempt_id}-{criterion_id}" for attempt_id, criterion_id in rows}


def tick(browser: FlaskClient, evidence: Evidence, attempt: UnitAttempt, label: str, **fields: Any) -> Any:
    criterion = factories.criterion(attempt, label).id
    form = {"attempt": attempt.id, "criterion": criterion, "on": 1, **fields}
    return browser.post(f"/evidence/{evidence.id}/tick", data=form, headers=SCRIPT)


def test_every_open_unit_is_listed_with_the_evidence_that_claims_it(
    world: World, alice: FlaskClient, complaint: Evidence
) -> None:
    with transaction():
        other_item = factories.make_evidence(world.cfacc15, "Escalation log")
        factories.claim(world.cfacc15, other_item, "5")
        factories.submit(other_item)
    page = alice.get(f"/evidence/{complaint.id}/criteria").text
    assert "CFACC15" in page
    assert "INSCC004" in page
    assert "Deal with customer problems and complaints within your own authority level." in page
    assert "also claimed by evidence 1" in page
    assert "2 criteria chosen, 1 of them gaps" in " ".join(page.split())


def test_a_unit_whose_criteria_all_have_evidence_says_where_they_are(world: World, alice: FlaskClient) -> None:
    workflow.meet_everything(world, world.cfacc15)
    with transaction():
        draft = factories.make_evidence(world.cfacc15, "Letter")
    page = " ".join(alice.get(f"/evidence/{draft.id}/criteria").text.split())
    assert "Every criterion of CFACC15 has evidence. Choose “All criteria” to see the others." in page


def test_a_form_without_javascript_saves_what_was_shown(
    world: World, alice: FlaskClient, complaint: Evidence
) -> None:
    five, six, seven = (value(world.cfacc15, label) for label in ("5", "6", "7"))
    four = value(world.inscc004, "4")
    form = {"shown": [five, six, four], "claim": [six, four], f"locator-{six}": "p. 2", "act": "save"}
    answer = alice.post(f"/evidence/{complaint.id}/criteria", data=form)
    assert answer.location == f"/evidence/{complaint.id}"
    assert list_claimed_cells(complaint) == {six, four, seven}, "5 was unticked; 7 was not on the page and stays"
    assert db.session.scalars(select(Claim.locator).where(Claim.locator != "")).one() == "p. 2"


def test_submitting_leads_to_the_declaration(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    five = value(world.cfacc15, "5")
    form = {"shown": five, "claim": five, "act": "submit"}
    assert alice.post(f"/evidence/{complaint.id}/criteria", data=form).location == f"/evidence/{complaint.id}/submit"


def test_a_tick_is_saved_at_once_and_can_be_removed(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    nine = value(world.cfacc15, "9")
    assert tick(alice, complaint, world.cfacc15, "9", locator="page 3").json["saved_at"]
    assert nine in list_claimed_cells(complaint)
    tick(alice, complaint, world.cfacc15, "9", on=0)
    assert nine not in list_claimed_cells(complaint)
    removed_claim = db.session.scalars(select(Claim).where(Claim.removed_at.is_not(None))).one()
    assert removed_claim.removed_by_id == world.alice.id


def test_ticking_twice_claims_once(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    tick(alice, complaint, world.cfacc15, "9")
    tick(alice, complaint, world.cfacc15, "9")
    assert len(list_claimed_cells(complaint)) == 3


def test_ticks_on_a_draft_record_no_event_and_later_ones_one_for_each_request(
    world: World, alice: FlaskClient, complaint: Evidence, recorded_acts: Callable[[], list[str]]
) -> None:
    tick(alice, complaint, world.cfacc15, "9")
    assert recorded_acts() == []
    with transaction():
        submit_evidence(complaint, factories.make_actor(world.alice))
    values = [value(world.cfacc15, label) for label in ("1", "2", "3")]
    alice.post(f"/evidence/{complaint.id}/criteria", data={"shown": values, "claim": values})
    assert recorded_acts() == ["evidence_submitted", "claims_changed"]


def test_a_decided_claim_can_be_removed_by_the_assessor_only(
    world: World, alice: FlaskClient, complaint: Evidence
) -> None:
    with transaction():
        version = submit_evidence(complaint, factories.make_actor(world.alice))
        claims = db.session.scalars(select(Claim).where(Claim.evidence_id == complaint.id)).all()
        factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims, Outcome.MET))
    answer = tick(alice, complaint, world.cfacc15, "5", on=0)
    assert answer.status_code == 409
    assert "already decided" in answer.json["message"]
    assert value(world.cfacc15, "5") in list_claimed_cells(complaint)


def test_a_signed_unit_accepts_no_claims(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    with transaction():
        world.cfacc15.state = AttemptState.ASSESSED
    answer = tick(alice, complaint, world.cfacc15, "9")
    assert answer.status_code == 409
    assert "its claims cannot be changed" in answer.json["message"]


def test_a_withdrawn_candidate_cannot_claim(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    with transaction():
        world.registration.withdrawn_at, world.registration.withdrawn_reason = now(), "Left"
    assert tick(alice, complaint, world.cfacc15, "9").status_code == 409


def test_simulation_is_refused_with_the_rule_quoted(world: World, alice: FlaskClient) -> None:
    assert world.cfacc15.unit.simulation is Simulation.FORBIDDEN
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Role play")
        evidence.method = Method.SIMULATION
    answer = tick(alice, evidence, world.cfacc15, "5")
    assert answer.status_code == 409
    assert "Its evidence requirement 1 says" in answer.json["message"]
    assert list_claimed_cells(evidence) == set()


def test_all_ticks_of_a_form_are_saved_or_none(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    with transaction():
        world.inscc004.state = AttemptState.ASSESSED
    good, bad = value(world.cfacc15, "9"), value(world.inscc004, "4")
    answer = alice.post(f"/evidence/{complaint.id}/criteria", data={"shown": [good, bad], "claim": [good, bad]})
    assert answer.status_code == 409
    assert good not in list_claimed_cells(complaint)


class TestOtherCandidates:
    def test_nobody_else_claims_with_her_item(self, world: World, client: ClientFor, complaint: Evidence) -> None:
        for person in (world.bob, world.carol, world.dan, world.eve, world.frank):
            assert tick(client(person), complaint, world.cfacc15, "9").status_code == 404
            assert client(person).get(f"/evidence/{complaint.id}/criteria").status_code == 404

    def test_her_item_is_not_claimed_in_anothers_attempt(
        self, world: World, alice: FlaskClient, complaint: Evidence
    ) -> None:
        assert tick(alice, complaint, world.franks_attempt, "9").status_code == 404
        assert len(list_claimed_cells(complaint)) == 2

    def test_a_criterion_of_another_unit_is_not_claimed_in_this_one(
        self, world: World, alice: FlaskClient, complaint: Evidence
    ) -> None:
        foreign = factories.criterion(world.inscc004, "4").id
        form = {"attempt": world.cfacc15.id, "criterion": foreign, "on": 1}
        assert alice.post(f"/evidence/{complaint.id}/tick", data=form).status_code == 404


@pytest.mark.parametrize("box", ["", "7", "a-b", "1-2-3", "-1-2", "1-²", f"1-{10**30}"])
def test_invalid_ticks_change_nothing(alice: FlaskClient, complaint: Evidence, box: str) -> None:
    before = list_claimed_cells(complaint)
    answer = alice.post(f"/evidence/{complaint.id}/criteria", data={"shown": box, "claim": box})
    assert answer.status_code == 422
    assert "Nothing was saved" in answer.text
    assert list_claimed_cells(complaint) == before


def test_a_locator_is_one_line(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    answer = tick(alice, complaint, world.cfacc15, "5", locator="x" * 201)
    assert answer.status_code == 422
    assert "at most 200 characters" in answer.json["message"]


def test_the_page_takes_at_most_twelve_statements(
    world: World,
    alice: FlaskClient,
    complaint: Evidence,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    with transaction():
        for number in range(20):
            other_item = factories.make_evidence(world.cfacc15, f"Call {number}")
            factories.claim(world.cfacc15, other_item, "1", "2", "k:a")
    item = complaint.id
    assert factories.criterion(world.cfacc15, "a", CriterionKind.KNOWLEDGE)
    alice.get("/evidence")
    db.session.expunge_all()
    with count_statements() as statements:
        assert alice.get(f"/evidence/{item}/criteria").status_code == 200
    assert len(statements) <= 12, statements


def test_tips_are_shown_with_the_warning_that_they_contradict_the_unit(
    alice: FlaskClient, complaint: Evidence
) -> None:
    page = alice.get(f"/evidence/{complaint.id}/criteria").text
    assert "Use real-life or simulated contact centre data" in page
    assert "Simulated data is not accepted there" in page


def test_submitting_after_autosaved_ticks_does_not_say_that_nothing_changed(
    world: World, alice: FlaskClient, complaint: Evidence
) -> None:
    """With JavaScript each tick is saved at once, so that the form itself changes nothing more."""
    tick(alice, complaint, world.cfacc15, "5")
    five = f"{world.cfacc15.id}-{factories.criterion(world.cfacc15, '5').id}"
    for act in ("submit", "save"):
        answer = alice.post(f"/evidence/{complaint.id}/criteria", data={"shown": five, "claim": five, "act": act})
        assert "Nothing was changed" not in alice.get(answer.location).text


class TestWhatIsShown:
    """Gaps first, one unit open, and a search; the buttons that change it save the ticks (docs/rules.md, Claims)."""

    def test_only_gaps_and_what_the_item_claims_are_shown_first(
        self, world: World, alice: FlaskClient, complaint: Evidence
    ) -> None:
        with transaction():
            other_item = factories.make_evidence(world.cfacc15, "Escalation log")
            factories.claim(world.cfacc15, other_item, "5", "9")
            factories.submit(other_item)
        first = alice.get(f"/evidence/{complaint.id}/criteria").text
        everything = alice.get(f"/evidence/{complaint.id}/criteria?show=all").text
        five, nine, ten = (f'id="c-{value(world.cfacc15, label)}"' for label in ("5", "9", "10"))
        assert five in first, "this item claims it"
        assert nine not in first, "another item claims it"
        assert ten in first
        assert nine in everything

    def test_what_needs_more_is_a_gap(self, world: World, alice: FlaskClient, complaint: Evidence) -> None:
        with transaction():
            other_item = factories.make_evidence(world.cfacc15, "Escalation log")
            claims = factories.claim(world.cfacc15, other_item, "9")
            factories.accept(
                world.cfacc15, factories.submit(other_item), world.bob, dict.fromkeys(claims, Outcome.NEEDS_MORE)
            )
        page = alice.get(f"/evidence/{complaint.id}/criteria").text
        assert f'id="c-{value(world.cfacc15, "9")}"' in page
        assert "Needs more" in page

    def test_the_likely_unit_alone_is_open(self, world: World, alice: FlaskClient, complaint: Evidence) -> None:
        def opened(query: str = "") -> str:
            page = " ".join(alice.get(f"/evidence/{complaint.id}/criteria{query}").text.split())
            assert page.count('<details class="unit-section" open') == 1
            return page.split('<details class="unit-section" open')[1][:200]

        assert "CFACC15" in opened(), "the item claims two of its criteria"
        assert "INSCC004" in opened(f"?unit={world.inscc004.id}"), "the reader came from this unit"

    def test_the_search_finds_words_in_every_unit(
        self, world: World, alice: FlaskClient, complaint: Evidence
    ) -> None:
        page = alice.get(f"/evidence/{complaint.id}/criteria?show=all&search=PROBLEMS+complaints").text
        assert f'id="c-{value(world.cfacc15, "5")}"' in page
        assert f'id="c-{value(world.cfacc15, "7")}"' not in page
        assert "2 criteria chosen" in " ".join(page.split()), "what the search hides is still claimed"

    @pytest.mark.parametrize(("act", "show"), [("search", "gaps"), ("all", "all"), ("gaps", "gaps")])
    def test_a_filter_saves_the_ticks_and_stays(
        self, world: World, alice: FlaskClient, complaint: Evidence, act: str, show: str
    ) -> None:
        nine = value(world.cfacc15, "9")
        form = {"shown": nine, "claim": nine, "act": act, "show": "gaps", "search": "real"}
        answer = alice.post(f"/evidence/{complaint.id}/criteria", data=form)
        assert answer.location == f"/evidence/{complaint.id}/criteria?show={show}&search=real"
        assert nine in list_claimed_cells(complaint)
