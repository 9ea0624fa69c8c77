"""Queries for the page of an attempt: allocations, requirements, signatures, reopenings and version moves."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, select
from sqlalchemy.orm import joinedload

from tracker.accounts.earlier_names import build_name_at
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
from tracker.registrations.current_allocations import has_role_now
from tracker.statements import fetch_rows
from tracker.vocabulary import AssessmentState, AttemptState, Outcome, ReopeningKind, Role, SignatureRole


@dataclass(frozen=True, slots=True)
class OpenAllocation:
    """To whom an attempt is allocated in a role, and since when."""

    role: Role
    name: str
    since: datetime
    person_id: int
    has_role: bool
    """Whether they still have the role; an allocation of somebody who has not does not count."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of the unit's evidence requirements, and whether the assessor confirmed it in this round."""

    label: str
    text: str
    points: tuple[str, ...]
    note: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptSignature:
    """A signature on an attempt, superseded or not."""

    role: SignatureRole
    name: str
    signed_at: datetime
    round: int
    superseded_at: datetime | None
    date_sampled: date | None
    unsampled_reason: str | None
    warnings_reason: str | None
    unmet_guidance: list[dict[str, Any]] | None
    """What evidence guidance missed then."""
    address_confirmed: bool | None
    """Whether the signer's email address was confirmed when they signed; None if that was not recorded."""
    email_confirmed_at: datetime | None
    """When the signer confirmed the address that they have now."""


@dataclass(frozen=True, slots=True)
class AttemptReopening:
    """Why and by whom an attempt was reopened."""

    kind: ReopeningKind
    reason: str
    name: str
    reopened_at: datetime
    round: int


@dataclass(frozen=True, slots=True)
class MoveSummary:
    """A move of an attempt from one version of its unit to a later one."""

    id: int
    older: Unit
    newer: Unit
    reason: str
    name: str
    moved_at: datetime
    not_carried_over: list[dict[str, Any]]
    """The claims whose criterion has no counterpart in the later version, in the format of `VersionMove`."""

    @property
    def from_version(self) -> str:
        """Return the name of the earlier version, for a sentence."""
        return _format_version(self.older, self.newer)

    @property
    def to_version(self) -> str:
        """Return the name of the later version, for a sentence."""
        return _format_version(self.newer, self.older)


OPEN_ALLOCATIONS = (
    select(Allocation.role, Person.name, Allocation.starts_at, Person.id, has_role_now())
    .join(Person, Person.id == Allocation.person_id)
    .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
    .where(Allocation.attempt_id == bindparam("attempt_id"), Allocation.ends_at.is_(None))
    .order_by(Allocation.role)
)


def list_open_allocations(attempt: UnitAttempt) -> tuple[OpenAllocation, ...]:
    """List to whom the attempt is allocated, also those who no longer have the role."""
    return tuple(OpenAllocation(*row) for row in fetch_rows(OPEN_ALLOCATIONS, attempt_id=attempt.id))


def _select_requirements(*is_confirmation: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Select a unit's evidence requirements, each with the attempt's confirmation that meets the conditions."""
    is_of_attempt = and_(
        RequirementConfirmation.requirement_id == EvidenceRequirement.id,
        RequirementConfirmation.attempt_id == bindparam("attempt_id"),
        *is_confirmation,
    )
    return (
        select(
            EvidenceRequirement.label,
            EvidenceRequirement.text,
            EvidenceRequirement.points,
            RequirementConfirmation.note,
            RequirementConfirmation.confirmed_at,
        )
        .outerjoin(RequirementConfirmation, is_of_attempt)
        .where(EvidenceRequirement.unit_id == bindparam("unit_id"))
        .order_by(EvidenceRequirement.position)
    )


REQUIREMENTS = _select_requirements(
    RequirementConfirmation.round == bindparam("round"), RequirementConfirmation.removed_at.is_(None)
)
PAST_REQUIREMENTS = _select_requirements(RequirementConfirmation.removed_at == bindparam("moved_at"))


def list_requirements(attempt: UnitAttempt) -> tuple[Requirement, ...]:
    """List the unit's evidence requirements, with their confirmations in this round."""
    rows = fetch_rows(REQUIREMENTS, unit_id=attempt.unit_id, attempt_id=attempt.id, round=attempt.round)
    return tuple(_build_requirement(*row) for row in rows)


def _build_requirement(
    label: str, text: str, points: Iterable[str], note: str | None, confirmed_at: datetime | None
) -> Requirement:
    return Requirement(label, text, tuple(points), note, confirmed_at)


def list_moves(attempt: UnitAttempt) -> tuple[MoveSummary, ...]:
    """List every move of the attempt to a later version, newest first. Runs no SQL statement if it never moved."""
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
        MoveSummary(move.id, move.from_unit, move.to_unit, move.reason, name, move.moved_at, move.not_carried_over)
        for move, name in db.session.execute(query)
    )


def load_draft_decisions(moves: Iterable[MoveSummary], attempt: UnitAttempt, assessor_id: int) -> dict[int, str]:
    """Return this assessor's draft decisions on claims that were not carried over, as text by claim id."""
    claim_ids = {claim["claim"] for move in moves for claim in move.not_carried_over}
    if not claim_ids:
        return {}
    query = select(Assessment.draft_decisions).where(
        Assessment.attempt_id == attempt.id,
        Assessment.assessor_id == assessor_id,
        Assessment.state == AssessmentState.DRAFT,
    )
    decisions = {
        int(claim_id): decision
        for draft_decisions in db.session.scalars(query)
        for claim_id, decision in draft_decisions.items()
    }
    return {claim_id: _format_draft_decision(decisions[claim_id]) for claim_id in claim_ids & decisions.keys()}


def _format_draft_decision(decision: dict[str, Any]) -> str:
    outcome, comment = decision.get("outcome"), decision.get("comment")
    return ", ".join(filter(None, [Outcome(outcome).label if outcome else "", comment]))


def find_move(attempt: UnitAttempt, move_id: int) -> MoveSummary | None:
    """Return one move of the attempt, or None."""
    return next((move for move in list_moves(attempt) if move.id == move_id), None)


def list_past_requirements(attempt: UnitAttempt, move: MoveSummary) -> tuple[Requirement, ...]:
    """List the requirements of the earlier version, with their confirmations when the attempt moved."""
    rows = fetch_rows(PAST_REQUIREMENTS, unit_id=move.older.id, attempt_id=attempt.id, moved_at=move.moved_at)
    return tuple(_build_requirement(*row) for row in rows)


SIGNATURES = (
    select(
        Signature.role,
        build_name_at(Signature.signed_at),
        Signature.signed_at,
        Signature.round,
        Signature.superseded_at,
        Signature.date_sampled,
        Signature.unsampled_reason,
        Signature.warnings_reason,
        Signature.unmet_guidance,
        Signature.address_confirmed,
        Person.email_confirmed_at,
    )
    .join(Person, Person.id == Signature.person_id)
    .where(Signature.attempt_id == bindparam("attempt_id"))
    .order_by(Signature.signed_at, Signature.id)
)


def list_signatures(attempt: UnitAttempt) -> tuple[AttemptSignature, ...]:
    """List every signature on the attempt, superseded ones included; no statement before the first sign-off."""
    if attempt.round == 1 and attempt.state is AttemptState.IN_PROGRESS:
        return ()
    return tuple(AttemptSignature(*row) for row in fetch_rows(SIGNATURES, attempt_id=attempt.id))


def find_last_reopening(attempt: UnitAttempt) -> AttemptReopening | None:
    """Return why the attempt is in a later round; None in the first round."""
    if attempt.round == 1:
        return None
    query = (
        select(Reopening.kind, Reopening.reason, Person.name, Reopening.reopened_at, Reopening.round)
        .join(Person, Person.id == Reopening.reopened_by_id)
        .where(Reopening.attempt_id == attempt.id)
        .order_by(Reopening.id.desc())
        .limit(1)
    )
    row = db.session.execute(query).first()
    return AttemptReopening(*row) if row else None


def _format_version(unit: Unit, other: Unit) -> str:
    """Return the name of a version for a sentence, with its revision where that distinguishes it from the other."""
    revision = f", revision {unit.revision}" if unit.revision > 1 or unit.version == other.version else ""
    return f"version {unit.version}{revision}"
