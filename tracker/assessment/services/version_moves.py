"""Moving an attempt to another version of its unit: claims follow confirmed links, and nothing is lost.

Decisions on unchanged wording stand; what was reworded waits for the assessor again; what has no link is left behind
and listed. The rows of the old version stay as they were, ended at the moment of the move.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from tracker.assessment import emails as email_texts
from tracker.assessment.queries.version_moves import list_open_attempts
from tracker.assessment.services.releasing import release_due_in
from tracker.assessment.services.version_move_plans import (
    ClaimMove,
    VersionMapping,
    VersionMovePlan,
    check_can_move,
    plan_version_move,
)
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import (
    Assessment,
    CarriedOverClaim,
    Centre,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceRequirement,
    RequirementConfirmation,
    Unit,
    UnitAttempt,
    VersionMove,
)
from tracker.registrations.services import find_current_allocation
from tracker.vocabulary import AssessmentState, Outcome, Role


def move_to_version(
    attempt: UnitAttempt,
    newer: Unit,
    reason: str,
    actor: Actor,
    *,
    seen_hash: str = "",
    mapping: VersionMapping | None = None,
) -> VersionMove:
    """Take an attempt over to a later version of its unit. What was seen beforehand is compared, if it is given.

    The administrator has proved who they are. Locks: the attempt, then its evidence.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator moves, never the operator
    reason = validate_move_reason(reason)
    lock_rows(UnitAttempt, [attempt.id])
    lock_rows(Evidence, claiming_items([attempt.id]))
    release_due_in(attempt)
    plan = plan_version_move(attempt, newer, mapping)
    check_can_move(plan)
    if seen_hash and seen_hash != plan.hash:
        raise Conflict(
            "Something changed while you were reading: a claim, a decision or a link. Nothing was moved; what you "
            "typed is kept. It is shown below as it is now: read it again, then move."
        )
    return _carry_out(plan, reason, actor, actor.person_id)


def move_all(older: Unit, newer: Unit, centre: Centre, reason: str, actor: Actor) -> tuple[int, dict[int, str]]:
    """Move every open attempt of a centre on this version.

    How many were moved comes out, and by attempt why others were not; nothing of those is changed.
    """
    reason = validate_move_reason(reason)
    ids = [attempt.id for attempt in list_open_attempts(older, centre.id)]
    lock_rows(UnitAttempt, ids)
    lock_rows(Evidence, claiming_items(ids))
    mapping, refused = VersionMapping(older, newer, centre.id), dict[int, str]()
    still_there = [each for each in list_open_attempts(older, centre.id) if each.id in ids]
    for attempt in still_there:
        try:
            move_to_version(attempt, newer, reason, actor, mapping=mapping)
        except Refused as refusal:  # raised before anything of this attempt is changed
            refused[attempt.id] = str(refusal)
    return len(still_there) - len(refused), refused


def claiming_items(attempt_ids: Iterable[int]) -> list[int]:
    query = select(Claim.evidence_id).where(Claim.attempt_id.in_(list(attempt_ids)), Claim.removed_at.is_(None))
    return list(db.session.scalars(query.distinct()))


def validate_move_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid(
            "Say why the attempt moves: the candidate and the assessor read it. Nothing was moved.", "reason"
        )
    if len(reason) > 2_000:
        raise Invalid("A reason takes at most 2,000 characters. Nothing was moved.", "reason")
    return reason


def _carry_out(plan: VersionMovePlan, reason: str, actor: Actor, person_id: int) -> VersionMove:
    attempt, older, newer, moment = plan.attempt, plan.mapping.older, plan.mapping.newer, now()
    move = VersionMove(
        attempt_id=attempt.id,
        from_unit_id=older.id,
        to_unit_id=newer.id,
        reason=reason,
        not_carried_over=[_as_left(step) for step in plan.not_carried_over],
        moved_at=moment,
        moved_by_id=person_id,
    )
    db.session.add(move)
    attempt.unit = newer
    for step in plan.steps:
        step.claim.removed_at, step.claim.removed_by_id = moment, person_id
        if step.decision:
            step.decision.superseded_at = moment
    for confirmation, _ in plan.confirmed:
        confirmation.removed_at = moment
    db.session.flush()  # what is live is freed before its successors take its place
    claims = _new_claims(plan, move)
    decisions = _new_decisions(claims)
    confirmations = _new_confirmations(plan)
    _carry_over_drafts(attempt, claims)
    db.session.flush()
    record(
        "attempt_moved",
        attempt,
        actor,
        texts={"reason": reason},
        move=move.id,
        before=older.content_hash,
        after=newer.content_hash,
        claims=[[step.claim.id, claim.id] for claim, _, steps in claims for step in steps],
        not_carried_over=[step.claim.id for step in plan.not_carried_over],
        decisions=[
            {"was": old.id, "decision": new.id, "claim": new.claim_id, "outcome": new.outcome.value}
            for old, new in decisions
        ],
        waiting=[claim.id for claim, position, steps in claims if _waits(position, steps)],
        confirmations=[[old.id, new.id] for old, new in confirmations],
        unconfirmed=sorted({each.id for each, _ in plan.confirmed} - {old.id for old, _ in confirmations}),
        counts={
            "claims": len(plan.steps),
            "followed": len(plan.follows),
            "not_carried_over": len(plan.not_carried_over),
        },
    )
    _notify_of_move(plan, move)
    return move


Carried = tuple[Claim, int, Sequence[ClaimMove]]
"""A new claim, the position it claims, and the claims it comes from."""


def _new_claims(plan: VersionMovePlan, move: VersionMove) -> list[Carried]:
    """One claim for each item and statement of the new version; two that lead to the same become one."""
    query = select(Criterion.position, Criterion.id).where(Criterion.unit_id == plan.mapping.newer.id)
    criterion_at = {row[0]: row[1] for row in db.session.execute(query)}
    sources: dict[tuple[int, int], list[ClaimMove]] = {}
    for step in plan.steps:
        for position in step.new_positions:
            sources.setdefault((step.evidence.id, position), []).append(step)
    carried: list[Carried] = [
        (_claim_from(steps, position, criterion_at[position], move), position, steps)
        for (_, position), steps in sources.items()
    ]
    db.session.add_all(claim for claim, _, _ in carried)
    db.session.flush()
    db.session.add_all(
        CarriedOverClaim(claim_id=claim.id, from_claim_id=step.claim.id, move_id=move.id)
        for claim, _, steps in carried
        for step in steps
    )
    return carried


def _claim_from(steps: Sequence[ClaimMove], position: int, criterion_id: int, move: VersionMove) -> Claim:
    old = [step.claim for step in steps]
    return Claim(
        attempt_id=move.attempt_id,
        evidence_id=old[0].evidence_id,
        criterion_id=criterion_id,
        locator="; ".join(dict.fromkeys(each.locator for each in old if each.locator))[:200],
        # what waits again waits from now on; else the candidate's claim is as old as it was
        claimed_at=move.moved_at if _waits(position, steps) else min(each.claimed_at for each in old),
        claimed_by_id=old[0].claimed_by_id,
        added_reason=next((each.added_reason for each in old if each.added_reason), None),
    )


def _standing(position: int, steps: Sequence[ClaimMove]) -> Decision | None:
    """The decision that stands on a new claim: of the same wording; where there are two, one that is met."""
    found = [step.decision for step in steps if step.decision and position in step.unchanged_positions]
    return max(found, key=lambda each: (each.outcome is Outcome.MET, each.decided_at, each.id), default=None)


def _waits(position: int, steps: Sequence[ClaimMove]) -> bool:
    return any(step.decision for step in steps) and _standing(position, steps) is None


def _new_decisions(claims: Iterable[Carried]) -> list[tuple[Decision, Decision]]:
    """The decisions that stand, each with its copy on the new claim: the same words, by the same person, then."""
    pairs = [
        (old, _copy_of(old, claim.id)) for claim, position, steps in claims if (old := _standing(position, steps))
    ]
    db.session.add_all(new for _, new in pairs)
    db.session.flush()
    return pairs


def _copy_of(decision: Decision, claim_id: int) -> Decision:
    return Decision(
        attempt_id=decision.attempt_id,
        claim_id=claim_id,
        evidence_version_id=decision.evidence_version_id,
        assessment_id=decision.assessment_id,
        reopening_id=decision.reopening_id,
        outcome=decision.outcome,
        comment=decision.comment,
        decided_at=decision.decided_at,
        decided_by_id=decision.decided_by_id,
    )


def _new_confirmations(plan: VersionMovePlan) -> list[tuple[RequirementConfirmation, RequirementConfirmation]]:
    query = select(EvidenceRequirement.position, EvidenceRequirement.id).where(
        EvidenceRequirement.unit_id == plan.mapping.newer.id
    )
    requirement_at = {row[0]: row[1] for row in db.session.execute(query)}
    pairs = [
        (
            old,
            RequirementConfirmation(
                attempt_id=old.attempt_id,
                round=old.round,
                requirement_id=requirement_at[position],
                note=old.note,
                confirmed_at=old.confirmed_at,
                confirmed_by_id=old.confirmed_by_id,
            ),
        )
        for old, position in plan.confirmations_standing
    ]
    db.session.add_all(new for _, new in pairs)
    db.session.flush()
    return pairs


def _carry_over_drafts(attempt: UnitAttempt, claims: Iterable[Carried]) -> None:
    """What an assessor has put down and not yet decided follows too; under other words only the comment does.

    The draft of the old claims stay where they were: nothing that was typed is lost.
    """
    carried = list(claims)
    drafts = select(Assessment).where(Assessment.attempt_id == attempt.id, Assessment.state == AssessmentState.DRAFT)
    for assessment in db.session.scalars(drafts):
        draft = {**assessment.draft_decisions}
        for claim, position, steps in carried:
            if mark := _build_draft_decision(position, steps, assessment.draft_decisions):
                draft[str(claim.id)] = mark
        assessment.draft_decisions = draft


def _build_draft_decision(position: int, steps: Sequence[ClaimMove], draft: Mapping[str, Any]) -> dict[str, Any]:
    mark: dict[str, Any] = {}
    for step in steps:
        was = draft.get(str(step.claim.id), {})
        if was.get("outcome") and position in step.unchanged_positions:
            mark.setdefault("outcome", was["outcome"])
        if was.get("comment"):
            mark["comment"] = "\n".join(filter(None, [mark.get("comment"), was["comment"]]))
    return mark


def _as_left(step: ClaimMove) -> dict[str, Any]:
    return {
        "claim": step.claim.id,
        "evidence": step.evidence.id,
        "number": step.evidence.number,
        "kind": step.criterion.kind.value,
        "label": step.criterion.label,
        "text": step.criterion.text,
        "locator": step.claim.locator,
        "outcome": step.decision.outcome.value if step.decision else None,
        "comment": step.decision.comment if step.decision else "",
        "because": step.not_carried_over_reason,
    }


def _notify_of_move(plan: VersionMovePlan, move: VersionMove) -> None:
    """Tell the candidate and the assessor that the attempt has moved."""
    attempt = plan.attempt
    allocation = find_current_allocation(attempt, Role.ASSESSOR)
    email = email_texts.build_version_moved_email(attempt, plan.mapping.newer, len(plan.not_carried_over))
    for person in (attempt.candidate, allocation.person if allocation else None):
        if person:
            emails.notify(person, f"attempt_moved:{move.id}:{person.id}", *email)
