"""The badges of evidence: the state of each item in each unit that it claims."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, select

from tracker.models import Assessment, Claim, Decision, EvidenceVersion, Submission, Unit, UnitAttempt
from tracker.statements import fetch_rows, ids
from tracker.vocabulary import AssessmentOutcome, AttemptState

Badges = tuple[tuple[str, str], ...]
"""The codes of units with the item's state in each: `draft`, `waiting`, `returned` or `accepted`."""


class SubmittedVersion(NamedTuple):
    """A version of an item that was submitted and not withdrawn."""

    version_id: int
    submitted_at: datetime


class ReleasedAssessment(NamedTuple):
    """The last released assessment of a version in an attempt."""

    outcome: AssessmentOutcome | None
    released_at: datetime


@dataclass(slots=True)
class ClaimedUnit:
    """An item in one attempt: when each claim was made and, where it is decided, on which version."""

    evidence_id: int
    attempt_id: int
    code: str
    assessed_at: datetime | None
    claims: list[tuple[datetime, int | None]] = field(default_factory=list)

    def sees(self, submitted_at: datetime) -> bool:
        """Return whether the attempt sees a version submitted then: an assessed one sees no later ones."""
        return self.assessed_at is None or submitted_at <= self.assessed_at


VERSIONS_WITH_ASSESSMENTS = (
    select(
        EvidenceVersion.evidence_id,
        EvidenceVersion.id,
        Submission.submitted_at,
        Assessment.attempt_id,
        Assessment.outcome,
        Assessment.released_at,
    )
    .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
    .outerjoin(
        Assessment,
        and_(Assessment.evidence_version_id == EvidenceVersion.id, Assessment.released_at.is_not(None)),
    )
    .where(EvidenceVersion.evidence_id.in_(ids("evidence_ids")), Submission.withdrawn_at.is_(None))
    .order_by(EvidenceVersion.number, Assessment.released_at, Assessment.id)
)
"""Each item's submitted versions that were not withdrawn, oldest first, with every released assessment."""
LIVE_CLAIMS = (
    select(
        Claim.evidence_id,
        Claim.attempt_id,
        Unit.code,
        UnitAttempt.assessed_at,
        Claim.claimed_at,
        Decision.evidence_version_id.label("decided_version_id"),
    )
    .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
    .join(Unit, Unit.id == UnitAttempt.unit_id)
    .outerjoin(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
    .where(
        Claim.evidence_id.in_(ids("evidence_ids")),
        Claim.removed_at.is_(None),
        UnitAttempt.state != AttemptState.VOID,
    )
    .order_by(Claim.evidence_id, Claim.attempt_id)
)


def list_badges(evidence_ids: Collection[int]) -> dict[int, Badges]:
    """Return, for each item, the code of each unit it claims and the item's state there. Two statements.

    The state is `returned` until the candidate adds a claim or submits a new version, `accepted` once every claim is
    decided on the version that the unit sees, and otherwise `waiting`. An item without a submission has one badge,
    `draft`.
    """
    values = {"evidence_ids": list(evidence_ids)}
    versions: dict[int, dict[int, SubmittedVersion]] = {}
    assessments: dict[tuple[int, int], ReleasedAssessment] = {}
    for row in fetch_rows(VERSIONS_WITH_ASSESSMENTS, **values):
        versions.setdefault(row.evidence_id, {})[row.id] = SubmittedVersion(row.id, row.submitted_at)
        if row.released_at:
            assessments[row.id, row.attempt_id] = ReleasedAssessment(row.outcome, row.released_at)
    submitted = {evidence_id: list(of_item.values()) for evidence_id, of_item in versions.items()}
    return compute_badges(evidence_ids, submitted, assessments, group_claims(fetch_rows(LIVE_CLAIMS, **values)))


def group_claims(rows: Iterable[Row[*tuple[Any, ...]]]) -> Iterable[ClaimedUnit]:
    """Return live claims by item and attempt."""
    units: dict[tuple[int, int], ClaimedUnit] = {}
    for row in rows:
        key = (row.evidence_id, row.attempt_id)
        unit = units.setdefault(key, ClaimedUnit(*key, row.code, row.assessed_at))
        unit.claims.append((row.claimed_at, row.decided_version_id))
    return units.values()


def compute_badges(
    evidence_ids: Iterable[int],
    versions: Mapping[int, Sequence[SubmittedVersion]],
    assessments: Mapping[tuple[int, int], ReleasedAssessment],
    units: Iterable[ClaimedUnit],
) -> dict[int, Badges]:
    """Return the badges of items by id.

    Args:
        evidence_ids: the items.
        versions: the submitted versions of each item, oldest first.
        assessments: the last released assessment by version and attempt.
        units: the items' live claims.
    """
    badges: dict[int, list[tuple[str, str]]] = {evidence_id: [] for evidence_id in evidence_ids}
    for unit in units:
        seen = [each for each in versions.get(unit.evidence_id, ()) if unit.sees(each.submitted_at)]
        if seen:
            assessment = assessments.get((seen[-1].version_id, unit.attempt_id))
            badges[unit.evidence_id].append((unit.code, _compute_badge(unit, seen[-1].version_id, assessment)))
    return {
        evidence_id: tuple(of_item) or (() if versions.get(evidence_id) else (("", "draft"),))
        for evidence_id, of_item in badges.items()
    }


def _compute_badge(unit: ClaimedUnit, version_id: int, assessment: ReleasedAssessment | None) -> str:
    """Return `returned` until a claim is added, `accepted` while no claim is undecided, else `waiting`."""
    newest_claim = max(claimed_at for claimed_at, _ in unit.claims)
    if assessment and assessment.outcome is AssessmentOutcome.RETURNED and newest_claim <= assessment.released_at:
        return "returned"
    all_decided = all(decided_on == version_id for _, decided_on in unit.claims)
    return (
        "accepted" if all_decided and assessment and assessment.outcome is AssessmentOutcome.ACCEPTED else "waiting"
    )
