"""An internal verifier's acts: sampling, signing, releasing, returning with an action point, reopening."""

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
from tracker.recording_forms.snapshot import STATEMENT_OF_COMPETENCE, take_snapshot
from tracker.registrations.separation_of_duties import check_may_verify, check_not_withdrawn
from tracker.vocabulary import AttemptState, ReopeningKind, Role, SignatureRole

OPEN_STATES = (AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED)


@dataclass(frozen=True)
class SampledDecision:
    """One decision looked at: this version, for this criterion; agree or not, and why."""

    evidence_version_id: int
    criterion_id: int
    agrees: bool
    comment: str = ""


def draw_sample(attempt: UnitAttempt, looks: Iterable[SampledDecision], comment: str, actor: Actor) -> Sample:
    """Record what was looked at. Raises `Refused` for one's own judgements or when the unit is verified."""
    person_id = _check_verifier(attempt, actor)
    looked = list(looks)
    if not looked:
        raise Invalid("Choose at least one piece of evidence that you looked at. Nothing was saved.", "looks")
    if attempt.state not in OPEN_STATES:
        raise Refused(f"{attempt.unit.code} is {attempt.state.label.lower()}. Nothing was saved.")
    _check_looks(attempt, looked)
    if any(not look.agrees and not look.comment.strip() for look in looked):
        raise Invalid("Say why wherever you do not agree. Nothing was saved.", "looks")
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
            evidence_version_id=look.evidence_version_id,
            criterion_id=look.criterion_id,
            agrees=look.agrees,
            comment=look.comment.strip(),
        )
        for look in looked
    )
    db.session.flush()
    agreed = sum(look.agrees for look in looked)
    record(
        "sample_drawn",
        sample,
        actor,
        texts={"comment": comment},
        attempt=attempt.id,
        round=attempt.round,
        looked=len(looked),
        agreed=agreed,
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
    """Sign as sampled (a sample of this round exists; its day is the date sampled) or release unsampled.

    Raises `Refused` while an action point waits for its response, and `Conflict` when what was shown has changed.
    """
    person_id = _check_verifier(attempt, actor)
    check_action_allowed(attempt, AttemptAction.VERIFY)
    _check_action_points_answered(attempt)
    date_sampled = None if unsampled_reason is not None else _date_sampled(attempt)
    if unsampled_reason is not None and not unsampled_reason.strip():
        raise Invalid("Say why this unit is released without sampling. Nothing was signed.", "reason")
    snapshot = take_snapshot(attempt)
    if snapshot.hash != snapshot_hash:
        raise Conflict("The form changed while you were reading it. Nothing was signed. Read it again, then sign.")
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
    record(
        "unit_verified",
        signature,
        actor,
        texts={"reason": unsampled_reason} if unsampled_reason else None,
        attempt=attempt.id,
        round=attempt.round,
        snapshot=snapshot.hash,
        state=attempt.state.value,
        sampled=date_sampled.isoformat() if date_sampled else None,
    )
    emails.notify(
        attempt.candidate,
        f"unit_verified:{attempt.id}:{attempt.round}",
        f"{attempt.unit.code} is verified",
        f"{attempt.unit.title} is verified. Your recording form: {emails.build_url(f'/attempts/{attempt.id}/form')}",
    )
    return signature


def return_unit(
    attempt: UnitAttempt, criterion_ids: list[int], action: str, due_on: date | None, actor: Actor
) -> ActionPoint:
    """Send a confirmed unit back: the criteria named need more, and the assessor must answer in writing."""
    _check_verifier(attempt, actor)
    check_action_allowed(attempt, AttemptAction.RETURN)
    action, due_on = _checked_action_point(attempt, criterion_ids, action, due_on)
    action_point = _raise_action_point(attempt, criterion_ids, action, due_on, actor)
    reopen_attempt(attempt, ReopeningKind.RETURN, action, criterion_ids, actor)
    _tell_assessor(attempt, action_point)
    return action_point


def close_action_point(action_point: ActionPoint, actor: Actor) -> None:
    """Close an answered action point."""
    if action_point.responded_at is None:
        raise Refused("The assessor has not answered this action point yet. Nothing was changed.")
    if action_point.closed_at:
        raise Refused("This action_point was closed already. Nothing was changed.")
    action_point.closed_at, action_point.closed_by_id = now(), actor.person_id
    record("action_point_closed", action_point, actor, attempt=action_point.attempt_id)


def reopen_verified(attempt: UnitAttempt, criterion_ids: list[int], reason: str, actor: Actor) -> None:
    """Take a verification back, with the reason and the criteria that need more."""
    _check_verifier(attempt, actor)
    check_action_allowed(attempt, AttemptAction.REOPEN)
    if not reason.strip():
        raise Invalid("Say why the unit is reopened. Nothing was changed.", "reason")
    _check_criteria(attempt, criterion_ids)
    reopen_attempt(attempt, ReopeningKind.REOPENING, reason.strip(), criterion_ids, actor)


def mark_seen(attempt: UnitAttempt, person_id: int, *, seen: bool) -> None:
    """An external verifier's own mark on an attempt of their visits. No event: it is a note to oneself."""
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
    for each in db.session.scalars(query):
        each.seen_at = moment if seen else None


def _check_verifier(attempt: UnitAttempt, actor: Actor) -> int:
    """The verifier's id, once the duties are separate and the candidate is still registered."""
    assert actor.person_id is not None  # noqa: S101 - people verify, never the operator
    check_may_verify(actor.person_id, attempt)
    check_not_withdrawn(attempt)
    return actor.person_id


def _check_looks(attempt: UnitAttempt, looks: list[SampledDecision]) -> None:
    """Everything sampled is a decided claim of this attempt."""
    matrix = load_matrix(attempt)
    decided = {
        (row.version_id, cell.criterion_id)
        for row in matrix.rows
        for cell in row.cells.values()
        if cell.is_decided or cell.is_met
    }
    if {(look.evidence_version_id, look.criterion_id) for look in looks} - decided:
        raise NotFound


def _date_sampled(attempt: UnitAttempt) -> date:
    """The day of the latest sample of this round."""
    query = (
        select(Sample.sampled_at)
        .where(Sample.attempt_id == attempt.id, Sample.round == attempt.round)
        .order_by(Sample.sampled_at.desc())
        .limit(1)
    )
    if db.session.scalar(query) is None:
        raise Refused(
            "Nothing of this round was sampled yet. Choose what you sampled first, or release the unit without "
            "sampling and say why. Nothing was signed."
        )
    return today()


def _check_action_points_answered(attempt: UnitAttempt) -> None:
    waiting = select(ActionPoint.id).where(ActionPoint.attempt_id == attempt.id, ActionPoint.responded_at.is_(None))
    if db.session.scalar(waiting.limit(1)):
        raise Refused("An action point on this unit still waits for the assessor's response. Nothing was signed.")


def _checked_action_point(
    attempt: UnitAttempt, criterion_ids: list[int], action: str, due_on: date | None
) -> tuple[str, date]:
    _check_criteria(attempt, criterion_ids)
    if not action.strip():
        raise Invalid("Say what must happen. Nothing was returned.", "action")
    if due_on is None or due_on < today():
        raise Invalid("Say by which day; it must not be past. Nothing was returned.", "due_on")
    return action.strip(), due_on


def _check_criteria(attempt: UnitAttempt, criterion_ids: list[int]) -> None:
    if not criterion_ids:
        raise Invalid("Choose the criteria it is about. Nothing was changed.", "criteria")
    known = {column.id for column in load_matrix(attempt).columns}
    if set(criterion_ids) - known:
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
        ActionPointCriterion(action_point_id=action_point.id, criterion_id=each) for each in set(criterion_ids)
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


def _tell_assessor(attempt: UnitAttempt, action_point: ActionPoint) -> None:
    holder = next((a.person for a in attempt.allocations if a.role is Role.ASSESSOR and a.ends_at is None), None)
    if holder:
        emails.notify(
            holder,
            f"action_point_raised:{action_point.id}",
            f"An action point on {attempt.unit.code}",
            f"{attempt.unit.code} of {attempt.candidate.name} was returned with an action point that needs your "
            f"written response: {emails.build_url(f'/attempts/{attempt.id}/sign')}",
        )
