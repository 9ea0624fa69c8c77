"""What was assessed of an item, for paper: each released assessment with its decisions, as it was released."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import joinedload

from tracker.accounts.earlier_names import find_names_at
from tracker.accounts.person_names import clean_name
from tracker.extensions import db
from tracker.models import (
    Assessment,
    Claim,
    Countersignature,
    Criterion,
    Decision,
    EvidenceVersion,
    Person,
    UnitAttempt,
)
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
    """Empty where the feedback repeats it."""


@dataclass(frozen=True)
class _ItemDecisions:
    """What was claimed and decided of an item, from which its printed assessments choose."""

    claims: dict[int, tuple[Criterion, datetime | None]]
    """The criterion of each claim that the item has or had, and when the claim ended, by its id."""
    recorded: dict[tuple[int, int], Decision]
    """The decisions that releases recorded, by assessment and claim."""


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
    """Load what was released of an item, in one attempt or in all. Five statements."""
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
    decisions = _load_decisions(evidence_id, [each.id for each, _ in rows])
    names = find_names_at(_list_acts(rows))
    remarks = [
        each for each in list_released_remarks(evidence_id, None).earlier if attempt_id in {None, each.attempt_id}
    ]
    return ItemFeedback([_build(each, countersigned, decisions, names) for each, countersigned in rows], remarks)


def _list_acts(rows: Sequence[tuple[Assessment, Countersignature | None]]) -> list[tuple[Person, datetime]]:
    acts = [(each.assessor, each.released_at) for each, _ in rows if each.released_at]
    return acts + [(each.person, each.answered_at) for _, each in rows if each and each.answered_at]


def word_unrecorded_comment(label: str, comment: str) -> str:
    """Return how the feedback repeats a comment on a criterion that no decision records."""
    return f"On {label}: {comment}"


def _load_decisions(evidence_id: int, assessment_ids: Sequence[int]) -> _ItemDecisions:
    """Load the claims that an item has or had, and the decisions of these assessments. Two statements."""
    query = select(Claim.id, Criterion, Claim.removed_at).join(Criterion, Criterion.id == Claim.criterion_id)
    claims = {row[0]: (row[1], row[2]) for row in db.session.execute(query.where(Claim.evidence_id == evidence_id))}
    recorded = db.session.scalars(select(Decision).where(Decision.assessment_id.in_(assessment_ids)))
    return _ItemDecisions(claims, {(each.assessment_id or 0, each.claim_id): each for each in recorded})


def _build(
    assessment: Assessment,
    countersigned: Countersignature | None,
    decisions: _ItemDecisions,
    names: dict[tuple[int, datetime], str],
) -> PrintedAssessment:
    assert assessment.released_at  # noqa: S101 - the query asks for released ones
    by, at = (countersigned.person_id, countersigned.answered_at) if countersigned else (0, None)
    return PrintedAssessment(
        assessment.evidence_version_id,
        assessment.attempt.unit.code,
        clean_name(names[assessment.assessor_id, assessment.released_at]),
        assessment.outcome,
        assessment.feedback,
        assessment.released_at,
        tuple(_list_decisions(assessment, assessment.released_at, decisions)),
        clean_name(names[by, at]) if at else "",
        at,
    )


def _list_decisions(
    assessment: Assessment, released_at: datetime, decisions: _ItemDecisions
) -> Iterator[PrintedDecision]:
    """Yield what an assessment decided when it was released, in the order of the criteria.

    The release records a decision, unless it repeats the one before, or says "met" of an item that is returned. Only
    the draft has those. A claim that had ended by then was not decided.
    """
    drafted = {int(claim_id): draft for claim_id, draft in assessment.draft_decisions.items() if draft.get("outcome")}
    claimed = [(claim_id, *decisions.claims[claim_id]) for claim_id in drafted if claim_id in decisions.claims]
    for claim_id, criterion, ended_at in sorted(claimed, key=lambda each: (each[1].position, each[1].id)):
        draft, recorded = drafted[claim_id], decisions.recorded.get((assessment.id, claim_id))
        outcome, comment = Outcome(draft["outcome"]), draft.get("comment") or ""
        if recorded:
            outcome, comment = recorded.outcome, recorded.comment
        elif ended_at and ended_at <= released_at:
            continue
        elif comment and word_unrecorded_comment(criterion.label, comment) in assessment.feedback:
            comment = ""
        yield PrintedDecision(criterion.label, criterion.kind, criterion.text, outcome, comment)
