"""Claims of criteria by the candidate: added, removed, and given a locator."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from tracker.clock import now
from tracker.errors import Conflict, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Claim, Criterion, Decision, Evidence, EvidenceRequirement, Unit, UnitAttempt, VersionMove
from tracker.registrations.separation_of_duties import check_not_withdrawn
from tracker.vocabulary import AttemptState, Method, Simulation


@dataclass(frozen=True)
class Tick:
    """One checkbox of the matrix or of an item's criteria: whether it is ticked, and where in the item to look."""

    attempt_id: int
    evidence_id: int
    criterion_id: int
    ticked: bool
    locator: str | None = None
    """Where to look in the item (page or time); None leaves the locator as it was."""


def set_claims(ticks: Iterable[Tick], candidate_id: int, actor: Actor) -> int:
    """Add, remove and locate claims as ticked, and return the number of changes; other claims stay as they are.

    Raises `Refused` when a claim may not change (the attempt is signed, the claim is decided, simulation is
    forbidden) and `NotFound` for an attempt or item of another candidate, or a record that somebody else wrote; then
    nothing is changed.
    """
    requested_ticks = list(ticks)
    lock_rows(UnitAttempt, (tick.attempt_id for tick in requested_ticks))
    lock_rows(Evidence, (tick.evidence_id for tick in requested_ticks))
    attempts = _load_own_attempts({tick.attempt_id for tick in requested_ticks}, candidate_id)
    items = _load_own_items({tick.evidence_id for tick in requested_ticks}, candidate_id)
    live_claims = _load_live_claims(attempts, items)
    _check_criteria(
        {(attempts[t.attempt_id].unit_id, t.criterion_id) for t in requested_ticks if t.attempt_id in attempts}
    )
    changes: dict[int, list[tuple[str, Claim]]] = {}
    for tick in requested_ticks:
        attempt, evidence = attempts.get(tick.attempt_id), items.get(tick.evidence_id)
        if not attempt or not evidence or attempt.centre_id != evidence.centre_id:
            raise NotFound
        claim = live_claims.get((tick.attempt_id, tick.evidence_id, tick.criterion_id))
        if change := _apply_tick(tick, attempt, evidence, claim, actor):
            changes.setdefault(evidence.id, []).append(change)
    db.session.flush()
    _record_changes(changes, items, actor)
    return sum(map(len, changes.values()))


def compute_claims_hash(evidence: Evidence) -> str:
    """Return a hash over an item's live claims, for the event of its submission."""
    query = (
        select(Claim.attempt_id, Claim.criterion_id, Claim.locator)
        .where(Claim.evidence_id == evidence.id, Claim.removed_at.is_(None))
        .order_by(Claim.attempt_id, Claim.criterion_id)
    )
    return sha256("tracker.claims.v1", canonical_json([list(row) for row in db.session.execute(query)]))


def check_simulation(attempt: UnitAttempt, method: Method | None) -> None:
    """Raise `Refused` for simulated evidence where the unit forbids it (docs/rules.md, Simulation).

    The message quotes the unit's own rule.
    """
    if method is Method.SIMULATION and attempt.unit.simulation is Simulation.FORBIDDEN:
        rule = db.session.scalars(
            select(EvidenceRequirement)
            .where(EvidenceRequirement.unit_id == attempt.unit_id)
            .order_by(EvidenceRequirement.position)
        ).first()
        quoted = f" Its evidence requirement {rule.label} says: “{rule.text}”" if rule else ""
        raise Refused(
            f"{attempt.unit.code} does not allow simulated evidence.{quoted} "
            "Nothing was changed. Claim these criteria with evidence from your real work."
        )


def _apply_tick(
    tick: Tick, attempt: UnitAttempt, evidence: Evidence, claim: Claim | None, actor: Actor
) -> tuple[str, Claim] | None:
    """Apply one tick; return `added`, `removed` or `located` with the claim, or None where nothing changed."""
    if tick.ticked and claim is None:
        _check_in_progress(attempt)
        check_simulation(attempt, evidence.method)
        return "added", _add_claim(tick, actor)
    if not tick.ticked and claim is not None:
        _check_in_progress(attempt)
        _check_undecided(claim)
        claim.removed_at, claim.removed_by_id = now(), actor.person_id
        return "removed", claim
    if claim is not None and tick.locator is not None and tick.locator != claim.locator:
        _check_in_progress(attempt)
        claim.locator = tick.locator
        return "located", claim
    return None


def _add_claim(tick: Tick, actor: Actor) -> Claim:
    assert actor.person_id is not None  # noqa: S101 - claims are made by people, never by the operator
    claim = Claim(
        attempt_id=tick.attempt_id,
        evidence_id=tick.evidence_id,
        criterion_id=tick.criterion_id,
        locator=tick.locator or "",
        claimed_at=now(),
        claimed_by_id=actor.person_id,
    )
    db.session.add(claim)
    return claim


def _check_in_progress(attempt: UnitAttempt) -> None:
    check_not_withdrawn(attempt)
    if attempt.state is not AttemptState.IN_PROGRESS:
        raise Refused(
            f"{attempt.unit.code} is {attempt.state.label.lower()}, so its claims cannot be changed. "
            "Nothing was changed."
        )


def _check_undecided(claim: Claim) -> None:
    decided = db.session.scalar(
        select(Decision.id).where(Decision.claim_id == claim.id, Decision.superseded_at.is_(None))
    )
    if decided:
        raise Refused(
            "Your assessor has already decided this claim, so only they can remove it. Nothing was changed."
        )


def _load_own_attempts(ids: set[int], candidate_id: int) -> Mapping[int, UnitAttempt]:
    query = select(UnitAttempt).where(UnitAttempt.id.in_(ids), UnitAttempt.candidate_id == candidate_id)
    return {attempt.id: attempt for attempt in db.session.scalars(query)}


def _load_own_items(ids: set[int], candidate_id: int) -> Mapping[int, Evidence]:
    query = select(Evidence).where(
        Evidence.id.in_(ids),
        Evidence.candidate_id == candidate_id,
        Evidence.author_id.is_(None),
        # Answers to set questions claim the criteria of the questions when they are submitted.
        or_(Evidence.record_kind.is_(None), Evidence.number.is_not(None)),
        Evidence.discarded_at.is_(None),
    )
    return {evidence.id: evidence for evidence in db.session.scalars(query)}


def _load_live_claims(
    attempts: Mapping[int, UnitAttempt], items: Mapping[int, Evidence]
) -> dict[tuple[int, int, int], Claim]:
    query = select(Claim).where(
        Claim.attempt_id.in_(attempts), Claim.evidence_id.in_(items), Claim.removed_at.is_(None)
    )
    return {(each.attempt_id, each.evidence_id, each.criterion_id): each for each in db.session.scalars(query)}


def _check_criteria(pairs: set[tuple[int, int]]) -> None:
    """Raise `NotFound` for a pair of unit and criterion ids that is not an assessable criterion of the unit."""
    query = select(Criterion.unit_id, Criterion.id).where(
        Criterion.id.in_({criterion_id for _, criterion_id in pairs}), Criterion.assessable
    )
    unknown = pairs - {(unit_id, criterion_id) for unit_id, criterion_id in db.session.execute(query)}
    if unknown:
        _check_not_moved(unknown)
        raise NotFound


def _check_not_moved(pairs: set[tuple[int, int]]) -> None:
    """Raise `Conflict` where a criterion is of the version that its attempt moved from since the page was opened."""
    current_unit, earlier_unit = aliased(Unit), aliased(Unit)
    moved = (
        select(VersionMove.id)
        .join(current_unit, current_unit.id == VersionMove.to_unit_id)
        .join(earlier_unit, earlier_unit.id == VersionMove.from_unit_id)
        .join(Criterion, Criterion.unit_id == earlier_unit.id)
        .where(current_unit.id.in_({unit_id for unit_id, _ in pairs}), Criterion.id.in_({each for _, each in pairs}))
    )
    if db.session.scalars(moved).first():
        raise Conflict(
            "This unit has moved to another version since you opened the page. Nothing was saved. Reload the page "
            "to see the current criteria."
        )


def _record_changes(
    changes: Mapping[int, list[tuple[str, Claim]]], items: Mapping[int, Evidence], actor: Actor
) -> None:
    """Record one `claims_changed` for each submitted item; changes to a draft's claims are not recorded."""
    for evidence_id in sorted(each for each in changes if items[each].number is not None):
        claim_ids = {
            kind: [claim.id for change, claim in changes[evidence_id] if change == kind]
            for kind in ("added", "removed", "located")
        }
        record("claims_changed", items[evidence_id], actor, claims=claim_ids)
