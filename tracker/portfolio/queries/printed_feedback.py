"""What was assessed of an item, for paper: each released assessment with its decisions, as it was released."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import joinedload

from tracker.accounts.earlier_names import find_names_at
from tracker.accounts.person_names import clean_name
from tracker.extensions import db
from tracker.models import Assessment, Claim, Countersignature, Criterion, EvidenceVersion, Person, UnitAttempt
from tracker.portfolio.queries.remarks import ShownRemark, list_released_remarks
from tracker.vocabulary import AssessmentOutcome, CriterionKind, Outcome


@dataclass(frozen=True)
class PrintedDecision:
    """A decision on one criterion in an assessment, as it was released, whatever came later."""

    label: str
    kind: CriterionKind
    text: str
    outcome: Outcome
    comment: str


@dataclass(frozen=True)
class PrintedAssessment:
    """A released assessment of a version in one unit."""

    version_id: int
    code: str
    assessor: str
    """The name that they had when it was released."""
    outcome: AssessmentOutcome | None
    feedback: str
    released_at: datetime | None
    decisions: tuple[PrintedDecision, ...]
    countersigned_by: str = ""
    countersigned_at: datetime | None = None


@dataclass(frozen=True)
class ItemFeedback:
    """What was assessed of an item, the oldest first."""

    assessments: Sequence[PrintedAssessment]
    remarks: Sequence[ShownRemark] = ()
    """The released remarks on every version."""

    def list_of(self, version_id: int) -> list[PrintedAssessment]:
        """List the assessments of a version."""
        return [each for each in self.assessments if each.version_id == version_id]

    def list_remarks_on(self, version_id: int) -> list[ShownRemark]:
        """List the remarks on a version."""
        return [each for each in self.remarks if each.version_id == version_id]


def load_feedback(evidence_id: int, attempt_id: int | None = None) -> ItemFeedback:
    """Load what was released of an item, in one attempt or in all. Four statements."""
    query = (
        select(Assessment, Countersignature)
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .outerjoin(
            Countersignature,
            and_(Countersignature.assessment_id == Assessment.id, Countersignature.agrees.is_(True)),
        )
        .where(EvidenceVersion.evidence_id == evidence_id, Assessment.released_at.is_not(None))
        .options(
            joinedload(Assessment.assessor),
            joinedload(Assessment.attempt).joinedload(UnitAttempt.unit),
            joinedload(Countersignature.person),
        )
        .order_by(Assessment.released_at, Assessment.id)
    )
    if attempt_id is not None:
        query = query.where(Assessment.attempt_id == attempt_id)
    rows = [(row[0], row[1]) for row in db.session.execute(query)]
    if not rows:
        return ItemFeedback(())
    criteria = _load_criteria(evidence_id)
    names = find_names_at(_list_acts(rows))
    remarks = [
        each for each in list_released_remarks(evidence_id, None).earlier if attempt_id in {None, each.attempt_id}
    ]
    return ItemFeedback([_build(each, countersigned, criteria, names) for each, countersigned in rows], remarks)


def _list_acts(rows: Sequence[tuple[Assessment, Countersignature | None]]) -> list[tuple[Person, datetime]]:
    acts = [(each.assessor, each.released_at) for each, _ in rows if each.released_at]
    return acts + [(each.person, each.answered_at) for _, each in rows if each and each.answered_at]


def _load_criteria(evidence_id: int) -> dict[int, Criterion]:
    """Return the criterion of each claim that an item has or had, by the claim's id."""
    query = select(Claim.id, Criterion).join(Criterion, Criterion.id == Claim.criterion_id)
    return {row[0]: row[1] for row in db.session.execute(query.where(Claim.evidence_id == evidence_id))}


def _build(
    assessment: Assessment,
    countersigned: Countersignature | None,
    criteria: dict[int, Criterion],
    names: dict[tuple[int, datetime], str],
) -> PrintedAssessment:
    decided = [
        (criteria[int(claim_id)], decision)
        for claim_id, decision in assessment.draft_decisions.items()
        if decision.get("outcome") and int(claim_id) in criteria
    ]
    decided.sort(key=lambda each: (each[0].position, each[0].id))
    assert assessment.released_at  # noqa: S101 - the query asks for released ones
    by, at = (countersigned.person_id, countersigned.answered_at) if countersigned else (0, None)
    return PrintedAssessment(
        assessment.evidence_version_id,
        assessment.attempt.unit.code,
        clean_name(names[assessment.assessor_id, assessment.released_at]),
        assessment.outcome,
        assessment.feedback,
        assessment.released_at,
        tuple(
            PrintedDecision(
                criterion.label,
                criterion.kind,
                criterion.text,
                Outcome(decision["outcome"]),
                decision.get("comment") or "",
            )
            for criterion, decision in decided
        ),
        clean_name(names[by, at]) if at else "",
        at,
    )
