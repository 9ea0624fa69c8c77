"""Questions that an assessor sets for a candidate to answer on their own, and takes back before they are answered."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import func, select

from tracker.assessment.services.assessments import check_assessor
from tracker.background import emails
from tracker.clock import now, today
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.matrix.progress import has_submission
from tracker.models import ADDED_FIELDS, BankQuestion, Evidence, QuestionSet, UnitAttempt
from tracker.portfolio.record_content import (
    MAX_LINE,
    MAX_QUESTION,
    MAX_QUESTIONS,
    AnswersContent,
    Question,
    dump_content,
)
from tracker.portfolio.services.evidence import MAX_LENGTH, find_latest_version
from tracker.portfolio.set_questions import SetQuestion, dump_set
from tracker.records.services.use import validate_reason
from tracker.records.stamps import MarkedCriterion, find_criterion
from tracker.vocabulary import Method, RecordKind
from tracker.web.formatting import day
from tracker.web.text_direction import isolate

MAX_OPEN_SETS = 20
"""Sets of one unit that wait for answers."""
MAX_NOTE = 2_000


def build_questions(
    chosen: Sequence[BankQuestion], typed: Sequence[tuple[str, str]], criteria: Collection[MarkedCriterion]
) -> tuple[SetQuestion, ...]:
    """Return the questions to set, in their words of now: those of the bank, then those that were typed.

    Args:
        chosen: questions of the bank.
        typed: the words and the criteria of each question that was typed; one without either is left out.
        criteria: the criteria of the unit.

    Raises:
        Invalid: there are none or too many, or one lacks its words or its criterion.
    """
    questions = [SetQuestion(each.text, ", ".join(each.marks)[:MAX_LINE], each.id) for each in chosen]
    questions += [SetQuestion(text.strip(), mark.strip()) for text, mark in typed if text.strip() or mark.strip()]
    if not questions:
        raise Invalid("Tick at least one question, or type one.")
    if len(questions) > MAX_QUESTIONS:
        raise Invalid(f"You can set at most {MAX_QUESTIONS} questions at once. Nothing was set. Choose fewer.")
    for each in questions[len(chosen) :]:
        if not each.question or len(each.question) > MAX_QUESTION:
            raise Invalid(f"Enter the words of each question that you type, at most {MAX_QUESTION:,} characters.")
        unknown = [mark for mark in each.mark.split(",") if not find_criterion(mark, criteria)]
        if unknown or len(each.mark) > MAX_LINE:
            raise Invalid(
                f"Enter the criterion of “{isolate(each.question[:60])}” by its label, for example g, or several: "
                "c, g. Nothing was set."
            )
    return tuple(questions)


def set_questions(
    attempt: UnitAttempt, questions: Sequence[SetQuestion], note: str, due_on: date | None, actor: Actor
) -> QuestionSet:
    """Set questions for the candidate, and begin the evidence that their answers will be.

    The caller has locked the attempt.

    Raises:
        Invalid: the day is past, or the note is too long.
        Refused: the attempt is not in progress, the candidate was withdrawn, this person may not assess it, or too
            many sets wait for answers.
    """
    assessor_id = check_assessor(attempt, actor)
    if due_on and due_on < today():
        raise Invalid("Enter a day that is not past, or leave it empty.", "due_on")
    if len(note) > MAX_NOTE:
        raise Invalid(f"The note can have at most {MAX_NOTE:,} characters. Shorten it.", "note")
    _check_limit(attempt)
    moment = now()
    content = AnswersContent(tuple(Question(question=each.question, mark=each.mark) for each in questions))
    fields = {
        **dict.fromkeys(MAX_LENGTH.keys() - ADDED_FIELDS, ""),
        "title": f"Answers to questions on {attempt.unit.code}",
        "method": Method.QUESTIONING,
        "content": dump_content(RecordKind.ANSWERS, content),
    }
    evidence = Evidence(
        candidate_id=attempt.candidate_id,
        centre_id=attempt.centre_id,
        record_kind=RecordKind.ANSWERS,
        created_at=moment,
        updated_at=moment,
        **fields,
    )
    db.session.add(evidence)
    db.session.flush()
    question_set = QuestionSet(
        attempt_id=attempt.id,
        evidence_id=evidence.id,
        content=dump_set(questions),
        note=note,
        due_on=due_on,
        set_at=moment,
        set_by_id=assessor_id,
    )
    db.session.add(question_set)
    db.session.flush()
    record(
        "questions_set",
        question_set,
        actor,
        texts={"note": note} if note else None,
        attempt=attempt.id,
        evidence=evidence.id,
        count=len(questions),
    )
    by_when = f" by {day(due_on)}" if due_on else ""
    emails.notify(
        attempt.candidate,
        f"questions_set:{question_set.id}",
        f"{question_set.set_by.name} has set you questions on {attempt.unit.code}",
        f"Answer them in your own words{by_when}: {emails.build_url(f'/question-sets/{question_set.id}')}",
    )
    return question_set


def take_questions_back(question_set: QuestionSet, attempt: UnitAttempt, reason: str, actor: Actor) -> None:
    """Take questions back whose answers are not submitted, or are withdrawn, with a reason that the candidate reads.

    What the candidate typed stays readable to them, and an item that was submitted once keeps its number. Any
    assessor of the unit may do so, since the unit may have been allocated to another one meanwhile. The caller has
    locked the attempt.

    Raises:
        Invalid: there is no reason, or it is too long.
        Refused: the answers were submitted, or the questions were taken back already.
    """
    assert actor.person_id is not None  # noqa: S101 - people take questions back
    lock_rows(QuestionSet, [question_set.id])
    lock_rows(Evidence, [question_set.evidence_id])
    if question_set.taken_back_at:
        raise Refused("These questions were taken back already. Nothing was changed.")
    if find_latest_version(question_set.evidence):
        raise Refused(
            f"{isolate(attempt.candidate.name)} has submitted the answers, so the questions cannot be taken back. "
            "Nothing was changed. Assess the answers."
        )
    reason = validate_reason(reason)
    moment = now()
    question_set.taken_back_at, question_set.taken_back_by_id = moment, actor.person_id
    question_set.taken_back_reason = reason
    if question_set.evidence.number is None:
        question_set.evidence.discarded_at = moment
    db.session.flush()
    record(
        "questions_taken_back",
        question_set,
        actor,
        texts={"taken_back_reason": reason},
        attempt=attempt.id,
        evidence=question_set.evidence_id,
    )
    emails.notify(
        attempt.candidate,
        f"questions_taken_back:{question_set.id}",
        f"You need not answer the questions on {attempt.unit.code}",
        f"They were taken back. Read why: {emails.build_url(f'/question-sets/{question_set.id}')}",
    )


def _check_limit(attempt: UnitAttempt) -> None:
    query = (
        select(func.count(QuestionSet.id))
        .join(Evidence, Evidence.id == QuestionSet.evidence_id)
        .where(
            QuestionSet.attempt_id == attempt.id,
            QuestionSet.taken_back_at.is_(None),
            ~has_submission(Evidence.id),
        )
    )
    if (db.session.scalar(query) or 0) >= MAX_OPEN_SETS:
        raise Refused(
            f"{MAX_OPEN_SETS} sets of questions on this unit wait for answers, which is the maximum. Nothing was set."
        )
