"""Criteria that one item can claim: all open units of its candidate, and the same criteria in other units."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Select, and_, bindparam, or_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.library.queries.links import format_label, is_link_valid_at, list_same_criteria
from tracker.models import Claim, Criterion, CriterionLink, Decision, Evidence, Registration, Unit, UnitAttempt
from tracker.statements import fetch_rows, ids
from tracker.vocabulary import AttemptState, CriterionKind, CriterionState, LinkKind, Method, Outcome, Simulation


@dataclass(frozen=True, slots=True)
class SameCriterion:
    """A criterion of another open unit of the candidate that is the same in substance."""

    attempt_id: int
    criterion_id: int
    code: str
    label: str
    ticked: bool = False
    """Whether this item already claims it."""

    @property
    def value(self) -> str:
        """Return the value that its checkbox sends."""
        return f"{self.attempt_id}-{self.criterion_id}"


@dataclass(frozen=True, slots=True)
class CriterionChoice:
    """One criterion to tick or not, for this item."""

    criterion_id: int
    kind: CriterionKind
    heading: str | None
    label: str
    text: str
    ticked: bool
    locator: str
    decided_state: CriterionState | None
    """Set once an assessor has decided the claim, which can then no longer be changed."""
    other_items: tuple[str, ...]
    """Numbers of other items that claim it; `a draft` for a draft."""
    same_criteria: tuple[SameCriterion, ...] = ()
    """Criteria of other units that can be claimed together with it."""
    needs_more: bool = False
    """Whether an assessor asked for more on other items, and no item has met it."""

    @property
    def is_gap(self) -> bool:
        """Return whether it needs evidence: no other item claims it, or an assessor asked for more."""
        return not self.other_items or self.needs_more


@dataclass(frozen=True, slots=True)
class UnitChoices:
    """One unit of the candidate, with its criteria under their headings."""

    attempt_id: int
    code: str
    title: str
    simulation: Simulation
    last_claimed_at: datetime | None
    """When the candidate last claimed one of its criteria, with any item."""
    choices: tuple[CriterionChoice, ...] = field(repr=False)

    @property
    def ticked(self) -> int:
        """Return how many criteria this item claims."""
        return sum(choice.ticked for choice in self.choices)

    @property
    def ticked_gaps(self) -> int:
        """Return how many of the criteria that this item claims are gaps otherwise."""
        return sum(choice.ticked and choice.is_gap for choice in self.choices)

    @property
    def gaps(self) -> int:
        """Return how many criteria need evidence, apart from this item."""
        return sum(choice.is_gap for choice in self.choices)

    def filter_choices(self, *, gaps_only: bool, search: str) -> tuple[CriterionChoice, ...]:
        """Return the criteria to show: all of them or the gaps and what is ticked, with every word of the search."""
        words = search.casefold().split()
        return tuple(
            choice
            for choice in self.choices
            if (not gaps_only or (not choice.decided_state and (choice.is_gap or choice.ticked)))
            and all(word in f"{choice.label} {choice.text}".casefold() for word in words)
        )


def group_choices(
    choices: Iterable[CriterionChoice],
) -> Iterator[tuple[str, str | None, list[CriterionChoice]]]:
    """Yield kind, heading and criteria, in document order."""
    for (kind, heading), group in groupby(choices, key=lambda choice: (choice.kind, choice.heading)):
        yield kind.label, heading, list(group)


def find_likely_unit(sections: Iterable[UnitChoices], attempt_id: int | None) -> int | None:
    """Return the attempt whose unit the item probably belongs to; None without units.

    The one that was asked for, else the one with most of the item's claims, else the one last claimed in, else the
    first with a gap.
    """
    chosen = max(
        sections,
        key=lambda section: (
            section.attempt_id == attempt_id,
            section.ticked,
            section.last_claimed_at.timestamp() if section.last_claimed_at else 0.0,
            section.gaps > 0,
        ),
        default=None,
    )
    return chosen.attempt_id if chosen else None


def list_unit_choices(evidence: Evidence) -> tuple[UnitChoices, ...]:
    """List every open unit of the item's candidate at its centre, in four SQL statements whatever their number."""
    attempts = db.session.execute(
        select(UnitAttempt.id, UnitAttempt.unit_id, Unit.code, Unit.title, Unit.simulation)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            UnitAttempt.candidate_id == evidence.candidate_id,
            UnitAttempt.centre_id == evidence.centre_id,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
        )
        .order_by(UnitAttempt.id)
    ).all()
    unit_ids = {attempt.unit_id for attempt in attempts}
    criteria = _list_criteria(unit_ids)
    claims = _load_claims({attempt.id for attempt in attempts}, evidence.id)
    linked = list_same_criteria(unit_ids, evidence.centre_id)
    ids_without_simulation = {
        a.unit_id for a in attempts if a.simulation is Simulation.FORBIDDEN and evidence.method is Method.SIMULATION
    }
    same_criteria = {
        (attempt.unit_id, each.position): SameCriterion(
            attempt.id,
            each.id,
            attempt.code,
            format_label(each.kind, each.label),
            ticked=(attempt.id, each.id) in claims.own,
        )
        for attempt in attempts
        for each in criteria.get(attempt.unit_id, [])
        if attempt.unit_id not in ids_without_simulation
    }
    return tuple(
        UnitChoices(
            attempt.id,
            attempt.code,
            attempt.title,
            attempt.simulation,
            claims.last_claimed_at.get(attempt.id),
            tuple(
                _build_choice(
                    criterion,
                    claims.own.get((attempt.id, criterion.id)),
                    claims.others.get((attempt.id, criterion.id), []),
                    tuple(
                        same_criteria[position_key]
                        for position_key in linked.get((attempt.unit_id, criterion.position), ())
                        if position_key in same_criteria
                    ),
                )
                for criterion in criteria.get(attempt.unit_id, [])
            ),
        )
        for attempt in attempts
    )


def _list_criteria(unit_ids: set[int]) -> dict[int, list[Criterion]]:
    """Return the assessable criteria of these units, by unit and in document order."""
    criteria_by_unit: dict[int, list[Criterion]] = {}
    query = (
        select(Criterion)
        .where(Criterion.unit_id.in_(unit_ids), Criterion.assessable)
        .order_by(Criterion.unit_id, Criterion.position)
    )
    for criterion in db.session.scalars(query):
        criteria_by_unit.setdefault(criterion.unit_id, []).append(criterion)
    return criteria_by_unit


@dataclass(frozen=True, slots=True)
class _ClaimRow:
    number: str
    locator: str
    outcome: Outcome | None


AttemptCriterion = tuple[int, int]
"""The ids of an attempt and of a criterion."""


@dataclass(frozen=True, slots=True)
class _Claims:
    """Claims of the item, claims of other items, and when each attempt was last claimed in."""

    own: dict[AttemptCriterion, _ClaimRow] = field(default_factory=dict)
    others: dict[AttemptCriterion, list[_ClaimRow]] = field(default_factory=dict)
    last_claimed_at: dict[int, datetime] = field(default_factory=dict)


def _load_claims(attempt_ids: set[int], evidence_id: int) -> _Claims:
    """Return this item's claims and those of other items, and when each attempt was last claimed in."""
    query = (
        select(
            Claim.attempt_id,
            Claim.criterion_id,
            Claim.evidence_id,
            Claim.locator,
            Claim.claimed_at,
            Evidence.number,
            Decision.outcome,
        )
        .join(Evidence, Evidence.id == Claim.evidence_id)
        .outerjoin(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
        .where(Claim.attempt_id.in_(attempt_ids), Claim.removed_at.is_(None), Evidence.discarded_at.is_(None))
        .order_by(Evidence.number, Evidence.id)
    )
    claims = _Claims()
    for row in db.session.execute(query):
        key = (row.attempt_id, row.criterion_id)
        claim = _ClaimRow(str(row.number or "a draft"), row.locator, row.outcome)
        if row.evidence_id == evidence_id:
            claims.own[key] = claim
        else:
            claims.others.setdefault(key, []).append(claim)
        claims.last_claimed_at[row.attempt_id] = max(
            row.claimed_at, claims.last_claimed_at.get(row.attempt_id, row.claimed_at)
        )
    return claims


def _build_choice(
    criterion: Criterion, own: _ClaimRow | None, others: list[_ClaimRow], same_criteria: tuple[SameCriterion, ...]
) -> CriterionChoice:
    decided_state = None
    if own and own.outcome:
        decided_state = CriterionState.MET if own.outcome is Outcome.MET else CriterionState.NEEDS_MORE
    outcomes = {claim.outcome for claim in others}
    return CriterionChoice(
        criterion.id,
        criterion.kind,
        criterion.heading,
        criterion.label,
        criterion.text,
        ticked=own is not None,
        locator=own.locator if own else "",
        decided_state=decided_state,
        other_items=tuple(claim.number for claim in others),
        same_criteria=same_criteria,
        needs_more=Outcome.MET not in outcomes and bool(outcomes - {None}),
    )


def _select_same_criteria() -> Select[*tuple[Any, ...]]:
    """Select the links of an attempt's criteria to the same criteria in the candidate's other open units."""
    own_criterion, other_criterion = aliased(Criterion), aliased(Criterion)
    other_attempt, other_unit = aliased(UnitAttempt), aliased(Unit)
    link = CriterionLink
    is_first = and_(own_criterion.unit_id == link.unit_id, own_criterion.position == link.position)
    is_second = and_(own_criterion.unit_id == link.other_unit_id, own_criterion.position == link.other_position)
    return (
        select(
            own_criterion.id.label("own_id"),
            own_criterion.kind.label("own_kind"),
            own_criterion.label.label("own_label"),
            other_attempt.id.label("attempt_id"),
            other_criterion.id.label("criterion_id"),
            other_criterion.kind,
            other_criterion.label,
            other_unit.code,
            link.is_confirmed,
        )
        .select_from(link)
        .join(own_criterion, or_(is_first, is_second))
        .join(
            other_criterion,
            or_(
                and_(
                    is_first,
                    other_criterion.unit_id == link.other_unit_id,
                    other_criterion.position == link.other_position,
                ),
                and_(is_second, other_criterion.unit_id == link.unit_id, other_criterion.position == link.position),
            ),
        )
        .join(other_attempt, other_attempt.unit_id == other_criterion.unit_id)
        .join(other_unit, other_unit.id == other_criterion.unit_id)
        .join(Registration, Registration.id == other_attempt.registration_id)
        .where(
            link.kind == LinkKind.SAME,
            own_criterion.unit_id == bindparam("unit_id"),
            is_link_valid_at(ids("centre_ids")),
            other_attempt.candidate_id == bindparam("candidate_id"),
            other_attempt.centre_id == bindparam("centre_id"),
            other_attempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
        )
        .order_by(own_criterion.position, other_attempt.id, other_criterion.position, link.centre_id.is_not(None))
    )


SAME_CRITERIA = _select_same_criteria()


def load_same_criteria(attempt: UnitAttempt) -> dict[int, tuple[str, tuple[SameCriterion, ...]]]:
    """Return, by criterion of the attempt, its label and the same criteria in the candidate's other open units.

    Runs one SQL statement.
    """
    rows = fetch_rows(
        SAME_CRITERIA,
        unit_id=attempt.unit_id,
        candidate_id=attempt.candidate_id,
        centre_id=attempt.centre_id,
        centre_ids=[attempt.centre_id],
    )
    # A link of the centre comes after the installation's link of the same criteria, and so replaces it.
    links = {(row.own_id, row.attempt_id, row.criterion_id): row for row in rows}
    same_by_criterion: dict[int, tuple[str, tuple[SameCriterion, ...]]] = {}
    for row in links.values():
        if row.is_confirmed:
            label, same = same_by_criterion.get(row.own_id, (format_label(row.own_kind, row.own_label), ()))
            other = SameCriterion(row.attempt_id, row.criterion_id, row.code, format_label(row.kind, row.label))
            same_by_criterion[row.own_id] = (label, (*same, other))
    return same_by_criterion
