"""Progress of attempts, counted in the database for long lists."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, distinct, func, select

from tracker.extensions import db
from tracker.matrix.accepted_versions import is_on_accepted_version
from tracker.models import Claim, Criterion, Decision, EvidenceVersion, Submission, UnitAttempt
from tracker.statements import fetch_rows, ids
from tracker.vocabulary import Outcome


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of an attempt's criteria that are met, that are claimed (met ones included), and in total."""

    met: int
    claimed: int
    total: int


def select_progress(is_included: ColumnElement[bool], *, with_drafts: bool) -> Select[*tuple[Any, ...]]:
    """Select the id, the total, the met and the claimed criteria of each attempt that meets a condition.

    Args:
        is_included: the condition on `UnitAttempt`.
        with_drafts: whether claims of items that were never submitted count as claims.
    """
    total = (
        select(func.count(Criterion.id))
        .where(Criterion.unit_id == UnitAttempt.unit_id, Criterion.assessable)
        .correlate(UnitAttempt)
        .scalar_subquery()
    )
    is_claim = and_(Claim.attempt_id == UnitAttempt.id, Claim.removed_at.is_(None))
    is_live_decision = and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None))
    is_met = and_(Decision.outcome == Outcome.MET, is_on_accepted_version())
    return (
        select(
            UnitAttempt.id,
            func.count(distinct(case((is_met, Claim.criterion_id)))).label("met"),
            func.count(distinct(Claim.criterion_id)).label("claimed"),
            total.label("total"),
        )
        .outerjoin(Claim, is_claim if with_drafts else and_(is_claim, has_submission(Claim.evidence_id)))
        .outerjoin(Decision, is_live_decision)
        .where(is_included)
        .group_by(UnitAttempt.id)
    )


def count_needs_more(attempt_ids: Iterable[int]) -> dict[int, int]:
    """Count the criteria of each attempt that need more (docs/rules.md, Assessment, rule 11), in one SQL statement.

    Attempts without any are left out.
    """
    ids = list(attempt_ids)
    latest = select_latest_versions(ids).subquery()
    is_met = and_(Decision.outcome == Outcome.MET, is_on_accepted_version())
    is_decided = Decision.evidence_version_id == latest.c.version_id
    by_criterion = (
        select(Claim.attempt_id, func.max(case((is_met, 1), else_=0)).label("met"))
        .join(latest, latest.c.evidence_id == Claim.evidence_id)
        .join(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
        .where(Claim.attempt_id.in_(ids), Claim.removed_at.is_(None))
        .group_by(Claim.attempt_id, Claim.criterion_id)
        .having(func.max(case((is_decided, 1), else_=0)) == 1)
        .subquery()
    )
    query = (
        select(by_criterion.c.attempt_id, func.count())
        .where(by_criterion.c.met == 0)
        .group_by(by_criterion.c.attempt_id)
    )
    return dict(db.session.execute(query).all())


def count_undecided(attempt_ids: Iterable[int]) -> dict[int, int]:
    """Count the claims of each attempt that are not decided on the item's latest version, in one SQL statement.

    An outcome that awaits affirmation is one of them. Attempts without any are left out.
    """
    ids = list(attempt_ids)
    latest = select_latest_versions(ids).subquery()
    is_decided_on_latest = and_(
        Decision.claim_id == Claim.id,
        Decision.superseded_at.is_(None),
        Decision.evidence_version_id == latest.c.version_id,
    )
    query = (
        select(Claim.attempt_id, func.count(Claim.id))
        .join(latest, latest.c.evidence_id == Claim.evidence_id)
        .outerjoin(Decision, is_decided_on_latest)
        .where(Claim.attempt_id.in_(ids), Claim.removed_at.is_(None), Decision.id.is_(None))
        .group_by(Claim.attempt_id)
    )
    return dict(db.session.execute(query).all())


def select_latest_versions(attempt_ids: Iterable[int]) -> Select[int, int]:
    """Select the newest version that was not withdrawn of each item claimed in these attempts."""
    claimed = select(Claim.evidence_id).where(Claim.attempt_id.in_(attempt_ids), Claim.removed_at.is_(None))
    return (
        select(EvidenceVersion.evidence_id, func.max(EvidenceVersion.id).label("version_id"))
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(Submission.withdrawn_at.is_(None), EvidenceVersion.evidence_id.in_(claimed))
        .group_by(EvidenceVersion.evidence_id)
    )


def has_submission(evidence_id: Any) -> ColumnElement[bool]:
    """Return the SQL condition that an item was submitted and not withdrawn."""
    return (
        select(Submission.id)
        .join(EvidenceVersion, EvidenceVersion.id == Submission.evidence_version_id)
        .where(EvidenceVersion.evidence_id == evidence_id, Submission.withdrawn_at.is_(None))
        .exists()
    )


PROGRESS = select_progress(UnitAttempt.id.in_(ids("attempt_ids")), with_drafts=False)


def summarise_attempts(attempt_ids: Iterable[int]) -> dict[int, Progress]:
    """Return the progress of each attempt that has criteria, by id, in one SQL statement however many there are.

    Claims of items that were never submitted do not count.
    """
    rows = fetch_rows(PROGRESS, attempt_ids=list(attempt_ids))
    return {attempt_id: Progress(met, claimed, total) for attempt_id, met, claimed, total in rows if total}
