"""Queries for assessing one item: criteria with the item's claims, its assessments, changes between versions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import joinedload

from tracker.clock import now
from tracker.extensions import db
from tracker.matrix import MatrixCell, MatrixColumn
from tracker.matrix.loading import CELL_COLUMNS, CRITERION_COLUMNS, build_cell
from tracker.models import (
    Assessment,
    Attachment,
    Claim,
    Criterion,
    Decision,
    EvidenceVersion,
    FeedbackRemark,
    Person,
    Unit,
    UnitAttempt,
)
from tracker.portfolio.queries.remarks import REMARK_COLUMNS, join_answers
from tracker.portfolio.text_changes import TextRun, compare_texts
from tracker.statements import fetch_rows
from tracker.vocabulary import AssessmentOutcome, AssessmentState, Outcome

FIELD_LABELS = {
    "title": "title",
    "method": "how it was gathered",
    "happened_from": "when",
    "happened_until": "when",
    "occasion": "occasion",
    "customers": "customers",
    "narrative": "what was done",
    "workplace_location": "where it is kept",
    "workplace_holder": "where it is kept",
    "workplace_seen_by": "where it is kept",
    "witness_name": "witness",
    "witness_relationship": "witness",
    "witness_status": "witness",
    "content": "times, place, questions or feedback",
}


@dataclass(frozen=True, slots=True)
class CriterionWithClaim:
    """A criterion of the unit, with the item's live claim for it, if there is one."""

    column: MatrixColumn
    cell: MatrixCell | None


@dataclass(frozen=True, slots=True)
class ItemAssessment:
    """An assessment of any version of an item, with its assessor's name and the version's number."""

    assessment: Assessment
    assessor_name: str
    version_number: int


class VersionChanges(NamedTuple):
    """Changes since the previous version of an item."""

    number: int
    labels: list[str]
    account: list[TextRun] | None
    """The written account as runs; None where it did not change."""


@dataclass(frozen=True, slots=True)
class ReturnedDecisions:
    """Claims that an assessor marked as met on a version that they then returned; they are not met."""

    version_number: int
    comments: dict[int, str]
    """The comment on each claim marked as met, by claim id."""


CRITERIA_WITH_CLAIMS = (
    select(*CRITERION_COLUMNS, *CELL_COLUMNS)
    .outerjoin(
        Claim,
        and_(
            Claim.criterion_id == Criterion.id,
            Claim.attempt_id == bindparam("attempt_id"),
            Claim.evidence_id == bindparam("evidence_id"),
            Claim.removed_at.is_(None),
        ),
    )
    .outerjoin(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
    .outerjoin(Person, Person.id == Decision.decided_by_id)
    .where(Criterion.unit_id == bindparam("unit_id"), Criterion.assessable)
    .order_by(Criterion.position)
)
ITEM_ASSESSMENTS = join_answers(
    select(Assessment, *REMARK_COLUMNS)
    .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
    .join(Person, Person.id == Assessment.assessor_id)
    .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
    .join(Unit, Unit.id == UnitAttempt.unit_id)
    .outerjoin(
        FeedbackRemark,
        and_(
            FeedbackRemark.assessment_id == Assessment.id,
            FeedbackRemark.removed_at.is_(None),
            or_(FeedbackRemark.released_at.is_not(None), FeedbackRemark.written_by_id == bindparam("reader_id")),
        ),
    )
).where(EvidenceVersion.evidence_id == bindparam("evidence_id"), Assessment.attempt_id == bindparam("attempt_id"))
"""The assessments of an item with their remarks: a row for each answer, or for a remark or assessment without."""


def list_criteria_with_claims(attempt: UnitAttempt, version: EvidenceVersion) -> tuple[CriterionWithClaim, ...]:
    """List the unit's assessable criteria in order, with the item's claims. Runs one SQL statement."""
    rows = fetch_rows(
        CRITERIA_WITH_CLAIMS, unit_id=attempt.unit_id, attempt_id=attempt.id, evidence_id=version.evidence_id
    )
    return tuple(
        CriterionWithClaim(
            MatrixColumn(*row[: len(CRITERION_COLUMNS)]), build_cell(row, version.id) if row.claim_id else None
        )
        for row in rows
    )


def list_item_assessments(
    attempt: UnitAttempt, evidence_id: int, reader_id: int
) -> tuple[list[ItemAssessment], list[Any]]:
    """List every assessment of an item in this attempt, drafts included, newest first, and the rows of its remarks.

    Args:
        attempt: the attempt.
        evidence_id: the item.
        reader_id: the assessor whose draft remarks are among them.
    """
    values = {"attempt_id": attempt.id, "evidence_id": evidence_id, "reader_id": reader_id}
    rows = db.session.execute(ITEM_ASSESSMENTS, values).all()
    assessments = {row[0].id: ItemAssessment(row[0], row.author, row.number) for row in rows}
    newest_first = [assessments[key] for key in sorted(assessments, reverse=True)]
    return newest_first, [row for row in rows if row.remark_id is not None]


def pick_draft(
    assessments: Iterable[ItemAssessment], version: EvidenceVersion, assessor_id: int
) -> Assessment | None:
    """Return the assessor's own unreleased assessment of this version, or None."""
    drafts = (
        entry.assessment
        for entry in assessments
        if entry.assessment.state is AssessmentState.DRAFT
        and entry.assessment.assessor_id == assessor_id
        and entry.assessment.evidence_version_id == version.id
    )
    return next(drafts, None)


def pick_released(assessments: Iterable[ItemAssessment]) -> list[ItemAssessment]:
    """Return the released assessments."""
    return [entry for entry in assessments if entry.assessment.state is AssessmentState.RELEASED]


def find_returned_decisions(assessments: Iterable[ItemAssessment]) -> ReturnedDecisions | None:
    """Return the claims marked as met when the item was last assessed, if it was returned then; None otherwise.

    Args:
        assessments: the released assessments of the item in the attempt, newest first.
    """
    newest = next(iter(assessments), None)
    if newest is None or newest.assessment.outcome is not AssessmentOutcome.RETURNED:
        return None
    met = {
        int(claim_id): str(decision.get("comment", ""))
        for claim_id, decision in newest.assessment.draft_decisions.items()
        if decision.get("outcome") == Outcome.MET.value
    }
    return ReturnedDecisions(newest.version_number, met)


def find_version_changes(
    version: EvidenceVersion, attachments: Iterable[Attachment], earlier: EvidenceVersion
) -> VersionChanges:
    """Return the changed fields and the changes in the account since an earlier version of the item."""
    labels = [label for name, label in FIELD_LABELS.items() if getattr(version, name) != getattr(earlier, name)]
    files, earlier_files = ([each.id for each in group] for group in (attachments, earlier.attachments))
    if files != earlier_files:
        labels.append("order of the files" if sorted(files) == sorted(earlier_files) else "files")
    if version.response:
        labels.append("an answer to the feedback")
    return VersionChanges(
        earlier.number, list(dict.fromkeys(labels)), compare_texts(earlier.narrative, version.narrative)
    )


def find_assessment_to_undo(assessment_id: int, assessor_id: int) -> Assessment | None:
    """Return an assessor's own assessment that can still be undone, or None."""
    query = (
        select(Assessment)
        .where(
            Assessment.id == assessment_id, Assessment.assessor_id == assessor_id, Assessment.release_after > now()
        )
        .options(joinedload(Assessment.evidence_version).joinedload(EvidenceVersion.evidence))
    )
    return db.session.scalars(query).one_or_none()
