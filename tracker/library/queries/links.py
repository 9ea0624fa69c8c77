"""Links between criteria: decided by a person, part of the installation's standards, or proposed by similarity."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select
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

    one: CriterionDocument
    other: CriterionDocument
    similarity: int
    decided: CriterionLink | None = None

    @property
    def is_confirmed(self) -> bool:
        """Return whether the link is confirmed."""
        return self.decided is not None and self.decided.is_confirmed

    @property
    def segments(self) -> tuple[tuple[DiffSegment, ...], tuple[DiffSegment, ...]]:
        """Return both texts in segments, to mark the differences."""
        return diff(full_text(self.one), full_text(self.other), of_words=True)


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


def order_units(one: Unit, other: Unit) -> tuple[LinkKind, Unit, Unit]:
    """Return the kind of link between two units, and the order in which a link stores them."""
    if one.code == other.code:
        older, newer = sorted((one, other), key=lambda unit: (version_order(unit), unit.id))
        return LinkKind.REPLACED_BY, older, newer
    first, second = sorted((one, other), key=lambda unit: unit.id)
    return LinkKind.SAME, first, second


def list_link_decisions(one: Unit, other: Unit, centre_id: int | None) -> dict[Link, CriterionLink]:
    """Return the decided links between two units, by their positions in the order of `order_units`.

    The installation's links are valid at every centre unless the centre decides otherwise.
    """
    kind, first, second = order_units(one, other)
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
    return {(each.position, each.other_position): each for each in db.session.scalars(query)}


def propose_links(one: Unit, other: Unit, decided: Mapping[Link, CriterionLink]) -> list[LinkProposal]:
    """List undecided pairs of one kind, the most similar first.

    A pair is listed if it is the most similar one for either of its criteria.
    """
    _, first, second = order_units(one, other)
    mine, theirs = get_document(first).assessable, get_document(second).assessable
    scale = SimilarityMeasure(full_text(each) for each in (*mine, *theirs))
    texts = {id(each): tokenise(full_text(each)) for each in (*mine, *theirs)}
    result = [
        LinkProposal(a, b, similarity)
        for a in mine
        for b in theirs
        if a.kind is b.kind
        and (a.position, b.position) not in decided
        and (similarity := scale.compare(texts[id(a)], texts[id(b)], MIN_SIMILARITY)) >= MIN_SIMILARITY
    ]
    best_of_mine: dict[int, int] = defaultdict(int)
    best_of_theirs: dict[int, int] = defaultdict(int)
    for each in result:
        best_of_mine[each.one.position] = max(best_of_mine[each.one.position], each.similarity)
        best_of_theirs[each.other.position] = max(best_of_theirs[each.other.position], each.similarity)
    most_similar = [
        each
        for each in result
        if each.similarity == best_of_mine[each.one.position]
        or each.similarity == best_of_theirs[each.other.position]
    ]
    return sorted(most_similar, key=lambda each: (-each.similarity, each.one.position, each.other.position))


def list_decided_proposals(one: Unit, other: Unit, decided: Mapping[Link, CriterionLink]) -> list[LinkProposal]:
    """List the confirmed and refused pairs with both criteria, in the order of the first unit."""
    _, first, second = order_units(one, other)
    before = {each.position: each for each in get_document(first).criteria}
    after = {each.position: each for each in get_document(second).criteria}
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
        confirmed=[link for link, each in decided.items() if each.is_confirmed],
        refused=[link for link, each in decided.items() if not each.is_confirmed],
    )


def count_pair_kinds(pairs: Iterable[StatementPair]) -> dict[PairKind, int]:
    """Return how many pairs there are of each kind."""
    counts = dict.fromkeys(PairKind, 0)
    for pair in pairs:
        counts[pair.kind] += 1
    return counts


def list_other_versions(unit: Unit, centre_ids: Collection[int]) -> list[Unit]:
    """List the other versions of a unit that these centres can see, the newest first."""
    return [each for each in list_unit_versions(unit, centre_ids) if each.id != unit.id]


def list_linked_criteria(unit: Unit, centre_ids: Collection[int]) -> dict[int, list[LinkedCriterion]]:
    """Return the linked criteria of other units, by the unit's own positions, in one SQL statement."""
    own, far, other_unit = aliased(Criterion), aliased(Criterion), aliased(Unit)
    query = (
        select(CriterionLink, own, far, other_unit.code, other_unit.slug)
        .join(
            own,
            or_(
                and_(own.unit_id == CriterionLink.unit_id, own.position == CriterionLink.position),
                and_(own.unit_id == CriterionLink.other_unit_id, own.position == CriterionLink.other_position),
            ),
        )
        .join(
            far,
            or_(
                and_(far.unit_id == CriterionLink.unit_id, far.position == CriterionLink.position),
                and_(far.unit_id == CriterionLink.other_unit_id, far.position == CriterionLink.other_position),
            ),
        )
        .join(other_unit, other_unit.id == far.unit_id)
        .where(
            CriterionLink.kind == LinkKind.SAME,
            or_(CriterionLink.unit_id == unit.id, CriterionLink.other_unit_id == unit.id),
            own.unit_id == unit.id,
            far.unit_id != unit.id,
            is_link_valid_at(centre_ids),
        )
        .order_by(CriterionLink.centre_id.is_not(None), own.position, other_unit.code, far.position)
    )
    result: dict[tuple[int, int], LinkedCriterion] = {}
    for link, mine, theirs, code, slug in db.session.execute(query):
        result.pop((mine.id, theirs.id), None)  # a centre's decision overrides the installation's
        if link.is_confirmed:
            label = format_label(theirs.kind, theirs.label)
            result[mine.id, theirs.id] = LinkedCriterion(mine.position, code, slug, label, theirs.text)
    by_position: dict[int, list[LinkedCriterion]] = {}
    for each in sorted(result.values(), key=lambda each: (each.position, each.other_code)):
        by_position.setdefault(each.position, []).append(each)
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
    for link in db.session.scalars(query):  # the centre's own decisions come last and win
        decisions[(link.unit_id, link.position), (link.other_unit_id, link.other_position)] = link.is_confirmed
    result: dict[CriterionPlace, tuple[CriterionPlace, ...]] = {}
    for (one, other), is_confirmed in decisions.items():
        if is_confirmed:
            result[one] = (*result.get(one, ()), other)
            result[other] = (*result.get(other, ()), one)
    return result


def format_label(kind: CriterionKind, label: str) -> str:
    """Return a label where the kind is not shown: performance and knowledge may both start at 1."""
    return f"knowledge {label}" if kind is CriterionKind.KNOWLEDGE else label


def is_link_valid_at(centre_ids: Collection[int | None]) -> ColumnElement[bool]:
    """Return the SQL condition for links of the installation and of these centres."""
    ids = [each for each in centre_ids if each is not None]
    return or_(CriterionLink.centre_id.is_(None), CriterionLink.centre_id.in_(ids))
