"""Saving the matrix of a unit: one cell or the whole form; two windows keep each other's ticks."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Evidence

SCRIPT = {"Accept": "application/json"}


@pytest.fixture
def log(world: World) -> Evidence:
    with transaction():
        return factories.make_evidence(world.cfacc15, "Escalation log")


def cell(world: World, evidence: Evidence, label: str) -> str:
    return f"{evidence.id}-{factories.criterion(world.cfacc15, label).id}"


def list_claimed_cells(world: World) -> set[str]:
    db.session.rollback()
    rows = db.session.execute(
        select(Claim.evidence_id, Claim.criterion_id).where(
            Claim.attempt_id == world.cfacc15.id, Claim.removed_at.is_(None)
        )
    )
    return {f"{evidence_id}-{criterion_id}" for evidence_id, criterion_id in rows}


def save(browser: FlaskClient, world: World, shown_cells: set[str], ticked_cells: set[str]) -> Any:
    form = {"shown": " ".join(shown_cells), "t": sorted(ticked_cells)}
    return browser.post(f"/attempts/{world.cfacc15.id}/matrix", data=form)


def test_ticked_cells_are_claimed_and_cleared_ones_removed(
    world: World, alice: FlaskClient, complaint: Evidence, log: Evidence
) -> None:
    five, seven, nine = cell(world, complaint, "5"), cell(world, complaint, "7"), cell(world, log, "9")
    answer = save(alice, world, {five, seven}, {seven, nine})
    assert answer.location == f"/attempts/{world.cfacc15.id}?view=matrix"
    assert list_claimed_cells(world) == {seven, nine}
    assert "Saved: 2 claims changed." in alice.get(answer.location).text


def test_saving_a_filtered_matrix_returns_to_it(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    answer = alice.post(f"/attempts/{world.cfacc15.id}/matrix", data={"shown": "", "show": "gaps"})
    assert answer.location == f"/attempts/{world.cfacc15.id}?view=matrix&show=gaps"


def test_a_tick_made_elsewhere_meanwhile_is_kept(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    five, seven, nine = (cell(world, complaint, label) for label in ("5", "7", "9"))
    shown_cells = {five, seven}
    form = {"evidence": complaint.id, "criterion": nine.split("-")[1], "on": 1}
    assert alice.post(f"/attempts/{world.cfacc15.id}/tick", data=form, headers=SCRIPT).json["saved_at"]
    save(alice, world, shown_cells, {five})
    assert list_claimed_cells(world) == {five, nine}


def test_the_same_form_twice_changes_nothing_more(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    five, seven = cell(world, complaint, "5"), cell(world, complaint, "7")
    save(alice, world, {five, seven}, {seven})
    answer = save(alice, world, {five, seven}, {seven})
    assert list_claimed_cells(world) == {seven}
    page = alice.get(answer.location).text
    assert "Saved." in page
    assert "Nothing was changed" not in page


def test_only_the_candidate_can_tick(world: World, client: ClientFor, complaint: Evidence) -> None:
    nine = cell(world, complaint, "9")
    for person, status in ((world.bob, 404), (world.carol, 404), (world.dan, 404), (world.frank, 404)):
        assert save(client(person), world, set(), {nine}).status_code in {status, 403}
    assert nine not in list_claimed_cells(world)


def test_another_candidates_item_cannot_be_ticked(world: World, alice: FlaskClient) -> None:
    with transaction():
        franks = factories.make_evidence(world.franks_attempt, "Frank's call")
    assert save(alice, world, set(), {cell(world, franks, "9")}).status_code == 404
    form = {"evidence": franks.id, "criterion": factories.criterion(world.cfacc15, "9").id, "on": 1}
    assert alice.post(f"/attempts/{world.cfacc15.id}/tick", data=form).status_code == 404
    assert list_claimed_cells(world) == set()


@pytest.mark.parametrize("box", ["x", f"{10**30}-1", "1"])
def test_invalid_cells_change_nothing(world: World, alice: FlaskClient, complaint: Evidence, box: str) -> None:
    before = list_claimed_cells(world)
    assert save(alice, world, set(), {box}).status_code == 422
    assert list_claimed_cells(world) == before
