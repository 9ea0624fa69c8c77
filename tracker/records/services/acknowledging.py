"""Answers to a record of assessment: the candidate agrees or objects, and a verifier decides an objection."""

from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.events import record as record_event
from tracker.ledger.transactions import lock_rows
from tracker.matrix.record_standing import find_standing
from tracker.models import Acknowledgement, Claim, Evidence, EvidenceVersion, Grant, UnitAttempt
from tracker.portfolio.services.evidence import find_latest_version
from tracker.records.emails import notify_of_answer, notify_of_decision
from tracker.registrations.current_allocations import find_current_allocation
from tracker.registrations.separation_of_duties import check_may_verify, check_not_withdrawn
from tracker.vocabulary import AcknowledgementAnswer, RecordStanding, Role

STATEMENTS = {
    AcknowledgementAnswer.AGREED: "I have read this record. This is what happened.",
    AcknowledgementAnswer.OBJECTED: "I have read this record. I object to it for the reason given.",
    AcknowledgementAnswer.UPHELD: "I uphold the objection for the reason given. The record does not count.",
    AcknowledgementAnswer.DISMISSED: "I dismiss the objection for the reason given. The record counts.",
}
"""The wording that each answer confirms."""
MAX_REASON = 2_000


def acknowledge_record(
    record: Evidence, answer: AcknowledgementAnswer, reason: str, actor: Actor, seen_version: int | None = None
) -> Acknowledgement:
    """Record that the candidate agrees to the newest version of a record, or objects to it with a reason.

    Raises:
        Conflict: the author has written a newer version than `seen_version`, the number that the page showed.
        Invalid: an objection has no reason, or one that is too long.
        Refused: this version was answered already, or the candidate was withdrawn.
    """
    attempts = _lock_with_attempts(record, actor)
    version = _get_newest(record, seen_version)
    for attempt in attempts:
        check_not_withdrawn(attempt)
    if find_standing(version) is not RecordStanding.WAITING:
        raise Refused(
            "You have already answered this record, and an answer cannot be changed. Nothing was changed. If you "
            "disagree with a decision on a unit, tell your assessor, or dispute the unit when you are asked to "
            "confirm it."
        )
    reason = "" if answer is AcknowledgementAnswer.AGREED else _validate_reason(reason)
    acknowledgement = _add(version, Role.CANDIDATE, answer, reason, actor)
    record_event(
        "record_acknowledged",
        acknowledgement,
        actor,
        texts={"reason": reason} if reason else None,
        evidence=record.id,
        version=version.id,
        answer=answer.value,
    )
    notify_of_answer(record, answer, attempts)
    return acknowledgement


def decide_objection(
    record: Evidence, *, is_upheld: bool, reason: str, actor: Actor, seen_version: int | None = None
) -> Acknowledgement:
    """Decide the candidate's objection to the newest version of a record.

    docs/rules.md, Records of assessment, rule 5. A version whose objection is upheld is out of use: its submission
    ends, and where no other version remains, its claims end too.

    Raises:
        Conflict: the author has written a newer version.
        Invalid: there is no reason, or it is too long.
        Refused: there is no objection to decide, or this person had a part in the record or assessed a unit of it.
    """
    assert actor.person_id is not None  # noqa: S101 - people decide objections
    attempts = _lock_with_attempts(record, actor)
    version = _get_newest(record, seen_version)
    if find_standing(version) is not RecordStanding.OBJECTED:
        raise Refused("There is no objection to decide: it was decided already. Nothing was changed.")
    attempt = _check_verifier(record, attempts, actor.person_id)
    reason = _validate_reason(reason)
    answer = AcknowledgementAnswer.UPHELD if is_upheld else AcknowledgementAnswer.DISMISSED
    acknowledgement = _add(version, Role.INTERNAL_VERIFIER, answer, reason, actor)
    if is_upheld:
        _take_out_of_use(record, version, reason, actor.person_id)
    record_event(
        "objection_decided",
        acknowledgement,
        actor,
        texts={"reason": reason},
        attempt=attempt.id,
        evidence=record.id,
        version=version.id,
        answer=answer.value,
    )
    notify_of_decision(record, is_upheld=is_upheld)
    return acknowledgement


def _lock_with_attempts(record: Evidence, actor: Actor) -> list[UnitAttempt]:
    """Lock the grant, the attempts that the record claims criteria in, and the record; return the attempts."""
    if actor.grant_id:
        lock_rows(Grant, [actor.grant_id])
    claimed = select(Claim.attempt_id).where(Claim.evidence_id == record.id, Claim.removed_at.is_(None))
    query = select(UnitAttempt).where(UnitAttempt.id.in_(claimed)).order_by(UnitAttempt.id)
    attempts = list(db.session.scalars(query))
    lock_rows(UnitAttempt, [attempt.id for attempt in attempts])
    lock_rows(Evidence, [record.id])
    return attempts


def _get_newest(record: Evidence, seen_version: int | None) -> EvidenceVersion:
    version = find_latest_version(record)
    if version is None:
        raise Refused("This record is out of use. Nothing was changed.")
    db.session.expire(version, ["acknowledgements"])  # another answer may have come while this one waited
    if seen_version not in {None, version.number}:
        raise Conflict(
            f"There is a version {version.number} of this record since you opened the page. Nothing was changed. "
            "Read it, then answer."
        )
    return version


def _check_verifier(record: Evidence, attempts: list[UnitAttempt], person_id: int) -> UnitAttempt:
    """Return the attempt of the record that this internal verifier is allocated to; raise `Refused` otherwise."""
    for attempt in attempts:
        check_may_verify(person_id, attempt)
    if person_id == record.author_id:
        raise Refused("Nobody decides an objection to their own record. Nothing was changed.")
    allocations = ((attempt, find_current_allocation(attempt, Role.INTERNAL_VERIFIER)) for attempt in attempts)
    own = next((attempt for attempt, each in allocations if each and each.person_id == person_id), None)
    if own is None:
        raise Refused("No unit of this record is allocated to you for verification. Nothing was changed.")
    return own


def _add(
    version: EvidenceVersion, role: Role, answer: AcknowledgementAnswer, reason: str, actor: Actor
) -> Acknowledgement:
    acknowledgement = Acknowledgement(
        evidence_version_id=version.id,
        role=role,
        answer=answer,
        statement=STATEMENTS[answer],
        reason=reason,
        acknowledged_at=now(),
        acknowledged_by_id=actor.person_id,
    )
    db.session.add(acknowledgement)
    db.session.flush()
    db.session.expire(version, ["acknowledgements"])
    return acknowledgement


def _take_out_of_use(record: Evidence, version: EvidenceVersion, reason: str, person_id: int) -> None:
    moment = now()
    version.submission.withdrawn_at = moment
    db.session.flush()
    if find_latest_version(record) is None:
        claims = select(Claim).where(Claim.evidence_id == record.id, Claim.removed_at.is_(None))
        for claim in db.session.scalars(claims):
            claim.removed_at, claim.removed_by_id, claim.removed_reason = moment, person_id, reason
    db.session.flush()


def _validate_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid("Enter the reason. Nothing was changed.", "reason")
    if len(reason) > MAX_REASON:
        raise Invalid(f"The reason can have at most {MAX_REASON:,} characters. Shorten it.", "reason")
    return reason
