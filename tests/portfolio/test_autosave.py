"""Autosave: the first save makes the draft, and later ones change only the fields that they name."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.portfolio.conftest import ClientFor
from tracker.extensions import db
from tracker.models import Evidence

SCRIPT = {"Accept": "application/json"}


def save(browser: FlaskClient, path: str, **fields: Any) -> Any:
    names = [name for name in fields if name not in {"version", "key"}]
    return browser.post(path, data={**fields, "changed": names}, headers=SCRIPT)


def test_the_first_save_creates_the_draft_and_returns_its_address(alice: FlaskClient) -> None:
    answer = save(alice, "/evidence/draft", title="Esc", key="one form").json
    evidence = db.session.scalars(select(Evidence)).one()
    assert evidence.title == "Esc"
    assert answer["fields"] == {"version": evidence.version}
    assert answer["autosave_url"] == f"/evidence/{evidence.id}/draft"
    assert answer["action"] == answer["address"] == f"/evidence/{evidence.id}/edit"
    assert answer["upload_url"] == f"/evidence/{evidence.id}/files"
    assert len(answer["saved_at"]) == len("10:42")


def test_a_first_save_whose_reply_was_lost_creates_no_second_draft(alice: FlaskClient) -> None:
    save(alice, "/evidence/draft", title="Esc", key="one form")
    save(alice, "/evidence/draft", title="Escalation log", key="one form")
    assert db.session.scalars(select(Evidence.title)).all() == ["Escalation log"]


def test_only_the_named_fields_change(alice: FlaskClient, complaint: Evidence) -> None:
    answer = save(alice, f"/evidence/{complaint.id}/draft", narrative="I rang her.", version=complaint.version)
    assert answer.json["refused"] == {}
    assert (complaint.title, complaint.narrative) == ("Complaint CH-2231", "I rang her.")


def test_a_named_field_without_a_value_is_emptied(alice: FlaskClient, complaint: Evidence) -> None:
    alice.post(f"/evidence/{complaint.id}/draft", data={"changed": ["occasion", "happened_from"], "occasion": ""})
    db.session.rollback()
    assert (complaint.occasion, complaint.happened_from) == ("", None)


def test_a_field_that_cannot_be_saved_does_not_block_the_others(alice: FlaskClient, complaint: Evidence) -> None:
    answer = save(
        alice,
        f"/evidence/{complaint.id}/draft",
        title="x" * 10_000,
        happened_from="2031-01-01",
        happened_until="soon",
        narrative="Saved all the same.",
    )
    assert answer.status_code == 200
    assert set(answer.json["refused"]) == {"title", "happened_from", "happened_until"}
    assert "can have at most 200 characters" in answer.json["refused"]["title"]
    db.session.rollback()
    assert complaint.narrative == "Saved all the same."
    assert complaint.title == "Complaint CH-2231"


def test_a_change_in_another_window_is_a_conflict(alice: FlaskClient, complaint: Evidence) -> None:
    version = complaint.version
    save(alice, f"/evidence/{complaint.id}/draft", title="From the phone", version=version)
    answer = save(alice, f"/evidence/{complaint.id}/draft", title="From the desk", version=version)
    assert answer.status_code == 409
    assert "changed in another window" in answer.json["message"]
    db.session.rollback()
    assert complaint.title == "From the phone"


def test_only_evidence_fields_can_be_written(alice: FlaskClient, complaint: Evidence) -> None:
    save(
        alice,
        f"/evidence/{complaint.id}/draft",
        number="99",
        candidate_id="1",
        centre_id="2",
        discarded_at="2026-01-01",
    )
    db.session.rollback()
    assert complaint.number is None
    assert complaint.discarded_at is None


@pytest.mark.parametrize("version", ["abc", "-1", "9" * 40, "²"])
def test_an_invalid_version_is_ignored(alice: FlaskClient, complaint: Evidence, version: str) -> None:
    assert save(alice, f"/evidence/{complaint.id}/draft", title="Fine", version=version).status_code == 200


def test_a_discarded_draft_cannot_be_saved(alice: FlaskClient, complaint: Evidence) -> None:
    alice.post(f"/evidence/{complaint.id}/discard")
    assert save(alice, f"/evidence/{complaint.id}/draft", title="Still here?").status_code == 404


def test_frank_creates_only_his_own_drafts(world: Any, client: ClientFor, complaint: Evidence) -> None:
    assert save(client(world.frank), f"/evidence/{complaint.id}/draft", title="Mine").status_code == 404
    save(client(world.frank), "/evidence/draft", title="My call")
    assert db.session.scalar(select(func.count(Evidence.id)).where(Evidence.candidate_id == world.frank.id)) == 1
