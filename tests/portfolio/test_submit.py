"""Submission: the draft is sealed with the declaration and numbered once, and its assessors are notified."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Event, Evidence, EvidenceVersion, Submission
from tracker.portfolio.services.files import attach_file, remove_file, store_file
from tracker.portfolio.services.submissions import build_declaration, submit_evidence
from tracker.vocabulary import AssessmentOutcome, AttemptState, Method, Outcome, Simulation


def submit(evidence: Evidence, world: World, seen_version: int | None = None) -> EvidenceVersion:
    with transaction():
        return submit_evidence(evidence, factories.make_actor(world.alice), seen_version)


def attach(evidence: Evidence, content: bytes = b"Notes.", name: str = "n.txt") -> None:
    with transaction():
        attach_file(evidence, store_file(io.BytesIO(content), name))


def test_submitting_needs_the_declaration_that_is_shown(alice: FlaskClient, complaint: Evidence) -> None:
    page = alice.get(f"/evidence/{complaint.id}/submit").text
    assert "this evidence is my own work" in page
    assert "CFACC15: 5, 7" in page
    answer = alice.post(f"/evidence/{complaint.id}/submit", data={"declared": "y"})
    assert answer.location == f"/evidence/{complaint.id}"
    assert "Submitted as evidence 1, version 1" in alice.get(answer.location).text
    submission = db.session.scalars(select(Submission)).one()
    assert submission.declaration == build_declaration(Method.WORK_PRODUCT)
    assert submission.submitted_by_id == complaint.candidate_id


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (Method.OBSERVATION, "a true record of an observation"),
        (Method.WITNESS_TESTIMONY, "the witness gave this testimony"),
        (Method.EXPERT_WITNESS, "the expert witness gave this testimony"),
        (Method.PROFESSIONAL_DISCUSSION, "a true record of the discussion"),
    ],
)
def test_declaration_for_a_record_by_somebody_else_does_not_say_own_work(
    alice: FlaskClient, complaint: Evidence, method: Method, words: str
) -> None:
    with transaction():
        complaint.method = method
    page = alice.get(f"/evidence/{complaint.id}/submit").text
    assert words in page
    assert "my own work" not in page
    alice.post(f"/evidence/{complaint.id}/submit", data={"declared": "y"})
    assert words in db.session.scalars(select(Submission)).one().declaration


def test_without_the_declaration_nothing_is_submitted(alice: FlaskClient, complaint: Evidence) -> None:
    answer = alice.post(f"/evidence/{complaint.id}/submit", data={})
    assert answer.status_code == 422
    assert "Tick the declaration" in answer.text
    assert db.session.scalars(select(Submission)).all() == []


def test_every_field_and_file_is_sealed(world: World, complaint: Evidence) -> None:
    attach(complaint)
    version = submit(complaint, world)
    with transaction():
        complaint.title, complaint.narrative = "Changed since", ""
        remove_file(complaint, complaint.attachments[0])
    db.session.expire_all()
    assert version.title == "Complaint CH-2231"
    assert version.narrative == "I took the call myself."
    assert [each.name for each in version.attachments] == ["n.txt"]


def test_the_hash_is_over_fields_and_files(world: World, complaint: Evidence) -> None:
    first = submit(complaint, world).content_hash
    attach(complaint)
    second = submit(complaint, world).content_hash
    with transaction():
        remove_file(complaint, complaint.attachments[0])
    third = submit(complaint, world).content_hash
    assert first != second
    assert third == first, "the same content has the same hash"


def test_the_event_holds_hashes_and_no_text(
    world: World, complaint: Evidence, recorded_acts: Callable[[], list[str]]
) -> None:
    version = submit(complaint, world)
    assert recorded_acts() == ["evidence_submitted"]
    body = db.session.scalars(select(Event.body)).one().decode()
    assert version.content_hash in body
    assert '"claims":"' in body
    assert "Complaint" not in body


def test_numbers_count_up_for_each_candidate_and_are_never_reused(world: World, alice: FlaskClient) -> None:
    numbers = []
    for title in ("One", "Two", "Three"):
        with transaction():
            evidence = factories.make_evidence(world.cfacc15, title)
            factories.claim(world.cfacc15, evidence, "5")
        submit(evidence, world)
        numbers.append(evidence.number)
        if title == "Two":
            alice.post(f"/evidence/{evidence.id}/withdraw")
    assert numbers == [1, 2, 3]


def test_another_candidate_starts_at_one(world: World, complaint: Evidence) -> None:
    submit(complaint, world)
    with transaction():
        franks = factories.make_evidence(world.franks_attempt, "Frank's call")
        factories.claim(world.franks_attempt, franks, "5")
        submit_evidence(franks, factories.make_actor(world.frank))
    assert franks.number == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": "  "}, "Enter a title."),
        ({"method": None}, "Choose the method."),
        ({"happened_from": None}, "Enter the date the evidence was produced."),
        ({"narrative": ""}, "Write what you did, add a file, or enter where it is kept."),
    ],
)
def test_missing_fields_are_named(
    world: World, alice: FlaskClient, complaint: Evidence, change: dict[str, Any], sentence: str
) -> None:
    with transaction():
        for name, value in change.items():
            setattr(complaint, name, value)
    answer = alice.post(f"/evidence/{complaint.id}/submit", data={"declared": "y"})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert complaint.number is None


def test_everything_missing_is_listed_before_the_declaration(alice: FlaskClient, complaint: Evidence) -> None:
    with transaction():
        complaint.method = complaint.happened_from = None
    page = alice.get(f"/evidence/{complaint.id}/submit").text
    assert "Before you can submit" in page
    assert "Choose the method." in page
    assert "Enter the date the evidence was produced." in page
    assert 'name="declared"' not in page


def test_each_missing_thing_is_counted_as_one(alice: FlaskClient, complaint: Evidence) -> None:
    with transaction():
        complaint.title, complaint.method, complaint.happened_from = "", None, None
    page = alice.post(f"/evidence/{complaint.id}/submit", data={"declared": "y"}).text
    assert "3 things need changing" in page


def test_an_item_without_claims_stays_a_draft(world: World) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Escalation log")
    with pytest.raises(Invalid, match="Choose at least one criterion"):
        submit(evidence, world)


@pytest.mark.parametrize("replacement", ["file", "workplace_location"])
def test_a_file_or_its_place_at_work_replaces_the_written_account(
    world: World, complaint: Evidence, replacement: str
) -> None:
    with transaction():
        complaint.narrative = ""
        complaint.workplace_location = "CRM" if replacement == "workplace_location" else ""
    if replacement == "file":
        attach(complaint)
    assert submit(complaint, world).number == 1


def test_the_same_form_sent_twice_submits_once(alice: FlaskClient, complaint: Evidence) -> None:
    form = {"declared": "y", "idempotency_key": "k" * 24, "version": complaint.version}
    first = alice.post(f"/evidence/{complaint.id}/submit", data=form)
    second = alice.post(f"/evidence/{complaint.id}/submit", data=form)
    assert {first.status_code, second.status_code} <= {302, 303}
    assert first.location == second.location
    assert len(complaint.versions) == 1


def test_an_unchanged_item_cannot_be_submitted_again(world: World, complaint: Evidence) -> None:
    submit(complaint, world)
    with pytest.raises(Refused, match="Nothing has changed"):
        submit(complaint, world)


def test_a_change_in_another_window_blocks_submission(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    with pytest.raises(Conflict, match="changed in another window"):
        submit(complaint, world, seen_version=complaint.version + 1)
    answer = alice.post(f"/evidence/{complaint.id}/submit", data={"declared": "y", "version": complaint.version + 1})
    assert answer.status_code == 422
    assert "Nothing was submitted" in answer.text


def test_after_a_return_the_next_version_has_the_claims_undecided(world: World, complaint: Evidence) -> None:
    claims = list(db.session.scalars(select(factories.Claim).where(factories.Claim.evidence_id == complaint.id)))
    first = submit(complaint, world)
    with transaction():
        factories.accept(
            world.cfacc15, first, world.bob, {claims[0]: Outcome.NEEDS_MORE}, outcome=AssessmentOutcome.RETURNED
        )
        complaint.narrative = "I took the call, and wrote to her the next day."
    second = submit(complaint, world)
    assert (second.number, complaint.number) == (2, 1)
    assert [each.removed_at for each in claims] == [None, None]


def test_a_withdrawn_candidate_cannot_submit(world: World, complaint: Evidence) -> None:
    with transaction():
        world.registration.withdrawn_at = now()
        world.registration.withdrawn_reason = "Left the company"
    with pytest.raises(Refused, match="withdrawn your registration"):
        submit(complaint, world)


def test_a_signed_unit_accepts_no_submission(world: World, complaint: Evidence) -> None:
    with transaction():
        world.cfacc15.state = AttemptState.ASSESSED
    with pytest.raises(Invalid, match="at least one criterion of an open unit"):
        submit(complaint, world)


def test_a_simulation_is_refused_at_submission_with_the_rule(world: World, complaint: Evidence) -> None:
    assert world.cfacc15.unit.simulation is Simulation.FORBIDDEN
    with transaction():
        complaint.method = Method.SIMULATION
    with pytest.raises(Refused, match="evidence requirement 1 says"):
        submit(complaint, world)


def test_the_date_is_checked_again_at_submission(world: World, complaint: Evidence) -> None:
    with transaction():
        complaint.happened_from = date(2091, 1, 1)
    with pytest.raises(Invalid, match="future"):
        submit(complaint, world)
