"""Queries for testimonies of witnesses: those asked for in a unit, and those that wait for an assessor."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import aliased, joinedload

from tracker.clock import now
from tracker.extensions import db
from tracker.models import (
    Allocation,
    Criterion,
    DeliveryFailure,
    Person,
    Registration,
    Unit,
    UnitAttempt,
    WitnessTestimony,
)
from tracker.registrations.current_allocations import is_current
from tracker.statements import fetch_rows
from tracker.vocabulary import AttemptState, Role, WitnessTestimonyState
from tracker.web.formatting import day


@dataclass(frozen=True, slots=True)
class SignedTestimony:
    """A signed testimony that an assessor is to authenticate or refuse."""

    testimony_id: int
    attempt_id: int
    witness: str
    title: str
    candidate: str
    code: str
    signed_at: datetime


CANDIDATE = aliased(Person)
TO_AUTHENTICATE = (
    select(
        WitnessTestimony.id,
        WitnessTestimony.attempt_id,
        WitnessTestimony.witness_name,
        WitnessTestimony.title,
        CANDIDATE.name,
        Unit.code,
        WitnessTestimony.signed_at,
    )
    .join(UnitAttempt, UnitAttempt.id == WitnessTestimony.attempt_id)
    .join(Registration, Registration.id == UnitAttempt.registration_id)
    .join(Unit, Unit.id == UnitAttempt.unit_id)
    .join(CANDIDATE, CANDIDATE.id == UnitAttempt.candidate_id)
    .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
    .where(
        WitnessTestimony.signed_at.is_not(None),
        WitnessTestimony.answered_at.is_(None),
        UnitAttempt.state == AttemptState.IN_PROGRESS,
        Registration.withdrawn_at.is_(None),
        Allocation.person_id == bindparam("person_id"),
        Allocation.role == Role.ASSESSOR,
        is_current(),
    )
    .order_by(WitnessTestimony.signed_at, WitnessTestimony.id)
)


def list_to_authenticate(person_id: int) -> list[SignedTestimony]:
    """List the signed testimonies that an assessor can authenticate now, the oldest first. One statement."""
    return [SignedTestimony(*row) for row in fetch_rows(TO_AUTHENTICATE, person_id=person_id)]


def list_testimonies(attempt: UnitAttempt) -> list[WitnessTestimony]:
    """List what witnesses were asked in a unit, the newest first, with who asked. One statement."""
    query = (
        select(WitnessTestimony)
        .where(WitnessTestimony.attempt_id == attempt.id)
        .options(joinedload(WitnessTestimony.asked_by), joinedload(WitnessTestimony.evidence))
        .order_by(WitnessTestimony.id.desc())
    )
    return list(db.session.scalars(query))


def list_criteria(unit_id: int, criterion_ids: Collection[int] | None = None) -> list[Criterion]:
    """List the assessable criteria of a unit, or those of them with these ids. One statement."""
    query = select(Criterion).where(Criterion.unit_id == unit_id, Criterion.assessable).order_by(Criterion.position)
    if criterion_ids is not None:
        query = query.where(Criterion.id.in_(criterion_ids))
    return list(db.session.scalars(query))


def list_obstacles(attempt: UnitAttempt, testimonies: Collection[WitnessTestimony]) -> dict[int, str]:
    """Return why open requests of a unit cannot be answered, by id. Two statements if any is open.

    The email did not reach the witness, or the unit moved to a version that has none of the criteria.
    """
    waiting = [each for each in testimonies if find_state(each) is WitnessTestimonyState.ASKED]
    if not waiting:
        return {}
    failed = select(DeliveryFailure.address, DeliveryFailure.failed_at)
    failures = {
        row.address: row.failed_at
        for row in db.session.execute(failed.where(DeliveryFailure.address.in_({each.email for each in waiting})))
    }
    present = set(db.session.scalars(select(Criterion.id).where(Criterion.unit_id == attempt.unit_id)))
    obstacles = {}
    for each in waiting:
        failed_at = failures.get(each.email)
        if failed_at and failed_at >= each.asked_at and not each.is_in_person:
            obstacles[each.id] = (
                f"The email could not be delivered on {day(failed_at)}. Ask the witness for their address, withdraw "
                "this request, and ask again."
            )
        elif present.isdisjoint(each.criterion_ids):
            obstacles[each.id] = (
                "The unit moved to another version, which has none of what this witness was asked about. Withdraw "
                "this request, and ask again."
            )
    return obstacles


def list_dropped_criteria(testimony: WitnessTestimony) -> list[Criterion]:
    """List what a witness was asked about and the unit's present version does not have. One statement."""
    query = select(Criterion).where(
        Criterion.id.in_(testimony.criterion_ids), Criterion.unit_id != testimony.attempt.unit_id
    )
    return list(db.session.scalars(query.order_by(Criterion.position, Criterion.id)))


def find_state(testimony: WitnessTestimony) -> WitnessTestimonyState:
    """Return the state of a testimony that was asked for (docs/rules.md, Witness testimonies, rule 4)."""
    if testimony.answered_at:
        return WitnessTestimonyState.REFUSED if testimony.refusal_reason else WitnessTestimonyState.AUTHENTICATED
    if testimony.signed_at:
        return WitnessTestimonyState.SIGNED
    if testimony.withdrawn_at:
        return WitnessTestimonyState.WITHDRAWN
    if testimony.declined_at:
        return WitnessTestimonyState.DECLINED
    return WitnessTestimonyState.ASKED if testimony.expires_at > now() else WitnessTestimonyState.EXPIRED
