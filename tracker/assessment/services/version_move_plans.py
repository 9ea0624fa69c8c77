"""The plan of a version move: which claims are carried over, and which decisions are kept."""

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
"""Reasons for which a claim is not carried over."""


class VersionMapping:
    """The links from one version of a unit to a later one, as a centre has confirmed them."""

    def __init__(self, older: Unit, newer: Unit, centre_id: int) -> None:
        self.older, self.newer, self.centre_id = older, newer, centre_id
        link_decisions = list_link_decisions(older, newer, centre_id)
        self.successors: dict[int, list[int]] = {}
        """Positions in the newer version by position in the older one, along confirmed links."""
        for old, new in sorted(link for link, decision in link_decisions.items() if decision.is_confirmed):
            self.successors.setdefault(old, []).append(new)
        pairs = compare_units(older, newer, link_decisions)
        self.undecided = {
            pair.link[0] for pair in pairs if pair.link and pair.link not in link_decisions
        } - self.successors.keys()
        """Positions in the older version whose proposed links are neither confirmed nor refused."""

    @cached_property
    def documents(self) -> tuple[UnitDocument, UnitDocument]:
        """The older and the newer version's documents."""
        return get_document(self.older), get_document(self.newer)

    @cached_property
    def criteria(self) -> dict[int, CriterionDocument]:
        """The older version's criteria, by position."""
        return {criterion.position: criterion for criterion in self.documents[0].criteria}

    @cached_property
    def unchanged_links(self) -> set[tuple[int, int]]:
        """The confirmed links between statements of the same wording, whose decisions are kept."""
        old_wordings, new_wordings = (list_wordings(document) for document in self.documents)
        return {
            (old, new)
            for old, successors in self.successors.items()
            for new in successors
            if old_wordings[old] == new_wordings[new]
        }

    @cached_property
    def requirements(self) -> dict[int, int]:
        """Positions of unchanged evidence requirements in the newer version, by position in the older one."""
        return match_requirements(*self.documents)


@dataclass(frozen=True)
class ClaimMove:
    """A live claim, and the criteria that it is carried over to."""

    claim: Claim
    evidence: Evidence
    criterion: CriterionDocument
    decision: Decision | None
    new_positions: tuple[int, ...]
    """Positions in the newer version; empty if the claim is not carried over."""
    unchanged_positions: tuple[int, ...]
    """The positions among them whose wording is unchanged."""
    not_carried_over_reason: str = ""

    @property
    def to_reassess(self) -> bool:
        """Return whether the claim was decided and must be decided again, because the wording has changed."""
        return self.decision is not None and set(self.new_positions) != set(self.unchanged_positions)


@dataclass(frozen=True)
class VersionMovePlan:
    """The plan of a version move for one attempt."""

    attempt: UnitAttempt
    mapping: VersionMapping
    moves: tuple[ClaimMove, ...]
    confirmed: tuple[tuple[RequirementConfirmation, int], ...]
    """Confirmed evidence requirements of this round, with their positions in the older version."""

    @property
    def carried_over(self) -> tuple[ClaimMove, ...]:
        """The claims that have a successor in the newer version."""
        return tuple(move for move in self.moves if move.new_positions)

    @property
    def not_carried_over(self) -> tuple[ClaimMove, ...]:
        """The claims that have no successor in the newer version."""
        return tuple(move for move in self.moves if not move.new_positions)

    @property
    def decisions_kept(self) -> tuple[ClaimMove, ...]:
        """The claims whose decision is kept, because the wording is unchanged."""
        return tuple(move for move in self.moves if move.decision and move.unchanged_positions)

    @property
    def to_reassess(self) -> tuple[ClaimMove, ...]:
        """The claims that must be decided again."""
        return tuple(move for move in self.moves if move.to_reassess)

    @property
    def confirmations_kept(self) -> tuple[tuple[RequirementConfirmation, int], ...]:
        """The confirmations of requirements whose wording is unchanged, with their positions in the newer version."""
        kept = self.mapping.requirements
        return tuple((confirmation, kept[position]) for confirmation, position in self.confirmed if position in kept)

    @property
    def undecided_links(self) -> tuple[CriterionDocument, ...]:
        """The claimed criteria whose proposed links are neither confirmed nor refused."""
        positions = {move.criterion.position for move in self.moves} & self.mapping.undecided
        return tuple(self.mapping.criteria[position] for position in sorted(positions))

    @property
    def hash(self) -> str:
        """The hash of everything that the page showed before the move."""
        facts = [
            [
                move.claim.id,
                move.claim.locator,
                move.decision and move.decision.id,
                move.new_positions,
                move.unchanged_positions,
            ]
            for move in self.moves
        ]
        units = [self.mapping.older.content_hash, self.mapping.newer.content_hash]
        return sha256("tracker.move.v1", canonical_json([self.attempt.id, units, facts]))


def plan_version_move(attempt: UnitAttempt, newer: Unit, mapping: VersionMapping | None = None) -> VersionMovePlan:
    """Return the plan of a version move.

    Args:
        attempt: the attempt.
        newer: the version to move to.
        mapping: the mapping between the versions, if the caller has it.

    Raises:
        Refused: the attempt cannot move to this version.
    """
    check_move_allowed(attempt, newer)
    mapping = mapping or VersionMapping(attempt.unit, newer, attempt.centre_id)
    query = (
        select(Claim, Criterion.position, Decision)
        .join(Criterion, Criterion.id == Claim.criterion_id)
        .outerjoin(Decision, (Decision.claim_id == Claim.id) & Decision.superseded_at.is_(None))
        .where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None))
        .options(joinedload(Claim.evidence))
        .order_by(Claim.id)
    )
    moves = [
        _build_claim_move(mapping, claim, position, decision)
        for claim, position, decision in db.session.execute(query)
    ]
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
    return VersionMovePlan(attempt, mapping, tuple(moves), confirmed)


def check_move_allowed(attempt: UnitAttempt, newer: Unit) -> None:
    """Raise `Refused` unless the attempt is in progress and this is a later version of its unit."""
    code = attempt.unit.code
    if attempt.unit_id == newer.id:
        raise Refused(f"The unit is already on {format_version(newer)} of {code}. Nothing was moved.")
    if attempt.state is not AttemptState.IN_PROGRESS:
        raise Refused(
            f"{code} is {attempt.state.label.lower()}. A signed unit stays on the version that was signed. "
            "Nothing was moved."
        )
    check_not_withdrawn(attempt)
    is_available = newer.owner_centre_id in {None, attempt.centre_id}
    if newer.code != code or not is_available or version_order(newer) <= version_order(attempt.unit):
        raise Refused(f"{code} can be moved only to a later version of {code}. Nothing was moved.")
    other_attempt = select(UnitAttempt.id).where(
        UnitAttempt.candidate_id == attempt.candidate_id,
        UnitAttempt.centre_id == attempt.centre_id,
        UnitAttempt.unit_id == newer.id,
        UnitAttempt.state != AttemptState.VOID,
    )
    if db.session.scalar(other_attempt):
        raise Refused(
            f"The candidate is already registered for {format_version(newer)} of {code}. Nothing was moved."
        )


def check_ready_to_move(plan: VersionMovePlan) -> None:
    """Raise `Refused` while proposed links are undecided, or an assessment can still be undone."""
    if plan.undecided_links:
        labels = ", ".join(format_label(criterion.kind, criterion.label) for criterion in plan.undecided_links)
        raise Refused(
            f"The links from {labels} to {format_version(plan.mapping.newer)} are not confirmed or refused yet. "
            "Nothing was moved. Compare the two versions first, and confirm or refuse each proposed link."
        )
    undoable = select(Assessment.id).where(Assessment.attempt_id == plan.attempt.id, Assessment.release_after > now())
    if db.session.scalar(undoable):
        raise Refused(
            "The assessor has just finished an assessment and can still undo it. Nothing was moved. "
            "Try again in a few seconds."
        )


def format_version(unit: Unit) -> str:
    """Return a version as a sentence names it: `version 2`, or `version 2, revision 3`."""
    return f"version {unit.version}" + (f", revision {unit.revision}" if unit.revision > 1 else "")


def _build_claim_move(mapping: VersionMapping, claim: Claim, position: int, decision: Decision | None) -> ClaimMove:
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
        unchanged_positions=tuple(new for new in new_positions if (position, new) in mapping.unchanged_links),
        not_carried_over_reason=not_carried_over_reason,
    )
