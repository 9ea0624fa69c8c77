"""What of a candidate's work waits for a countersigner, for those who read it: without the outcome."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.models import (
    Assessment,
    Countersignature,
    EvidenceVersion,
    Person,
    Signature,
    Unit,
    UnitAttempt,
)
from tracker.web.countersigners import is_open


@dataclass(frozen=True, slots=True)
class WaitingForCountersigner:
    """An assessment or a sign-off that waits: whose it is, whom it waits for, and since when."""

    attempt_id: int
    code: str
    evidence_id: int | None
    """None for a sign-off."""
    assessor: str
    countersigner: str
    asked_at: datetime


def list_waiting(
    *, is_on: bool | None, attempt_id: int | None = None, evidence_id: int | None = None
) -> list[WaitingForCountersigner]:
    """List what waits for a countersigner in an attempt, of an item, or of an item in an attempt.

    Args:
        is_on: whether the centre has decisions countersigned; otherwise nothing is read.
        attempt_id: the attempt; None for all.
        evidence_id: the item; None for all, and for sign-offs.
    """
    if not is_on:
        return []
    assessor, countersigner = aliased(Person), aliased(Person)
    query = (
        select(
            Countersignature.attempt_id,
            Unit.code,
            EvidenceVersion.evidence_id,
            assessor.name,
            countersigner.name,
            Countersignature.asked_at,
        )
        .join(UnitAttempt, UnitAttempt.id == Countersignature.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .outerjoin(Assessment, Assessment.id == Countersignature.assessment_id)
        .outerjoin(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .outerjoin(Signature, Signature.id == Countersignature.signature_id)
        .join(assessor, assessor.id == func.coalesce(Assessment.assessor_id, Signature.person_id))
        .join(countersigner, countersigner.id == Countersignature.person_id)
        .where(is_open())
        .order_by(Countersignature.id)
    )
    if attempt_id is not None:
        query = query.where(Countersignature.attempt_id == attempt_id)
    if evidence_id is not None:
        query = query.where(EvidenceVersion.evidence_id == evidence_id)
    return [WaitingForCountersigner(*row) for row in db.session.execute(query)]
