"""Acts of verification: sampling, signing, releasing unsampled, returning with an action point, reopening."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from tracker.assessment.reopening import reopen_attempt
from tracker.assessment.transitions import AttemptAction, change_attempt_state, check_action_allowed
from tracker.background import emails
from tracker.clock import now, today
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.matrix import load_matrix
from tracker.models import (
    ActionPoint,
    ActionPointCriterion,
    Sample,
    SampleItem,
    Signature,
    UnitAttempt,
    Visit,
    VisitAttempt,
)
from tracker.recording_forms.snapshot import STATEMENT_OF_COMPETENCE, RoundSnapshot, take_snapshot
from tracker.registrations.separation_of_duties import check_may_verify, check_not_withdrawn
from tracker.registrations.services import find_current_allocation
from tracker.verification import emails as email_texts
from tracker.vocabulary import AttemptState, ReopeningKind, Role, SignatureRole

STATES_TO_SAMPLE = (AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED)


@dataclass(frozen=True)
class SampledDecision:
    """A decision that was sampled: whether the verifier agrees with it, and a comment."""

    evidence_version_id: int
    criterion_id: int
    agrees: bool
    comment: str = ""


def draw_sample(attempt: UnitAttempt, decisions: Iterable[SampledDecision], comment: str, actor: Actor) -> Sample:
    """Record a sample of decisions (docs/rules.md, Verification, rules 2 and 3).

    Raises:
        Invalid: no decision is chosen, or a disagreement has no comment.
        NotFound: a decision is not of this attempt.
        Refused: the verifier has assessed the attempt, or its state does not allow a sample.
    """
    person_id = _check_verifier(attempt, actor)
    sampled = list(decisions)
    if not sampled:
        raise Invalid("Tick at least one decision that you have sampled. Nothing was saved.", "decisions")
    if attempt.state not in STATES_TO_SAMPLE:
        raise Refused(
            f"{attempt.unit.code} is {attempt.state.label.lower()} and cannot be sampled. Nothing was saved."
        )
    _check_decisions(attempt, sampled)
    if any(not decision.agrees and not decision.comment.strip() for decision in sampled):
        raise Invalid("Enter the reason for each decision that you disagree with. Nothing was saved.", "decisions")
    sample = Sample(
        attempt_id=attempt.id,
        round=attempt.round,
        verifier_id=person_id,
        sampled_at=now(),
        is_interim=attempt.state is not AttemptState.CONFIRMED,
        comment=comment.strip(),
    )
    db.session.add(sample)
    db.session.flush()
    db.session.add_all(
        SampleItem(
            sample_id=sample.id,
            evidence_version_id=decision.evidence_version_id,
            criterion_id=decision.criterion_id,
            agrees=decision.agrees,
            comment=decision.comment.strip(),
        )
        for decision in sampled
    )
    db.session.flush()
    record(
        "sample_drawn",
        sample,
        actor,
        texts={"comment": comment},
        attempt=attempt.id,
        round=attempt.round,
        sampled=len(sampled),
        agreed=sum(decision.agrees for decision in sampled),
    )
    return sample


def sign_verification(
    attempt: UnitAttempt,
    snapshot_hash: str,
    actor: Actor,
    reauthenticated_at: datetime,
    *,
    unsampled_reason: str | None = None,
) -> Signature:
    """Sign a confirmed unit as its internal verifier, over exactly the snapshot that was shown.

    Args:
        attempt: the attempt, locked by the caller.
        snapshot_hash: the hash of the snapshot on the page that was signed.
        actor: the internal verifier.
        reauthenticated_at: when the verifier last gave their password or second factor.
        unsampled_reason: why the unit is released without sampling; None signs as sampled.

    Raises:
        Conflict: the form is no longer the one that was shown.
        Invalid: the reason is missing.
        Refused: an action point has no response, this round has no sample, or this person may not verify.
    """
    person_id = _check_verifier(attempt, actor)
    check_action_allowed(attempt, AttemptAction.VERIFY)
    _check_action_points_answered(attempt)
    if unsampled_reason is None:
        date_sampled = _get_date_sampled(attempt)
    else:
        date_sampled = None
        _check_unsampled_reason(unsampled_reason)
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
        unsampled_reason=unsampled_reason.strip() if unsampled_reason else None,
    )
    db.session.add(signature)
    db.session.flush()
    _record_verification(signature, attempt, unsampled_reason, actor)
    topic = f"unit_verified:{attempt.id}:{attempt.round}"
    emails.notify(attempt.candidate, topic, *email_texts.build_unit_verified_email(attempt))
    return signature


def return_unit(
    attempt: UnitAttempt, criterion_ids: list[int], action: str, due_on: date | None, actor: Actor
) -> ActionPoint:
    """Return a confirmed unit to its assessor: raise an action point and end the round.

    Raises:
        Invalid: no criterion is chosen, the action is missing, or the due date is missing or past.
        NotFound: a criterion is not of this unit.
        Refused: the unit is not confirmed, or this person may not verify.
    """
    _check_verifier(attempt, actor)
    check_action_allowed(attempt, AttemptAction.RETURN)
    action, due_on = _validate_action_point(attempt, criterion_ids, action, due_on)
    action_point = _raise_action_point(attempt, criterion_ids, action, due_on, actor)
    reopen_attempt(attempt, ReopeningKind.RETURN, action, criterion_ids, actor)
    _notify_assessor(attempt, action_point)
    return action_point


def close_action_point(action_point: ActionPoint, actor: Actor) -> None:
    """Close an action point that has a response; raise `Refused` if it has none or is closed."""
    if action_point.responded_at is None:
        raise Refused("The assessor has not responded to this action point yet. Nothing was changed.")
    if action_point.closed_at:
        raise Refused("This action point is already closed. Nothing was changed.")
    action_point.closed_at, action_point.closed_by_id = now(), actor.person_id
    record("action_point_closed", action_point, actor, attempt=action_point.attempt_id)


def reopen_verified(attempt: UnitAttempt, criterion_ids: list[int], reason: str, actor: Actor) -> None:
    """Reopen a verified unit: the criteria named need more evidence, and the round ends.

    Raises:
        Invalid: no criterion is chosen, or the reason is missing.
        NotFound: a criterion is not of this unit.
        Refused: the unit is not verified, or this person may not verify.
    """
    _check_verifier(attempt, actor)
    check_action_allowed(attempt, AttemptAction.REOPEN)
    if not reason.strip():
        raise Invalid("Enter why the unit is reopened. Nothing was changed.", "reason")
    _check_criteria(attempt, criterion_ids)
    reopen_attempt(attempt, ReopeningKind.REOPENING, reason.strip(), criterion_ids, actor)


def mark_seen(attempt: UnitAttempt, person_id: int, *, seen: bool) -> None:
    """Set or clear an external verifier's own mark on an attempt of their visits.

    The mark is a private note and makes no event (docs/rules.md, Verification, rule 10).
    """
    moment = now()
    query = (
        select(VisitAttempt)
        .join(Visit)
        .where(
            VisitAttempt.attempt_id == attempt.id,
            Visit.person_id == person_id,
            Visit.starts_at <= moment,
            Visit.ends_at > moment,
        )
    )
    for visit_attempt in db.session.scalars(query):
        visit_attempt.seen_at = moment if seen else None


def _check_verifier(attempt: UnitAttempt, actor: Actor) -> int:
    """Return the verifier's id, or raise `Refused` unless they may verify this attempt now."""
    assert actor.person_id is not None  # noqa: S101 - people verify, never the operator
    check_may_verify(actor.person_id, attempt)
    check_not_withdrawn(attempt)
    return actor.person_id


def _check_decisions(attempt: UnitAttempt, sampled: list[SampledDecision]) -> None:
    """Raise `NotFound` unless every sampled decision is on a claim of this attempt."""
    matrix = load_matrix(attempt)
    decided = {
        (row.version_id, cell.criterion_id)
        for row in matrix.rows
        for cell in row.cells.values()
        if cell.is_decided or cell.is_met
    }
    if {(decision.evidence_version_id, decision.criterion_id) for decision in sampled} - decided:
        raise NotFound


def _get_date_sampled(attempt: UnitAttempt) -> date:
    """Return today as the date sampled; raise `Refused` if this round has no sample."""
    query = (
        select(Sample.sampled_at)
        .where(Sample.attempt_id == attempt.id, Sample.round == attempt.round)
        .order_by(Sample.sampled_at.desc())
        .limit(1)
    )
    if db.session.scalar(query) is None:
        raise Refused(
            "This round has no sample yet. Save a sample first, or release the unit without sampling. "
            "Nothing was signed."
        )
    return today()


def _check_unsampled_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("Enter why this unit is released without sampling. Nothing was signed.", "reason")


def _take_shown_snapshot(attempt: UnitAttempt, snapshot_hash: str) -> RoundSnapshot:
    """Take the snapshot again; raise `Conflict` if it is not the one that the page showed."""
    snapshot = take_snapshot(attempt)
    if snapshot.hash != snapshot_hash:
        raise Conflict(
            "The form changed while you were reading it. Nothing was signed. Read the form again, then sign."
        )
    return snapshot


def _record_verification(
    signature: Signature, attempt: UnitAttempt, unsampled_reason: str | None, actor: Actor
) -> None:
    date_sampled = signature.date_sampled
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
    )


def _check_action_points_answered(attempt: UnitAttempt) -> None:
    unanswered = select(ActionPoint.id).where(
        ActionPoint.attempt_id == attempt.id, ActionPoint.responded_at.is_(None)
    )
    if db.session.scalar(unanswered.limit(1)):
        raise Refused("An action point on this unit has no response from the assessor yet. Nothing was signed.")


def _validate_action_point(
    attempt: UnitAttempt, criterion_ids: list[int], action: str, due_on: date | None
) -> tuple[str, date]:
    _check_criteria(attempt, criterion_ids)
    if not action.strip():
        raise Invalid("Enter the action required. Nothing was returned.", "action")
    if due_on is None or due_on < today():
        raise Invalid("Enter a due date that is not in the past. Nothing was returned.", "due_on")
    return action.strip(), due_on


def _check_criteria(attempt: UnitAttempt, criterion_ids: list[int]) -> None:
    if not criterion_ids:
        raise Invalid("Choose at least one criterion. Nothing was changed.", "criteria")
    criteria_of_unit = {column.id for column in load_matrix(attempt).columns}
    if set(criterion_ids) - criteria_of_unit:
        raise NotFound


def _raise_action_point(
    attempt: UnitAttempt, criterion_ids: list[int], action: str, due_on: date, actor: Actor
) -> ActionPoint:
    assert actor.person_id is not None  # noqa: S101 - checked by the caller
    action_point = ActionPoint(
        attempt_id=attempt.id,
        round=attempt.round,
        raised_by_id=actor.person_id,
        raised_at=now(),
        action=action,
        due_on=due_on,
    )
    db.session.add(action_point)
    db.session.flush()
    db.session.add_all(
        ActionPointCriterion(action_point_id=action_point.id, criterion_id=criterion_id)
        for criterion_id in set(criterion_ids)
    )
    record(
        "action_point_raised",
        action_point,
        actor,
        texts={"action": action},
        attempt=attempt.id,
        round=attempt.round,
        criteria=sorted(set(criterion_ids)),
        due=due_on.isoformat(),
    )
    return action_point


def _notify_assessor(attempt: UnitAttempt, action_point: ActionPoint) -> None:
    allocation = find_current_allocation(attempt, Role.ASSESSOR)
    if allocation:
        email = email_texts.build_action_point_raised_email(attempt)
        emails.notify(allocation.person, f"action_point_raised:{action_point.id}", *email)
