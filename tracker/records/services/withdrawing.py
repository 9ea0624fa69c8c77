"""Withdrawal of a record by its author: a version that does not count is taken out of use, with a reason."""

from collections.abc import Iterable

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.events import record as record_event
from tracker.matrix.record_standing import find_standing
from tracker.models import Evidence, EvidenceVersion, RecordWithdrawal, UnitAttempt
from tracker.records.emails import notify_of_withdrawal
from tracker.records.services.use import (
    find_remaining,
    get_newest,
    lock_with_attempts,
    take_out_of_use,
    validate_reason,
)
from tracker.vocabulary import AttemptState, RecordStanding

WITHDRAWABLE = frozenset({RecordStanding.WAITING, RecordStanding.OBJECTED})
"""The standings in which a version does not count, and somebody still has to answer."""


def withdraw_record(record: Evidence, reason: str, actor: Actor, seen_version: int | None) -> RecordWithdrawal:
    """Take the newest version of a record out of use, which its candidate has not agreed to.

    Its claims in units in progress end, or go back to those of an earlier version that counts (docs/rules.md, Records
    of assessment, rule 12).

    Raises:
        Conflict: the author has written a newer version than `seen_version`, the number that the page showed.
        Invalid: there is no reason, or it is too long.
        Refused: the version counts or is out of use, a unit was signed off with it, or this is not its author.
    """
    if actor.person_id is None or actor.person_id != record.author_id:
        raise Refused("Only its author withdraws a record. Nothing was changed.")
    attempts = lock_with_attempts(record, actor)
    version = get_newest(record, seen_version)
    standing = find_standing(version)
    if standing not in WITHDRAWABLE:
        raise Refused(
            "This record counts, so it can no longer be withdrawn. Nothing was changed. If it is wrong, write a new "
            "version."
        )
    _check_unsigned(version, attempts)
    reason = validate_reason(reason)
    withdrawal = RecordWithdrawal(
        evidence_version_id=version.id, reason=reason, withdrawn_at=now(), withdrawn_by_id=actor.person_id
    )
    db.session.add(withdrawal)
    take_out_of_use(record, version, reason, actor.person_id)
    record_event(
        "record_withdrawn", withdrawal, actor, texts={"reason": reason}, evidence=record.id, version=version.id
    )
    notify_of_withdrawal(
        record,
        version,
        waited=standing is RecordStanding.WAITING,
        remaining=find_remaining(record.versions, version),
    )
    return withdrawal


def _check_unsigned(version: EvidenceVersion, attempts: Iterable[UnitAttempt]) -> None:
    """Raise `Refused` where a unit was signed off after this version, whose claims it has."""
    for attempt in attempts:
        is_signed = attempt.state not in {AttemptState.IN_PROGRESS, AttemptState.VOID} and attempt.assessed_at
        if is_signed and version.submission.submitted_at <= is_signed:
            raise Refused(
                f"{attempt.unit.code} was signed off with this record, so it cannot be withdrawn. Nothing was "
                "changed."
            )
