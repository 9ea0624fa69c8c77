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
class _SampledClaim:
    """A sampled decision with its rows in the database."""

    sampled: SampledDecision
    decision: Decision
    claim: Claim
    criterion: Criterion


def draw_sample(attempt: UnitAttempt, decisions: Iterable[SampledDecision], comment: str, actor: Actor) -> Sample:
    """Record a sample of decisions, and raise an action point for each that the verifier disagrees with.

    A decision that the verifier disagrees with is superseded by `needs_more`; other decisions on the same criterion
    stand. In a signed round a disagreement also ends the round (docs/rules.md, Unit states). An assessment of the
    same claim that is not released yet becomes a draft again.

    Raises:
        Conflict: a decision was superseded since the page was opened.
        Invalid: no decision is chosen, or a disagreement has no action or no due date.
        NotFound: a decision is not an assessor's in this attempt.
        Refused: the verifier has assessed the attempt, or its state does not allow a sample.
    """
    check_can_verify(attempt, actor)
    chosen = list(decisions)
    _check_chosen(attempt, chosen, comment)
    release_due_in(attempt)  # what the assessor decided before this moment comes first
    claims = _load_sampled_claims(attempt, chosen)
    disagreed = [claim for claim in claims if not claim.sampled.agrees]
    sample, items = _add_sample(attempt, claims, comment, actor)
    new_decisions = _supersede_decisions(disagreed, items, sample.sampled_at)
    withdraw_draft_outcomes(attempt, {claim.claim.id for claim in disagreed})
    _record_sample(sample, claims, new_decisions, comment, actor)
    action_points = [
        raise_action_point(
            attempt,
            [claim.criterion.id],
            claim.sampled.comment.strip(),
            claim.sampled.due_on or date.max,
            actor,
            sample_item=items[claim.decision.id],
        )
        for claim in disagreed
    ]
    if action_points:
        if does_disagreement_end_round(attempt):
            reopen_attempt(attempt, ReopeningKind.DISAGREEMENT, _describe(disagreed), [], actor)
        notify_assessor(attempt, action_points)
    return sample


def can_sample(attempt: UnitAttempt) -> bool:
    """Return whether the attempt's state allows a sample, and a withdrawal does not forbid it."""
    return attempt.state in STATES_TO_SAMPLE and not is_withdrawn_before_completion(attempt)


def does_disagreement_end_round(attempt: UnitAttempt) -> bool:
    """Return whether a disagreement would end the round: it does once the assessor has signed."""
    return (attempt.state, AttemptAction.DISAGREE) in TRANSITIONS


def _check_chosen(attempt: UnitAttempt, chosen: Sequence[SampledDecision], comment: str) -> None:
    if attempt.state is AttemptState.CERTIFICATE_CLAIMED:
        raise Refused(
            f"The certificate for {attempt.unit.code} has been claimed, so it cannot be sampled. A second "
            "person must agree to reopen it first. Nothing was saved."
        )
    if attempt.state not in STATES_TO_SAMPLE:
        raise Refused(
            f"{attempt.unit.code} is {attempt.state.label.lower()} and cannot be sampled. Nothing was saved."
        )
    if not chosen:
        raise Invalid("Choose Agree or Disagree for at least one decision. Nothing was saved.", "decisions")
    if max(len(text) for text in (comment, *(sampled.comment for sampled in chosen))) > MAX_COMMENT_LENGTH:
        raise Invalid(
            f"A comment can have at most {MAX_COMMENT_LENGTH:,} characters. Shorten it. Nothing was saved.", "comment"
        )
    for sampled in chosen:
        if not sampled.agrees:
            validate_action(
                sampled.comment,
                sampled.due_on,
                action_field=f"action-{sampled.decision_id}",
                due_field=f"due-{sampled.decision_id}",
            )


def _load_sampled_claims(attempt: UnitAttempt, chosen: Sequence[SampledDecision]) -> list[_SampledClaim]:
    """Return the live decisions that were sampled, in the order of the unit's criteria.

    Raises:
        Conflict: one was superseded.
        NotFound: one is not an assessor's decision in this attempt.
    """
    by_id = {sampled.decision_id: sampled for sampled in chosen}
    query = (
        select(Decision, Claim, Criterion)
        .join(Claim, Claim.id == Decision.claim_id)
        .join(Criterion, Criterion.id == Claim.criterion_id)
        .where(Decision.id.in_(by_id), Decision.attempt_id == attempt.id)
        .order_by(Criterion.position, Decision.id)
    )
    claims = [
        _SampledClaim(by_id[decision.id], decision, claim, criterion)
        for decision, claim, criterion in db.session.execute(query)
    ]
    if len(claims) < len(by_id) or any(claim.decision.assessment_id is None for claim in claims):
        raise NotFound
    if any(claim.decision.superseded_at or claim.claim.removed_at for claim in claims):
        raise Conflict(
            "A decision was changed since you opened this page. Nothing was saved. "
            "The decisions are shown as they are now, with what you typed. Read them again, then save."
        )
    return claims


def _add_sample(
    attempt: UnitAttempt, claims: list[_SampledClaim], comment: str, actor: Actor
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
        claim.decision.id: SampleItem(
            sample_id=sample.id,
            evidence_version_id=claim.decision.evidence_version_id,
            criterion_id=claim.criterion.id,
            agrees=claim.sampled.agrees,
            comment=claim.sampled.comment.strip(),
        )
        for claim in claims
    }
    db.session.add_all(items.values())
    db.session.flush()
    return sample, items


def _supersede_decisions(
    disagreed: list[_SampledClaim], items: dict[int, SampleItem], sampled_at: datetime
) -> list[Decision]:
    """Supersede each decision that the verifier disagrees with by `needs_more`; return the new decisions."""
    for claim in disagreed:
        claim.decision.superseded_at = sampled_at
    db.session.flush()  # a claim has one live decision: the old one must end before the new one is inserted
    new_decisions = [
        Decision(
            attempt_id=claim.decision.attempt_id,
            claim_id=claim.claim.id,
            evidence_version_id=claim.decision.evidence_version_id,
            sample_item_id=items[claim.decision.id].id,
            outcome=Outcome.NEEDS_MORE,
            comment=claim.sampled.comment.strip(),
            decided_at=sampled_at,
            decided_by_id=items[claim.decision.id].sample.verifier_id,
        )
        for claim in disagreed
    ]
    db.session.add_all(new_decisions)
    db.session.flush()
    return new_decisions


def _record_sample(
    sample: Sample, claims: list[_SampledClaim], new_decisions: list[Decision], comment: str, actor: Actor
) -> None:
    record(
        "sample_drawn",
        sample,
        actor,
        texts={"comment": comment},
        attempt=sample.attempt_id,
        round=sample.round,
        sampled=len(claims),
        agreed=sum(claim.sampled.agrees for claim in claims),
        decisions=[
            {"decision": decision.id, "claim": decision.claim_id, "outcome": decision.outcome.value}
            for decision in new_decisions
        ],
    )


def _describe(disagreed: list[_SampledClaim]) -> str:
    """Return the reason of the reopening: each criterion with the action required."""
    return "\n".join(f"{claim.criterion.label}: {claim.sampled.comment.strip()}" for claim in disagreed)
