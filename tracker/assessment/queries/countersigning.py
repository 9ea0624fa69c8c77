"""Queries for countersigning: who is qualified, who countersigns whom, and what waits for whom."""

from collections.abc import Collection

from sqlalchemy import exists, func, select
from sqlalchemy.orm import joinedload

from tracker.clock import today
from tracker.extensions import db
from tracker.models import (
    Allocation,
    Assessment,
    Countersignature,
    Countersigner,
    Evidence,
    EvidenceVersion,
    Person,
    Signature,
    StaffAward,
    UnitAttempt,
    WitnessTestimony,
)
from tracker.registrations.queries import list_live_roles
from tracker.registrations.separation_of_duties import is_witness, list_verified
from tracker.staff.award_standing import find_award_standing
from tracker.staff.queries.register import is_qualified_for, lacks_award
from tracker.vocabulary import Role
from tracker.web.countersigners import is_open
from tracker.web.text_direction import isolate


def is_qualified(person_id: int, centre_id: int) -> bool:
    """Return whether a person holds an assessor's award today (docs/rules.md, Staff register, rule 4)."""
    query = select(StaffAward).where(StaffAward.person_id == person_id, StaffAward.centre_id == centre_id)
    return find_award_standing(db.session.scalars(query), Role.ASSESSOR, today()).is_qualified


def find_countersigner(assessor_id: int, centre_id: int) -> Countersigner | None:
    """Return who is named now to countersign for an assessor at a centre, or None."""
    query = (
        select(Countersigner)
        .where(
            Countersigner.assessor_id == assessor_id,
            Countersigner.centre_id == centre_id,
            Countersigner.ends_at.is_(None),
        )
        .options(joinedload(Countersigner.person))
    )
    return db.session.scalars(query).one_or_none()


def find_countersigner_fault(person: Person, centre_id: int) -> str:
    """Return why a person cannot countersign at a centre today, as a clause; empty if they can."""
    if (person.id, Role.ASSESSOR) not in list_live_roles(centre_id, [person.id]):
        return f"{isolate(person.name)} is no assessor of the centre now"
    if not is_qualified(person.id, centre_id):
        return f"{isolate(person.name)} holds no assessor’s award today"
    return ""


def find_fault_in_unit(person: Person, attempt: UnitAttempt) -> str:
    """Return why a person may not countersign in a unit, as a clause; empty if they may.

    docs/rules.md, Countersigning, rule 6.
    """
    name = isolate(person.name)
    if person.id == attempt.candidate_id:
        return f"{name} is the candidate"
    verifies = exists().where(
        Allocation.attempt_id == attempt.id,
        Allocation.person_id == person.id,
        Allocation.role == Role.INTERNAL_VERIFIER,
        Allocation.ends_at.is_(None),
    )
    if list_verified([person.id], [attempt.id]) or db.session.scalar(select(verifies)):
        return f"{name} verifies this unit"
    testimonies = select(WitnessTestimony).where(
        WitnessTestimony.attempt_id == attempt.id, WitnessTestimony.signed_at.is_not(None)
    )
    if any(is_witness(each, person) for each in db.session.scalars(testimonies)):
        return f"{name} is a witness in this unit"
    return ""


def list_open_in(attempt_ids: Collection[int]) -> list[Countersignature]:
    """List what waits for a countersigner in attempts, in the order in which it was asked."""
    query = (
        select(Countersignature)
        .where(Countersignature.attempt_id.in_(attempt_ids), is_open())
        .options(joinedload(Countersignature.person), joinedload(Countersignature.assessment))
        .order_by(Countersignature.id)
    )
    return list(db.session.scalars(query))


def find_waiting(attempt: UnitAttempt, version_id: int, assessor_id: int) -> Countersignature | None:
    """Return what an assessor's assessment of a version in an attempt waits for, or None."""
    if not attempt.centre.has_countersigning:
        return None
    query = (
        select(Countersignature)
        .join(Assessment, Assessment.id == Countersignature.assessment_id)
        .where(
            Countersignature.attempt_id == attempt.id,
            Assessment.evidence_version_id == version_id,
            Assessment.assessor_id == assessor_id,
            is_open(),
        )
        .options(joinedload(Countersignature.person))
    )
    return db.session.scalars(query).one_or_none()


WITH_UNIT = (
    joinedload(Countersignature.attempt).joinedload(UnitAttempt.unit),
    joinedload(Countersignature.attempt).joinedload(UnitAttempt.candidate),
    joinedload(Countersignature.attempt).joinedload(UnitAttempt.centre),
    joinedload(Countersignature.attempt).joinedload(UnitAttempt.registration),
    joinedload(Countersignature.assessment).joinedload(Assessment.assessor),
    joinedload(Countersignature.assessment)
    .joinedload(Assessment.evidence_version)
    .joinedload(EvidenceVersion.evidence)
    .joinedload(Evidence.author),
    joinedload(Countersignature.signature),
    joinedload(Countersignature.person),
)
"""What the page of a countersignature shows, in the same SQL statement."""


def find_asked(countersignature_id: int, person_id: int) -> Countersignature | None:
    """Return what a person was asked to countersign, answered or not; None if somebody else was."""
    query = select(Countersignature).where(
        Countersignature.id == countersignature_id, Countersignature.person_id == person_id
    )
    return db.session.scalars(query.options(*WITH_UNIT)).one_or_none()


def find_in_attempt(countersignature_id: int, attempt_id: int) -> Countersignature | None:
    """Return what was asked to be countersigned in an attempt, answered or not; None for another attempt's."""
    query = select(Countersignature).where(
        Countersignature.id == countersignature_id, Countersignature.attempt_id == attempt_id
    )
    return db.session.scalars(query.options(*WITH_UNIT)).one_or_none()


def find_open_for(attempt_id: int, person_id: int) -> Countersignature | None:
    """Return the sign-off of an attempt that waits for a person, or None."""
    query = select(Countersignature).where(
        Countersignature.attempt_id == attempt_id,
        Countersignature.person_id == person_id,
        Countersignature.signature_id.is_not(None),
        is_open(),
    )
    return db.session.scalars(query.options(*WITH_UNIT)).one_or_none()


def find_disagreement(assessment_id: int) -> Countersignature | None:
    """Return the last answer to an assessment, if it was a disagreement; None otherwise."""
    query = (
        select(Countersignature)
        .where(Countersignature.assessment_id == assessment_id, Countersignature.answered_at.is_not(None))
        .options(joinedload(Countersignature.person))
        .order_by(Countersignature.id.desc())
        .limit(1)
    )
    answered = db.session.scalars(query).one_or_none()
    return answered if answered and not answered.agrees else None


def list_open_of(assessor_id: int, centre_id: int) -> list[Countersignature]:
    """List what an assessor waits for at a centre, in the order in which it was asked."""
    query = (
        select(Countersignature)
        .join(UnitAttempt, UnitAttempt.id == Countersignature.attempt_id)
        .outerjoin(Assessment, Assessment.id == Countersignature.assessment_id)
        .outerjoin(Signature, Signature.id == Countersignature.signature_id)
        .where(
            UnitAttempt.centre_id == centre_id,
            func.coalesce(Assessment.assessor_id, Signature.person_id) == assessor_id,
            is_open(),
        )
        .order_by(Countersignature.id)
    )
    return list(db.session.scalars(query))


def list_without_countersigner(centre_id: int, limit: int) -> list[Person]:
    """List assessors of a centre who hold no award today and for whom nobody who can countersigns, by name."""
    can_countersign = select(Person.id).where(is_qualified_for(centre_id, Role.ASSESSOR)).correlate(None)
    is_countersigned = exists().where(
        Countersigner.assessor_id == Person.id,
        Countersigner.centre_id == centre_id,
        Countersigner.ends_at.is_(None),
        Countersigner.person_id.in_(can_countersign),
    )
    query = select(Person).where(lacks_award(centre_id, Role.ASSESSOR), ~is_countersigned)
    return list(db.session.scalars(query.order_by(func.lower(Person.name), Person.id).limit(limit)))


def find_open_of_signature(attempt: UnitAttempt) -> Countersignature | None:
    """Return the countersignature that the assessor's signature under a unit waits for, or None."""
    if not attempt.centre.has_countersigning:
        return None
    return next((each for each in list_open_in([attempt.id]) if each.signature_id), None)
