"""The end of a round, by any of the acts of `ReopeningKind` (docs/rules.md, Unit states, rules 2 to 4)."""

from collections.abc import Collection

from sqlalchemy import select

from tracker.assessment import emails as email_texts
from tracker.assessment.services.countersigning import end_countersignatures
from tracker.assessment.transitions import AttemptAction, change_attempt_state
from tracker.background import emails
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Claim, Decision, Reopening, Signature, UnitAttempt
from tracker.recording_forms.issuing import supersede_forms
from tracker.vocabulary import CountersignatureEnd, Outcome, ReopeningKind

ACTION_BY_KIND = {
    ReopeningKind.DISPUTE: AttemptAction.DISPUTE,
    ReopeningKind.RETRACTION: AttemptAction.RETRACT,
    ReopeningKind.RETURN: AttemptAction.RETURN,
    ReopeningKind.REOPENING: AttemptAction.REOPEN,
    ReopeningKind.DISAGREEMENT: AttemptAction.DISAGREE,
    ReopeningKind.NOT_COUNTERSIGNED: AttemptAction.REFUSE,
}


def reopen_attempt(
    attempt: UnitAttempt, kind: ReopeningKind, reason: str, criterion_ids: Collection[int], actor: Actor
) -> Reopening:
    """End the round: set the attempt back to `in_progress`, and supersede its live signatures and its issued form.

    The candidate is emailed, except where they ended the round themselves or it was not countersigned.

    Decisions carry over into the next round. On the criteria named, each live `met` is superseded by `needs_more`.

    Args:
        attempt: the attempt, locked by the caller.
        kind: which act ends the round.
        reason: the reason, which becomes the comment of each new decision.
        criterion_ids: the criteria whose every `met` is superseded; none for a retraction or a disagreement, which
            supersedes the sampled decision itself.
        actor: who ends the round.

    Raises:
        Refused: the attempt's state does not allow this.
    """
    assert actor.person_id is not None  # noqa: S101 - people reopen attempts, never the operator
    change_attempt_state(attempt, ACTION_BY_KIND[kind])
    end_countersignatures([attempt], CountersignatureEnd.ROUND, actor)
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
    live_signatures = select(Signature).where(Signature.attempt_id == attempt.id, Signature.superseded_at.is_(None))
    for signature in db.session.scalars(live_signatures):
        signature.superseded_at = moment
    supersede_forms(attempt)
    new_decisions = _supersede_met_decisions(attempt, reopening, reason, criterion_ids, actor.person_id)
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
            {"decision": decision.id, "claim": decision.claim_id, "outcome": decision.outcome.value}
            for decision in new_decisions
        ],
    )
    _tell_candidate(attempt, reopening)
    return reopening


def _tell_candidate(attempt: UnitAttempt, reopening: Reopening) -> None:
    """Email the candidate that the round has ended, except where they ended it or are not to know it."""
    if reopening.kind in email_texts.REOPENED_BY:
        text = email_texts.build_unit_reopened_email(attempt, reopening.kind)
        emails.notify(attempt.candidate, f"attempt_reopened:{reopening.id}", *text)


def _supersede_met_decisions(
    attempt: UnitAttempt, reopening: Reopening, reason: str, criterion_ids: Collection[int], person_id: int
) -> list[Decision]:
    """Supersede each live `met` on these criteria by `needs_more`; return the new decisions."""
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
    met_decisions = list(db.session.scalars(query))
    for decision in met_decisions:
        decision.superseded_at = reopening.reopened_at
    db.session.flush()  # a claim has one live decision: the old one must end before the new one is inserted
    new_decisions = [
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
        for decision in met_decisions
    ]
    db.session.add_all(new_decisions)
    db.session.flush()
    return new_decisions
