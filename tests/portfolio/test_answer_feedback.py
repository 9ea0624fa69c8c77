"""The answer to a return: beside the feedback, sealed with the next version, read by the assessor beside it."""

import io

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Claim, Evidence, EvidenceVersion
from tracker.portfolio.queries.item_records import find_open_feedback, load_item_record
from tracker.portfolio.services.evidence import save_draft
from tracker.portfolio.services.submissions import compute_content_hash, submit_evidence, withdraw_submission
from tracker.vocabulary import AssessmentOutcome, Outcome

ANSWER = "It was mine: up to £50 is within my authority."


def submit_item(evidence: Evidence, world: World) -> EvidenceVersion:
    with transaction():
        return submit_evidence(evidence, factories.make_actor(world.alice))


@pytest.fixture
def returned(world: World, complaint: Evidence) -> Evidence:
    """Alice's item, returned by Bob with feedback and one criterion that needs more."""
    version = submit_item(complaint, world)
    with transaction():
        claim = db.session.query(Claim).filter_by(evidence_id=complaint.id).order_by(Claim.id).first()
        assert claim
        outcome = AssessmentOutcome.RETURNED
        assessment = factories.accept(world.cfacc15, version, world.bob, {claim: Outcome.NEEDS_MORE}, outcome=outcome)
        assessment.feedback = "Whose decision was the refund?"
    return complaint


def answer(browser: FlaskClient, evidence: Evidence, text: str = ANSWER, **fields: object) -> str:
    """Send the answer from the item's page. Return where it leads."""
    data = {"version": evidence.version, "response": text, **fields}
    return browser.post(f"/evidence/{evidence.id}/answer", data=data).location or ""


def test_an_answer_alone_is_a_new_version(world: World, alice: FlaskClient, returned: Evidence) -> None:
    assert answer(alice, returned) == f"/evidence/{returned.id}/submit"
    assert ANSWER in alice.get(f"/evidence/{returned.id}/submit").text
    version = submit_item(returned, world)
    assert (version.number, version.response) == (2, ANSWER)
    assert returned.response is None, "the next return is answered anew"
    with pytest.raises(Refused, match="Nothing has changed"):
        submit_item(returned, world)


def test_without_an_answer_or_a_change_nothing_is_submitted(alice: FlaskClient, returned: Evidence) -> None:
    page = alice.post(f"/evidence/{returned.id}/answer", data={"version": returned.version, "response": " "})
    assert page.status_code == 422
    assert "Write your answer, add a file or edit the evidence." in page.text


def test_an_item_that_is_not_returned_has_nothing_to_answer(
    world: World, alice: FlaskClient, returned: Evidence
) -> None:
    answer(alice, returned)
    submit_item(returned, world)
    page = alice.post(f"/evidence/{returned.id}/answer", data={"version": returned.version, "response": "Again."})
    assert page.status_code == 409
    assert "no feedback to answer" in page.text


def test_a_file_can_be_the_answer(alice: FlaskClient, returned: Evidence) -> None:
    location = answer(alice, returned, "", files=[(io.BytesIO(b"The email."), "email.txt")])
    assert location == f"/evidence/{returned.id}/submit"
    assert [each.name for each in returned.attachments] == ["email.txt"]


def test_answering_keeps_the_rest_of_the_item(alice: FlaskClient, returned: Evidence) -> None:
    answer(alice, returned)
    db.session.rollback()
    assert returned.title == "Complaint CH-2231"
    assert returned.narrative == "I took the call myself."
    assert returned.method is not None


def test_an_answer_over_a_later_save_is_kept_on_the_page(alice: FlaskClient, returned: Evidence) -> None:
    page = alice.post(f"/evidence/{returned.id}/answer", data={"version": returned.version + 5, "response": ANSWER})
    assert page.status_code == 422
    assert "changed in another window" in page.text
    assert ANSWER in page.text


def test_an_answer_that_is_too_long_is_kept_on_the_page(alice: FlaskClient, returned: Evidence) -> None:
    page = alice.post(f"/evidence/{returned.id}/answer", data={"version": returned.version, "response": "x" * 10_001})
    assert page.status_code == 422
    assert "“Your answer” can have at most 10,000 characters" in page.text
    assert "x" * 10_001 in page.text


def test_the_edit_page_has_the_outcomes_and_the_answer_saved_while_it_is_typed(
    alice: FlaskClient, returned: Evidence
) -> None:
    saved = alice.post(
        f"/evidence/{returned.id}/draft",
        data={"version": returned.version, "response": ANSWER, "changed": ["response"]},
        headers={"Accept": "application/json"},
    )
    assert saved.json is not None
    assert saved.json["refused"] == {}
    page = alice.get(f"/evidence/{returned.id}/edit").text
    assert "Needs more (1)" in page
    assert ANSWER in page
    alice.post(f"/evidence/{returned.id}/edit", data={"version": returned.version + 1, "title": "Complaint, closed"})
    db.session.rollback()
    assert returned.response == ANSWER, "a page without the box leaves the answer alone"


def test_the_answer_of_a_withdrawn_version_is_in_the_draft_again(
    world: World, alice: FlaskClient, returned: Evidence
) -> None:
    answer(alice, returned)
    submit_item(returned, world)
    assert find_open_feedback(load_item_record(returned.id).list_history()) == []
    with transaction():
        withdraw_submission(returned, factories.make_actor(world.alice))
    assert returned.response == ANSWER
    assert len(find_open_feedback(load_item_record(returned.id).list_history())) == 1


def test_everybody_who_reads_the_version_reads_the_answer(
    world: World, client: ClientFor, alice: FlaskClient, returned: Evidence
) -> None:
    answer(alice, returned)
    submit_item(returned, world)
    attempt = world.cfacc15.id
    page = client(world.bob).get(f"/attempts/{attempt}/evidence/{returned.id}/assess").text
    assert page.index("Earlier feedback and answers") < page.index(ANSWER) < page.index("Whose decision")
    assert "Changed since version 1: an answer to the feedback." in " ".join(page.split())
    assert '<a href="#answer-2">Read the answer</a>' in page
    assert page.count('id="answer-2"') == 1
    for person in (world.bob, world.carol):
        page = client(person).get(f"/attempts/{attempt}/evidence/{returned.id}").text
        assert "submitted version 2 and answered the feedback" in page
        assert page.count(ANSWER) == 2, "in the history and with the version"
    assert ANSWER in client(world.carol).get(f"/attempts/{attempt}/verify?item={returned.id}").text
    assert ANSWER in alice.get(f"/evidence/{returned.id}/versions/2").text


def test_each_answer_stands_before_the_feedback_it_answers(
    world: World, client: ClientFor, returned: Evidence
) -> None:
    for number in (2, 3):
        with transaction():
            save_draft(returned, {"response": f"Answer {number}."}, None)
        version = submit_item(returned, world)
        with transaction():
            outcome = AssessmentOutcome.RETURNED
            assessment = factories.accept(world.cfacc15, version, world.bob, {}, outcome=outcome)
            assessment.feedback = f"Feedback on version {number}."
    with transaction():
        save_draft(returned, {"response": "Answer 4."}, None)
    submit_item(returned, world)
    page = client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{returned.id}/assess").text
    texts = ["Answer 4.", "on version 3.", "Answer 3.", "on version 2.", "Answer 2.", "Whose decision"]
    assert sorted(texts, key=page.index) == texts
    assert all(page.count(text) == 1 for text in texts)


def test_the_answer_is_part_of_what_is_sealed(alice: FlaskClient, world: World, returned: Evidence) -> None:
    fields = {"title": "Call", "response": None}
    assert compute_content_hash(fields, []) == compute_content_hash({"title": "Call"}, []), "older versions hold"
    assert compute_content_hash({**fields, "response": ANSWER}, []) != compute_content_hash(fields, [])


@pytest.mark.parametrize("name", ["bob", "carol", "dan", "frank"])
def test_nobody_else_answers(world: World, client: ClientFor, returned: Evidence, name: str) -> None:
    data = {"version": returned.version, "response": "Mine."}
    assert client(getattr(world, name)).post(f"/evidence/{returned.id}/answer", data=data).status_code == 404
    assert returned.response is None


def test_what_was_met_on_the_returned_version_is_shown_with_the_rest(
    world: World, alice: FlaskClient, returned: Evidence
) -> None:
    claims = db.session.query(Claim).filter_by(evidence_id=returned.id).order_by(Claim.id).all()
    with transaction():
        [assessment] = db.session.query(Assessment)
        assessment.draft_decisions = {
            str(claims[0].id): {"outcome": "needs_more"},
            str(claims[1].id): {"outcome": "met", "comment": "Clear."},
        }
    for path in (f"/evidence/{returned.id}", f"/evidence/{returned.id}/edit"):
        page = alice.get(path).text
        assert "Needs more (1)" in page
        assert "Met, not counted yet (1)" in page
    page = alice.get(f"/evidence/{returned.id}").text
    assert "on version 1, which was returned" in page
    assert "Not yet assessed" not in page


def test_one_feedback_in_two_units_is_one_entry(world: World, returned: Evidence) -> None:
    with transaction():
        [first] = db.session.query(Assessment)
        factories.claim(world.inscc004, returned, "1")
        outcome = AssessmentOutcome.RETURNED
        second = factories.accept(world.inscc004, first.evidence_version, world.bob, {}, outcome=outcome)
        second.feedback = first.feedback
    [entry] = find_open_feedback(load_item_record(returned.id).list_history())
    assert entry.description == "returned version 1 in CFACC15 and INSCC004"
    assert entry.feedback == "Whose decision was the refund?"
