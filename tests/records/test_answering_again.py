"""Set questions that are answered again: after a withdrawal, in two windows, in another unit, and assessed again."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.integrity.tampering import list_violations
from tests.records.hidden_fields import read_fields
from tests.records.marking import claim_elsewhere, mark_and_accept
from tests.records.question_sets import (
    OWN,
    answer,
    get_evidence,
    reload,
    set_for,
    submit_saved,
    take_back_set,
)
from tracker import clock
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Person, QuestionSet, UnitAttempt
from tracker.portfolio.services import evidence as drafts
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.services.submissions import withdraw_submission
from tracker.records.services import answers as services
from tracker.records.services import question_sets
from tracker.records.services.answers import read_answers
from tracker.vocabulary import AttemptState

Browser = Callable[[Person], FlaskClient]
ABOVE, MANAGER, FLOOR = "Above fifty pounds.", "The duty manager.", "The duty manager of my floor."


@pytest.fixture
def submitted(world: World) -> QuestionSet:
    """Two questions on CFACC15, which Alice has answered and submitted."""
    question_set = set_for(world.cfacc15, world.bob)
    answer(question_set, ABOVE, MANAGER)
    submit_saved(question_set)
    return question_set


def withdraw(question_set: QuestionSet, alice: Person) -> None:
    with transaction():
        withdraw_submission(reload(question_set).evidence, factories.make_actor(alice))


def list_live_claims(question_set: QuestionSet) -> list[str]:
    db.session.expire_all()
    query = db.session.query(Claim).filter_by(evidence_id=question_set.evidence_id, removed_at=None)
    return sorted(claim.criterion.label for claim in query)


def list_faults() -> list[str]:
    db.session.expire_all()
    return [each for each in list_violations() if each.startswith("42: ")]


class TestWithdrawnAnswers:
    def test_they_wait_for_an_answer_again(
        self, world: World, client: Browser, submitted: QuestionSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        withdraw(submitted, world.alice)
        shown = client(world.bob).get(f"/attempts/{world.cfacc15.id}/question-sets/{submitted.id}").text
        assert "has withdrawn the answers and can submit them again" in shown
        assert f"/evidence/{submitted.evidence_id}" not in shown
        assert "Take these questions back" in shown
        for page in ("/", f"/attempts/{world.cfacc15.id}"):
            assert f"/question-sets/{submitted.id}" in client(world.alice).get(page).text, page
        monkeypatch.setattr(question_sets, "MAX_OPEN_SETS", 1)
        with pytest.raises(Refused, match="wait for answers, which is the maximum"):
            set_for(world.cfacc15, world.bob, from_bank=False)

    def test_their_questions_are_taken_back_and_print_nothing(
        self, world: World, client: Browser, submitted: QuestionSet
    ) -> None:
        withdraw(submitted, world.alice)
        take_back_set(submitted, world.bob)
        assert list_faults() == []
        assert "Answer your assessor" not in client(world.alice).get("/").text
        unit = f"/attempts/{world.cfacc15.id}"
        for browser, path in (
            (client(world.alice), f"/question-sets/{submitted.id}"),
            (client(world.bob), f"{unit}/question-sets/{submitted.id}"),
        ):
            page = browser.get(path).text
            assert "You answered them in the meeting." in page
            assert ".pdf" not in page
            assert browser.get(f"{unit}/question-sets/{submitted.id}.pdf").status_code == 404
        assert client(world.alice).get(f"/evidence/{submitted.evidence_id}").status_code == 200

    def test_a_check_finds_questions_taken_back_after_their_answers(
        self, world: World, submitted: QuestionSet
    ) -> None:
        with transaction():
            row = reload(submitted)
            row.taken_back_at, row.taken_back_by_id, row.taken_back_reason = clock.now(), world.bob.id, "Asked."
            factories.leave_unsealed()
        assert [each for each in list_faults() if "questions that were taken back" in each]


class TestTwoWindows:
    def post(self, client: FlaskClient, question_set: QuestionSet, page: str, **typed: str) -> tuple[int, str]:
        data = {**read_fields(page), "answer-1": ABOVE, "answer-2": FLOOR, "declared": "y", "act": "submit", **typed}
        sent = client.post(f"/question-sets/{question_set.id}", data=data)
        return sent.status_code, sent.text

    def test_answers_saved_by_another_window_are_not_submitted(
        self, world: World, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        question_set, alice = set_for(world.cfacc15, world.bob), client(world.alice)
        page, commit = alice.get(f"/question-sets/{question_set.id}").text, transactions.commit

        def commit_and_save_elsewhere() -> None:
            commit()
            monkeypatch.setattr(transactions, "commit", commit)
            services.save_answers(reload(question_set), {2: "Nobody."}, None, None)
            commit()

        monkeypatch.setattr(transactions, "commit", commit_and_save_elsewhere)
        status, text = self.post(alice, question_set, page)
        assert status == 422
        assert "changed in another window" in text
        assert FLOOR in text
        assert "Nobody." in text
        assert get_evidence(question_set).number is None

    def test_a_conflict_shows_the_saved_answer_beside_each_that_differs(self, world: World, client: Browser) -> None:
        question_set, alice = set_for(world.cfacc15, world.bob), client(world.alice)
        page = alice.get(f"/question-sets/{question_set.id}").text
        answer(question_set, ABOVE, MANAGER, help_used="The handbook")
        status, text = self.post(alice, question_set, page)
        assert status == 422
        assert "data-unsaved-text" in text  # the browser does not save its copy before it is asked to
        assert "data-unsaved-text" not in page
        assert "Saved answer to question 1" not in text
        assert MANAGER in text.partition("Saved answer to question 2")[2]
        assert "The handbook" in text.partition("Saved help")[2]
        assert self.post(alice, question_set, text)[0] == 303
        assert read_answers(get_evidence(question_set)).questions[1].answer == FLOOR

    def test_what_is_typed_when_the_questions_close_stays_on_the_page(self, world: World, client: Browser) -> None:
        question_set, alice = set_for(world.cfacc15, world.bob), client(world.alice)
        page = alice.get(f"/question-sets/{question_set.id}").text
        take_back_set(question_set, world.bob)
        status, text = self.post(alice, question_set, page, help_used="The refund handbook")
        assert status == 422
        for expected in (ABOVE, FLOOR, "The refund handbook", "What you typed is on this page, but not saved."):
            assert expected in text
        assert "What you had saved" not in text

    def test_help_has_the_limit_that_the_page_says(self, world: World, client: Browser) -> None:
        question_set, alice = set_for(world.cfacc15, world.bob), client(world.alice)
        page = alice.get(f"/question-sets/{question_set.id}").text
        lines = "\r\n".join("x" * 99 for _ in range(20))  # 1,999 characters and 19 line ends of two
        assert self.post(alice, question_set, page, help_used=lines)[0] == 303
        assert read_answers(get_evidence(question_set)).help_used == lines.replace("\r\n", "\n")


class TestReturnedAnswers:
    def test_they_are_answered_while_another_unit_that_they_claim_is_open(
        self, world: World, submitted: QuestionSet
    ) -> None:
        claim_elsewhere(submitted, world.inscc004, "1")
        with transaction():
            db.session.get_one(UnitAttempt, world.cfacc15.id).state = AttemptState.ASSESSED
            factories.leave_unsealed()
        answer(submitted, ABOVE, FLOOR)
        assert submit_saved(submitted).number == 2
        with transaction():
            db.session.get_one(UnitAttempt, world.inscc004.id).state = AttemptState.ASSESSED
            factories.leave_unsealed()
        with pytest.raises(Refused, match="cannot be answered any more"):
            answer(submitted, ABOVE, MANAGER)

    def test_a_claim_that_the_candidate_removed_is_not_made_again(self, world: World, submitted: QuestionSet) -> None:
        first = db.session.query(Claim).filter_by(evidence_id=submitted.evidence_id).first()
        assert first
        label = first.criterion.label
        with transaction():
            tick = Tick(first.attempt_id, first.evidence_id, first.criterion_id, ticked=False)
            set_claims([tick], world.alice.id, factories.make_actor(world.alice))
        answer(submitted, ABOVE, FLOOR)
        submit_saved(submitted)
        assert label not in list_live_claims(submitted)
        assert len(list_live_claims(submitted)) == 1

    def test_answers_assessed_again_have_the_marks_of_their_unit(
        self, world: World, client: Browser, submitted: QuestionSet
    ) -> None:
        claim_elsewhere(submitted, world.inscc004, "1")
        workflow.release(mark_and_accept(submitted, world.cfacc15, world.bob, "Clear.").id)
        workflow.release(mark_and_accept(submitted, world.inscc004, world.bob, "Complete.").id)
        item = f"/evidence/{submitted.evidence_id}/assess"
        page = client(world.bob).get(f"/attempts/{world.cfacc15.id}{item}").text
        marks = page.partition("Earlier feedback")[0]
        assert "Clear." in marks
        assert "Complete." not in marks
        assert len([each for each in marks.split("<input") if 'name="answer-' in each and "checked" in each]) == 2


def test_questions_that_were_set_leave_the_candidate_their_drafts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_for(world.cfacc15, world.bob, typed=(OWN,), from_bank=False)
    monkeypatch.setattr(drafts, "MAX_DRAFTS", 1)
    with transaction():
        assert drafts.create_draft(world.alice.id, world.northgate.id).id


def test_the_item_of_answers_prints_like_other_evidence(
    world: World, client: Browser, submitted: QuestionSet
) -> None:
    alice, unit = client(world.alice), f"/attempts/{world.cfacc15.id}"
    item = alice.get(f"/evidence/{submitted.evidence_id}").text
    assert "Print version 1" in item
    assert "Print the feedback" in item
    assert "Print your answers" in alice.get(f"/question-sets/{submitted.id}").text
    assert "Print the answers" in client(world.bob).get(f"{unit}/question-sets/{submitted.id}").text
