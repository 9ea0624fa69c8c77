"""Answers to set questions: saved as the candidate types them, and submitted as evidence in one act."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.clock import now, today
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows
from tracker.matrix import list_columns
from tracker.models import Claim, Evidence, EvidenceVersion, Grant, QuestionSet, UnitAttempt
from tracker.portfolio.record_content import (
    MAX_ANSWER,
    MAX_QUESTION,
    AnswersContent,
    dump_content,
    load_as,
)
from tracker.portfolio.services.evidence import find_latest_version, has_changes_since
from tracker.portfolio.services.evidence import save_draft as save_evidence_draft
from tracker.portfolio.services.submissions import build_declaration, submit_evidence
from tracker.records.services.stamped_claims import MAX_LOCATOR
from tracker.records.stamps import MarkedCriterion, StampableUnit, list_question_places, mark_criteria
from tracker.registrations.due_releases import release_due_assessments_in
from tracker.vocabulary import AttemptState, Method, RecordKind
from tracker.web.formatting import day
from tracker.web.text_direction import isolate

HELP = "help_used"
STATEMENT = build_declaration(Method.QUESTIONING)
"""What the candidate declares when they submit."""


def read_answers(evidence: Evidence | EvidenceVersion) -> AnswersContent:
    """Return the answers of a draft or version; none after an erasure."""
    return load_as(AnswersContent, evidence.record_kind, evidence.content) or AnswersContent(())


def find_obstacle(question_set: QuestionSet) -> str | None:
    """Return why the questions cannot be answered any more; None while they can be.

    Answers that claim criteria of another unit can be changed while that unit is open (docs/rules.md, Question banks
    and questions asked, rule 14).
    """
    attempt = question_set.attempt
    code = attempt.unit.code
    if question_set.taken_back_at and question_set.taken_back_by:
        name, when = isolate(question_set.taken_back_by.name), day(question_set.taken_back_at)
        return f"{name} took these questions back on {when}. You need not answer them."
    if _is_open(attempt) or any(map(_is_open, _list_claimed_attempts(question_set.evidence_id))):
        return None
    if attempt.registration.withdrawn_at:
        return "Your centre has withdrawn your registration, so these questions cannot be answered."
    return f"{code} is {attempt.state.label.lower()}, so these questions cannot be answered any more."


def save_answers(
    question_set: QuestionSet, answers: Mapping[int, str], help_used: str | None, seen_version: int | None
) -> dict[str, str]:
    """Save what can be saved, and return the problem of each field that cannot, by its name.

    Args:
        question_set: the questions.
        answers: the answers that changed, by the number of the question from 1.
        help_used: what was used as help; None leaves it as it is.
        seen_version: the draft's version as it was shown; None is not compared.

    Raises:
        Conflict: the answers were saved elsewhere since they were shown; then nothing is saved.
        Refused: the questions cannot be answered any more; then nothing is saved.
    """
    lock_rows(QuestionSet, [question_set.id])
    _check_open(question_set)
    evidence = question_set.evidence
    lock_rows(Evidence, [evidence.id])
    before = read_answers(evidence)
    problems = {
        f"answer-{number}": f"An answer can have at most {MAX_ANSWER:,} characters; yours has {len(text):,}. "
        "Shorten it."
        for number, text in answers.items()
        if len(text) > MAX_ANSWER
    }
    if help_used is not None and len(help_used) > MAX_QUESTION:
        problems[HELP] = f"Use at most {MAX_QUESTION:,} characters here; yours has {len(help_used):,}. Shorten it."
    questions = tuple(
        replace(each, answer=answers[number]) if number in answers and f"answer-{number}" not in problems else each
        for number, each in enumerate(before.questions, 1)
    )
    helped = before.help_used if help_used is None or HELP in problems else help_used
    content = dump_content(RecordKind.ANSWERS, AnswersContent(questions, helped))
    fields = {"content": content} if content != evidence.content else {}
    try:
        save_evidence_draft(evidence, fields, seen_version)
    except Conflict:
        raise Conflict(
            "Your answers were changed in another window since you opened this page. What you typed is still on this "
            "page, but not saved. Choose Submit to see the saved answers beside it. Nothing is submitted then."
        ) from None
    return problems


class AlreadySubmitted(Refused):
    """The same answers were submitted already, as by a form that was sent twice."""


def submit_answers(question_set: QuestionSet, actor: Actor, seen_version: int | None) -> EvidenceVersion:
    """Submit the answers as evidence under the statement, claiming the criteria of the questions.

    Locks the grant, the attempt, the set and the evidence, in this order.

    Raises:
        Conflict: the answers were changed since they were shown as `seen_version`.
        Invalid: a question has no answer.
        Refused: the questions cannot be answered any more, or the answers claim no criterion.
        AlreadySubmitted: the same answers were submitted already.
    """
    attempt, evidence = question_set.attempt, question_set.evidence
    if actor.grant_id:
        lock_rows(Grant, [actor.grant_id])
    attempts = [attempt, *_list_claimed_attempts(evidence.id)]
    lock_rows(UnitAttempt, [each.id for each in attempts])
    release_due_assessments_in(attempts)
    lock_rows(QuestionSet, [question_set.id])
    lock_rows(Evidence, [evidence.id])
    _check_open(question_set)
    latest = find_latest_version(evidence)
    if latest and not has_changes_since(evidence, latest):
        raise AlreadySubmitted(
            f"You have submitted these answers already, as evidence {evidence.number}, version {latest.number}. "
            "Nothing was changed."
        )
    if seen_version is not None and seen_version != evidence.version:
        raise Conflict(
            "Your answers were changed in another window since you opened this page. Nothing was submitted. What you "
            "typed is still on this page, but not saved."
        )
    content = read_answers(evidence)
    empty = [str(number) for number, each in enumerate(content.questions, 1) if not each.answer.strip()]
    if empty:
        numbers = ", ".join(empty)
        raise Invalid(f"Write an answer to each question: {numbers} {'has' if len(empty) == 1 else 'have'} none.")
    if _is_open(attempt):
        _claim_criteria(question_set, content)
    if not _list_claimed_attempts(evidence.id):
        raise Refused(
            "Your answers claim no criterion. Nothing was submitted. What you wrote is saved. Choose criteria on the "
            "page of the evidence, then submit your answers."
            if evidence.number
            else f"The questions name no criterion that {attempt.unit.code} has now. Nothing was submitted. What you "
            "wrote is saved. Tell your assessor, who can set the questions again."
        )
    evidence.happened_from = today()
    db.session.flush()
    return submit_evidence(evidence, actor)


def list_criteria(attempt: UnitAttempt) -> list[MarkedCriterion]:
    """List the criteria of a unit with their marks. One statement."""
    unit = StampableUnit(attempt.id, attempt.unit.code, attempt.unit.title, list_columns(attempt.unit_id))
    return mark_criteria([unit], attempt.id)


def _check_open(question_set: QuestionSet) -> None:
    """Raise `Refused` where the questions cannot be answered any more."""
    db.session.refresh(question_set)
    if obstacle := find_obstacle(question_set):
        raise Refused(f"{obstacle} What you typed is on this page, but not saved.")


def _is_open(attempt: UnitAttempt) -> bool:
    """Return whether evidence can be submitted in an attempt."""
    return attempt.state is AttemptState.IN_PROGRESS and not attempt.registration.withdrawn_at


def _list_claimed_attempts(evidence_id: int) -> list[UnitAttempt]:
    """List the attempts in which an item has live claims, with their registrations. One statement."""
    claimed = select(Claim.attempt_id).where(Claim.evidence_id == evidence_id, Claim.removed_at.is_(None))
    query = select(UnitAttempt).where(UnitAttempt.id.in_(claimed)).options(joinedload(UnitAttempt.registration))
    return list(db.session.scalars(query.order_by(UnitAttempt.id)))


def _claim_criteria(question_set: QuestionSet, content: AnswersContent) -> None:
    """Claim the criteria of the questions in their unit, except those that were claimed before.

    A claim that the candidate or an assessor removed is not made again.
    """
    attempt, evidence = question_set.attempt, question_set.evidence
    places = list_question_places(content.questions, list_criteria(attempt)).by_criterion
    query = select(Claim.criterion_id).where(Claim.evidence_id == evidence.id, Claim.attempt_id == attempt.id)
    claimed_before = set(db.session.scalars(query))
    for (attempt_id, criterion_id), numbers in places.items():
        if criterion_id not in claimed_before:
            db.session.add(
                Claim(
                    attempt_id=attempt_id,
                    evidence_id=evidence.id,
                    criterion_id=criterion_id,
                    locator=", ".join(numbers)[:MAX_LOCATOR],
                    claimed_at=now(),
                    claimed_by_id=evidence.candidate_id,
                )
            )
    db.session.flush()
