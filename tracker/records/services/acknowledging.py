"""Answers to a record of assessment: the candidate agrees or objects, and a verifier decides an objection."""

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.events import record as record_event
from tracker.matrix.record_standing import find_standing
from tracker.models import Acknowledgement, Evidence, EvidenceVersion, UnitAttempt
from tracker.records.emails import notify_of_answer, notify_of_decision
from tracker.records.services.use import (
    check_in_use,
    get_newest,
    is_in_use,
    lock_with_attempts,
    take_out_of_use,
    validate_reason,
)
from tracker.registrations.current_allocations import find_current_allocation
from tracker.registrations.separation_of_duties import check_may_verify
from tracker.vocabulary import AcknowledgementAnswer, RecordStanding, Role

STATEMENTS = {
    AcknowledgementAnswer.AGREED: "I have read this record. This is what happened.",
    AcknowledgementAnswer.OBJECTED: "I have read this record. I object to it for the reason given.",
    AcknowledgementAnswer.UPHELD: "I uphold the objection for the reason given. The record does not count.",
    AcknowledgementAnswer.DISMISSED: "I dismiss the objection for the reason given. The record counts.",
}
"""The wording that each answer confirms."""


def acknowledge_record(
    record: Evidence, answer: AcknowledgementAnswer, reason: str, actor: Actor, seen_version: int | None
) -> Acknowledgement:
    """Record that the candidate agrees to the newest version of a record, or objects to it with a reason.

    Raises:
        Conflict: the author has written a newer version than `seen_version`, the number that the page showed.
        Invalid: an objection has no reason, or one that is too long.
        Refused: this version was answered already, or no unit of the record is in use any more.
    """
    attempts = lock_with_attempts(record, actor)
    version = get_newest(record, seen_version)
    check_in_use(attempts)
    if find_standing(version) is not RecordStanding.WAITING:
        raise Refused(
            "You have already answered this record, and an answer cannot be changed. Nothing was changed. If you "
            "disagree with a decision on a unit, tell your assessor, or dispute the unit when you are asked to "
            "confirm it."
        )
    reason = "" if answer is AcknowledgementAnswer.AGREED else validate_reason(reason)
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
    notify_of_answer(record, answer)
    return acknowledgement


def decide_objection(
    record: Evidence, *, is_upheld: bool, reason: str, actor: Actor, seen_version: int | None
) -> Acknowledgement:
    """Decide the candidate's objection to the newest version of a record.

    docs/rules.md, Records of assessment, rules 5 and 8. A version whose objection is upheld is taken out of use.

    Raises:
        Conflict: the author has written a newer version.
        Invalid: there is no reason, or it is too long.
        Refused: there is no objection to decide, or this person had a part in the record or assessed a unit of it.
    """
    assert actor.person_id is not None  # noqa: S101 - people decide objections
    attempts = lock_with_attempts(record, actor)
    version = get_newest(record, seen_version)
    check_in_use(attempts)
    if find_standing(version) is not RecordStanding.OBJECTED:
        raise Refused("There is no objection to decide: it was decided already. Nothing was changed.")
    attempt = _check_verifier(record, attempts, actor.person_id)
    reason = validate_reason(reason)
    answer = AcknowledgementAnswer.UPHELD if is_upheld else AcknowledgementAnswer.DISMISSED
    acknowledgement = _add(version, Role.INTERNAL_VERIFIER, answer, reason, actor)
    if is_upheld:
        take_out_of_use(record, version, reason, actor.person_id)
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


def _check_verifier(record: Evidence, attempts: list[UnitAttempt], person_id: int) -> UnitAttempt:
    """Return the attempt of the record that this internal verifier is allocated to; raise `Refused` otherwise."""
    for attempt in attempts:
        check_may_verify(person_id, attempt)
    if person_id == record.author_id:
        raise Refused("Nobody decides an objection to their own record. Nothing was changed.")
    in_use = [attempt for attempt in attempts if is_in_use(attempt)]
    allocations = ((attempt, find_current_allocation(attempt, Role.INTERNAL_VERIFIER)) for attempt in in_use)
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
