"""Version moves: an attempt moves to a later version of its unit (docs/rules.md, Units and versions).

Claims are carried over along confirmed links. A decision is kept where the wording is unchanged; otherwise the
assessor decides again. Claims without a link are listed as not carried over. The rows of the older version stay,
ended at the moment of the move.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from tracker.assessment import emails as email_texts
from tracker.assessment.queries.version_moves import list_open_attempts
from tracker.assessment.services.countersigning import end_countersignatures
from tracker.assessment.services.releasing import release_due_in
from tracker.assessment.services.version_move_plans import (
    ClaimMove,
    VersionMapping,
    VersionMovePlan,
    check_ready_to_move,
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
    WitnessTestimony,
)
from tracker.registrations.current_allocations import find_current_allocation
from tracker.vocabulary import AssessmentState, CountersignatureEnd, Outcome, Role


def move_to_version(
    attempt: UnitAttempt,
    newer: Unit,
    reason: str,
    actor: Actor,
    *,
    seen_hash: str = "",
    mapping: VersionMapping | None = None,
) -> VersionMove:
    """Lock an attempt and the evidence claimed in it, and move the attempt to a later version of its unit.

    The caller has checked the administrator's password.

    Args:
        attempt: the attempt.
        newer: the version it moves to.
        reason: why, for the candidate and the assessor.
        actor: the administrator.
        seen_hash: the hash of the plan on the page; empty is not checked.
        mapping: the mapping between the versions, if the caller has it.

    Raises:
        Conflict: the plan is no longer the one that was shown.
        Invalid: the reason is missing or too long.
        Refused: the attempt cannot move to this version now.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator moves, never the operator
    reason = validate_move_reason(reason)
    lock_rows(UnitAttempt, [attempt.id])
    lock_rows(Evidence, list_claiming_evidence([attempt.id]))
    release_due_in(attempt)
    plan = plan_version_move(attempt, newer, mapping)
    check_ready_to_move(plan)
    if seen_hash and seen_hash != plan.hash:
        raise Conflict(
            "A claim, a decision or a link changed while you were reading. Nothing was moved. "
            "What you typed is kept. Read the page again as it is now, then move the unit."
        )
    end_countersignatures([attempt], CountersignatureEnd.UNIT_VERSION, actor)
    return _execute_plan(plan, reason, actor, actor.person_id)


def move_all(older: Unit, newer: Unit, centre: Centre, reason: str, actor: Actor) -> tuple[int, dict[int, str]]:
    """Move every open attempt of a centre from one version to another.

    Returns:
        How many attempts moved, and the reason for each refused one by attempt id. Refused attempts are unchanged.

    Raises:
        Invalid: the reason is missing or too long.
    """
    reason = validate_move_reason(reason)
    ids = [attempt.id for attempt in list_open_attempts(older, centre.id)]
    lock_rows(UnitAttempt, ids)
    lock_rows(Evidence, list_claiming_evidence(ids))
    mapping, refused = VersionMapping(older, newer, centre.id), dict[int, str]()
    open_attempts = [attempt for attempt in list_open_attempts(older, centre.id) if attempt.id in ids]
    for attempt in open_attempts:
        try:
            move_to_version(attempt, newer, reason, actor, mapping=mapping)
        except Refused as refusal:  # raised before anything of this attempt is changed
            refused[attempt.id] = str(refusal)
    return len(open_attempts) - len(refused), refused


def list_claiming_evidence(attempt_ids: Iterable[int]) -> list[int]:
    """Return the ids of the evidence claimed in these attempts."""
    query = select(Claim.evidence_id).where(Claim.attempt_id.in_(list(attempt_ids)), Claim.removed_at.is_(None))
    return list(db.session.scalars(query.distinct()))


def validate_move_reason(reason: str) -> str:
    """Return the reason without spaces around it; raise `Invalid` if it is missing or too long."""
    reason = reason.strip()
    if not reason:
        raise Invalid(
            "Enter why you move the unit. The candidate and the assessor can see it. Nothing was moved.", "reason"
        )
    if len(reason) > 2_000:
        raise Invalid("The reason can have at most 2,000 characters. Shorten it. Nothing was moved.", "reason")
    return reason


def _execute_plan(plan: VersionMovePlan, reason: str, actor: Actor, person_id: int) -> VersionMove:
    attempt, older, newer, moment = plan.attempt, plan.mapping.older, plan.mapping.newer, now()
    move = VersionMove(
        attempt_id=attempt.id,
        from_unit_id=older.id,
        to_unit_id=newer.id,
        reason=reason,
        not_carried_over=[_describe_not_carried_over(source) for source in plan.not_carried_over],
        moved_at=moment,
        moved_by_id=person_id,
    )
    db.session.add(move)
    attempt.unit = newer
    for source in plan.moves:
        source.claim.removed_at, source.claim.removed_by_id = moment, person_id
        if source.decision:
            source.decision.superseded_at = moment
    for confirmation, _ in plan.confirmed:
        confirmation.removed_at = moment
    db.session.flush()  # a claim has one live decision: old rows must end before their successors are inserted
    claims = _carry_over_claims(plan, move)
    decisions = _copy_decisions(claims)
    confirmations = _copy_confirmations(plan)
    _carry_over_drafts(attempt, claims)
    _carry_over_requests(plan)
    db.session.flush()
    record(
        "attempt_moved",
        attempt,
        actor,
        texts={"reason": reason},
        move=move.id,
        before=older.content_hash,
        after=newer.content_hash,
        claims=[[source.claim.id, claim.id] for claim, _, sources in claims for source in sources],
        not_carried_over=[source.claim.id for source in plan.not_carried_over],
        decisions=[
            {"was": old.id, "decision": new.id, "claim": new.claim_id, "outcome": new.outcome.value}
            for old, new in decisions
        ],
        to_reassess=[claim.id for claim, position, sources in claims if _needs_reassessment(position, sources)],
        confirmations=[[old.id, new.id] for old, new in confirmations],
        unconfirmed=sorted(
            {confirmation.id for confirmation, _ in plan.confirmed} - {old.id for old, _ in confirmations}
        ),
        counts={
            "claims": len(plan.moves),
            "carried_over": len(plan.carried_over),
            "not_carried_over": len(plan.not_carried_over),
        },
    )
    _notify_of_move(plan, move)
    return move


CarriedOver = tuple[Claim, int, Sequence[ClaimMove]]
"""A new claim, the position that it claims, and the claims that it comes from."""


def _carry_over_claims(plan: VersionMovePlan, move: VersionMove) -> list[CarriedOver]:
    """Add a claim for each item and criterion of the newer version; claims that lead to the same one are merged."""
    criterion_at = {position: id_ for id_, position in _load_positions(plan.mapping.newer).items()}
    moves_by_target: dict[tuple[int, int], list[ClaimMove]] = {}
    for source in plan.moves:
        for position in source.new_positions:
            moves_by_target.setdefault((source.evidence.id, position), []).append(source)
    claims: list[CarriedOver] = [
        (_build_claim(sources, position, criterion_at[position], move), position, sources)
        for (_, position), sources in moves_by_target.items()
    ]
    db.session.add_all(claim for claim, _, _ in claims)
    db.session.flush()
    db.session.add_all(
        CarriedOverClaim(claim_id=claim.id, from_claim_id=source.claim.id, move_id=move.id)
        for claim, _, sources in claims
        for source in sources
    )
    return claims


def _build_claim(sources: Sequence[ClaimMove], position: int, criterion_id: int, move: VersionMove) -> Claim:
    old = [source.claim for source in sources]
    return Claim(
        attempt_id=move.attempt_id,
        evidence_id=old[0].evidence_id,
        criterion_id=criterion_id,
        locator="; ".join(dict.fromkeys(claim.locator for claim in old if claim.locator))[:200],
        # a claim to decide again enters the queue now; any other keeps its age
        claimed_at=move.moved_at
        if _needs_reassessment(position, sources)
        else min(claim.claimed_at for claim in old),
        claimed_by_id=old[0].claimed_by_id,
        added_reason=next((claim.added_reason for claim in old if claim.added_reason), None),
    )


def _find_kept_decision(position: int, sources: Sequence[ClaimMove]) -> Decision | None:
    """Return the decision kept on a new claim: one on the same wording, a met one before others, then the latest."""
    kept_decisions = [
        source.decision for source in sources if source.decision and position in source.unchanged_positions
    ]
    return max(
        kept_decisions,
        key=lambda decision: (decision.outcome is Outcome.MET, decision.decided_at, decision.id),
        default=None,
    )


def _needs_reassessment(position: int, sources: Sequence[ClaimMove]) -> bool:
    return any(source.decision for source in sources) and _find_kept_decision(position, sources) is None


def _copy_decisions(claims: Iterable[CarriedOver]) -> list[tuple[Decision, Decision]]:
    """Copy the kept decisions to the new claims; return each old decision with its copy."""
    pairs = [
        (old, _copy_decision(old, claim.id))
        for claim, position, sources in claims
        if (old := _find_kept_decision(position, sources))
    ]
    db.session.add_all(new for _, new in pairs)
    db.session.flush()
    return pairs


def _copy_decision(decision: Decision, claim_id: int) -> Decision:
    return Decision(
        attempt_id=decision.attempt_id,
        claim_id=claim_id,
        evidence_version_id=decision.evidence_version_id,
        assessment_id=decision.assessment_id,
        reopening_id=decision.reopening_id,
        sample_item_id=decision.sample_item_id,
        outcome=decision.outcome,
        comment=decision.comment,
        decided_at=decision.decided_at,
        decided_by_id=decision.decided_by_id,
    )


def _copy_confirmations(plan: VersionMovePlan) -> list[tuple[RequirementConfirmation, RequirementConfirmation]]:
    """Copy the kept confirmations to the newer version; return each old confirmation with its copy."""
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
        for old, position in plan.confirmations_kept
    ]
    db.session.add_all(new for _, new in pairs)
    db.session.flush()
    return pairs


def _carry_over_drafts(attempt: UnitAttempt, claims: Iterable[CarriedOver]) -> None:
    """Copy draft decisions to the new claims; where the wording has changed, only the comment is copied.

    The drafts of the old claims are kept, so nothing that was typed is lost.
    """
    claims = list(claims)
    drafts = select(Assessment).where(Assessment.attempt_id == attempt.id, Assessment.state == AssessmentState.DRAFT)
    for assessment in db.session.scalars(drafts):
        draft = {**assessment.draft_decisions}
        for claim, position, sources in claims:
            if decision := _build_draft_decision(position, sources, assessment.draft_decisions):
                draft[str(claim.id)] = decision
        assessment.draft_decisions = draft


def _carry_over_requests(plan: VersionMovePlan) -> None:
    """Propose the criteria of the newer version in each request that its witness has not answered.

    A criterion without a successor stays in the request, so that its page can name it: it can no longer be ticked
    (docs/rules.md, Witness testimonies, rule 19).
    """
    query = select(WitnessTestimony.id).where(
        WitnessTestimony.attempt_id == plan.attempt.id,
        WitnessTestimony.signed_at.is_(None),
        WitnessTestimony.withdrawn_at.is_(None),
        WitnessTestimony.declined_at.is_(None),
    )
    ids = list(db.session.scalars(query))
    if not ids:
        return
    lock_rows(WitnessTestimony, ids)
    older, newer = _load_positions(plan.mapping.older), _load_positions(plan.mapping.newer)
    criterion_at = {position: id_ for id_, position in newer.items()}
    for testimony in db.session.scalars(select(WitnessTestimony).where(WitnessTestimony.id.in_(ids))):
        proposed: set[int] = set()
        for id_ in testimony.criterion_ids:
            successors = plan.mapping.successors.get(older.get(id_, 0), ())
            proposed.update([criterion_at[position] for position in successors] or [id_])
        testimony.criterion_ids = sorted(proposed)


def _load_positions(unit: Unit) -> dict[int, int]:
    """Return the position of each criterion of a unit, by its id."""
    query = select(Criterion.id, Criterion.position).where(Criterion.unit_id == unit.id)
    return {row[0]: row[1] for row in db.session.execute(query)}


def _build_draft_decision(position: int, sources: Sequence[ClaimMove], draft: Mapping[str, Any]) -> dict[str, Any]:
    """Return the draft outcome and comments of a new claim, from the drafts of the claims it comes from."""
    decision: dict[str, Any] = {}
    for source in sources:
        earlier = draft.get(str(source.claim.id), {})
        if earlier.get("outcome") and position in source.unchanged_positions:
            decision.setdefault("outcome", earlier["outcome"])
        if earlier.get("comment"):
            decision["comment"] = "\n".join(filter(None, [decision.get("comment"), earlier["comment"]]))
    return decision


def _describe_not_carried_over(source: ClaimMove) -> dict[str, Any]:
    return {
        "claim": source.claim.id,
        "evidence": source.evidence.id,
        "number": source.evidence.number,
        "kind": source.criterion.kind.value,
        "label": source.criterion.label,
        "text": source.criterion.text,
        "locator": source.claim.locator,
        "outcome": source.decision.outcome.value if source.decision else None,
        "comment": source.decision.comment if source.decision else "",
        "because": source.not_carried_over_reason,
    }


def _notify_of_move(plan: VersionMovePlan, move: VersionMove) -> None:
    """Email the candidate and the assessor that the attempt has moved."""
    attempt = plan.attempt
    allocation = find_current_allocation(attempt, Role.ASSESSOR)
    email = email_texts.build_version_moved_email(attempt, plan.mapping.newer, len(plan.not_carried_over))
    for person in (attempt.candidate, allocation.person if allocation else None):
        if person:
            emails.notify(person, f"attempt_moved:{move.id}:{person.id}", *email)
