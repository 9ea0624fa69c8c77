"""Editing an item: in one window or two, before and after it was submitted."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence
from tracker.vocabulary import Method, Role, Simulation


def fields_of(evidence: Evidence, **changes: Any) -> dict[str, Any]:
    db.session.rollback()
    return {
        "version": evidence.version,
        "title": evidence.title,
        "method": evidence.method or "",
        "happened_from": "2026-10-05",
        "occasion": evidence.occasion,
        "customers": evidence.customers,
        "narrative": evidence.narrative,
        **changes,
    }


def test_the_form_shows_what_is_saved(alice: FlaskClient, complaint: Evidence) -> None:
    page = alice.get(f"/evidence/{complaint.id}/edit").text
    assert 'value="Complaint CH-2231"' in page
    assert "I took the call myself." in page
    assert 'value="2026-10-05"' in page


def test_alice_changes_an_item(alice: FlaskClient, complaint: Evidence) -> None:
    answer = alice.post(
        f"/evidence/{complaint.id}/edit", data=fields_of(complaint, title="Complaint, closed", act="draft")
    )
    assert answer.location == f"/evidence/{complaint.id}"
    assert complaint.title == "Complaint, closed"


def test_the_later_of_two_windows_gets_a_conflict_and_keeps_its_text(alice: FlaskClient, complaint: Evidence) -> None:
    first, second = (
        fields_of(complaint, narrative="From the phone."),
        fields_of(complaint, narrative="From the desk."),
    )
    assert alice.post(f"/evidence/{complaint.id}/edit", data=first).status_code == 303
    answer = alice.post(f"/evidence/{complaint.id}/edit", data=second)
    assert answer.status_code == 422
    assert "changed in another window" in answer.text
    assert "From the desk." in answer.text
    assert complaint.narrative == "From the phone."
    fields = fields_of(complaint, narrative="From the desk.")
    assert f'name="version" value="{fields["version"]}"' in answer.text, "saving again is a choice now"
    assert alice.post(f"/evidence/{complaint.id}/edit", data=fields).status_code == 303
    assert complaint.narrative == "From the desk."


def test_two_windows_with_the_same_text_do_not_conflict(alice: FlaskClient, complaint: Evidence) -> None:
    fields = fields_of(complaint, narrative="The same words.")
    assert alice.post(f"/evidence/{complaint.id}/edit", data=fields).status_code == 303
    assert alice.post(f"/evidence/{complaint.id}/edit", data=fields).status_code == 303


def test_a_window_with_a_conflict_keeps_its_file(alice: FlaskClient, complaint: Evidence) -> None:
    stale = fields_of(
        complaint, title="Stale", version=complaint.version + 5, files=[(io.BytesIO(b"Notes."), "n.txt")]
    )
    assert alice.post(f"/evidence/{complaint.id}/edit", data=stale).status_code == 422
    assert [each.name for each in complaint.attachments] == ["n.txt"]


def test_the_method_cannot_become_simulation_with_claims_in_a_unit_that_forbids_it(
    alice: FlaskClient, complaint: Evidence, world: World
) -> None:
    assert world.cfacc15.unit.simulation is Simulation.FORBIDDEN
    answer = alice.post(
        f"/evidence/{complaint.id}/edit", data=fields_of(complaint, method="simulation", occasion="Training room")
    )
    assert answer.status_code == 422
    assert "CFACC15 does not allow simulated evidence" in answer.text
    assert "evidence requirement 1" in answer.text
    assert complaint.method is Method.WORK_PRODUCT
    assert complaint.occasion == "Training room"


def test_an_unclaimed_item_may_be_a_simulation(alice: FlaskClient, world: World) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Role play")
    alice.post(f"/evidence/{evidence.id}/edit", data=fields_of(evidence, method="simulation"))
    assert evidence.method is Method.SIMULATION


def test_a_submitted_item_can_be_edited_and_its_version_stays(alice: FlaskClient, complaint: Evidence) -> None:
    with transaction():
        version = factories.submit(complaint)
    alice.post(f"/evidence/{complaint.id}/edit", data=fields_of(complaint, title="Complaint, with the outcome"))
    assert complaint.title == "Complaint, with the outcome"
    assert version.title == "Complaint CH-2231"
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "You have changed this item since version 1" in page
    assert "Submit version 2" in page


@pytest.mark.parametrize("name", ["bob", "carol", "dan", "eve", "frank"])
def test_nobody_else_sees_or_changes_it(world: World, client: ClientFor, complaint: Evidence, name: str) -> None:
    browser = client(getattr(world, name))
    for path in ("edit", "submit", "criteria"):
        assert browser.get(f"/evidence/{complaint.id}/{path}").status_code == 404
    for path in ("edit", "draft", "files", "submit", "withdraw", "discard"):
        assert (
            browser.post(
                f"/evidence/{complaint.id}/{path}", data={"title": "Mine now", "changed": "title"}
            ).status_code
            == 404
        )
    db.session.rollback()
    assert complaint.title == "Complaint CH-2231"


def test_another_candidate_of_the_centre_neither_sees_nor_changes_it(
    world: World, client: ClientFor, complaint: Evidence
) -> None:
    with transaction():
        factories.submit(complaint)
        colleague = factories.make_person("Amy Reid", world.northgate, Role.CANDIDATE)
    amy = client(colleague)
    for path in ("", "/edit", "/submit", "/criteria", "/versions/1"):
        assert amy.get(f"/evidence/{complaint.id}{path}").status_code == 404, path
    for path in ("edit", "draft", "files", "submit", "withdraw", "discard"):
        data = {"title": "Amy's now", "changed": "title"}
        assert amy.post(f"/evidence/{complaint.id}/{path}", data=data).status_code == 404, path
    db.session.rollback()
    assert complaint.title == "Complaint CH-2231"
