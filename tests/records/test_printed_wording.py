"""What printed records and sheets say of the candidate, of criteria, and of what was erased."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.assessment import workflow
from tests.assessment.second_version import REWORDED_TEXT, move_to_second_version, publish_second_version
from tests.factories import World
from tests.portfolio.test_print_evidence import build as build_own
from tests.records.discussions import discuss
from tests.records.observations import observe
from tests.records.question_sets import answer, reload, set_for, submit_saved
from tests.records.test_pages import Browser
from tests.records.test_print import read_pdf
from tests.records.test_print_testimony import build as build_signed
from tests.records.test_print_testimony import read
from tests.records.testimonies import Inbox, ask, authenticate, list_ids, sign, sign_in_person
from tracker import clock
from tracker.assessment.services.assessments import DraftDecisions, accept_evidence, save_draft
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, EvidenceVersion, Person, QuestionSet, Registration, UnitAttempt
from tracker.portfolio.printing import build_blank_descriptor, build_blank_review, build_blank_statement
from tracker.privacy.erasure import erase_portfolio
from tracker.recording_forms import rendering
from tracker.recording_forms.printed_text import add_break_points
from tracker.recording_forms.sheet_content import SectionedSheet
from tracker.records.answers_printing import MARKED, build_answers
from tracker.records.printing import build_record
from tracker.records.queries.reading import find_shown_version
from tracker.records.testimony_printing import build_blank_testimony
from tracker.registrations.services import withdraw_candidate
from tracker.vocabulary import CentreTerms, CriterionKind, Outcome
from tracker.web.authorise import RolesInRecord

TERM = "Verification of refunds by the internal verifier"
"""A title with words that England's terms replace in our own words."""
LONG_WORD = "x" * 60


def print_sheet(question_set: QuestionSet, version: EvidenceVersion | None) -> str:
    """Return the HTML of a printed set of questions."""
    return render_sheet("answers", build_answers(question_set, version, question_set.attempt))


def render_sheet(name: str, content: object) -> str:
    template = rendering.environment().get_template(f"recording_forms/{name}_record.html")
    return template.render(form_content=content)


def submit_answers(attempt: UnitAttempt, assessor: Person) -> tuple[QuestionSet, EvidenceVersion]:
    """Submit an answer about criterion 2, whose wording the next version of the unit changes."""
    question_set = set_for(attempt, assessor, typed=(("What do you refer?", "2"),), from_bank=False)
    answer(question_set, "What needs authority.", help_used="Nobody")
    return question_set, submit_saved(question_set)


def mark_answer(world: World, question_set: QuestionSet, version: EvidenceVersion, comment: str) -> None:
    """Let Bob mark the answer, and release the assessment."""
    bob, attempt = factories.make_actor(world.bob), reload(question_set).attempt
    with transaction():
        query = select(Claim.id).where(Claim.evidence_id == version.evidence_id)
        outcomes = dict.fromkeys(db.session.scalars(query), Outcome.MET)
        marks = {1: {"outcome": "met", "comment": comment}}
        draft = DraftDecisions(outcomes, {}, workflow.ALL_CHECKS, answer_marks=marks)
        save_draft(attempt, version, draft, bob)
        assessment = accept_evidence(attempt, version, bob)
    workflow.release(assessment.id)


def register_again(world: World) -> Registration:
    """Register Alice a second time at Northgate, under another number."""
    with transaction():
        return factories.make_registration(world.alice, world.northgate, world.dan, "AGAIN-2")


def erase(world: World) -> None:
    """Erase Alice's portfolio once its retention period is over."""
    with transaction():
        withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
    with clock.frozen_at(clock.now() + timedelta(days=37 * 31)), transaction():
        registration = db.session.get_one(Registration, world.registration.id)
        erase_portfolio(registration, is_full=True, actor=factories.make_actor(world.dan))
    db.session.expire_all()


@pytest.mark.parametrize(
    "build_blank", [build_blank_statement, build_blank_descriptor, build_blank_review, build_blank_testimony]
)
def test_the_terms_of_england_change_no_title_on_a_blank_sheet(
    world: World, build_blank: Callable[[UnitAttempt], SectionedSheet]
) -> None:
    with transaction():
        world.northgate.terms = CentreTerms.ENGLAND
        world.cfacc15.unit.title = TERM
    assert TERM in read(build_blank(world.cfacc15))


def test_the_terms_of_england_change_nothing_that_was_written_on_a_filled_sheet(world: World) -> None:
    with transaction():
        world.northgate.terms = CentreTerms.ENGLAND
        world.cfacc15.unit.title = TERM
        world.alice.name = "Vera Verifier"
    record = authenticate(sign_in_person(world.cfacc15, world.alice), world.bob).evidence
    words = read(build_signed(record, world.bob))
    assert f"Criteria that the witness ticked: CFACC15 {TERM}" in words
    assert "I am not a relative or partner of Vera Verifier." in words
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint")
        factories.claim(world.cfacc15, evidence, "5")
        version = factories.submit(evidence)
    assert f"CFACC15 {TERM}" in read(build_own(version))


def test_a_printed_testimony_tells_knowledge_from_performance(
    world: World, emails_to: Inbox  # noqa: F811 - the fixture
) -> None:  # fmt: skip
    knowledge = factories.criterion(world.cfacc15, "a", CriterionKind.KNOWLEDGE)
    asked = ask(world.cfacc15, world.alice, criterion_ids=[*list_ids(world.cfacc15, "5"), knowledge.id])
    testimony = sign(asked, emails_to, criterion_ids=asked.criterion_ids)
    sheet = build_signed(authenticate(testimony, world.bob).evidence, world.bob)
    (grid,) = [each.grid for each in sheet.sections if each.grid]
    assert [row[1].startswith("Knowledge: ") for row in grid.rows] == [False, True]


def test_an_item_read_in_an_attempt_is_printed_under_the_registration_of_that_attempt(
    world: World, client: Browser
) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint")
        factories.claim(world.cfacc15, evidence, "5")
        factories.submit(evidence)
    record = observe(world.cfacc15, world.bob)
    spoken = authenticate(sign_in_person(world.cfacc15, world.alice), world.bob).evidence
    number = world.registration.candidate_number
    register_again(world)
    bob = client(world.bob)
    for path in (
        f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/sheet.pdf",
        f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/feedback.pdf",
        f"/records/{record.id}/record.pdf",
        f"/records/{spoken.id}/record.pdf",
    ):
        words = read_pdf(bob, path)
        assert number in words
        assert "AGAIN-2" not in words


def test_answers_are_printed_with_the_criteria_as_they_were_worded_then(world: World) -> None:
    newer = publish_second_version(world)
    question_set, version = submit_answers(world.cfacc15, world.bob)
    (before,) = build_answers(reload(question_set), version, reload(question_set).attempt).units
    move_to_second_version(world, newer)
    (after,) = build_answers(reload(question_set), version, reload(question_set).attempt).units
    assert after == before
    assert after.criteria[0].text != REWORDED_TEXT


def test_a_blank_sheet_of_questions_has_room_for_each_mark_and_a_comment(world: World) -> None:
    question_set = set_for(world.cfacc15, world.bob)
    html = print_sheet(reload(question_set), None)
    for expected in ("For the assessor:", "Answer shows it", "Not yet", '<span class="label">Comment</span>'):
        assert html.count(expected) == 2


def test_a_comment_on_an_answer_keeps_its_lines_and_gets_break_points(world: World, client: Browser) -> None:
    question_set, version = submit_answers(world.cfacc15, world.bob)
    mark_answer(world, question_set, version, f"First line.\nSecond line {LONG_WORD}")
    html = print_sheet(reload(question_set), version)
    assert "<p>Assessor: <b>Answer shows it</b></p>" in html
    assert '<p class="typed">First line.</p>' in html
    assert f'<p class="typed">Second line {add_break_points(LONG_WORD)}</p>' in html
    pages = (
        client(world.alice).get(f"/question-sets/{question_set.id}").text,
        client(world.alice).get(f"/evidence/{version.evidence_id}").text,
    )
    for page in pages:
        assert f"<p>First line.<br>Second line {LONG_WORD}</p>" in page


def test_erased_answers_are_printed_as_erased(world: World) -> None:
    question_set, version = submit_answers(world.cfacc15, world.bob)
    mark_answer(world, question_set, version, "Well put.")
    erase(world)
    html = print_sheet(reload(question_set), db.session.get_one(EvidenceVersion, version.id))
    assert html.count("Erased.") == 4  # the questions, the help, the criteria and the assessor's marks
    for wrong in ("None.", MARKED, "Not marked yet"):
        assert wrong not in html


def test_an_erased_testimony_is_printed_as_erased(world: World) -> None:
    record = authenticate(sign_in_person(world.cfacc15, world.alice), world.bob).evidence
    erase(world)
    words = read(build_signed(record, world.bob))
    assert "None." not in words
    assert "Criteria that the witness ticked Erased. Witness’s signature Erased." in words


def test_an_erased_record_is_printed_as_erased(world: World) -> None:
    records = [("observation", observe(world.cfacc15, world.bob)), ("discussion", discuss(world.cfacc15, world.bob))]
    erase(world)
    for name, record in records:
        shown = find_shown_version(record, RolesInRecord(()), world.bob.id, None)
        html = render_sheet(name, build_record(record, shown))
        assert "Erased." in html
        assert "None." not in html


def test_what_was_not_written_is_printed_as_none(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    shown = find_shown_version(record, RolesInRecord(()), world.bob.id, None)
    html = render_sheet("observation", build_record(record, shown))
    assert "None." in html
    assert "Erased" not in html
