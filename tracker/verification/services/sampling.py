"""Samples: the internal verifier agrees or disagrees with decisions (docs/rules.md, Verification, rules 2 to 4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from tracker.assessment.reopening import reopen_attempt
from tracker.assessment.services.releasing import release_due_in, withdraw_draft_outcomes
from tracker.assessment.transitions import TRANSITIONS, AttemptAction
from tracker.clock import now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Claim, Criterion, Decision, Sample, SampleItem, UnitAttempt
from tracker.registrations.separation_of_duties import is_withdrawn_before_completion
from tracker.verification.services.action_points import notify_assessor, raise_action_point, validate_action
from tracker.verification.services.checks import check_can_verify
from tracker.vocabulary import AttemptState, Outcome, ReopeningKind

STATES_TO_SAMPLE = (AttemptState.IN_PROGRESS, AttemptState.ASSESSED, AttemptState.CONFIRMED, AttemptState.VERIFIED)
MAX_COMMENT_LENGTH = 2_000


@dataclass(frozen=True)
class SampledDecision:
    """A decision that was sampled, whether the verifier agrees with it, and what the verifier wrote.

    After a disagreement the comment is the action required, and the assessor must respond by `due_on`.
    """

    decision_id: int
    agrees: bool
    comment: str = ""
    due_on: date | None = None


@dataclass(frozen=True)
class _SampledRow:
    """A sampled decision with its rows in the database."""

    sampled: SampledDecision
    decision: Decision
    claim: Claim
    criterion: Criterion


def draw_sample(attempt: UnitAttempt, decisions: Iterable[SampledDecision], comment: str, actor: Actor) -> Sample:
    """Record a sample of decisions, and raise an action point for each that the verifier disagrees with.

    A decision that the verifier disagrees with is superseded by `needs_more`; other decisions on the same criterion
    stay live. In a signed round a disagreement also ends the round (docs/rules.md, Unit states). An assessment of the
    same claim that is not released yet becomes a draft again.

    Raises:
        Conflict: a decision was superseded since the page was opened.
        Invalid: no decision is chosen, or a disagreement has no action or no due date.
        NotFound: a decision is not an assessor's in this attempt.
        Refused: the verifier has assessed the attempt, or its state does not allow a sample.
    """
    check_can_verify(attempt, actor)
    sampled_decisions = list(decisions)
    _check_sampled_decisions(attempt, sampled_decisions, comment)
    release_due_in(attempt)  # decisions that the assessor made before the sample come first
    rows = _load_sampled_rows(attempt, sampled_decisions)
    disagreed_rows = [row for row in rows if not row.sampled.agrees]
    sample, items = _add_sample(attempt, rows, comment, actor)
    new_decisions = _supersede_decisions(disagreed_rows, items, sample.sampled_at)
    withdraw_draft_outcomes(attempt, {row.claim.id for row in disagreed_rows}, actor)
    _record_sample(sample, rows, new_decisions, comment, actor)
    action_points = [
        raise_action_point(
            attempt, [row.criterion.id], *_check_action(row.sampled), actor, sample_item=items[row.decision.id]
        )
        for row in disagreed_rows
    ]
    if action_points:
        if does_disagreement_end_round(attempt):
            reopen_attempt(attempt, ReopeningKind.DISAGREEMENT, _build_reopening_reason(disagreed_rows), [], actor)
        notify_assessor(attempt, action_points)
    return sample


def can_sample(attempt: UnitAttempt) -> bool:
    """Return whether the attempt's state allows a sample, and a withdrawal does not forbid it."""
    return attempt.state in STATES_TO_SAMPLE and not is_withdrawn_before_completion(attempt)


def does_disagreement_end_round(attempt: UnitAttempt) -> bool:
    """Return whether a disagreement would end the round: it does once the assessor has signed."""
    return (attempt.state, AttemptAction.DISAGREE) in TRANSITIONS


def _check_sampled_decisions(
    attempt: UnitAttempt, sampled_decisions: Sequence[SampledDecision], comment: str
) -> None:
    if attempt.state is AttemptState.CERTIFICATE_CLAIMED:
        raise Refused(
            f"The certificate for {attempt.unit.code} has been claimed, so it cannot be sampled. A second "
            "person must agree to reopen it first. Nothing was saved."
        )
    if attempt.state not in STATES_TO_SAMPLE:
        raise Refused(
            f"{attempt.unit.code} is {attempt.state.label.lower()} and cannot be sampled. Nothing was saved."
        )
    if not sampled_decisions:
        raise Invalid("Choose Agree or Disagree for at least one decision. Nothing was saved.", "decisions")
    if max(len(text) for text in (comment, *(sampled.comment for sampled in sampled_decisions))) > MAX_COMMENT_LENGTH:
        raise Invalid(
            f"A comment can have at most {MAX_COMMENT_LENGTH:,} characters. Shorten it. Nothing was saved.", "comment"
        )
    for sampled in sampled_decisions:
        if not sampled.agrees:
            _check_action(sampled)


def _check_action(sampled: SampledDecision) -> tuple[str, date]:
    """Return the action required after a disagreement and its due date; raise `Invalid` where one is missing."""
    return validate_action(
        sampled.comment,
        sampled.due_on,
        action_field=f"action-{sampled.decision_id}",
        due_field=f"due-{sampled.decision_id}",
    )


def _load_sampled_rows(attempt: UnitAttempt, sampled_decisions: Sequence[SampledDecision]) -> list[_SampledRow]:
    """Return the live decisions that were sampled, in the order of the unit's criteria.

    Raises:
        Conflict: one was superseded.
        NotFound: one is not an assessor's decision in this attempt.
    """
    by_id = {sampled.decision_id: sampled for sampled in sampled_decisions}
    query = (
        select(Decision, Claim, Criterion)
        .join(Claim, Claim.id == Decision.claim_id)
        .join(Criterion, Criterion.id == Claim.criterion_id)
        .where(Decision.id.in_(by_id), Decision.attempt_id == attempt.id)
        .order_by(Criterion.position, Decision.id)
    )
    rows = [
        _SampledRow(by_id[decision.id], decision, claim, criterion)
        for decision, claim, criterion in db.session.execute(query)
    ]
    if len(rows) < len(by_id) or any(row.decision.assessment_id is None for row in rows):
        raise NotFound
    if any(row.decision.superseded_at or row.claim.removed_at for row in rows):
        raise Conflict(
            "A decision was changed since you opened this page. Nothing was saved. "
            "The decisions are shown as they are now, with what you typed. Read them again, then save."
        )
    return rows


def _add_sample(
    attempt: UnitAttempt, rows: list[_SampledRow], comment: str, actor: Actor
) -> tuple[Sample, dict[int, SampleItem]]:
    """Add the sample; return it with its items by id of the decision that each sampled."""
    assert actor.person_id is not None  # noqa: S101 - checked by the caller
    sample = Sample(
        attempt_id=attempt.id,
        round=attempt.round,
        verifier_id=actor.person_id,
        sampled_at=now(),
        is_interim=attempt.state in {AttemptState.IN_PROGRESS, AttemptState.ASSESSED},
        comment=comment.strip(),
    )
    db.session.add(sample)
    db.session.flush()
    items = {
        row.decision.id: SampleItem(
            sample_id=sample.id,
            evidence_version_id=row.decision.evidence_version_id,
            criterion_id=row.criterion.id,
            agrees=row.sampled.agrees,
            comment=row.sampled.comment.strip(),
        )
        for row in rows
    }
    db.session.add_all(items.values())
    return sample, items


def _supersede_decisions(
    disagreed_rows: list[_SampledRow], items: dict[int, SampleItem], sampled_at: datetime
) -> list[Decision]:
    """Supersede each decision that the verifier disagrees with by `needs_more`; return the new decisions."""
    for row in disagreed_rows:
        row.decision.superseded_at = sampled_at
    # The new decisions refer to the items. A claim has one live decision: the old one must end before the new one.
    db.session.flush()
    new_decisions = [
        Decision(
            attempt_id=row.decision.attempt_id,
            claim_id=row.claim.id,
            evidence_version_id=row.decision.evidence_version_id,
            sample_item_id=items[row.decision.id].id,
            outcome=Outcome.NEEDS_MORE,
            comment=row.sampled.comment.strip(),
            decided_at=sampled_at,
            decided_by_id=items[row.decision.id].sample.verifier_id,
        )
        for row in disagreed_rows
    ]
    db.session.add_all(new_decisions)
    db.session.flush()
    return new_decisions


def _record_sample(
    sample: Sample, rows: list[_SampledRow], new_decisions: list[Decision], comment: str, actor: Actor
) -> None:
    record(
        "sample_drawn",
        sample,
        actor,
        texts={"comment": comment},
        attempt=sample.attempt_id,
        round=sample.round,
        sampled=len(rows),
        agreed=sum(row.sampled.agrees for row in rows),
        decisions=[
            {"decision": decision.id, "claim": decision.claim_id, "outcome": decision.outcome.value}
            for decision in new_decisions
        ],
    )


def _build_reopening_reason(disagreed_rows: list[_SampledRow]) -> str:
    """Return the reason of the reopening: each criterion with the action required."""
    return "\n".join(f"{row.criterion.label}: {row.sampled.comment.strip()}" for row in disagreed_rows)
