"""Questions that were set for candidates: those of a unit, and the set that an item of evidence answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload

from tracker.clock import now
from tracker.extensions import db
from tracker.matrix.progress import has_submission
from tracker.models import Assessment, BankQuestion, Evidence, QuestionSet, UnitAttempt
from tracker.portfolio.set_questions import AnswerMark, SetQuestion, read_marks
from tracker.vocabulary import AssessmentState

SHOWN_AFTER = timedelta(days=30)
"""How long the page of a unit says that a set was taken back."""
MAX_SHOWN = 50
READ = (
    joinedload(QuestionSet.evidence),
    joinedload(QuestionSet.set_by),
    joinedload(QuestionSet.taken_back_by),
    joinedload(QuestionSet.attempt).joinedload(UnitAttempt.unit),
)


@dataclass(frozen=True)
class BankState:
    """What the bank has now of a question that was set."""

    guidance: str
    """What a good answer has, of the version that was set; for assessors alone."""
    became: str
    """`changed` or `retired`; empty while it is in use as it was set."""


@dataclass(frozen=True)
class ReleasedMarks:
    """The marks of the answers in a version, as released last in one unit."""

    code: str
    """The code of the unit; empty where the page shows this unit alone."""
    marks: dict[int, AnswerMark]
    """By the number of the question, from 1."""


def list_open_sets(attempt: UnitAttempt) -> list[QuestionSet]:
    """List the sets of a unit that wait for answers, and those taken back of late, in order. One statement.

    A set whose submission was withdrawn waits again.
    """
    query = (
        select(QuestionSet)
        .join(Evidence, Evidence.id == QuestionSet.evidence_id)
        .where(
            QuestionSet.attempt_id == attempt.id,
            ~has_submission(Evidence.id),
            or_(QuestionSet.taken_back_at.is_(None), QuestionSet.taken_back_at > now() - SHOWN_AFTER),
        )
        .options(*READ)
        .order_by(QuestionSet.id)
        .limit(MAX_SHOWN)
    )
    return list(db.session.scalars(query))


def find_set(set_id: int) -> QuestionSet | None:
    """Return a set with its unit, its people and the answers. One statement."""
    return db.session.scalars(select(QuestionSet).where(QuestionSet.id == set_id).options(*READ)).one_or_none()


def find_set_ids(evidence_id: int) -> tuple[int, int] | None:
    """Return the set that an item answers and its attempt; None for an item that answers none. One statement."""
    query = select(QuestionSet.id, QuestionSet.attempt_id).where(QuestionSet.evidence_id == evidence_id)
    row = db.session.execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def find_set_id(evidence_id: int) -> int | None:
    """Return the set that an item answers; None for an item that answers none. One statement."""
    found = find_set_ids(evidence_id)
    return found[0] if found else None


def find_bank_states(questions: Sequence[SetQuestion]) -> dict[int, BankState]:
    """Return what the bank has of each question that was chosen from it, by its number from 1. One statement."""
    ids = [each.bank for each in questions if each.bank is not None]
    if not ids:
        return {}
    replaced = select(BankQuestion.replaces_id).where(BankQuestion.replaces_id.is_not(None))
    is_replaced = BankQuestion.id.in_(replaced)
    query = select(BankQuestion.id, BankQuestion.guidance, BankQuestion.ended_at, is_replaced).where(
        BankQuestion.id.in_(ids)
    )
    states = {
        row[0]: BankState(row[1], "" if row[2] is None else "changed" if row[3] else "retired")
        for row in db.session.execute(query)
    }
    return {number: states[each.bank] for number, each in enumerate(questions, 1) if each.bank in states}


def list_released_marks(version_id: int) -> list[ReleasedMarks]:
    """List the marks of the answers in a version in each unit, as released last. One statement.

    Only the candidate reads the marks of every unit. Others read those of their own (`find_released_marks`).
    """
    query = _select_markings(version_id).options(joinedload(Assessment.attempt).joinedload(UnitAttempt.unit))
    last = {marking.attempt_id: marking for marking in db.session.scalars(query.order_by(Assessment.id))}
    return [
        ReleasedMarks(marking.attempt.unit.code, read_marks(marking.answer_marks))
        for _, marking in sorted(last.items())
    ]


def find_released_marks(version_id: int, attempt_id: int) -> dict[int, AnswerMark]:
    """Return the marks of the answers in a version by number, as released last in an attempt. One statement."""
    marking = find_marking(version_id, attempt_id)
    return read_marks(marking.answer_marks) if marking else {}


def find_marking(version_id: int, attempt_id: int) -> Assessment | None:
    """Return the assessment released last in an attempt that marks the answers in a version, with its assessor."""
    query = (
        _select_markings(version_id)
        .where(Assessment.attempt_id == attempt_id)
        .options(joinedload(Assessment.assessor))
        .order_by(Assessment.id.desc())
        .limit(1)
    )
    return db.session.scalars(query).one_or_none()


def _select_markings(version_id: int) -> Select[Assessment]:
    return select(Assessment).where(
        Assessment.evidence_version_id == version_id,
        Assessment.state == AssessmentState.RELEASED,
        Assessment.answer_marks.is_not(None),
    )
