"""Questions that an assessor sets for a candidate to answer alone: set, answered, submitted, marked, taken back."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.integrity.tampering import list_violations
from tests.records.hidden_fields import read_fields
from tests.records.question_sets import OWN, answer, get_evidence, reload, set_for, submit_saved, take_back_set
from tests.records.questions import GUIDANCE, QUESTION, change
from tests.records.test_print import read_pdf
from tracker import clock
from tracker.assessment.services.assessments import DraftDecisions, accept_evidence, save_draft
from tracker.assessment.services.releasing import release_due_assessments
from tracker.clock import today
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, BankQuestion, Claim, Evidence, Person, QuestionSet, UnitAttempt
from tracker.portfolio.queries.evidence import find_version_in
from tracker.records.services.answers import read_answers, save_answers
from tracker.registrations.services import withdraw_candidate
from tracker.vocabulary import AttemptState, Method, Outcome, RecordKind, Role

Browser = Callable[[Person], FlaskClient]
ABOVE, MANAGER = "Above fifty pounds.", "The duty manager."


def submit_both(world: World, **options: str) -> QuestionSet:
    question_set = set_for(world.cfacc15, world.bob, **options)
    answer(question_set, ABOVE, MANAGER, help_used="The refund handbook")
    submit_saved(question_set)
    return question_set


def list_faults() -> list[str]:
    """Return what the checks find of sets, answers and claims; the world itself was made without events."""
    found = [each for each in list_violations() if each.startswith(("35: ", "42: "))]
    return found + [each for each in list_violations() if "question set" in each or "evidence version" in each]


def list_claims(question_set: QuestionSet) -> dict[str, str]:
    db.session.expire_all()
    query = db.session.query(Claim).filter_by(evidence_id=question_set.evidence_id, removed_at=None)
    return {claim.criterion.label: claim.locator for claim in query.order_by(Claim.criterion_id)}


class TestAnswering:
    def test_submitted_answers_are_the_candidates_evidence_with_claims(
        self, world: World, recorded_acts: Callable[[], list[str]]
    ) -> None:
        question_set = submit_both(world)
        evidence = get_evidence(question_set)
        version = evidence.versions[-1]
        assert (version.record_kind, version.author_id, version.method) == (
            RecordKind.ANSWERS, None, Method.QUESTIONING,
        )  # fmt: skip
        content = read_answers(version)
        assert [(each.question, each.answer, each.mark) for each in content.questions] == [
            (QUESTION, ABOVE, "g"),
            (OWN[0], MANAGER, "h"),
        ]
        assert content.help_used == "The refund handbook"
        assert "the answers are my own" in version.submission.declaration
        assert list_claims(question_set) == {"g": "question 1", "h": "question 2"}
        assert recorded_acts()[-2:] == ["questions_set", "evidence_submitted"]
        assert not list_faults()

    def test_a_question_that_changes_in_the_bank_stays_as_it_was_set(self, world: World, client: Browser) -> None:
        question_set = set_for(world.cfacc15, world.bob)
        question = db.session.query(BankQuestion).order_by(BankQuestion.id.desc()).first()
        assert question
        change(question, world.bob, "When do you refer a complaint?")
        page = client(world.alice).get(f"/question-sets/{question_set.id}").text
        assert QUESTION in page
        assert "When do you refer a complaint?" not in page
        assert GUIDANCE not in page
        shown = client(world.bob).get(f"/attempts/{world.cfacc15.id}/question-sets/{question_set.id}").text
        assert "The bank’s question was changed since" in shown

    def test_each_question_needs_an_answer(self, world: World) -> None:
        question_set = set_for(world.cfacc15, world.bob)
        answer(question_set, ABOVE)
        with pytest.raises(Invalid, match="2 has none"):
            submit_saved(question_set)

    def test_the_same_answers_are_submitted_once(self, world: World) -> None:
        question_set = submit_both(world)
        with pytest.raises(Refused, match=r"already, as evidence 1, version 1"):
            submit_saved(question_set)

    def test_changed_answers_are_a_new_version(self, world: World) -> None:
        question_set = submit_both(world)
        answer(question_set, "Above fifty pounds, or without a receipt.")
        assert submit_saved(question_set).number == 2
        assert not list_faults()

    def test_answers_typed_in_two_windows_do_not_replace_each_other(self, world: World) -> None:
        question_set = set_for(world.cfacc15, world.bob)
        seen = reload(question_set).evidence.version
        answer(question_set, ABOVE)
        with pytest.raises(Conflict, match="changed in another window"), transaction():
            save_answers(reload(question_set), {1: "Never."}, None, seen)
        assert read_answers(get_evidence(question_set)).questions[0].answer == ABOVE

    def test_nothing_is_answered_once_the_unit_is_signed_off(self, world: World) -> None:
        question_set = set_for(world.cfacc15, world.bob)
        answer(question_set, ABOVE, MANAGER)
        with transaction():
            attempt = db.session.get_one(UnitAttempt, world.cfacc15.id)
            attempt.state = AttemptState.ASSESSED
            factories.leave_unsealed()
        with pytest.raises(Refused, match="cannot be answered any more"):
            submit_saved(question_set)

    def test_nothing_is_answered_once_the_candidate_is_withdrawn(self, world: World, client: Browser) -> None:
        question_set = set_for(world.cfacc15, world.bob)
        answer(question_set, ABOVE, MANAGER)
        with transaction():
            withdraw_candidate(reload(question_set).attempt.registration, "Moved.", factories.make_actor(world.dan))
        with pytest.raises(Refused, match="has withdrawn your registration"):
            submit_saved(question_set)
        page = client(world.alice).get(f"/question-sets/{question_set.id}").text
        assert "has withdrawn your registration" in page
        assert ABOVE in page

    def test_returned_answers_are_changed_on_their_own_page(self, world: World, client: Browser) -> None:
        question_set = submit_both(world)
        bob, unit = client(world.bob), f"/attempts/{world.cfacc15.id}"
        path = f"{unit}/evidence/{question_set.evidence_id}/assess"
        marks = {"answer-1": "met", "answer-2": "needs_more", "answernote-2": "Which manager?"}
        data = {**read_fields(bob.get(path).text), **marks, "feedback": "Nearly there.", "act": "return"}
        assert bob.post(path, data=data).status_code == 303
        with clock.frozen_at(clock.now() + timedelta(minutes=1)):
            release_due_assessments()
        page = client(world.alice).get(f"/question-sets/{question_set.id}").text
        assert "Which manager?" in page
        assert "Answer shows it" in page
        assert "Change your answers" in client(world.alice).get(f"/evidence/{question_set.evidence_id}").text
        answer(question_set, ABOVE, "The duty manager of my floor.")
        assert submit_saved(question_set).number == 2
        assert "Which manager?" not in bob.get(path).text.partition("Earlier feedback")[0]


def test_questions_stay_with_the_unit_when_it_is_reallocated(world: World, client: Browser) -> None:
    question_set = set_for(world.cfacc15, world.bob)
    with transaction():
        bart = factories.make_person("Bart Hill", world.northgate, Role.ASSESSOR)
        factories.end_allocation(world.cfacc15, Role.ASSESSOR)
        factories.allocate(world.cfacc15, bart, Role.ASSESSOR, world.dan)
        factories.leave_unsealed()
    unit = f"/attempts/{world.cfacc15.id}"
    address = f"{unit}/question-sets/{question_set.id}"
    assert address in client(bart).get(unit).text
    assert client(world.bob).get(address).status_code == 404
    answer(question_set, ABOVE, MANAGER)
    taken = client(bart).post(address, data={"reason": "I ask in person."})
    assert taken.status_code == 303
    assert "Bart Hill took these questions back" in client(world.alice).get(f"/question-sets/{question_set.id}").text


class TestTakingBack:
    def test_questions_are_taken_back_with_a_reason_and_the_typed_answers_stay(
        self, world: World, client: Browser
    ) -> None:
        question_set = set_for(world.cfacc15, world.bob)
        answer(question_set, ABOVE)
        take_back_set(question_set, world.bob, "You told me in the meeting.")
        page = client(world.alice).get(f"/question-sets/{question_set.id}").text
        for expected in ("took these questions back", "You told me in the meeting.", ABOVE):
            assert expected in page
        with pytest.raises(Refused, match="took these questions back"):
            answer(question_set, "Later.")
        assert not list_faults()

    def test_answers_that_were_submitted_are_not_taken_back(self, world: World) -> None:
        question_set = submit_both(world)
        with pytest.raises(Refused, match="has submitted the answers"):
            take_back_set(question_set, world.bob)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ((), None),
        ((("Why?", "99"),), "by its label"),
        ((("", "g"),), "Enter the words"),
        ((("Why?", ""),), "by its label"),
    ],
)
def test_each_typed_question_needs_words_and_a_criterion_of_the_unit(
    world: World, typed: tuple[tuple[str, str], ...], sentence: str | None
) -> None:
    if sentence is None:
        assert set_for(world.cfacc15, world.bob, typed=typed)
        return
    with pytest.raises(Invalid, match=sentence):
        set_for(world.cfacc15, world.bob, typed=typed)


def test_only_the_assessor_of_the_unit_sets_questions_for_a_day_that_is_not_past(
    world: World, client: Browser
) -> None:
    with pytest.raises(Invalid, match="not past"):
        set_for(world.cfacc15, world.bob, due_on=today() - timedelta(days=1))
    path = f"/attempts/{world.cfacc15.id}/question-sets/new"
    for person in (world.alice, world.carol, world.dan):
        data = {"question-1": OWN[0], "mark-1": OWN[1]}
        assert client(person).post(path, data=data).status_code in {403, 404}
    assert not db.session.query(QuestionSet).count()


class TestMarking:
    def draft(self, world: World, question_set: QuestionSet, marks: dict[int, dict[str, str]]) -> Assessment:
        with transaction():
            attempt = db.session.get_one(UnitAttempt, world.cfacc15.id)
            version = find_version_in(attempt, question_set.evidence_id)
            assert version
            checks = dict.fromkeys(("valid", "authentic", "current"), True)
            claims = {
                each.id: each for each in db.session.query(Claim).filter_by(evidence_id=question_set.evidence_id)
            }
            outcomes = dict.fromkeys(claims, Outcome.MET)
            draft = DraftDecisions(outcomes, {}, checks, answer_marks=marks)
            return save_draft(attempt, version, draft, factories.make_actor(world.bob))

    def accept(self, world: World, question_set: QuestionSet) -> None:
        with transaction():
            attempt = db.session.get_one(UnitAttempt, world.cfacc15.id)
            version = find_version_in(attempt, question_set.evidence_id)
            assert version
            accept_evidence(attempt, version, factories.make_actor(world.bob))

    def test_each_answer_is_marked_before_the_item_is_accepted(self, world: World) -> None:
        question_set = submit_both(world)
        self.draft(world, question_set, {1: {"outcome": "met"}})
        with pytest.raises(Invalid, match="2 has no mark"):
            self.accept(world, question_set)
        self.draft(world, question_set, {2: {"outcome": "needs_more"}})
        with pytest.raises(Invalid, match="Answer 2 is marked “not yet”"):
            self.accept(world, question_set)
        self.draft(world, question_set, {2: {"comment": "Which manager?"}})
        self.accept(world, question_set)

    def test_marks_fill_in_the_decisions_that_the_assessor_then_confirms(self, world: World, client: Browser) -> None:
        question_set = submit_both(world)
        bob, path = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{question_set.evidence_id}/assess"
        page = bob.get(path).text
        assert GUIDANCE in page
        assert "Filled in from" not in page
        data = {
            **read_fields(page),
            "answer-1": "met",
            "answer-2": "needs_more",
            "answernote-2": "Which?",
            "act": "save",
        }
        assert bob.post(path, data=data).status_code == 303
        page = bob.get(path).text
        assert page.count("Filled in from your opinion of the answers") == 2
        claims = {
            c.criterion.label: c.id for c in db.session.query(Claim).filter_by(evidence_id=question_set.evidence_id)
        }
        assert re.search(rf'name="outcome-{claims["g"]}"[^>]*value="met"[^>]*checked', page)
        assert re.search(rf'name="outcome-{claims["h"]}"[^>]*value="needs_more"[^>]*checked', page)
        assert db.session.query(Assessment).one().draft_decisions.get(str(claims["g"]), {}).get("outcome") is None


def test_the_candidate_answers_on_the_pages(world: World, client: Browser) -> None:
    bob, alice = client(world.bob), client(world.alice)
    unit = f"/attempts/{world.cfacc15.id}"
    assert "Set questions to answer alone" in bob.get(unit).text
    form = bob.get(f"{unit}/question-sets/new").text
    data = {**read_fields(form), "question-1": OWN[0], "mark-1": OWN[1], "note": "Use your own words."}
    made = bob.post(f"{unit}/question-sets/new", data=data)
    assert made.status_code == 303
    question_set = db.session.query(QuestionSet).one()
    address = f"/question-sets/{question_set.id}"
    assert address in alice.get("/").text
    assert address in alice.get(unit).text
    page = alice.get(address).text
    assert "Use your own words." in page
    typed = {**read_fields(page), "answer-1": MANAGER, "changed": ["answer-1"]}
    saved = alice.post(f"{address}/draft", data=typed)
    assert saved.json
    assert saved.json["refused"] == {}
    page = alice.get(address).text
    assert MANAGER in page
    refused = alice.post(address, data={**read_fields(page), "answer-1": MANAGER, "act": "submit"})
    assert refused.status_code == 422
    assert "Tick the statement" in refused.text
    data = {**read_fields(refused.text), "answer-1": MANAGER, "act": "submit", "declared": "y"}
    done = alice.post(address, data=data)
    assert done.status_code == 303
    assert MANAGER in alice.get(done.location).text
    again = alice.post(address, data=data)
    assert again.status_code == 303
    assert again.location == done.location
    assert "already, as evidence 1, version 1" in alice.get(again.location).text
    assert "Answers to questions on CFACC15" in bob.get("/queue").text
    assert MANAGER in read_pdf(bob, f"{unit}/question-sets/{question_set.id}.pdf")


def test_more_questions_are_typed_than_the_page_begins_with(world: World, client: Browser) -> None:
    bob, path = client(world.bob), f"/attempts/{world.cfacc15.id}/question-sets/new"
    page, typed = bob.get(path).text, dict[str, str]()
    assert "Add another question" in page
    for number in range(1, 6):
        typed |= {f"question-{number}": f"Question {number}?", f"mark-{number}": "g"}
        page = bob.post(path, data={**read_fields(page), **typed, "note": "Take your time.", "act": "ask"}).text
        assert f"Question {number}?" in page
        assert f'name="question-{number + 1}"' in page
        assert "Take your time." in page
    assert not db.session.query(QuestionSet).count()
    assert bob.post(path, data={**read_fields(page), **typed}).status_code == 303
    assert "Question 5?" in db.session.query(QuestionSet).one().content


def test_only_the_candidate_reads_what_they_have_typed(world: World, client: Browser) -> None:
    question_set = set_for(world.cfacc15, world.bob)
    answer(question_set, ABOVE)
    shown = client(world.bob).get(f"/attempts/{world.cfacc15.id}/question-sets/{question_set.id}").text
    assert ABOVE not in shown
    for name in ("bob", "carol", "dan"):
        assert client(getattr(world, name)).get(f"/question-sets/{question_set.id}").status_code in {403, 404}
    evidence = get_evidence(question_set)
    assert isinstance(evidence, Evidence)
    assert client(world.alice).get(f"/evidence/{evidence.id}/edit").status_code == 404
    assert client(world.alice).post(f"/evidence/{evidence.id}/discard").status_code == 404


def test_the_pages_take_few_statements(
    world: World, client: Browser, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    question_set = submit_both(world)
    waiting = set_for(world.cfacc15, world.bob, from_bank=False)
    unit = f"/attempts/{world.cfacc15.id}"
    bob, alice = client(world.bob), client(world.alice)
    for browser, path in (
        (bob, f"{unit}/question-sets/new"),
        (bob, f"{unit}/question-sets/{question_set.id}"),
        (alice, f"/question-sets/{waiting.id}"),
        (alice, f"/question-sets/{question_set.id}"),
    ):
        browser.get(path)
        with count_statements() as statements:
            assert browser.get(path).status_code == 200
        assert len(statements) <= 12, path
