"""What a candidate does with remarks on their evidence: reads and answers them.

docs/rules.md, Remarks on evidence.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import func, select

from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import (
    Assessment,
    EvidenceVersion,
    FeedbackAnswer,
    FeedbackRemark,
    UnitAttempt,
)
from tracker.registrations.separation_of_duties import check_not_withdrawn
from tracker.vocabulary import AttemptState

MAX_ANSWER_LENGTH = 2_000
MAX_ANSWERS = 20
"""Answers to one remark."""


def find_remark(remark_id: int) -> FeedbackRemark | None:
    """Return a remark that its candidate sees, or None."""
    remark = db.session.get(FeedbackRemark, remark_id)
    return remark if remark and remark.released_at else None


def list_remarks_to_read(
    evidence_id: int, attempt_ids: Collection[int], shown_ids: Collection[int]
) -> list[FeedbackRemark]:
    """List the released remarks on an item in these units that were shown and are not marked as read."""
    query = (
        select(FeedbackRemark)
        .join(EvidenceVersion, EvidenceVersion.id == FeedbackRemark.evidence_version_id)
        .join(Assessment, Assessment.id == FeedbackRemark.assessment_id)
        .where(
            EvidenceVersion.evidence_id == evidence_id,
            Assessment.attempt_id.in_(list(attempt_ids)),
            FeedbackRemark.id.in_(list(shown_ids)),
            FeedbackRemark.released_at.is_not(None),
            FeedbackRemark.read_at.is_(None),
        )
        .order_by(FeedbackRemark.id)
    )
    return list(db.session.scalars(query))


def list_attempts_with_remarks(evidence_id: int) -> list[int]:
    """List the ids of the units in which remarks on an item were released that the candidate sees."""
    query = (
        select(Assessment.attempt_id)
        .join(FeedbackRemark, FeedbackRemark.assessment_id == Assessment.id)
        .join(EvidenceVersion, EvidenceVersion.id == FeedbackRemark.evidence_version_id)
        .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
        .where(
            EvidenceVersion.evidence_id == evidence_id,
            FeedbackRemark.released_at.is_not(None),
            UnitAttempt.state != AttemptState.VOID,
        )
        .distinct()
        .order_by(Assessment.attempt_id)
    )
    return list(db.session.scalars(query))


def mark_read(remarks: Iterable[FeedbackRemark]) -> None:
    """Mark remarks as read, as the candidate says. It decides nothing, so no event is recorded."""
    moment = now()
    for remark in remarks:
        remark.read_at = remark.read_at or moment
    db.session.flush()


def answer_remark(attempt: UnitAttempt, remark: FeedbackRemark, text: str, actor: Actor) -> FeedbackAnswer:
    """Answer a remark, which is read thereby. The caller has locked the attempt.

    Raises:
        Invalid: the answer is empty or too long.
        NotFound: it is a remark in another attempt, or the candidate does not see it yet.
        Refused: the unit is not in progress, the candidate is withdrawn, the remark is settled, or it has
            `MAX_ANSWERS` answers.
    """
    db.session.refresh(remark)
    if remark.released_at is None or remark.assessment.attempt_id != attempt.id:
        raise NotFound
    if attempt.state is not AttemptState.IN_PROGRESS:
        raise Refused(
            f"{attempt.unit.code} is {attempt.state.label.lower()}, so its remarks can no longer be answered. "
            "Nothing was changed."
        )
    check_not_withdrawn(attempt)
    if remark.settled_at:
        raise Refused("Your assessor has marked this remark as resolved, so it needs no answer. Nothing was changed.")
    text = text.strip()
    if not text:
        raise Invalid("Write your answer to the remark.", "answer")
    if len(text) > MAX_ANSWER_LENGTH:
        raise Invalid(f"An answer can have at most {MAX_ANSWER_LENGTH:,} characters. Shorten it.", "answer")
    query = select(func.count(FeedbackAnswer.id)).where(FeedbackAnswer.remark_id == remark.id)
    if (db.session.scalar(query) or 0) >= MAX_ANSWERS:
        raise Refused(f"A remark can have at most {MAX_ANSWERS} answers. Nothing was changed.")
    mark_read([remark])
    assert actor.person_id is not None  # noqa: S101 - a candidate answers, never the operator
    answer = FeedbackAnswer(remark_id=remark.id, text=text, answered_at=now(), answered_by_id=actor.person_id)
    db.session.add(answer)
    db.session.flush()
    record("remark_answered", answer, actor, attempt=attempt.id)
    return answer
