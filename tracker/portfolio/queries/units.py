"""What stands beside the grid on a unit's page: who holds it, requirements, signatures, reopened rounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import (
    Allocation,
    Assessment,
    EvidenceRequirement,
    Person,
    Reopening,
    RequirementConfirmation,
    Signature,
    Unit,
    UnitAttempt,
    VersionMove,
)
from tracker.vocabulary import AssessmentState, Outcome, ReopeningKind, Role, SignatureRole


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


@dataclass(frozen=True, slots=True)
class Moved:
    """The attempt was taken over from one version of its unit to a later one."""

    id: int
    before: Unit
    after: Unit
    reason: str
    name: str
    moved_at: datetime
    not_carried_over: list[dict[str, Any]]
    """The claims that had nothing to follow, as `VersionMove` keeps them."""

    @property
    def was(self) -> str:
        return _named(self.before, self.after)

    @property
    def became(self) -> str:
        return _named(self.after, self.before)


def list_allocations(attempt: UnitAttempt) -> tuple[Holder, ...]:
    query = (
        select(Allocation.role, Person.name, Allocation.starts_at, Person.id)
        .join(Person, Person.id == Allocation.person_id)
        .where(Allocation.attempt_id == attempt.id, Allocation.ends_at.is_(None))
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
    return _requirements(attempt.unit_id, confirmed)


def _requirements(unit_id: int, confirmed: ColumnElement[bool]) -> tuple[Requirement, ...]:
    query = (
        select(
            EvidenceRequirement.label,
            EvidenceRequirement.text,
            EvidenceRequirement.points,
            RequirementConfirmation.note,
            RequirementConfirmation.confirmed_at,
        )
        .outerjoin(RequirementConfirmation, confirmed)
        .where(EvidenceRequirement.unit_id == unit_id)
        .order_by(EvidenceRequirement.position)
    )
    return tuple(
        Requirement(label, text, tuple(points), note, confirmed_at)
        for label, text, points, note, confirmed_at in db.session.execute(query)
    )


def list_moves(attempt: UnitAttempt) -> tuple[Moved, ...]:
    """Every move of the attempt to a later version, the newest first; asked only where there is one."""
    if not attempt.is_moved:
        return ()
    query = (
        select(VersionMove, Person.name)
        .join(Person, Person.id == VersionMove.moved_by_id)
        .where(VersionMove.attempt_id == attempt.id)
        .options(
            joinedload(VersionMove.from_unit).defer(Unit.document).defer(Unit.search_text),
            joinedload(VersionMove.to_unit).defer(Unit.document).defer(Unit.search_text),
        )
        .order_by(VersionMove.id.desc())
    )
    return tuple(
        Moved(move.id, move.from_unit, move.to_unit, move.reason, name, move.moved_at, move.not_carried_over)
        for move, name in db.session.execute(query)
    )


def list_drafted(moves: Iterable[Moved], attempt: UnitAttempt, assessor_id: int) -> dict[int, str]:
    """What this assessor had put down, and not yet decided, for claims that were left behind: by claim, in words."""
    left = {each["claim"] for move in moves for each in move.not_carried_over}
    if not left:
        return {}
    drafts = select(Assessment.draft_decisions).where(
        Assessment.attempt_id == attempt.id,
        Assessment.assessor_id == assessor_id,
        Assessment.state == AssessmentState.DRAFT,
    )
    marks = {int(claim): mark for found in db.session.scalars(drafts) for claim, mark in found.items()}
    said = {claim: (marks[claim].get("outcome"), marks[claim].get("comment")) for claim in left & marks.keys()}
    return {
        claim: ", ".join(filter(None, [Outcome(outcome).label if outcome else "", comment]))
        for claim, (outcome, comment) in said.items()
    }


def find_move(attempt: UnitAttempt, move_id: int) -> VersionMove | None:
    query = select(VersionMove).where(VersionMove.id == move_id, VersionMove.attempt_id == attempt.id)
    return db.session.scalars(query).one_or_none()


def list_past_requirements(move: VersionMove) -> tuple[Requirement, ...]:
    """The evidence requirements of the version that was left, as they were confirmed when the attempt moved on."""
    ended = and_(
        RequirementConfirmation.requirement_id == EvidenceRequirement.id,
        RequirementConfirmation.attempt_id == move.attempt_id,
        RequirementConfirmation.removed_at == move.moved_at,
    )
    return _requirements(move.from_unit_id, ended)


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


def _named(unit: Unit, beside: Unit) -> str:
    """A version as a sentence names it beside another: with its revision where that is what differs."""
    revision = f", revision {unit.revision}" if unit.revision > 1 or unit.version == beside.version else ""
    return f"version {unit.version}{revision}"
