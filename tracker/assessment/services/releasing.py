"""Release of assessments once they can no longer be undone: decisions are recorded, the candidate is emailed.

An assessor can undo Accept and Return for a few seconds (docs/rules.md, Assessment). A job queued for the end of that
time releases the assessment, and a job that runs every minute releases whatever the first one missed. An act that
depends on the release of an attempt's assessments calls `release_due_in` first.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import select

from tracker.assessment import emails as email_texts
from tracker.assessment.queries.assessing import CriterionWithClaim, list_criteria_with_claims
from tracker.assessment.services.countersigning import (
    ask_for_assessment,
    end_countersignature_of,
    turn_into_draft,
)
from tracker.background import emails, jobs
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows, reading, transaction
from tracker.matrix import MatrixCell
from tracker.matrix.record_standing import is_counted
from tracker.models import Assessment, Decision, FeedbackRemark, Grant, UnitAttempt
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.queries.printed_feedback import word_unrecorded_comment
from tracker.registrations.current_allocations import find_current_allocation
from tracker.vocabulary import (
    AssessmentOutcome,
    AssessmentState,
    AttemptState,
    CountersignatureEnd,
    Outcome,
    Role,
)

CHECKS = ("valid", "authentic", "current")
"""What accepting one item confirms. Sufficiency is confirmed for the whole unit at sign-off."""
MAX_RELEASED_AT_ONCE = 50


def schedule_release(assessment: Assessment, time_to_undo: timedelta) -> None:
    """Queue the release of an assessment for the end of the time to undo it."""
    assessment.release_after = now() + time_to_undo
    db.session.flush()
    jobs.enqueue(release_assessment_if_due, assessment.id, delay=time_to_undo)


def release_assessment_if_due(assessment_id: int) -> None:
    """Release one assessment, unless it was undone or decided again since this job was queued."""
    with transaction():
        if assessment := db.session.get(Assessment, assessment_id):
            _lock_and_release(assessment.attempt_id, [assessment_id])


def release_due_assessments() -> int:
    """Release the assessments whose time to undo is over, each in a transaction of its own.

    Returns:
        How many were due; at most `MAX_RELEASED_AT_ONCE`.
    """
    with reading():
        query = select(Assessment.id).where(Assessment.release_after <= now()).limit(MAX_RELEASED_AT_ONCE)
        due = list(db.session.scalars(query))
    for assessment_id in due:
        release_assessment_if_due(assessment_id)
    return len(due)


def release_due_in(*attempts: UnitAttempt) -> None:
    """Release the assessments of these attempts whose time to undo is over, in the caller's transaction."""
    due = (
        select(Assessment.attempt_id, Assessment.id)
        .where(Assessment.attempt_id.in_([attempt.id for attempt in attempts]), Assessment.release_after <= now())
        .order_by(Assessment.attempt_id, Assessment.id)
    )
    for attempt_id, rows in groupby(db.session.execute(due).all(), key=attrgetter("attempt_id")):
        _lock_and_release(attempt_id, [row.id for row in rows])


def withdraw_draft_outcomes(attempt: UnitAttempt, claim_ids: Collection[int], actor: Actor) -> None:
    """Remove the outcomes of these claims from every unreleased assessment, and cancel its release.

    One that waits for its countersigner waits no longer.

    The assessor chose them before the internal verifier disagreed with the decision, so they must choose again. What
    else was typed is kept. The caller has locked the attempt.
    """
    keys = {str(claim_id) for claim_id in claim_ids}
    query = select(Assessment).where(
        Assessment.attempt_id == attempt.id, Assessment.state != AssessmentState.RELEASED
    )
    for assessment in db.session.scalars(query):
        drafts = {key: dict(value) for key, value in assessment.draft_decisions.items()}
        outcomes = [drafts[key].pop("outcome", None) for key in keys & drafts.keys()]
        if any(outcomes):
            assessment.draft_decisions = drafts
            end_countersignature_of(assessment, CountersignatureEnd.DISAGREEMENT, actor)
            turn_into_draft(assessment)


def release_assessment(assessment: Assessment) -> None:
    """Record the decisions of an assessment and email the candidate. The caller has locked the attempt.

    An assessment that can no longer be released, for instance because a newer version was submitted, becomes a draft
    again. One that needs a countersigner waits for them first, and becomes a draft again if nobody can countersign.
    """
    if not can_be_released(assessment):
        turn_into_draft(assessment)
        return
    if assessment.needs_countersigner and assessment.state is AssessmentState.DRAFT:
        if not ask_for_assessment(assessment):
            turn_into_draft(assessment)
        return
    version = assessment.evidence_version
    if assessment.outcome is AssessmentOutcome.RETURNED:
        assessment.warnings_reason = None
    assessment.state, assessment.released_at, assessment.release_after = AssessmentState.RELEASED, now(), None
    criteria = list_criteria_with_claims(assessment.attempt, version)
    if assessment.outcome is AssessmentOutcome.RETURNED:
        assessment.feedback = _add_unrecorded_comments(assessment, criteria)
    db.session.flush()
    decisions = _record_decisions(assessment, [criterion.cell for criterion in criteria if criterion.cell])
    remarks = _release_remarks(assessment)
    named: dict[str, Any] = {"remarks": [remark.id for remark in remarks]} if remarks else {}
    record(
        "assessment_released",
        assessment,
        Actor(assessment.assessor_id, assessment.grant_id, assessment.session_ref),
        texts={name: text for name in ("feedback", "warnings_reason") if (text := getattr(assessment, name))} or None,
        attempt=assessment.attempt_id,
        version=version.id,
        content=version.content_hash,
        outcome=assessment.outcome.value if assessment.outcome else None,
        checks={check: getattr(assessment, check) for check in CHECKS},
        decisions=[
            {"decision": decision.id, "claim": decision.claim_id, "outcome": decision.outcome.value}
            for decision in decisions
        ],
        **named,
    )
    if assessment.outcome is AssessmentOutcome.RETURNED:
        topic = f"evidence_returned:{version.evidence_id}"
        emails.notify(assessment.attempt.candidate, topic, *email_texts.build_evidence_returned_email(assessment))
    elif remarks:
        topic = f"evidence_remarks:{version.evidence_id}"
        emails.notify(assessment.attempt.candidate, topic, *email_texts.build_remarks_email(assessment, len(remarks)))


def _release_remarks(assessment: Assessment) -> list[FeedbackRemark]:
    """Release the remarks of an assessment with it, and return them (docs/rules.md, Remarks on evidence)."""
    query = (
        select(FeedbackRemark)
        .where(FeedbackRemark.assessment_id == assessment.id, FeedbackRemark.removed_at.is_(None))
        .order_by(FeedbackRemark.id)
    )
    remarks = list(db.session.scalars(query))
    for remark in remarks:
        remark.released_at = assessment.released_at
    db.session.flush()
    return remarks


def _lock_and_release(attempt_id: int, assessment_ids: Iterable[int]) -> None:
    """Lock the attempt and release those of its assessments that are due."""
    lock_rows(UnitAttempt, [attempt_id])
    query = select(Assessment).where(Assessment.id.in_(assessment_ids)).order_by(Assessment.id)
    for assessment in db.session.scalars(query, execution_options={"populate_existing": True}):
        if assessment.release_after and assessment.release_after <= now():
            release_assessment(assessment)


def can_be_released(assessment: Assessment) -> bool:
    """Return whether the attempt is open, the unit still allocated to this assessor, and the version the newest.

    A record of assessment also has to count (docs/rules.md, Records of assessment, rule 4).
    """
    attempt = assessment.attempt
    grant = db.session.get(Grant, assessment.grant_id) if assessment.grant_id else None
    allocation = find_current_allocation(attempt, Role.ASSESSOR)
    version = find_version_in(attempt, assessment.evidence_version.evidence_id)
    return (
        attempt.state is AttemptState.IN_PROGRESS
        and attempt.registration.withdrawn_at is None
        and allocation is not None
        and allocation.person_id == assessment.assessor_id
        and assessment.assessor.deactivated_at is None
        and (grant is None or grant.ends_at is None or grant.ends_at > now())
        and version is not None
        and version.id == assessment.evidence_version_id
        and is_counted(version)
    )


def _record_decisions(assessment: Assessment, cells: Iterable[MatrixCell]) -> list[Decision]:
    """Add the draft's decisions and supersede earlier ones. An unchanged decision is not added again."""
    decisions = []
    for cell in cells:
        outcome, comment = _read_draft_decision(assessment, cell)
        is_unchanged = cell.is_decided and (outcome, comment) == (cell.outcome, cell.comment)
        if outcome and not is_unchanged:
            decisions.append(_build_decision(assessment, cell.claim_id, outcome, comment))
    earlier = select(Decision).where(
        Decision.claim_id.in_([decision.claim_id for decision in decisions]), Decision.superseded_at.is_(None)
    )
    for decision in db.session.scalars(earlier):
        decision.superseded_at = assessment.released_at
    db.session.flush()  # a claim has one live decision: the old one must end before the new one is inserted
    db.session.add_all(decisions)
    db.session.flush()
    return decisions


def _read_draft_decision(assessment: Assessment, cell: MatrixCell) -> tuple[Outcome | None, str]:
    """Return the draft's outcome and comment for a claim. A returned item has no criterion met."""
    draft = assessment.draft_decisions.get(str(cell.claim_id), {})
    outcome = Outcome(draft["outcome"]) if draft.get("outcome") else None
    if assessment.outcome is AssessmentOutcome.RETURNED and outcome is Outcome.MET:
        outcome = None
    return outcome, draft.get("comment", "")


def _add_unrecorded_comments(assessment: Assessment, criteria: Iterable[CriterionWithClaim]) -> str:
    """Return the feedback, followed by comments that no decision records, so that the candidate reads them too."""
    lines = []
    for criterion in criteria:
        if criterion.cell is None:
            continue
        outcome, comment = _read_draft_decision(assessment, criterion.cell)
        if comment and outcome is None and comment != criterion.cell.comment:
            lines.append(word_unrecorded_comment(criterion.column.label, comment))
    return "\n\n".join([assessment.feedback.strip(), *lines])


def _build_decision(assessment: Assessment, claim_id: int, outcome: Outcome, comment: str) -> Decision:
    assert assessment.released_at is not None  # noqa: S101 - set by `release_assessment` just before
    return Decision(
        attempt_id=assessment.attempt_id,
        claim_id=claim_id,
        evidence_version_id=assessment.evidence_version_id,
        assessment_id=assessment.id,
        outcome=outcome,
        comment=comment,
        decided_at=assessment.released_at,
        decided_by_id=assessment.assessor_id,
    )
