"""What moving an attempt to another version would do: what follows, what stands, what is left behind."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.library.queries.links import compare_units, format_label, get_document, list_link_decisions
from tracker.library.queries.units import version_order
from tracker.models import (
    Assessment,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceRequirement,
    RequirementConfirmation,
    Unit,
    UnitAttempt,
)
from tracker.registrations.separation_of_duties import check_not_withdrawn
from tracker.units.comparison import list_wordings, match_requirements
from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.vocabulary import AttemptState, Method, Simulation

NO_LINK, SIMULATED = "no_link", "simulation"
"""Why a claim is left behind."""


class VersionMapping:
    """What leads from one version to another, as one centre has confirmed it; the same for all its attempts."""

    def __init__(self, older: Unit, newer: Unit, centre_id: int) -> None:
        self.older, self.newer, self.centre_id = older, newer, centre_id
        decided = list_link_decisions(older, newer, centre_id)
        self.successors: dict[int, list[int]] = {}
        for position, other in sorted(link for link, each in decided.items() if each.is_confirmed):
            self.successors.setdefault(position, []).append(other)
        pairs = compare_units(older, newer, decided)
        self.open = {
            pair.link[0] for pair in pairs if pair.link and pair.link not in decided
        } - self.successors.keys()
        """Statements for which somebody has still to say what has become of them."""

    @cached_property
    def documents(self) -> tuple[UnitDocument, UnitDocument]:
        return get_document(self.older), get_document(self.newer)

    @cached_property
    def criteria(self) -> dict[int, CriterionDocument]:
        """Of the older version, by position."""
        return {each.position: each for each in self.documents[0].criteria}

    @cached_property
    def same_wording(self) -> set[tuple[int, int]]:
        """Links between statements on which one and the same decision can stand."""
        before, after = (list_wordings(document) for document in self.documents)
        return {(one, two) for one, others in self.successors.items() for two in others if before[one] == after[two]}

    @cached_property
    def requirements(self) -> dict[int, int]:
        """Evidence requirements of unchanged words, from position to position."""
        return match_requirements(*self.documents)


@dataclass(frozen=True)
class ClaimMove:
    """A live claim, and where it goes."""

    claim: Claim
    evidence: Evidence
    criterion: CriterionDocument
    decision: Decision | None
    new_positions: tuple[int, ...]
    """Positions in the new version; none for what is left behind."""
    unchanged_positions: tuple[int, ...]
    """Those of them with the same wording."""
    not_carried_over_reason: str = ""

    @property
    def to_reassess(self) -> bool:
        """It was decided, and is to be decided anew under other words."""
        return self.decision is not None and set(self.new_positions) != set(self.unchanged_positions)


@dataclass(frozen=True)
class VersionMovePlan:
    """What a move would do."""

    attempt: UnitAttempt
    mapping: VersionMapping
    steps: tuple[ClaimMove, ...]
    confirmed: tuple[tuple[RequirementConfirmation, int], ...]
    """Confirmed evidence requirements of this round, with their positions in the old version."""

    @property
    def follows(self) -> tuple[ClaimMove, ...]:
        return tuple(step for step in self.steps if step.new_positions)

    @property
    def not_carried_over(self) -> tuple[ClaimMove, ...]:
        return tuple(step for step in self.steps if not step.new_positions)

    @property
    def stands(self) -> tuple[ClaimMove, ...]:
        return tuple(step for step in self.steps if step.decision and step.unchanged_positions)

    @property
    def to_reassess(self) -> tuple[ClaimMove, ...]:
        return tuple(step for step in self.steps if step.to_reassess)

    @property
    def confirmations_standing(self) -> tuple[tuple[RequirementConfirmation, int], ...]:
        kept = self.mapping.requirements
        return tuple((each, kept[position]) for each, position in self.confirmed if position in kept)

    @property
    def undecided_links(self) -> tuple[CriterionDocument, ...]:
        """Claimed statements of which nobody has said what has become of them."""
        positions = {step.criterion.position for step in self.steps} & self.mapping.open
        return tuple(self.mapping.criteria[position] for position in sorted(positions))

    @property
    def hash(self) -> str:
        """Of everything a person has read before they moved it."""
        facts = [
            [
                step.claim.id,
                step.claim.locator,
                step.decision and step.decision.id,
                step.new_positions,
                step.unchanged_positions,
            ]
            for step in self.steps
        ]
        units = [self.mapping.older.content_hash, self.mapping.newer.content_hash]
        return sha256("tracker.move.v1", canonical_json([self.attempt.id, units, facts]))


def plan_version_move(attempt: UnitAttempt, newer: Unit, mapping: VersionMapping | None = None) -> VersionMovePlan:
    """What a move would do, without doing it. Raises `Refused` where there is nothing to plan."""
    check_movable(attempt, newer)
    mapping = mapping or VersionMapping(attempt.unit, newer, attempt.centre_id)
    query = (
        select(Claim, Criterion.position, Decision)
        .join(Criterion, Criterion.id == Claim.criterion_id)
        .outerjoin(Decision, (Decision.claim_id == Claim.id) & Decision.superseded_at.is_(None))
        .where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None))
        .options(joinedload(Claim.evidence))
        .order_by(Claim.id)
    )
    steps = [_step(mapping, claim, position, decision) for claim, position, decision in db.session.execute(query)]
    confirmations = (
        select(RequirementConfirmation, EvidenceRequirement.position)
        .join(EvidenceRequirement, EvidenceRequirement.id == RequirementConfirmation.requirement_id)
        .where(
            RequirementConfirmation.attempt_id == attempt.id,
            RequirementConfirmation.round == attempt.round,
            RequirementConfirmation.removed_at.is_(None),
        )
    )
    confirmed = tuple((row[0], row[1]) for row in db.session.execute(confirmations))
    return VersionMovePlan(attempt, mapping, tuple(steps), confirmed)


def check_movable(attempt: UnitAttempt, newer: Unit) -> None:
    """Raise `Refused` unless the attempt is open and this is a later version of its very unit."""
    code = attempt.unit.code
    if attempt.unit_id == newer.id:
        raise Refused(f"This attempt is on {format_version(newer)} of {code} already. Nothing was moved.")
    if attempt.state is not AttemptState.IN_PROGRESS:
        raise Refused(
            f"{code} is {attempt.state.label.lower()}, and what is signed stays on the version it was signed on. "
            "Nothing was moved."
        )
    check_not_withdrawn(attempt)
    is_seen = newer.owner_centre_id in {None, attempt.centre_id}
    if newer.code != code or not is_seen or version_order(newer) <= version_order(attempt.unit):
        raise Refused(f"An attempt at {code} moves only to a later version of {code}. Nothing was moved.")
    held = select(UnitAttempt.id).where(
        UnitAttempt.candidate_id == attempt.candidate_id,
        UnitAttempt.centre_id == attempt.centre_id,
        UnitAttempt.unit_id == newer.id,
        UnitAttempt.state != AttemptState.VOID,
    )
    if db.session.scalar(held):
        raise Refused(f"The candidate attempts {format_version(newer)} of {code} already. Nothing was moved.")


def check_can_move(plan: VersionMovePlan) -> None:
    """Raise `Refused` while links are undecided, or a decision can still be undone."""
    if plan.undecided_links:
        labels = ", ".join(format_label(each.kind, each.label) for each in plan.undecided_links)
        raise Refused(
            f"Nobody has yet said what has become of {labels} in {format_version(plan.mapping.newer)}. "
            "Nothing was moved. Compare the two versions first, and confirm or refuse each proposed link."
        )
    pending = select(Assessment.id).where(Assessment.attempt_id == plan.attempt.id, Assessment.release_after > now())
    if db.session.scalar(pending):
        raise Refused(
            "The assessor has decided something a moment ago and can still undo it. Nothing was moved. "
            "Try again in a few seconds."
        )


def format_version(unit: Unit) -> str:
    """As a sentence names it: `version 2`, or `version 2, revision 3`."""
    return f"version {unit.version}" + (f", revision {unit.revision}" if unit.revision > 1 else "")


def _step(mapping: VersionMapping, claim: Claim, position: int, decision: Decision | None) -> ClaimMove:
    new_positions = tuple(mapping.successors.get(position, ()))
    not_carried_over_reason = "" if new_positions else NO_LINK
    if (
        new_positions
        and claim.evidence.method is Method.SIMULATION
        and mapping.newer.simulation is Simulation.FORBIDDEN
    ):
        new_positions, not_carried_over_reason = (), SIMULATED
    return ClaimMove(
        claim=claim,
        evidence=claim.evidence,
        criterion=mapping.criteria[position],
        decision=decision,
        new_positions=new_positions,
        unchanged_positions=tuple(other for other in new_positions if (position, other) in mapping.same_wording),
        not_carried_over_reason=not_carried_over_reason,
    )
