"""Separation of duties: who may not assess or verify a unit attempt, over all its rounds.

docs/rules.md, Separation of duties. Acts call these checks inside their transaction.
"""

from collections.abc import Collection, Container, Sequence
from typing import Any

from sqlalchemy import or_, select, union

from tracker.accounts.mailboxes import is_same_mailbox
from tracker.errors import Refused
from tracker.extensions import db
from tracker.models import (
    Acknowledgement,
    ActionPoint,
    Assessment,
    Claim,
    Countersignature,
    Evidence,
    EvidenceVersion,
    Person,
    QuestionSet,
    Reopening,
    Sample,
    Signature,
    UnitAttempt,
    WitnessTestimony,
)
from tracker.vocabulary import AssessmentState, AttemptState, ReopeningKind, Role, SignatureRole

ASSESSING_ROLES = (SignatureRole.ASSESSOR, SignatureRole.COUNTERSIGNER)
COMPLETED_STATES = (AttemptState.CONFIRMED, AttemptState.VERIFIED)
"""The states of a unit that both assessor and candidate have signed."""
VERIFYING_KINDS = (ReopeningKind.RETURN, ReopeningKind.REOPENING, ReopeningKind.DISAGREEMENT)


WhoDidWhat = Container[tuple[int, int]]
"""The ids of people, each with an attempt in which they did some act."""


def check_may_assess(person_id: int, attempt: UnitAttempt, verified: WhoDidWhat | None = None) -> None:
    """Raise `Refused` for the candidate, and for anybody who has verified this attempt in any round.

    Args:
        person_id: who would assess.
        attempt: the attempt.
        verified: who has verified it, as `list_verified` returns it, where that is loaded already.
    """
    if person_id == attempt.candidate_id:
        raise Refused("Nobody can assess their own work. Nothing was changed.")
    if (person_id, attempt.id) in (list_verified([person_id], [attempt.id]) if verified is None else verified):
        raise Refused(
            "Somebody who has verified a candidate’s unit cannot assess it, in any round. "
            "Nothing was changed. Choose another assessor."
        )


def check_may_verify(person_id: int, attempt: UnitAttempt, assessed: WhoDidWhat | None = None) -> None:
    """Raise `Refused` for the candidate, and for anybody who has assessed this attempt or was a witness in it.

    Args:
        person_id: who would verify.
        attempt: the attempt.
        assessed: who has assessed it, as `list_assessed` returns it, where that is loaded already.
    """
    if person_id == attempt.candidate_id:
        raise Refused("Nobody can verify their own work. Nothing was changed.")
    if (person_id, attempt.id) in (list_assessed([person_id], [attempt.id]) if assessed is None else assessed):
        raise Refused(
            "Somebody who has assessed or countersigned a candidate’s unit, or was a witness in it, cannot verify "
            "it, in any round. Nothing was changed. Choose another verifier."
        )


def is_witness(testimony: WitnessTestimony, person: Person) -> bool:
    """Return whether a person with an account is the witness: by the account then, or by their address now."""
    return testimony.witness_id == person.id or is_same_mailbox(testimony.email, person.email)


def check_not_withdrawn(attempt: UnitAttempt) -> None:
    """Raise `Refused` if the candidate has been withdrawn from the registration."""
    if attempt.registration.withdrawn_at:
        raise Refused("This candidate has been withdrawn, so their work cannot be changed. Nothing was changed.")


def check_not_withdrawn_before_completion(attempt: UnitAttempt) -> None:
    """Raise `Refused` for a withdrawn candidate, unless they had completed the unit.

    A unit that its assessor and candidate have signed may still be verified, since a withdrawn candidate is entitled
    to certification of the units they completed (docs/rules.md, Unit states, rule 8).
    """
    if is_withdrawn_before_completion(attempt):
        check_not_withdrawn(attempt)


def is_withdrawn_before_completion(attempt: UnitAttempt) -> bool:
    """Return whether the candidate has been withdrawn and had not completed the unit."""
    return attempt.registration.withdrawn_at is not None and attempt.state not in COMPLETED_STATES


def list_assessed(person_ids: Collection[int], attempt_ids: Collection[int]) -> set[tuple[int, int]]:
    """Return which of these people have assessed which of these attempts, in any round, or were witnesses in them.

    Who set questions for the candidate has assessed, and so has who countersigned or is asked to.
    """
    assessed = select(Assessment.assessor_id, Assessment.attempt_id).where(
        Assessment.attempt_id.in_(attempt_ids),
        Assessment.assessor_id.in_(person_ids),
        (Assessment.state != AssessmentState.DRAFT) | Assessment.release_after.is_not(None),
    )
    signed = select(Signature.person_id, Signature.attempt_id).where(
        Signature.attempt_id.in_(attempt_ids),
        Signature.person_id.in_(person_ids),
        Signature.role.in_(ASSESSING_ROLES),
    )
    written = (
        select(Evidence.author_id, Claim.attempt_id)
        .join(Claim, Claim.evidence_id == Evidence.id)
        .where(Claim.attempt_id.in_(attempt_ids), Evidence.author_id.in_(person_ids))
    )
    witnessed = select(WitnessTestimony.witness_id, WitnessTestimony.attempt_id).where(
        WitnessTestimony.attempt_id.in_(attempt_ids),
        WitnessTestimony.witness_id.in_(person_ids),
        WitnessTestimony.evidence_id.is_not(None),
    )
    countersigned = select(Countersignature.person_id, Countersignature.attempt_id).where(
        Countersignature.attempt_id.in_(attempt_ids),
        Countersignature.person_id.in_(person_ids),
        Countersignature.ended_at.is_(None),
    )
    asked = select(QuestionSet.set_by_id, QuestionSet.attempt_id).where(
        QuestionSet.attempt_id.in_(attempt_ids), QuestionSet.set_by_id.in_(person_ids)
    )
    rows: Sequence[Any] = db.session.execute(union(assessed, signed, written, asked, witnessed, countersigned)).all()
    return {(row[0], row[1]) for row in rows}


def list_verified(person_ids: Collection[int], attempt_ids: Collection[int]) -> set[tuple[int, int]]:
    """Return which of these people have done any act of verification in which of these attempts, in any round."""
    sampled = select(Sample.verifier_id, Sample.attempt_id).where(
        Sample.attempt_id.in_(attempt_ids), Sample.verifier_id.in_(person_ids)
    )
    action_points = [
        select(column, ActionPoint.attempt_id).where(ActionPoint.attempt_id.in_(attempt_ids), column.in_(person_ids))
        for column in (ActionPoint.raised_by_id, ActionPoint.closed_by_id)
    ]
    reopened = select(Reopening.reopened_by_id, Reopening.attempt_id).where(
        Reopening.attempt_id.in_(attempt_ids),
        Reopening.reopened_by_id.in_(person_ids),
        Reopening.kind.in_(VERIFYING_KINDS),
    )
    signed = select(Signature.person_id, Signature.attempt_id).where(
        Signature.attempt_id.in_(attempt_ids),
        Signature.person_id.in_(person_ids),
        Signature.role == SignatureRole.INTERNAL_VERIFIER,
    )
    decided = (
        select(Acknowledgement.acknowledged_by_id, Claim.attempt_id)
        .join(EvidenceVersion, EvidenceVersion.id == Acknowledgement.evidence_version_id)
        .join(Claim, Claim.evidence_id == EvidenceVersion.evidence_id)
        .where(
            Acknowledgement.role == Role.INTERNAL_VERIFIER,
            Acknowledgement.acknowledged_by_id.in_(person_ids),
            Claim.attempt_id.in_(attempt_ids),
            # Of the units that the record claimed criteria in when the objection was decided.
            Claim.claimed_at <= Acknowledgement.acknowledged_at,
            or_(Claim.removed_at.is_(None), Claim.removed_at >= Acknowledgement.acknowledged_at),
        )
    )
    rows: Sequence[Any] = db.session.execute(union(sampled, *action_points, reopened, signed, decided)).all()
    return {(row[0], row[1]) for row in rows}
