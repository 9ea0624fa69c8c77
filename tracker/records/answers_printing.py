"""The content of printed answers to set questions: filled from a sealed version, or blank for the pen."""

from collections.abc import Sequence

from sqlalchemy import select

from tracker.accounts.earlier_names import find_name_at
from tracker.accounts.person_names import clean_name, remove_invisible_characters
from tracker.clock import day_of, today
from tracker.extensions import db
from tracker.models import Assessment, Claim, EvidenceVersion, QuestionSet, UnitAttempt
from tracker.portfolio.queries.question_sets import find_marking
from tracker.portfolio.record_content import AnswersContent, Question, load_as
from tracker.portfolio.set_questions import AnswerMark, load_set, read_marks
from tracker.recording_forms.answers_content import AnswersRecord
from tracker.recording_forms.observation_content import PrintedAnswer, PrintedCriterion, PrintedQuestion, PrintedUnit
from tracker.recording_forms.printed_text import add_break_points
from tracker.records.queries.stampable import list_units_of
from tracker.records.services.answers import STATEMENT, list_criteria
from tracker.records.stamps import list_question_places, mark_criteria
from tracker.vocabulary import ERASED_TEXT
from tracker.web.formatting import address_note, day, moment, period

MARKED = "I have marked each answer."
MARKED_FOR = "I have marked each answer for {}."
"""In another unit than that for which the questions were set."""


def build_answers(question_set: QuestionSet, version: EvidenceVersion | None, attempt: UnitAttempt) -> AnswersRecord:
    """Return set questions as they are printed, with the answers of a version; None prints them blank.

    Args:
        question_set: the questions.
        version: the answers.
        attempt: the attempt in which they are read, whose marks are printed: that of the set, or another in which
            the answers claim criteria.
    """
    content = load_as(AnswersContent, version.record_kind, version.content) if version else None
    marking = find_marking(version.id, attempt.id) if version else None
    marks = read_marks(marking.answer_marks) if marking else {}
    asked = content.questions if content else ()
    texts = [(each.question, each.answer, each.mark) for each in asked] or [
        (each.question, "", each.mark) for each in load_set(question_set.content)
    ]
    questions = tuple(_print_question(text, marks.get(number, AnswerMark())) for number, text in enumerate(texts, 1))
    asked_in = question_set.attempt
    set_by = clean_name(find_name_at(question_set.set_by, question_set.set_at))
    return AnswersRecord(
        candidate_name=clean_name(attempt.candidate.name),
        candidate_number=attempt.registration.candidate_number,
        assessor_name=set_by,
        centre_name=attempt.centre.name,
        terms=attempt.centre.terms,
        units=(
            _print_unit(asked_in, version, texts),
            *([] if attempt.id == asked_in.id else [_print_unit_claimed(question_set.evidence_id, attempt)]),
        ),
        declaration_statement=STATEMENT,
        agreement_statement="",
        number=version.evidence.number if version else None,
        version=version.number if version else 1,
        is_erased=not texts,
        sealed_on=day_of(version.sealed_at) if version else None,
        printed_for=today() if version else None,
        happened_on=period(version.happened_from) if version and version.happened_from else "",
        declaration=_print_statement(version) if version else None,
        questions=questions,
        set_on=day(question_set.set_at),
        due_on=day(question_set.due_on) if question_set.due_on else "",
        note=_print_text(question_set.note),
        help_used=_print_text(content.help_used) if content else (),
        marked=_print_marking(marking, content, is_elsewhere=attempt.id != asked_in.id) if marking else None,
    )


def _print_unit(
    attempt: UnitAttempt, version: EvidenceVersion | None, texts: Sequence[tuple[str, str, str]]
) -> PrintedUnit:
    """Return the criteria of the questions, in the wording that they had when the answers were submitted."""
    units = list_units_of(version) if version else ()
    criteria = mark_criteria([each for each in units if each.attempt_id == attempt.id], attempt.id)
    criteria = criteria or list_criteria(attempt)
    asked = [Question(question=text, mark=mark) for text, _, mark in texts]
    places = list_question_places(asked, criteria).by_criterion
    named = tuple(
        PrintedCriterion(each.mark, each.column.text, ", ".join(places[each.key]))
        for each in criteria
        if each.key in places
    )
    unit = criteria[0].unit
    return PrintedUnit(unit.code, unit.title, named)


def _print_question(text: tuple[str, str, str], mark: AnswerMark) -> PrintedQuestion:
    question, answer, criterion = map(remove_invisible_characters, text)
    outcome = mark.outcome.on_answer if mark.outcome else ""
    return PrintedQuestion(question, answer, criterion, outcome, remove_invisible_characters(mark.comment))


def _print_statement(version: EvidenceVersion) -> PrintedAnswer:
    submission, candidate = version.submission, version.evidence.candidate
    return PrintedAnswer(
        statement=submission.declaration,
        name=clean_name(find_name_at(candidate, submission.submitted_at)),
        act="declared",
        moment=moment(submission.submitted_at),
        note=address_note(submission.address_confirmed, candidate.email_confirmed_at, "submitted"),
    )


def _print_unit_claimed(evidence_id: int, attempt: UnitAttempt) -> PrintedUnit:
    """Return another unit than that of the questions, with the criteria that the answers claim in it."""
    query = select(Claim.criterion_id, Claim.locator).where(
        Claim.evidence_id == evidence_id, Claim.attempt_id == attempt.id, Claim.removed_at.is_(None)
    )
    locators = {row.criterion_id: row.locator for row in db.session.execute(query)}
    claimed = tuple(
        PrintedCriterion(
            each.mark, each.column.text, add_break_points(remove_invisible_characters(locators[each.column.id]))
        )
        for each in list_criteria(attempt)
        if each.column.id in locators
    )
    return PrintedUnit(attempt.unit.code, attempt.unit.title, claimed)


def _print_marking(marking: Assessment, content: AnswersContent | None, *, is_elsewhere: bool) -> PrintedAnswer:
    assert marking.released_at  # noqa: S101 - only released assessments are printed
    statement = MARKED_FOR.format(marking.attempt.unit.code) if is_elsewhere else MARKED
    return PrintedAnswer(
        statement=statement if content else f"{ERASED_TEXT}.",
        name=clean_name(find_name_at(marking.assessor, marking.released_at)),
        act="assessed",
        moment=moment(marking.released_at),
    )


def _print_text(text: str) -> tuple[str, ...]:
    lines = remove_invisible_characters(text).split("\n")
    return tuple(add_break_points(line) for line in lines if line.strip())
