"""The internal verifier's signature, with or without a sample (docs/rules.md, Verification, rule 5)."""

from datetime import date, datetime

from sqlalchemy import func, select

from tracker.accounts.email_confirmation import has_confirmed_address
from tracker.accounts.services.signing_two_step import check_second_step
from tracker.assessment.transitions import AttemptAction, change_attempt_state, check_action_allowed
from tracker.background import emails
from tracker.clock import day_of, now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Sample, Signature, UnitAttempt
from tracker.recording_forms.snapshot import STATEMENT_OF_COMPETENCE, RoundSnapshot, take_snapshot
from tracker.verification import emails as email_texts
from tracker.verification.services.action_points import check_action_points_closed
from tracker.verification.services.checks import check_can_verify
from tracker.vocabulary import Role, SignatureRole
from tracker.web.current_user import SecondStep

MIN_OWN_REASON_LENGTH = 20


def sign_verification(
    attempt: UnitAttempt,
    snapshot_hash: str,
    actor: Actor,
    reauthenticated_at: datetime,
    *,
    unsampled_reason: str | None = None,
    second_step: SecondStep | None = None,
) -> Signature:
    """Sign a confirmed unit as its internal verifier, over exactly the snapshot that was shown.

    Args:
        attempt: the attempt, locked by the caller.
        snapshot_hash: the hash of the snapshot on the page that was signed.
        actor: the internal verifier.
        reauthenticated_at: when the verifier last gave their password.
        unsampled_reason: why the unit is released without sampling; None signs as sampled.
        second_step: when and how the second step was last done in the verifier's session.

    Raises:
        Conflict: the form is no longer the one that was shown.
        Invalid: the reason is neither one of the centre's nor long enough, or the second step is needed first.
        Refused: an action point is open, this round has no sample, or this person may not verify.
    """
    person_id = check_can_verify(attempt, actor)
    check_action_allowed(attempt, AttemptAction.VERIFY)
    check_action_points_closed(attempt)
    step = check_second_step(attempt.centre, Role.INTERNAL_VERIFIER, person_id, second_step)
    if unsampled_reason is None:
        date_sampled = _get_date_sampled(attempt)
    else:
        date_sampled = None
        unsampled_reason = _validate_unsampled_reason(attempt, unsampled_reason)
    snapshot = _take_shown_snapshot(attempt, snapshot_hash)
    change_attempt_state(attempt, AttemptAction.VERIFY)
    signature = Signature(
        attempt_id=attempt.id,
        round=attempt.round,
        role=SignatureRole.INTERNAL_VERIFIER,
        person_id=person_id,
        signed_at=now(),
        statement=STATEMENT_OF_COMPETENCE,
        comment="",
        snapshot=snapshot.text,
        snapshot_hash=snapshot.hash,
        reauthenticated_at=reauthenticated_at,
        session_ref=actor.session_ref or "",
        date_sampled=date_sampled,
        unsampled_reason=unsampled_reason,
        address_confirmed=has_confirmed_address(person_id),
    )
    db.session.add(signature)
    _record_verification(signature, attempt, actor, step)
    topic = f"unit_verified:{attempt.id}:{attempt.round}"
    emails.notify(attempt.candidate, topic, *email_texts.build_unit_verified_email(attempt))
    return signature


def find_latest_sample_date(attempt: UnitAttempt) -> date | None:
    """Return the day of this round's latest sample in London, or None if it has none."""
    query = select(func.max(Sample.sampled_at)).where(Sample.attempt_id == attempt.id, Sample.round == attempt.round)
    sampled_at = db.session.scalar(query)
    return day_of(sampled_at) if sampled_at else None


def _get_date_sampled(attempt: UnitAttempt) -> date:
    """Return the day of this round's latest sample; raise `Refused` if it has none."""
    date_sampled = find_latest_sample_date(attempt)
    if date_sampled is None:
        raise Refused(
            "This round has no sample yet. Save a sample first, or release the unit without sampling. "
            "Nothing was signed."
        )
    return date_sampled


def _validate_unsampled_reason(attempt: UnitAttempt, reason: str) -> str:
    """Return the reason: one of the centre's, or at least 20 characters (docs/rules.md, Verification, rule 5)."""
    reason = reason.strip()
    if not reason:
        raise Invalid("Choose or enter why this unit is released without sampling. Nothing was signed.", "reason")
    if reason not in attempt.centre.offered_unsampled_reasons and len(reason) < MIN_OWN_REASON_LENGTH:
        raise Invalid(
            f"Enter at least {MIN_OWN_REASON_LENGTH} characters for a reason of your own. Nothing was signed.",
            "own_reason",
        )
    return reason


def _take_shown_snapshot(attempt: UnitAttempt, snapshot_hash: str) -> RoundSnapshot:
    """Take the snapshot again; raise `Conflict` if it is not the one that the page showed."""
    snapshot = take_snapshot(attempt)
    if snapshot.hash != snapshot_hash:
        raise Conflict(
            "The form changed while you were reading it. Nothing was signed. Read the form again, then sign."
        )
    return snapshot


def _record_verification(
    signature: Signature, attempt: UnitAttempt, actor: Actor, step: dict[str, str] | None
) -> None:
    date_sampled, unsampled_reason = signature.date_sampled, signature.unsampled_reason
    record(
        "unit_verified",
        signature,
        actor,
        texts={"reason": unsampled_reason} if unsampled_reason else None,
        attempt=attempt.id,
        round=attempt.round,
        snapshot=signature.snapshot_hash,
        state=attempt.state.value,
        sampled=date_sampled.isoformat() if date_sampled else None,
        second_step=step,
    )
