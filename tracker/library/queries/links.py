"""Which statements are linked to which: decided by a person, come with the standards, or proposed by likeness."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import aliased, joinedload

from tracker.extensions import db
from tracker.library.queries.units import list_versions, read_document, version_order
from tracker.models import Criterion, CriterionLink, Unit
from tracker.units.comparison import Link, Pair, PairKind, Run, compare_versions, diff, full_text
from tracker.units.documents import CriterionDocument, UnitDocument, unit_from_json
from tracker.units.similarity import Scale, read
from tracker.vocabulary import CriterionKind, LinkKind

PROPOSED = 55
"""Below this likeness, in per cent, two statements of different units are not offered as the same in substance."""

Place = tuple[int, int]
"""A unit's id, and a position in it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two statements that may be the same in substance, with what a person said of them, if anybody did."""

    one: CriterionDocument
    other: CriterionDocument
    likeness: int
    decided: CriterionLink | None = None

    @property
    def is_confirmed(self) -> bool:
        return self.decided is not None and self.decided.is_confirmed

    @property
    def runs(self) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
        return diff(full_text(self.one), full_text(self.other), of_words=True)


@dataclass(frozen=True, slots=True)
class Linked:
    """A statement of a unit, and one of another unit that is the same in substance."""

    position: int
    other_code: str
    other_slug: str
    other_label: str
    other_text: str


def document_of(unit: Unit) -> UnitDocument:
    """The whole unit as it was loaded."""
    return unit_from_json(read_document(unit))


def put_in_order(one: Unit, other: Unit) -> tuple[LinkKind, Unit, Unit]:
    """What a link between two units says, and in which order they stand in it."""
    if one.code == other.code:
        older, newer = sorted((one, other), key=lambda unit: (version_order(unit), unit.id))
        return LinkKind.REPLACED_BY, older, newer
    first, second = sorted((one, other), key=lambda unit: unit.id)
    return LinkKind.SAME, first, second


def list_decided(one: Unit, other: Unit, centre_id: int | None) -> dict[Link, CriterionLink]:
    """What was decided between two units, by their positions in the order of `put_in_order`.

    The installation's links hold everywhere, until a centre says otherwise.
    """
    kind, first, second = put_in_order(one, other)
    query = (
        select(CriterionLink)
        .where(
            CriterionLink.kind == kind,
            CriterionLink.unit_id == first.id,
            CriterionLink.other_unit_id == second.id,
            holds_in([centre_id]),
        )
        .options(joinedload(CriterionLink.decided_by))
        .order_by(CriterionLink.centre_id.is_not(None), CriterionLink.id)
    )
    return {(each.position, each.other_position): each for each in db.session.scalars(query)}


def propose_links(one: Unit, other: Unit, decided: Mapping[Link, CriterionLink]) -> list[Proposal]:
    """Statements of one kind that are each the likest of the other or nearly, and not yet decided; likest first."""
    _, first, second = put_in_order(one, other)
    mine, theirs = document_of(first).assessable, document_of(second).assessable
    scale = Scale(full_text(each) for each in (*mine, *theirs))
    texts = {id(each): read(full_text(each)) for each in (*mine, *theirs)}
    found = [
        Proposal(a, b, likeness)
        for a in mine
        for b in theirs
        if a.kind is b.kind
        and (a.position, b.position) not in decided
        and (likeness := scale.compare(texts[id(a)], texts[id(b)], PROPOSED)) >= PROPOSED
    ]
    best_of_mine: dict[int, int] = defaultdict(int)
    best_of_theirs: dict[int, int] = defaultdict(int)
    for each in found:
        best_of_mine[each.one.position] = max(best_of_mine[each.one.position], each.likeness)
        best_of_theirs[each.other.position] = max(best_of_theirs[each.other.position], each.likeness)
    likest = [
        each
        for each in found
        if each.likeness == best_of_mine[each.one.position] or each.likeness == best_of_theirs[each.other.position]
    ]
    return sorted(likest, key=lambda each: (-each.likeness, each.one.position, each.other.position))


def list_proposals_decided(one: Unit, other: Unit, decided: Mapping[Link, CriterionLink]) -> list[Proposal]:
    """What was confirmed and refused, with both statements, in the order of the first unit."""
    _, first, second = put_in_order(one, other)
    before = {each.position: each for each in document_of(first).criteria}
    after = {each.position: each for each in document_of(second).criteria}
    return [
        Proposal(before[link[0]], after[link[1]], decided[link].likeness, decided[link])
        for link in sorted(decided)
        if link[0] in before and link[1] in after
    ]


def compare(older: Unit, newer: Unit, decided: Mapping[Link, CriterionLink]) -> list[Pair]:
    """Two versions side by side, with what was decided about them."""
    return compare_versions(
        document_of(older),
        document_of(newer),
        confirmed=[link for link, each in decided.items() if each.is_confirmed],
        refused=[link for link, each in decided.items() if not each.is_confirmed],
    )


def count_kinds(pairs: Iterable[Pair]) -> dict[PairKind, int]:
    counts = dict.fromkeys(PairKind, 0)
    for pair in pairs:
        counts[pair.kind] += 1
    return counts


def list_comparable(unit: Unit, centre_ids: Collection[int]) -> list[Unit]:
    """Every other version of a unit that these centres see, the newest first."""
    return [each for each in list_versions(unit, centre_ids) if each.id != unit.id]


def list_linked(unit: Unit, centre_ids: Collection[int]) -> dict[int, list[Linked]]:
    """What is the same in substance in other units, by the unit's own positions; one statement."""
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
            holds_in(centre_ids),
        )
        .order_by(CriterionLink.centre_id.is_not(None), own.position, other_unit.code, far.position)
    )
    found: dict[tuple[int, int], Linked] = {}
    for link, mine, theirs, code, slug in db.session.execute(query):
        found.pop((mine.id, theirs.id), None)  # a centre's word goes before the installation's
        if link.is_confirmed:
            label = named(theirs.kind, theirs.label)
            found[mine.id, theirs.id] = Linked(mine.position, code, slug, label, theirs.text)
    by_position: dict[int, list[Linked]] = {}
    for each in sorted(found.values(), key=lambda each: (each.position, each.other_code)):
        by_position.setdefault(each.position, []).append(each)
    return by_position


def list_same(unit_ids: Collection[int], centre_id: int) -> dict[Place, tuple[Place, ...]]:
    """For statements of these units, which of these units' statements are the same in substance; one statement."""
    if len(unit_ids) < 2:
        return {}
    query = (
        select(CriterionLink)
        .where(
            CriterionLink.kind == LinkKind.SAME,
            CriterionLink.unit_id.in_(unit_ids),
            CriterionLink.other_unit_id.in_(unit_ids),
            holds_in([centre_id]),
        )
        .order_by(CriterionLink.centre_id.is_not(None), CriterionLink.id)
    )
    held: dict[tuple[Place, Place], bool] = {}
    for link in db.session.scalars(query):  # a centre's word comes last, and stands
        held[(link.unit_id, link.position), (link.other_unit_id, link.other_position)] = link.is_confirmed
    found: dict[Place, tuple[Place, ...]] = {}
    for (one, other), is_confirmed in held.items():
        if is_confirmed:
            found[one] = (*found.get(one, ()), other)
            found[other] = (*found.get(other, ()), one)
    return found


def named(kind: CriterionKind, label: str) -> str:
    """A statement's label where its kind is not seen: performance and knowledge may both begin at 1."""
    return f"knowledge {label}" if kind is CriterionKind.KNOWLEDGE else label


def holds_in(centre_ids: Collection[int | None]) -> ColumnElement[bool]:
    """SQL: a link that comes with the installation, or that one of these centres decided."""
    ids = [each for each in centre_ids if each is not None]
    return or_(CriterionLink.centre_id.is_(None), CriterionLink.centre_id.in_(ids))
