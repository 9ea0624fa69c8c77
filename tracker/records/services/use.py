"""The version of a record that is in use: found, and taken out of use with what it claims."""

from collections.abc import Collection, Iterable

from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows
from tracker.matrix.record_standing import is_counted
from tracker.models import Claim, Evidence, EvidenceVersion, Grant, UnitAttempt
from tracker.portfolio.services.evidence import find_latest_version
from tracker.records.services.stamped_claims import restore_claims
from tracker.vocabulary import AttemptState

MAX_REASON = 2_000


def lock_with_attempts(record: Evidence, actor: Actor) -> list[UnitAttempt]:
    """Lock the grant, the attempts that the record claims criteria in, and the record; return the attempts."""
    if actor.grant_id:
        lock_rows(Grant, [actor.grant_id])
    claimed = select(Claim.attempt_id).where(Claim.evidence_id == record.id, Claim.removed_at.is_(None))
    query = select(UnitAttempt).where(UnitAttempt.id.in_(claimed)).order_by(UnitAttempt.id)
    attempts = list(db.session.scalars(query))
    lock_rows(UnitAttempt, [attempt.id for attempt in attempts])
    lock_rows(Evidence, [record.id])
    return attempts


def get_newest(record: Evidence, seen_version: int | None) -> EvidenceVersion:
    """Return the newest version in use; raise `Conflict` unless it is the one that the page showed."""
    version = find_latest_version(record)
    if version is None:
        raise Refused("This record is out of use. Nothing was changed.")
    db.session.expire(version, ["acknowledgements"])  # another answer may have come while this one waited
    if seen_version in {each.number for each in record.versions if each.number > version.number}:
        raise Conflict(
            f"Version {seen_version} of this record was withdrawn or is out of use. Nothing was changed. "
            f"Version {version.number} counts."
        )
    if seen_version != version.number:
        raise Conflict(
            f"Version {version.number} of this record is not the one that your page showed. Nothing was changed. "
            "Read it first."
        )
    return version


def is_in_use(attempt: UnitAttempt) -> bool:
    """Return whether an attempt is not void, and its candidate was not withdrawn."""
    return attempt.state is not AttemptState.VOID and attempt.registration.withdrawn_at is None


def check_in_use(attempts: Collection[UnitAttempt]) -> None:
    """Raise `Refused` if none of the attempts that a record claims criteria in is in use any more."""
    if attempts and not any(is_in_use(attempt) for attempt in attempts):
        raise Refused(
            "The candidate has been withdrawn from the units of this record, or they are void. Nothing was changed."
        )


def find_remaining(versions: Iterable[EvidenceVersion], ended: EvidenceVersion) -> EvidenceVersion | None:
    """Return the newest version of a record that counts once `ended` is out of use; None for none."""
    counting = (each for each in versions if each.submission.withdrawn_at is None and is_counted(each))
    return max((each for each in counting if each is not ended), key=lambda each: each.number, default=None)


def take_out_of_use(record: Evidence, version: EvidenceVersion, reason: str, person_id: int) -> None:
    """End the submission of a version, and of earlier versions that never counted, with their claims.

    The claims in units in progress go back to what the version stamps that is in use then; without one they all end
    (docs/rules.md, Records of assessment, rule 9).
    """
    moment = now()
    for each in record.versions:
        if each.submission.withdrawn_at is None and (each is version or not is_counted(each)):
            each.submission.withdrawn_at = moment
    db.session.flush()
    if remaining := find_remaining(record.versions, version):
        restore_claims(record, remaining, person_id, reason)
        return
    claims = (
        select(Claim)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .where(
            Claim.evidence_id == record.id,
            Claim.removed_at.is_(None),
            UnitAttempt.state == AttemptState.IN_PROGRESS,
        )
    )
    for claim in db.session.scalars(claims):
        claim.removed_at, claim.removed_by_id, claim.removed_reason = moment, person_id, reason
    db.session.flush()


def validate_reason(reason: str) -> str:
    """Return a reason without the space around it; raise `Invalid` without one, or where it is too long."""
    reason = reason.strip()
    if not reason:
        raise Invalid("Enter the reason. Nothing was changed.", "reason")
    if len(reason) > MAX_REASON:
        raise Invalid(f"The reason can have at most {MAX_REASON:,} characters. Shorten it.", "reason")
    return reason
