"""Linked criteria: a claim in one unit offers the linked criterion of another, and never claims it unasked."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.services.links import confirm_link, refuse_link
from tracker.models import Claim, CriterionLink, Evidence, UnitAttempt
from tracker.vocabulary import AttemptState, CriterionKind, LinkKind, Method, Outcome

SCRIPT = {"Accept": "application/json"}
OFFER = "The same in substance as DELIVERCC 12: claim it too"


@pytest.fixture
def delivercc(world: World) -> UnitAttempt:
    """Alice's attempt at DELIVERCC."""
    with transaction():
        return factories.make_attempt(world.registration, "DELIVERCC")


def cell(attempt: UnitAttempt, label: str, kind: CriterionKind = CriterionKind.PERFORMANCE) -> str:
    return f"{attempt.id}-{factories.criterion(attempt, label, kind).id}"


def list_claimed_cells(evidence: Evidence) -> set[str]:
    db.session.rollback()
    query = select(Claim).where(Claim.evidence_id == evidence.id, Claim.removed_at.is_(None))
    return {f"{each.attempt_id}-{each.criterion_id}" for each in db.session.scalars(query)}


def save(
    browser: FlaskClient, evidence: Evidence, shown_cells: list[str], ticked_cells: list[str], **fields: Any
) -> Any:
    return browser.post(
        f"/evidence/{evidence.id}/criteria", data={"shown": shown_cells, "claim": ticked_cells, **fields}
    )


class TestOffering:
    @pytest.mark.usefixtures("delivercc")
    def test_the_same_criterion_in_another_unit_is_offered_and_not_ticked(
        self, world: World, alice: FlaskClient, complaint: Evidence
    ) -> None:
        page = alice.get(f"/evidence/{complaint.id}/criteria").text
        assert OFFER in page
        assert "The same in substance as CFACC15 1: claim it too" in page, "both ways"
        box = page[page.index(f'name="also-{cell(world.cfacc15, "1")}"') :]
        assert "checked" not in box[: box.index(">")]

    def test_a_unit_without_an_attempt_is_not_offered(self, alice: FlaskClient, complaint: Evidence) -> None:
        page = alice.get(f"/evidence/{complaint.id}/criteria").text
        assert "DELIVERCC" not in page
        assert "The same in substance as INSCC004 3: claim it too" in page

    @pytest.mark.parametrize("state", [AttemptState.ASSESSED, AttemptState.VOID])
    def test_a_unit_that_is_not_open_is_not_offered(
        self, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt, state: AttemptState
    ) -> None:
        with transaction():
            delivercc.state = state
        assert OFFER not in alice.get(f"/evidence/{complaint.id}/criteria").text

    def test_a_criterion_already_claimed_is_shown_as_claimed(
        self, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        with transaction():
            factories.claim(delivercc, complaint, "12")
        page = alice.get(f"/evidence/{complaint.id}/criteria").text
        assert OFFER not in page
        assert f'#criterion-{cell(delivercc, "12")}">DELIVERCC 12</a>, claimed too' in page

    def test_a_decided_claim_only_links_to_the_same_criterion(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        with transaction():
            claims = factories.claim(world.cfacc15, complaint, "1")
            factories.accept(
                world.cfacc15, factories.submit(complaint), world.bob, dict.fromkeys(claims, Outcome.MET)
            )
        page = alice.get(f"/evidence/{complaint.id}/criteria?show=all").text
        assert OFFER not in page
        assert f'#criterion-{cell(delivercc, "12")}">DELIVERCC 12</a>' in page

    def test_a_link_rejected_by_the_centre_is_not_offered(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        with transaction():
            refuse_link(world.cfacc15.unit, delivercc.unit, (1, 12), world.northgate, factories.make_actor(world.dan))
        assert OFFER not in alice.get(f"/evidence/{complaint.id}/criteria").text

    def test_a_link_of_another_centre_is_not_offered(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        with transaction():
            confirm_link(
                world.cfacc15.unit, delivercc.unit, (5, 5), world.southbank, factories.make_actor(world.heidi)
            )
        assert "DELIVERCC 5:" not in alice.get(f"/evidence/{complaint.id}/criteria").text

    @pytest.mark.usefixtures("delivercc")
    def test_simulated_evidence_is_not_offered_where_the_unit_forbids_it(
        self, alice: FlaskClient, complaint: Evidence
    ) -> None:
        with transaction():
            complaint.method = Method.SIMULATION
        page = alice.get(f"/evidence/{complaint.id}/criteria").text
        assert "as CFACC15" not in page
        assert "The same in substance as INSCC004 18: claim it too" in page

    @pytest.mark.usefixtures("delivercc")
    def test_the_page_takes_one_more_statement(
        self,
        alice: FlaskClient,
        complaint: Evidence,
        count_statements: Callable[[], AbstractContextManager[list[str]]],
    ) -> None:
        item = complaint.id
        alice.get("/evidence")
        db.session.expunge_all()
        with count_statements() as statements:
            alice.get(f"/evidence/{item}/criteria")
        assert len([each for each in statements if "criterion_link" in each]) == 1
        assert len(statements) <= 12, statements


class TestClaimingBoth:
    def test_one_form_without_javascript_claims_both(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        first, second = cell(world.cfacc15, "1"), cell(delivercc, "12")
        before = list_claimed_cells(complaint)
        save(alice, complaint, [first, second], [first], **{f"also-{first}": second})
        assert list_claimed_cells(complaint) == before | {first, second}

    def test_the_other_criterion_need_not_be_on_the_page(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        first, second = cell(world.cfacc15, "1"), cell(delivercc, "12")
        save(alice, complaint, [first], [first], **{f"also-{first}": second})
        assert {first, second} <= list_claimed_cells(complaint)

    def test_an_offer_counts_only_with_its_own_tick(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        first, second = cell(world.cfacc15, "1"), cell(delivercc, "12")
        before = list_claimed_cells(complaint)
        save(alice, complaint, [first, second], [], **{f"also-{first}": second})
        assert list_claimed_cells(complaint) == before

    def test_one_tick_with_javascript_claims_both_in_one_request_and_one_event(
        self,
        world: World,
        alice: FlaskClient,
        complaint: Evidence,
        delivercc: UnitAttempt,
        recorded_acts: Callable[[], list[str]],
    ) -> None:
        with transaction():
            factories.submit(complaint)
        first, second = cell(world.cfacc15, "1"), cell(delivercc, "12")
        attempt, criterion = first.split("-")
        form = {"attempt": attempt, "criterion": criterion, "on": 1, "also": second}
        for _ in range(2):
            assert alice.post(f"/evidence/{complaint.id}/tick", data=form, headers=SCRIPT).json["saved_at"]
        assert {first, second} <= list_claimed_cells(complaint)
        assert recorded_acts() == ["claims_changed"]
        alice.post(f"/evidence/{complaint.id}/tick", data={**form, "on": 0}, headers=SCRIPT)
        assert second in list_claimed_cells(complaint), "removing one claim keeps the other"
        assert first not in list_claimed_cells(complaint)

    def test_both_claims_are_saved_or_none(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        with transaction():
            delivercc.state = AttemptState.ASSESSED
        first, second = cell(world.cfacc15, "1"), cell(delivercc, "12")
        before = list_claimed_cells(complaint)
        assert save(alice, complaint, [first], [first], **{f"also-{first}": second}).status_code == 409
        assert list_claimed_cells(complaint) == before

    def test_nothing_is_claimed_in_anothers_attempt(
        self, world: World, alice: FlaskClient, complaint: Evidence
    ) -> None:
        own_cell, franks_cell = cell(world.cfacc15, "1"), cell(world.franks_attempt, "1")
        before = list_claimed_cells(complaint)
        assert save(alice, complaint, [own_cell], [own_cell], **{f"also-{own_cell}": franks_cell}).status_code == 404
        assert list_claimed_cells(complaint) == before

    def test_an_invalid_value_is_refused_and_nothing_is_saved(
        self, world: World, alice: FlaskClient, complaint: Evidence
    ) -> None:
        own_cell = cell(world.cfacc15, "1")
        assert save(alice, complaint, [own_cell], [own_cell], **{f"also-{own_cell}": "12"}).status_code == 422


@pytest.mark.usefixtures("complaint")
class TestTheMatrix:
    def test_the_same_criteria_are_listed_below_the_matrix(
        self, world: World, alice: FlaskClient, delivercc: UnitAttempt
    ) -> None:
        page = alice.get(f"/attempts/{world.cfacc15.id}?view=matrix").text
        assert "With 1, claim DELIVERCC 12 too" in page
        assert "With 2, claim INSCC004 3 too" in page
        assert "With knowledge g, claim DELIVERCC knowledge 6 too" in page
        assert "With 12, claim CFACC15 1 too" in alice.get(f"/attempts/{delivercc.id}?view=matrix").text
        assert "claim DELIVERCC 12 too" not in alice.get(f"/attempts/{world.cfacc15.id}").text

    def test_a_link_of_the_centre_overrides_that_of_the_installation(
        self, world: World, alice: FlaskClient, delivercc: UnitAttempt
    ) -> None:
        with transaction():
            refuse_link(world.cfacc15.unit, delivercc.unit, (1, 12), world.northgate, factories.make_actor(world.dan))
        assert "With 1, claim" not in alice.get(f"/attempts/{world.cfacc15.id}?view=matrix").text

    @pytest.mark.usefixtures("delivercc")
    def test_a_withdrawn_candidate_is_offered_no_criteria(self, world: World, alice: FlaskClient) -> None:
        with transaction():
            world.registration.withdrawn_at, world.registration.withdrawn_reason = now(), "Left"
        assert "With 1, claim" not in alice.get(f"/attempts/{world.cfacc15.id}?view=matrix").text

    def test_the_whole_form_claims_both_for_what_was_newly_ticked(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        criterion_1, criterion_5 = (factories.criterion(world.cfacc15, label).id for label in ("1", "5"))
        twelve, three = cell(delivercc, "12"), cell(delivercc, "3")
        form = {
            "shown": f"{complaint.id}-{criterion_5}", "t": [f"{complaint.id}-{criterion_1}", f"{complaint.id}-{criterion_5}"],
            f"also-{criterion_1}": twelve, f"also-{criterion_5}": three,
        }  # fmt: skip
        alice.post(f"/attempts/{world.cfacc15.id}/matrix", data=form)
        assert {cell(world.cfacc15, "1"), twelve} <= list_claimed_cells(complaint)
        assert three not in list_claimed_cells(complaint), "5 was claimed before"

    def test_a_cell_claims_both_as_it_is_ticked(
        self, world: World, alice: FlaskClient, complaint: Evidence, delivercc: UnitAttempt
    ) -> None:
        criterion_id = factories.criterion(world.cfacc15, "1").id
        form = {"evidence": complaint.id, "criterion": criterion_id, "on": 1, "also": cell(delivercc, "12")}
        assert alice.post(f"/attempts/{world.cfacc15.id}/tick", data=form, headers=SCRIPT).status_code == 200
        assert {cell(world.cfacc15, "1"), cell(delivercc, "12")} <= list_claimed_cells(complaint)


def test_the_installation_ships_links_between_the_same_criteria(world: World) -> None:
    query = select(CriterionLink).where(CriterionLink.kind == LinkKind.SAME, CriterionLink.centre_id.is_(None))
    assert db.session.scalars(query).first()
