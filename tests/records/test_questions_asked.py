"""Questions asked in person: a record of assessment whose criteria are those of its questions."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.integrity.tampering import list_violations
from tests.records.hidden_fields import read_fields
from tests.records.observations import agree, finish, object_to
from tests.records.questions import GUIDANCE, QUESTION, change, write
from tests.records.test_print import read_pdf
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.matrix.record_standing import find_standing
from tracker.models import BankQuestion, Claim, Evidence, Person, UnitAttempt
from tracker.portfolio.record_content import Question
from tracker.records.services.drafts import add_questions, read_observation, save_observation, start_record
from tracker.vocabulary import Method, Outcome, RecordKind, RecordStanding

Browser = Callable[[Person], FlaskClient]
ASKED = (
    Question("When do you refer a refund?", "“Above £50.”", "g", Outcome.MET),
    Question("Whom do you tell about a fault?", "“The duty manager.”", "h, 7", Outcome.NEEDS_MORE),
)


def begin(attempt: UnitAttempt, author: Person, questions: tuple[Question, ...] = ASKED) -> Evidence:
    """Begin a record of questions."""
    with transaction():
        record = start_record(attempt, RecordKind.QUESTIONS, factories.make_actor(author))
        assert not save_observation(record, {"questions": questions}, None)
    return record


def list_claims(record: Evidence) -> dict[str, str]:
    db.session.expire_all()
    claims = db.session.query(Claim).filter_by(evidence_id=record.id, removed_at=None).order_by(Claim.criterion_id)
    return {claim.criterion.label: claim.locator for claim in claims}


def test_questions_that_were_asked_become_a_record_that_claims_their_criteria(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    record = begin(world.cfacc15, world.bob)
    version = finish(record)
    assert (version.method, version.record_kind, version.author_id) == (
        Method.QUESTIONING, RecordKind.QUESTIONS, world.bob.id,
    )  # fmt: skip
    assert list_claims(record) == {"7": "question 2", "g": "question 1", "h": "question 2"}
    assert "I asked these questions myself" in version.submission.declaration
    assert find_standing(version) is RecordStanding.WAITING
    agree(record)
    assert find_standing(record.versions[-1]) is RecordStanding.AGREED
    assert recorded_acts() == ["record_finished", "record_acknowledged"]
    assert not [each for each in list_violations() if "record" in each and "event" not in each]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (Question("", "Yes", "g"), "Question 1: enter the question."),
        (Question("Why?", "", "g"), "Question 1: enter the answer as given"),
        (Question("Why?", "Yes", ""), "Question 1: enter the criterion"),
        (Question("Why?", "Yes", "g, 99"), "“99”"),
    ],
)
def test_each_question_needs_words_an_answer_and_a_criterion(world: World, question: Question, sentence: str) -> None:
    record = begin(world.cfacc15, world.bob, (question,))
    with pytest.raises(Invalid, match=re.escape(sentence)):
        finish(record)


def test_a_record_without_questions_is_not_finished(world: World) -> None:
    with pytest.raises(Invalid, match="Enter at least one question"):
        finish(begin(world.cfacc15, world.bob, ()))


def test_brackets_in_the_remarks_are_no_stamps(world: World) -> None:
    record = begin(world.cfacc15, world.bob, ASKED[:1])
    with transaction():
        save_observation(record, {"narrative": "On the telephone [10:09 5]."}, None)
    finish(record)
    assert list_claims(record) == {"g": "question 1"}


def test_only_an_assessor_of_the_unit_asks(world: World, client: Browser) -> None:
    for person, status in ((world.alice, 404), (world.carol, 404), (world.dan, 404), (world.grace, 404)):
        assert client(person).post(f"/attempts/{world.cfacc15.id}/records/questions").status_code == status, (
            person.name
        )


def test_the_assessor_alone_begins_on_the_page_of_a_unit(world: World, client: Browser) -> None:
    address = f"/attempts/{world.cfacc15.id}"
    assert "Ask questions" in client(world.bob).get(address).text
    assert "Ask questions" not in client(world.alice).get(address).text


def test_a_question_keeps_the_words_in_which_it_was_asked(world: World) -> None:
    question = write(world.cfacc15, world.bob, marks=("g", "h"))
    record = begin(world.cfacc15, world.bob, ())
    with transaction():
        add_questions(record, [db.session.get_one(BankQuestion, question.id)], factories.make_actor(world.bob))
    assert read_observation(record).questions == (Question(QUESTION, "", "g, h"),)
    change(db.session.get_one(BankQuestion, question.id), world.bob, "What is your limit?")
    db.session.expire_all()
    assert read_observation(record).questions[0].question == QUESTION


def test_a_question_about_another_unit_names_it(world: World) -> None:
    label = factories.criterion(world.inscc004, "1").label
    question = write(world.inscc004, world.bob, "Which claims do you handle?", (label,))
    record = begin(world.cfacc15, world.bob, ())
    with transaction():
        add_questions(record, [question], factories.make_actor(world.bob))
    assert read_observation(record).questions[0].mark == f"INSCC004 {label}"


def test_the_assessor_chooses_from_the_bank_and_sees_what_a_good_answer_has(world: World, client: Browser) -> None:
    write(world.cfacc15, world.bob)
    bob = client(world.bob)
    begun = bob.post(f"/attempts/{world.cfacc15.id}/records/questions", data={"idempotency_key": "one"})
    page = bob.get(begun.location).text
    chosen = bob.post(begun.location, data={**read_fields(page), "question-0": "Why?", "act": "choose"})
    page = bob.get(chosen.location).text
    ids = re.findall(r'name="question"\s+value="(\d+)"|value="(\d+)"[^>]*name="question"', page)
    assert QUESTION in page
    assert ids
    refused = bob.post(chosen.location, data=read_fields(page))
    assert refused.status_code == 422
    assert "Tick at least one question." in refused.text
    added = bob.post(chosen.location, data={**read_fields(refused.text), "question": "".join(ids[0])})
    page = bob.get(added.location).text
    assert "Why?" in page
    assert QUESTION in page
    assert GUIDANCE in page


def test_a_question_that_was_retired_meanwhile_is_not_added(world: World, client: Browser) -> None:
    question = write(world.cfacc15, world.bob)
    record = begin(world.cfacc15, world.bob, ())
    bob, address = client(world.bob), f"/records/{record.id}/questions"
    fields = read_fields(bob.get(address).text)
    change(db.session.get_one(BankQuestion, question.id), world.dan, "What is your limit?")
    refused = bob.post(address, data={**fields, "question": str(question.id)})
    assert refused.status_code == 422
    assert "changed or retired meanwhile" in refused.text


def test_an_observation_can_have_questions_of_the_bank_too(world: World, client: Browser) -> None:
    question = write(world.cfacc15, world.bob, marks=("g", "h"))
    with transaction():
        record = start_record(world.cfacc15, RecordKind.OBSERVATION, factories.make_actor(world.bob))
    bob, address = client(world.bob), f"/records/{record.id}/questions"
    added = bob.post(address, data={**read_fields(bob.get(address).text), "question": str(question.id)})
    assert QUESTION in bob.get(added.location).text


def test_the_candidate_reads_the_questions_without_the_guidance_and_objects(world: World, client: Browser) -> None:
    write(world.cfacc15, world.bob)
    record = begin(world.cfacc15, world.bob)
    alice = client(world.alice)
    assert alice.get(f"/records/{record.id}").status_code == 404
    finish(record)
    assert "Bob Archer asked you questions" in alice.get("/").text
    page = alice.get(f"/records/{record.id}").text
    assert "What was asked" in page
    assert "Above £50." in page
    assert GUIDANCE not in page
    object_to(record)
    assert "Alice Moran objects" in client(world.bob).get("/queue").text


def test_the_record_prints_filled_and_blank(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    finish(record)
    bob = client(world.bob)
    filled = read_pdf(bob, f"/records/{record.id}/record.pdf")
    assert "Record of Questions and Answers" in filled
    assert "Whom do you tell about a fault?" in filled
    assert "Not yet answered" in filled
    assert "What was observed" not in filled
    blank = read_pdf(bob, f"/attempts/{world.cfacc15.id}/records/questions.pdf")
    assert "Record of Questions and Answers" in blank
    assert "I asked these questions myself" in blank


def test_pages_of_questions_stay_within_their_statements(
    world: World, client: Browser, count_statements: Callable[[], Any]
) -> None:
    for number in range(30):
        write(world.cfacc15, world.bob, f"Question {number}?")
    record = begin(world.cfacc15, world.bob)
    bob = client(world.bob)
    for path in ("edit", "questions", "finish"):
        bob.get(f"/records/{record.id}/{path}")
        with count_statements() as statements:
            assert bob.get(f"/records/{record.id}/{path}").status_code == 200
        assert len(statements) <= 12, path
