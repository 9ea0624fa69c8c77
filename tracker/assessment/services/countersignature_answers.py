"""Answers of a countersigner: an assessment is released or goes back; a sign-off is countersigned or ends.

docs/rules.md, Countersigning, rules 4 to 7.
"""

from datetime import datetime

from tracker.accounts.services.signing_two_step import check_second_step
from tracker.assessment import emails as email_texts
from tracker.assessment.queries.countersigning import find_countersigner_fault, find_fault_in_unit
from tracker.assessment.reopening import reopen_attempt
from tracker.assessment.services.claims import validate_reason
from tracker.assessment.services.countersigning import end_waiting, turn_into_draft
from tracker.assessment.services.releasing import can_be_released, release_assessment
from tracker.assessment.services.signing import FORM_CHANGED, add_signature, ask_candidate, record_signature
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Assessment, Countersignature, Person, Signature, UnitAttempt
from tracker.recording_forms.snapshot import take_snapshot
from tracker.registrations.separation_of_duties import check_not_withdrawn
from tracker.vocabulary import CountersignatureEnd, ReopeningKind, Role, SignatureRole
from tracker.web.current_user import SecondStep


def agree_with_assessment(waiting: Countersignature, actor: Actor) -> bool:
    """Countersign an assessment: it is released in this transaction, and the candidate sees it.

    Returns:
        Whether it was released. If it could no longer be, it is a draft of its assessor again.

    Raises:
        NotFound: somebody else was asked.
        Refused: it was answered or has ended, or this person may not countersign it now.
    """
    assessment = _check_assessment(waiting, actor)
    if not can_be_released(assessment):
        end_waiting(waiting, CountersignatureEnd.NOT_RELEASABLE, actor)
        turn_into_draft(assessment)
        return False
    _answer(waiting, actor, agrees=True)
    release_assessment(assessment)
    return True


def disagree_with_assessment(waiting: Countersignature, reason: str, actor: Actor) -> None:
    """Send an assessment back to its assessor with a reason: it is their draft again.

    Raises:
        Invalid: the reason is missing or too long.
        NotFound, Refused: as `agree_with_assessment` does.
    """
    assessment = _check_assessment(waiting, actor)
    _answer(waiting, actor, agrees=False, reason=validate_reason(reason))
    turn_into_draft(assessment)
    text = email_texts.build_not_countersigned_email(waiting, waiting.person)
    emails.notify(assessment.assessor, f"not_countersigned:{waiting.id}", *text)


def countersign_unit(
    waiting: Countersignature,
    snapshot_hash: str,
    actor: Actor,
    reauthenticated_at: datetime,
    *,
    second_step: SecondStep | None = None,
) -> Signature:
    """Countersign the assessor's signature under a unit, over exactly the snapshot that was shown.

    Args:
        waiting: what was asked.
        snapshot_hash: the hash of the snapshot on the page that was signed.
        actor: the countersigner.
        reauthenticated_at: when the countersigner last gave their password.
        second_step: when and how the second step was last done in their session.

    Raises:
        Conflict: the form is no longer the one that was shown.
        Invalid: the second step is needed first.
        NotFound, Refused: as `agree_with_assessment` does.
    """
    attempt = _check_signature(waiting, actor)
    snapshot = take_snapshot(attempt)
    if snapshot.hash != snapshot_hash:
        raise Conflict(FORM_CHANGED)
    step = check_second_step(attempt.centre, Role.ASSESSOR, waiting.person_id, second_step)
    _answer(waiting, actor, agrees=True)
    signature = add_signature(
        attempt, SignatureRole.COUNTERSIGNER, waiting.person_id, "", snapshot, actor, reauthenticated_at
    )
    record_signature("unit_countersigned", signature, actor, second_step=step)
    ask_candidate(attempt)
    return signature


def refuse_unit(waiting: Countersignature, reason: str, actor: Actor) -> None:
    """Refuse to countersign a unit: the assessor's signature is superseded, and the unit is in progress again.

    Raises:
        Invalid: the reason is missing or too long.
        NotFound, Refused: as `agree_with_assessment` does.
    """
    reason = validate_reason(reason)
    attempt = _check_signature(waiting, actor)
    signature = waiting.signature
    _answer(waiting, actor, agrees=False, reason=reason)
    reopen_attempt(attempt, ReopeningKind.NOT_COUNTERSIGNED, reason, [], actor)
    text = email_texts.build_not_countersigned_email(waiting, waiting.person)
    if signature:
        assessor = db.session.get_one(Person, signature.person_id)
        emails.notify(assessor, f"not_countersigned:{waiting.id}", *text)


def check_answer(waiting: Countersignature, actor: Actor) -> UnitAttempt:
    """Lock the attempt and return it, if this person may answer now; raise as `agree_with_assessment` does."""
    lock_rows(UnitAttempt, [waiting.attempt_id])
    db.session.refresh(waiting)  # it may have been answered or ended while this request waited for the lock
    attempt = waiting.attempt
    if waiting.person_id != actor.person_id:
        raise NotFound
    if not waiting.is_open:
        what = "was answered already" if waiting.answered_at else "has to be countersigned no longer"
        raise Refused(f"This {what}. Nothing was changed.")
    check_not_withdrawn(attempt)
    fault = find_countersigner_fault(waiting.person, attempt.centre_id) or find_fault_in_unit(waiting.person, attempt)
    if fault:
        raise Refused(
            f"You cannot countersign this now: {fault}. Nothing was changed. Ask your centre’s administrator to name "
            "another countersigner."
        )
    return attempt


def _check_assessment(waiting: Countersignature, actor: Actor) -> Assessment:
    check_answer(waiting, actor)
    if waiting.assessment is None:
        raise NotFound
    db.session.refresh(waiting.assessment)
    return waiting.assessment


def _check_signature(waiting: Countersignature, actor: Actor) -> UnitAttempt:
    attempt = check_answer(waiting, actor)
    if waiting.signature is None:
        raise NotFound
    return attempt


def _answer(waiting: Countersignature, actor: Actor, *, agrees: bool, reason: str = "") -> None:
    waiting.answered_at, waiting.agrees, waiting.reason = now(), agrees, reason
    db.session.flush()
    record(
        "countersignature_answered",
        waiting,
        actor,
        texts={"reason": reason} if reason else None,
        attempt=waiting.attempt_id,
        agrees=agrees,
    )
