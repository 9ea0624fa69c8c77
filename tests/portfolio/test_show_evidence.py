"""The page of an item: its state in each unit, its feedback, and the next step."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.portfolio import files
from tests.portfolio.conftest import ClientFor
from tracker import clock
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Claim, Evidence, EvidenceVersion
from tracker.portfolio.queries.badges import list_badges
from tracker.portfolio.services.files import attach_file, store_file
from tracker.portfolio.services.submissions import submit_evidence
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Outcome


def submit_item(evidence: Evidence, world: World) -> EvidenceVersion:
    with transaction():
        return submit_evidence(evidence, factories.make_actor(world.alice))


def claims_of(evidence: Evidence) -> list[Claim]:
    return list(db.session.scalars(select(Claim).where(Claim.evidence_id == evidence.id).order_by(Claim.id)))


def return_item(world: World, version: EvidenceVersion, feedback: str) -> None:
    with transaction():
        assessment = factories.accept(world.cfacc15, version, world.bob, {}, outcome=AssessmentOutcome.RETURNED)
        assessment.feedback = feedback


def badge(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    return list_badges([evidence.id])[evidence.id]


def test_the_page_of_a_draft_says_that_only_alice_sees_it(alice: FlaskClient, complaint: Evidence) -> None:
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "Draft: Complaint CH-2231" in page
    assert "Only you can see this item" in page
    assert f'href="/evidence/{complaint.id}/submit">Submit</a>' in page
    assert "Discard this draft" in page
    assert "Withdraw" not in page


def test_an_item_without_claims_asks_for_criteria(world: World, alice: FlaskClient) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Escalation log")
    page = alice.get(f"/evidence/{evidence.id}").text
    assert "is not linked to any criteria yet" in page
    assert f"/evidence/{evidence.id}/submit" not in page


def test_a_removed_claim_is_shown_with_its_reason_and_does_not_count(
    world: World, alice: FlaskClient, complaint: Evidence
) -> None:
    with transaction():
        for claim in claims_of(complaint):
            claim.removed_at, claim.removed_by_id, claim.removed_reason = (
                now(),
                world.bob.id,
                "It shows another call.",
            )
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "Claim removed by the assessor: It shows another call." in page
    assert "is not linked to any criteria yet" in page


def test_a_submitted_item_can_be_withdrawn(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    submit_item(complaint, world)
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "1 Complaint CH-2231" in page
    assert "Submitted in CFACC15" in page
    assert "submitted version 1" in page
    assert "Withdraw" in page
    assert "Discard" not in page


def test_a_returned_item_shows_the_feedback_and_leads_to_version_two(
    world: World, alice: FlaskClient, complaint: Evidence
) -> None:
    return_item(world, submit_item(complaint, world), "Whose decision was the refund?")
    page = alice.get(f"/evidence/{complaint.id}").text
    assert "Returned in CFACC15" in page
    assert "Whose decision was the refund?" in page
    assert "Submit version 2" in page
    assert "Withdraw" not in page
    assert "Whose decision was the refund?" in alice.get(f"/evidence/{complaint.id}/edit").text, "beside the answer"
    with transaction():
        complaint.narrative = "It was mine: up to £50 is within my authority."
    submit_item(complaint, world)
    assert "Whose decision" not in alice.get(f"/evidence/{complaint.id}/edit").text, "it is answered"


def test_feedback_and_each_outcome_come_before_the_button_that_answers_them(
    world: World, alice: FlaskClient, complaint: Evidence
) -> None:
    version = submit_item(complaint, world)
    return_item(world, version, "Whose decision was the refund?")
    with transaction():
        claim = db.session.scalars(select(Claim).where(Claim.evidence_id == complaint.id)).first()
        assert claim
        assessment = factories.accept(world.cfacc15, version, world.bob, {claim: Outcome.NEEDS_MORE})
        assessment.outcome, assessment.feedback = AssessmentOutcome.RETURNED, "And when?"
    page = " ".join(alice.get(f"/evidence/{complaint.id}").text.split())
    top = page[page.index("Your assessor has returned this item") : page.index("Submit version 2</button>")]
    assert "Whose decision was the refund?" in top
    assert top.index("And when?") < top.index("Needs more (1)") < top.index("Your answer")
    assert f"<b>{claim.criterion.label}</b> {claim.criterion.text}" in top


def test_feedback_not_released_is_not_shown(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    version = submit_item(complaint, world)
    with transaction():
        db.session.add(
            Assessment(
                attempt_id=world.cfacc15.id,
                evidence_version_id=version.id,
                assessor_id=world.bob.id,
                state=AssessmentState.DRAFT,
                feedback="Half a thought",
                started_at=now(),
                saved_at=now(),
            )
        )
    assert "Half a thought" not in alice.get(f"/evidence/{complaint.id}").text


def test_older_versions_can_be_read(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    with transaction():
        attach_file(complaint, store_file(io.BytesIO(b"Notes."), "n.txt"))
    submit_item(complaint, world)
    with transaction():
        complaint.title = "Complaint, closed"
    page = alice.get(f"/evidence/{complaint.id}/versions/1").text
    assert "1 Complaint CH-2231, version 1" in page
    assert "n.txt" in page
    assert "my own work" in page
    assert alice.get(f"/evidence/{complaint.id}/versions/2").status_code == 404


@pytest.mark.parametrize("name", ["bob", "carol", "dan", "eve", "frank"])
def test_nobody_else_opens_her_page_or_versions(
    world: World, client: ClientFor, complaint: Evidence, name: str
) -> None:
    submit_item(complaint, world)
    browser = client(getattr(world, name))
    assert browser.get(f"/evidence/{complaint.id}").status_code == 404
    assert browser.get(f"/evidence/{complaint.id}/versions/1").status_code == 404


class TestBadges:
    def test_accepted_once_every_claim_is_decided_on_this_version(self, world: World, complaint: Evidence) -> None:
        assert badge(complaint) == (("", "draft"),)
        version = submit_item(complaint, world)
        assert badge(complaint) == (("CFACC15", "waiting"),)
        with transaction():
            outcomes = dict.fromkeys(claims_of(complaint), Outcome.MET)
            factories.accept(world.cfacc15, version, world.bob, outcomes)
        assert badge(complaint) == (("CFACC15", "accepted"),)

    def test_a_claim_added_to_an_accepted_item_is_to_be_assessed(self, world: World, complaint: Evidence) -> None:
        version = submit_item(complaint, world)
        with transaction():
            factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims_of(complaint), Outcome.MET))
            factories.claim(world.cfacc15, complaint, "9")
        assert badge(complaint) == (("CFACC15", "waiting"),)

    def test_each_unit_has_its_own_badge(self, world: World, complaint: Evidence) -> None:
        with transaction():
            factories.claim(world.inscc004, complaint, "1")
        version = submit_item(complaint, world)
        return_item(world, version, "More, please.")
        assert badge(complaint) == (("CFACC15", "returned"), ("INSCC004", "waiting"))

    def test_a_signed_unit_keeps_the_version_it_was_signed_on(self, world: World, complaint: Evidence) -> None:
        version = submit_item(complaint, world)
        with transaction():
            factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims_of(complaint), Outcome.MET))
            world.cfacc15.state, world.cfacc15.assessed_at = AttemptState.ASSESSED, clock.now()
            factories.claim(world.inscc004, complaint, "1")
            complaint.narrative = "More of it."
        with transaction():
            factories.submit(complaint, at=now() + timedelta(minutes=1))
        assert badge(complaint) == (("CFACC15", "accepted"), ("INSCC004", "waiting"))


class TestAssessorsAndVerifiers:
    def test_they_see_the_submitted_version_and_never_the_draft(
        self, world: World, client: ClientFor, complaint: Evidence
    ) -> None:
        path = f"/attempts/{world.cfacc15.id}/evidence/{complaint.id}"
        assert client(world.bob).get(path).status_code == 404
        submit_item(complaint, world)
        with transaction():
            complaint.narrative = "Not for Bob yet."
        for person in (world.bob, world.carol):
            page = client(person).get(path).text
            assert "I took the call myself." in page
            assert "Not for Bob yet." not in page
            assert "my own work" in page

    def test_they_see_the_codes_of_other_units_and_not_their_feedback(
        self, world: World, client: ClientFor, complaint: Evidence
    ) -> None:
        with transaction():
            factories.claim(world.inscc004, complaint, "1")
        return_item(world, submit_item(complaint, world), "Only for CFACC15.")
        page = client(world.bob).get(f"/attempts/{world.inscc004.id}/evidence/{complaint.id}").text
        assert "also claimed in CFACC15" in page
        assert "Only for CFACC15." not in page
        assert (
            "Only for CFACC15." in client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{complaint.id}").text
        )

    def test_administrators_and_outsiders_cannot_open_it(
        self, world: World, client: ClientFor, complaint: Evidence
    ) -> None:
        submit_item(complaint, world)
        path = f"/attempts/{world.cfacc15.id}/evidence/{complaint.id}"
        assert client(world.dan).get(path).status_code in {403, 404}
        for person in (world.eve, world.frank, world.grace, world.heidi):
            assert client(person).get(path).status_code == 404


def test_the_pages_take_at_most_nine_statements(
    world: World,
    client: ClientFor,
    complaint: Evidence,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    for number in range(4):
        with transaction():
            attach_file(complaint, store_file(io.BytesIO(files.picture(size=(9 + number, 9))), f"{number}.jpg"))
        return_item(world, submit_item(complaint, world), f"Feedback {number}")
        with transaction():
            complaint.response = f"Answer {number}"
    alice, bob, item, attempt = client(world.alice), client(world.bob), complaint.id, world.cfacc15.id
    alice.get("/evidence")
    for browser, path in (
        (alice, f"/evidence/{item}"),
        (alice, f"/evidence/{item}/versions/4"),
        (alice, f"/evidence/{item}/edit"),
        (alice, f"/evidence/{item}/submit"),
        (bob, f"/attempts/{attempt}/evidence/{item}"),
    ):
        db.session.expunge_all()
        with count_statements() as statements:
            assert browser.get(path).status_code == 200
        assert len(statements) <= 9, (path, *statements)


def test_an_item_takes_as_many_statements_for_many_documents(
    world: World,
    client: ClientFor,
    complaint: Evidence,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    alice, counts, evidence_id = client(world.alice), [], complaint.id
    alice.get("/evidence")
    for number in range(3):
        with transaction():
            document = files.docx(part=str(number).encode())
            attach_file(db.session.get_one(Evidence, evidence_id), store_file(io.BytesIO(document), f"{number}.docx"))
        db.session.expunge_all()
        with count_statements() as statements:
            page = alice.get(f"/evidence/{evidence_id}").text
        assert page.count(".docx</a>") == number + 1
        counts.append(len(statements))
    assert counts[0] == counts[2] <= 9, counts
