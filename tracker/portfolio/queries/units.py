"""What stands beside the grid on a unit's page: who holds it, requirements, signatures, reopened rounds."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select

from tracker.extensions import db
from tracker.models import (
    Allocation,
    EvidenceRequirement,
    Person,
    Reopening,
    RequirementConfirmation,
    Signature,
    UnitAttempt,
)
from tracker.vocabulary import ReopeningKind, Role, SignatureRole


@dataclass(frozen=True, slots=True)
class Holder:
    """Who assesses or verifies an attempt now, and since when."""

    role: Role
    name: str
    since: datetime
    person_id: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of the unit's evidence requirements, and whether the assessor confirmed it in this round."""

    label: str
    text: str
    points: tuple[str, ...]
    note: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Signed:
    role: SignatureRole
    name: str
    signed_at: datetime
    round: int
    superseded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reopened:
    kind: ReopeningKind
    reason: str
    name: str
    reopened_at: datetime
    round: int


def list_holders(attempt: UnitAttempt) -> tuple[Holder, ...]:
    query = (
        select(Allocation.role, Person.name, Allocation.from_at, Person.id)
        .join(Person, Person.id == Allocation.person_id)
        .where(Allocation.attempt_id == attempt.id, Allocation.until_at.is_(None))
        .order_by(Allocation.role)
    )
    return tuple(Holder(*row) for row in db.session.execute(query))


def list_requirements(attempt: UnitAttempt) -> tuple[Requirement, ...]:
    confirmed = and_(
        RequirementConfirmation.requirement_id == EvidenceRequirement.id,
        RequirementConfirmation.attempt_id == attempt.id,
        RequirementConfirmation.round == attempt.round,
        RequirementConfirmation.removed_at.is_(None),
    )
    query = (
        select(
            EvidenceRequirement.label,
            EvidenceRequirement.text,
            EvidenceRequirement.points,
            RequirementConfirmation.note,
            RequirementConfirmation.confirmed_at,
        )
        .outerjoin(RequirementConfirmation, confirmed)
        .where(EvidenceRequirement.unit_id == attempt.unit_id)
        .order_by(EvidenceRequirement.position)
    )
    return tuple(
        Requirement(label, text, tuple(points), note, confirmed_at)
        for label, text, points, note, confirmed_at in db.session.execute(query)
    )


def list_signatures(attempt: UnitAttempt) -> tuple[Signed, ...]:
    """Every signature on the attempt, superseded ones included: a reopening erases nothing."""
    query = (
        select(Signature.role, Person.name, Signature.signed_at, Signature.round, Signature.superseded_at)
        .join(Person, Person.id == Signature.person_id)
        .where(Signature.attempt_id == attempt.id)
        .order_by(Signature.signed_at, Signature.id)
    )
    return tuple(Signed(*row) for row in db.session.execute(query))


def find_last_reopening(attempt: UnitAttempt) -> Reopened | None:
    """Why the attempt is in a later round; None in the first."""
    if attempt.round == 1:
        return None
    query = (
        select(Reopening.kind, Reopening.reason, Person.name, Reopening.reopened_at, Reopening.round)
        .join(Person, Person.id == Reopening.reopened_by_id)
        .where(Reopening.attempt_id == attempt.id)
        .order_by(Reopening.id.desc())
        .limit(1)
    )
    found = db.session.execute(query).first()
    return Reopened(*found) if found else None
