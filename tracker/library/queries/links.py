"""Links between criteria: decided by a person, part of the installation's standards, or proposed by similarity."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, or_, select
from sqlalchemy.orm import aliased, joinedload

from tracker.extensions import db
from tracker.library.queries.units import list_unit_versions, load_document, version_order
from tracker.models import Criterion, CriterionLink, Unit
from tracker.units.comparison import DiffSegment, Link, PairKind, StatementPair, compare_versions, diff, full_text
from tracker.units.documents import CriterionDocument, UnitDocument, unit_from_json
from tracker.units.similarity import SimilarityMeasure, tokenise
from tracker.vocabulary import CriterionKind, LinkKind

MIN_SIMILARITY = 55
"""Per cent. Below this, two criteria of different units are not proposed as the same in substance."""

CriterionPlace = tuple[int, int]
"""A unit's id and a position in it."""


@dataclass(frozen=True, slots=True)
class LinkProposal:
    """Two criteria that may be the same in substance, with the decision on them if there is one."""

    first: CriterionDocument
    second: CriterionDocument
    similarity: int
    decision: CriterionLink | None = None

    @property
    def is_confirmed(self) -> bool:
        """Return whether the link is confirmed."""
        return self.decision is not None and self.decision.is_confirmed

    @property
    def segments(self) -> tuple[tuple[DiffSegment, ...], tuple[DiffSegment, ...]]:
        """Return both texts in segments, to mark the differences."""
        return diff(full_text(self.first), full_text(self.second), of_words=True)


@dataclass(frozen=True, slots=True)
class LinkedCriterion:
    """A criterion of another unit that is the same in substance as the one at `position`."""

    position: int
    other_code: str
    other_slug: str
    other_label: str
    other_text: str


def get_document(unit: Unit) -> UnitDocument:
    """Return the unit's document as it was loaded."""
    return unit_from_json(load_document(unit))


def order_units(unit: Unit, other: Unit) -> tuple[LinkKind, Unit, Unit]:
    """Return the kind of link between two units, and the order in which a link stores them."""
    if unit.code == other.code:
        older, newer = sorted((unit, other), key=lambda unit: (version_order(unit), unit.id))
        return LinkKind.REPLACED_BY, older, newer
    first, second = sorted((unit, other), key=lambda unit: unit.id)
    return LinkKind.SAME, first, second


def list_link_decisions(unit: Unit, other: Unit, centre_id: int | None) -> dict[Link, CriterionLink]:
    """Return the decided links between two units, by their positions in the order of `order_units`.

    The installation's links are valid at every centre unless the centre decides otherwise.
    """
    kind, first, second = order_units(unit, other)
    query = (
        select(CriterionLink)
        .where(
            CriterionLink.kind == kind,
            CriterionLink.unit_id == first.id,
            CriterionLink.other_unit_id == second.id,
            is_link_valid_at([centre_id]),
        )
        .options(joinedload(CriterionLink.decided_by))
        .order_by(CriterionLink.centre_id.is_not(None), CriterionLink.id)
    )
    return {(link.position, link.other_position): link for link in db.session.scalars(query)}


def propose_links(unit: Unit, other: Unit, decided: Mapping[Link, CriterionLink]) -> list[LinkProposal]:
    """List undecided pairs of one kind, the most similar first.

    A pair is listed if it is the most similar one for either of its criteria.
    """
    _, first, second = order_units(unit, other)
    first_criteria, second_criteria = get_document(first).assessable, get_document(second).assessable
    measure = SimilarityMeasure(full_text(criterion) for criterion in (*first_criteria, *second_criteria))
    texts = {id(criterion): tokenise(full_text(criterion)) for criterion in (*first_criteria, *second_criteria)}
    result = [
        LinkProposal(a, b, similarity)
        for a in first_criteria
        for b in second_criteria
        if a.kind is b.kind
        and (a.position, b.position) not in decided
        and (similarity := measure.compare(texts[id(a)], texts[id(b)], MIN_SIMILARITY)) >= MIN_SIMILARITY
    ]
    best_of_first: dict[int, int] = defaultdict(int)
    best_of_second: dict[int, int] = defaultdict(int)
    for proposal in result:
        best_of_first[proposal.first.position] = max(best_of_first[proposal.first.position], proposal.similarity)
        best_of_second[proposal.second.position] = max(best_of_second[proposal.second.position], proposal.similarity)
    most_similar = [
        proposal
        for proposal in result
        if proposal.similarity == best_of_first[proposal.first.position]
        or proposal.similarity == best_of_second[proposal.second.position]
    ]
    return sorted(
        most_similar, key=lambda proposal: (-proposal.similarity, proposal.first.position, proposal.second.position)
    )


def list_decided_proposals(unit: Unit, other: Unit, decided: Mapping[Link, CriterionLink]) -> list[LinkProposal]:
    """List the confirmed and refused pairs with both criteria, in the order of the first unit."""
    _, first, second = order_units(unit, other)
    before = {criterion.position: criterion for criterion in get_document(first).criteria}
    after = {criterion.position: criterion for criterion in get_document(second).criteria}
    return [
        LinkProposal(before[link[0]], after[link[1]], decided[link].similarity, decided[link])
        for link in sorted(decided)
        if link[0] in before and link[1] in after
    ]


def compare_units(older: Unit, newer: Unit, decided: Mapping[Link, CriterionLink]) -> list[StatementPair]:
    """Return two versions side by side, respecting the decisions about them."""
    return compare_versions(
        get_document(older),
        get_document(newer),
        confirmed=[link for link, decision in decided.items() if decision.is_confirmed],
        refused=[link for link, decision in decided.items() if not decision.is_confirmed],
    )


def count_pair_kinds(pairs: Iterable[StatementPair]) -> dict[PairKind, int]:
    """Return how many pairs there are of each kind."""
    counts = dict.fromkeys(PairKind, 0)
    for pair in pairs:
        counts[pair.kind] += 1
    return counts


def list_other_versions(unit: Unit, centre_ids: Collection[int]) -> list[Unit]:
    """List the other versions of a unit that these centres can see, the newest first."""
    return [version for version in list_unit_versions(unit, centre_ids) if version.id != unit.id]


def list_linked_criteria(unit: Unit, centre_ids: Collection[int]) -> dict[int, list[LinkedCriterion]]:
    """Return the linked criteria of other units, by the unit's own positions, in one SQL statement."""
    own, other, other_unit = aliased(Criterion), aliased(Criterion), aliased(Unit)
    query = (
        select(CriterionLink, own, other, other_unit.code, other_unit.slug)
        .join(
            own,
            or_(
                and_(own.unit_id == CriterionLink.unit_id, own.position == CriterionLink.position),
                and_(own.unit_id == CriterionLink.other_unit_id, own.position == CriterionLink.other_position),
            ),
        )
        .join(
            other,
            or_(
                and_(other.unit_id == CriterionLink.unit_id, other.position == CriterionLink.position),
                and_(other.unit_id == CriterionLink.other_unit_id, other.position == CriterionLink.other_position),
            ),
        )
        .join(other_unit, other_unit.id == other.unit_id)
        .where(
            CriterionLink.kind == LinkKind.SAME,
            or_(CriterionLink.unit_id == unit.id, CriterionLink.other_unit_id == unit.id),
            own.unit_id == unit.id,
            other.unit_id != unit.id,
            is_link_valid_at(centre_ids),
        )
        .order_by(CriterionLink.centre_id.is_not(None), own.position, other_unit.code, other.position)
    )
    result: dict[tuple[int, int], LinkedCriterion] = {}
    for link, own_criterion, other_criterion, code, slug in db.session.execute(query):
        result.pop((own_criterion.id, other_criterion.id), None)  # a centre's decision overrides the installation's
        if link.is_confirmed:
            label = format_label(other_criterion.kind, other_criterion.label)
            result[own_criterion.id, other_criterion.id] = LinkedCriterion(
                own_criterion.position, code, slug, label, other_criterion.text
            )
    by_position: dict[int, list[LinkedCriterion]] = {}
    for linked in sorted(result.values(), key=lambda linked: (linked.position, linked.other_code)):
        by_position.setdefault(linked.position, []).append(linked)
    return by_position


def list_same_criteria(unit_ids: Collection[int], centre_id: int) -> dict[CriterionPlace, tuple[CriterionPlace, ...]]:
    """Return for criteria of these units those of the others that are the same in substance, in one SQL statement."""
    if len(unit_ids) < 2:
        return {}
    query = (
        select(CriterionLink)
        .where(
            CriterionLink.kind == LinkKind.SAME,
            CriterionLink.unit_id.in_(unit_ids),
            CriterionLink.other_unit_id.in_(unit_ids),
            is_link_valid_at([centre_id]),
        )
        .order_by(CriterionLink.centre_id.is_not(None), CriterionLink.id)
    )
    decisions: dict[tuple[CriterionPlace, CriterionPlace], bool] = {}
    for link in db.session.scalars(query):  # the centre's own decisions come last and override the others
        decisions[(link.unit_id, link.position), (link.other_unit_id, link.other_position)] = link.is_confirmed
    result: dict[CriterionPlace, tuple[CriterionPlace, ...]] = {}
    for (place, other), is_confirmed in decisions.items():
        if is_confirmed:
            result[place] = (*result.get(place, ()), other)
            result[other] = (*result.get(other, ()), place)
    return result


def format_label(kind: CriterionKind, label: str) -> str:
    """Return a label for lists that do not show the kind: performance and knowledge may both start at 1."""
    return f"knowledge {label}" if kind is CriterionKind.KNOWLEDGE else label


def is_link_valid_at(centre_ids: Collection[int | None] | BindParameter[Any]) -> ColumnElement[bool]:
    """Return the SQL condition for links of the installation and of these centres."""
    ids = centre_ids if isinstance(centre_ids, BindParameter) else [each for each in centre_ids if each is not None]
    return or_(CriterionLink.centre_id.is_(None), CriterionLink.centre_id.in_(ids))
