"""The end of a signed round: disputed, retracted, returned or reopened. Nothing is erased."""

from collections.abc import Collection

from sqlalchemy import select

from tracker.assessment.transitions import AttemptAction, change_attempt_state
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Claim, Decision, Reopening, Signature, UnitAttempt
from tracker.recording_forms.issuing import supersede_forms
from tracker.vocabulary import Outcome, ReopeningKind

ACTIONS_THAT_REOPEN = {
    ReopeningKind.DISPUTE: AttemptAction.DISPUTE,
    ReopeningKind.RETRACTION: AttemptAction.RETRACT,
    ReopeningKind.RETURN: AttemptAction.RETURN,
    ReopeningKind.REOPENING: AttemptAction.REOPEN,
}


def reopen_attempt(
    attempt: UnitAttempt, kind: ReopeningKind, reason: str, criterion_ids: Collection[int], actor: Actor
) -> Reopening:
    """Back to `in_progress`, one round up. Live signatures and the issued form are superseded and kept.

    Decisions carry over, except on the criteria named: there the live ones are superseded by `needs_more`.
    """
    assert actor.person_id is not None  # noqa: S101 - people reopen_attempt, never the operator
    change_attempt_state(attempt, ACTIONS_THAT_REOPEN[kind])
    moment = now()
    reopening = Reopening(
        attempt_id=attempt.id,
        round=attempt.round,
        kind=kind,
        reason=reason,
        reopened_at=moment,
        reopened_by_id=actor.person_id,
    )
    db.session.add(reopening)
    db.session.flush()
    live = select(Signature).where(Signature.attempt_id == attempt.id, Signature.superseded_at.is_(None))
    for signature in db.session.scalars(live):
        signature.superseded_at = moment
    supersede_forms(attempt)
    unsettled = _supersede_met_decisions(attempt, reopening, reason, criterion_ids, actor.person_id)
    attempt.round += 1
    attempt.assessed_at = None
    record(
        "attempt_reopened",
        attempt,
        actor,
        texts={"reason": reason},
        kind=kind.value,
        ended_round=reopening.round,
        round=attempt.round,
        state=attempt.state.value,
        criteria=sorted(criterion_ids),
        reopening=reopening.id,
        decisions=[
            {"decision": each.id, "claim": each.claim_id, "outcome": each.outcome.value} for each in unsettled
        ],
    )
    return reopening


def _supersede_met_decisions(
    attempt: UnitAttempt, reopening: Reopening, reason: str, criterion_ids: Collection[int], person_id: int
) -> list[Decision]:
    """Make the named criteria 'needs more': each live `met` on them is superseded by `needs_more`."""
    query = (
        select(Decision)
        .join(Claim, Claim.id == Decision.claim_id)
        .where(
            Decision.attempt_id == attempt.id,
            Decision.superseded_at.is_(None),
            Decision.outcome == Outcome.MET,
            Claim.criterion_id.in_(criterion_ids),
            Claim.removed_at.is_(None),
        )
    )
    settled = list(db.session.scalars(query))
    for decision in settled:
        decision.superseded_at = reopening.reopened_at
    db.session.flush()  # the live one is freed before its successor takes its place
    made = [
        Decision(
            attempt_id=attempt.id,
            claim_id=decision.claim_id,
            evidence_version_id=decision.evidence_version_id,
            reopening_id=reopening.id,
            outcome=Outcome.NEEDS_MORE,
            comment=reason,
            decided_at=reopening.reopened_at,
            decided_by_id=person_id,
        )
        for decision in settled
    ]
    db.session.add_all(made)
    db.session.flush()
    return made
