"""Answers to set questions that claim criteria of two units: each unit has its own marks and its own paper."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.assessment import workflow
from tests.assessment.countersigning import find_waiting, make_qualified, switch_on
from tests.factories import World
from tests.records.marking import claim_elsewhere, mark_and_accept, reallocate
from tests.records.question_sets import answer, get_evidence, set_for, submit_saved
from tests.records.questions import QUESTION
from tests.records.test_print import read_pdf
from tracker.models import Person, QuestionSet

Browser = Callable[[Person], FlaskClient]
BOBS, GWENS = "Bob finds it clear.", "Gwen finds it complete."


@pytest.fixture
def marked_twice(world: World) -> tuple[QuestionSet, Person]:
    """Let Alice claim INSCC004 with Bob's questions on CFACC15, and both units' assessors mark the answers."""
    gwen = make_qualified(world)
    reallocate(world.inscc004, gwen, world.dan)
    question_set = set_for(world.cfacc15, world.bob)
    answer(question_set, "Above fifty pounds.", "The duty manager.")
    submit_saved(question_set)
    claim_elsewhere(question_set, world.inscc004, "1")
    for attempt, assessor, comment in ((world.cfacc15, world.bob, BOBS), (world.inscc004, gwen, GWENS)):
        workflow.release(mark_and_accept(question_set, attempt, assessor, comment).id)
    return get_evidence_set(question_set), gwen


def get_evidence_set(question_set: QuestionSet) -> QuestionSet:
    get_evidence(question_set)
    return question_set


def test_no_page_of_a_unit_shows_the_marks_of_another_unit(
    world: World, client: Browser, marked_twice: tuple[QuestionSet, Person]
) -> None:
    question_set, gwen = marked_twice
    for attempt, readers, own, other in (
        (world.cfacc15, (world.bob, world.carol), BOBS, GWENS),
        (world.inscc004, (gwen, world.carol), GWENS, BOBS),
    ):
        item = f"/attempts/{attempt.id}/evidence/{question_set.evidence_id}"
        for reader in readers:
            page = client(reader).get(item).text
            assert own in page, (attempt.id, reader.name)
            assert other not in page, (attempt.id, reader.name)
    assert (
        GWENS
        not in client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{question_set.evidence_id}/assess").text
    )
    checked = client(world.carol).get(f"/attempts/{world.cfacc15.id}/verify").text
    assert GWENS not in checked


def test_each_unit_prints_the_answers_with_its_own_marks(
    world: World, client: Browser, marked_twice: tuple[QuestionSet, Person]
) -> None:
    question_set, gwen = marked_twice
    for attempt, reader, own, other in (
        (world.cfacc15, world.bob, (BOBS, "Bob", "Questions set by"), (GWENS, "Gwen Hill", "Assessor’s name")),
        (world.inscc004, gwen, (GWENS, "Gwen Hill", "marked each answer for INSCC004"), (BOBS,)),
    ):
        browser = client(reader)
        sent = browser.get(f"/attempts/{attempt.id}/evidence/{question_set.evidence_id}/sheet.pdf")
        assert sent.status_code == 303
        paper = " ".join(read_pdf(browser, sent.location).split())
        assert all(each in paper for each in own), paper
        assert not any(each in paper for each in other), paper
    assert client(gwen).get(f"/attempts/{world.cfacc15.id}/question-sets/{question_set.id}.pdf").status_code == 404


def test_an_attempt_without_a_claim_of_the_answers_prints_none(world: World, client: Browser) -> None:
    question_set = set_for(world.cfacc15, world.bob)
    answer(question_set, "Above fifty pounds.", "The duty manager.")
    submit_saved(question_set)
    path = f"/attempts/{world.inscc004.id}/question-sets/{question_set.id}.pdf"
    assert client(world.bob).get(path).status_code == 404


def test_the_candidate_reads_the_marks_of_each_unit_under_its_code(
    world: World, client: Browser, marked_twice: tuple[QuestionSet, Person]
) -> None:
    question_set, _ = marked_twice
    alice = client(world.alice)
    for path in (
        f"/question-sets/{question_set.id}",
        f"/evidence/{question_set.evidence_id}",
        f"/evidence/{question_set.evidence_id}/versions/1",
    ):
        page = alice.get(path).text
        assert BOBS in page, path
        assert GWENS in page, path
        assert page.index(BOBS) < page.index(GWENS)
        assert "INSCC004: " in page, path


def test_the_countersigner_reads_the_marks_to_which_they_agree(world: World, client: Browser) -> None:
    gwen = make_qualified(world)
    switch_on(world, gwen)
    question_set = set_for(world.cfacc15, world.bob)
    answer(question_set, "Above fifty pounds.", "The duty manager.")
    submit_saved(question_set)
    workflow.release(mark_and_accept(question_set, world.cfacc15, world.bob, BOBS).id)
    page = client(gwen).get(f"/countersigning/{find_waiting().id}").text
    assert page.count("Assessor: Answer shows it") == 2
    assert f"<b>1. {QUESTION}</b>" in page  # as in "Look at: question 1"
    assert BOBS in page
    alice = client(world.alice)
    for path in (f"/question-sets/{question_set.id}", f"/evidence/{question_set.evidence_id}"):
        assert BOBS not in alice.get(path).text
