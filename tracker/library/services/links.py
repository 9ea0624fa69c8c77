"""Decisions on links between criteria, and keeping links when the text of a unit changes."""

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select

from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.library.queries.links import (
    compare_units,
    get_document,
    is_link_valid_at,
    list_link_decisions,
    order_units,
)
from tracker.models import Centre, CriterionLink, Unit
from tracker.units.comparison import Link, compare_versions, full_text
from tracker.units.documents import LinksDocument, UnitDocument
from tracker.units.similarity import SimilarityMeasure
from tracker.vocabulary import LinkKind


def confirm_link(unit: Unit, other: Unit, link: Link, centre: Centre, actor: Actor) -> CriterionLink:
    """Confirm that two criteria are the same in substance, or that one replaced the other.

    Args:
        unit: A unit.
        other: Another unit, or another version of the same.
        link: The positions in the order of `order_units`.
        centre: The centre at which the decision is valid.
        actor: Who decides.
    """
    return _decide(unit, other, link, centre, actor, is_confirmed=True)


def refuse_link(unit: Unit, other: Unit, link: Link, centre: Centre, actor: Actor) -> CriterionLink:
    """Record that two criteria are not the same, so that the pair is not proposed again."""
    return _decide(unit, other, link, centre, actor, is_confirmed=False)


def withdraw_link_decision(unit: Unit, other: Unit, link: Link, centre: Centre, actor: Actor) -> None:
    """Withdraw the centre's decision; a link of the installation's standards is then valid again."""
    result = list_link_decisions(unit, other, centre.id).get(link)
    if result is None:
        return
    if result.centre_id is None:
        raise Refused(
            "This link is part of the installation’s standards. Choose “Not the same” if it is wrong at your centre. "
            "Nothing was changed."
        )
    record("link_decision_withdrawn", result, actor, **_list_event_facts(unit, other, link))
    db.session.delete(result)
    db.session.flush()


def confirm_same_wording(unit: Unit, other: Unit, centre: Centre, actor: Actor) -> int:
    """Confirm every criterion with the same words in both versions, and return how many were confirmed.

    Links of such criteria to other units are copied to the newer version.
    """
    kind, older, newer = order_units(unit, other)
    if kind is not LinkKind.REPLACED_BY:
        raise Invalid("Only versions of one unit can be confirmed together. Nothing was changed.")
    decided = list_link_decisions(older, newer, centre.id)
    same = [
        pair.link
        for pair in compare_units(older, newer, decided)
        if pair.is_same_wording and pair.link and pair.link not in decided
    ]
    moment = now()
    db.session.add_all(
        CriterionLink(
            centre_id=centre.id,
            kind=kind,
            unit_id=older.id,
            position=position,
            other_unit_id=newer.id,
            other_position=other_position,
            similarity=100,
            is_confirmed=True,
            decided_by_id=actor.person_id,
            decided_at=moment,
        )
        for position, other_position in same
    )
    db.session.flush()
    if same:
        copied = _copy_links_to_newer(older, newer, dict(same), centre, actor)
        record(
            "links_confirmed", newer, actor, centre=centre.id, older=older.content_hash, newer=newer.content_hash,
            positions=[list(link) for link in same], carried=copied,
        )  # fmt: skip
    return len(same)


def _copy_links_to_newer(
    older: Unit, newer: Unit, new_positions: dict[int, int], centre: Centre, actor: Actor
) -> int:
    """Copy the links of the older version's criteria to the newer version. Return how many links were made."""
    query = select(CriterionLink).where(
        CriterionLink.kind == LinkKind.SAME,
        or_(CriterionLink.unit_id == older.id, CriterionLink.other_unit_id == older.id),
        is_link_valid_at([centre.id]),
    )
    result: dict[tuple[int, int, int], CriterionLink] = {}
    for link in db.session.scalars(query.order_by(CriterionLink.centre_id.is_not(None), CriterionLink.id)):
        is_first = link.unit_id == older.id
        position = link.position if is_first else link.other_position
        other_place = (link.other_unit_id, link.other_position) if is_first else (link.unit_id, link.position)
        if position in new_positions:  # the centre's own links come last and override the others
            result[new_positions[position], *other_place] = link
    copies = [
        _make_copy(newer, position, other_id, other_position, link, centre, actor)
        for (position, other_id, other_position), link in result.items()
    ]
    existing = {
        _get_link_places(link)
        for link in db.session.scalars(select(CriterionLink).where(_is_own_link_of(newer, centre)))
    }
    new_copies = [link for link in copies if _get_link_places(link) not in existing]
    db.session.add_all(new_copies)
    db.session.flush()
    return len(new_copies)


def _is_own_link_of(unit: Unit, centre: Centre) -> ColumnElement[bool]:
    connects_unit = or_(CriterionLink.unit_id == unit.id, CriterionLink.other_unit_id == unit.id)
    return and_(CriterionLink.kind == LinkKind.SAME, connects_unit, CriterionLink.centre_id == centre.id)


def _get_link_places(link: CriterionLink) -> tuple[int, int, int, int]:
    return link.unit_id, link.position, link.other_unit_id, link.other_position


def _make_copy(
    unit: Unit,
    position: int,
    other_id: int,
    other_position: int,
    original: CriterionLink,
    centre: Centre,
    actor: Actor,
) -> CriterionLink:
    """Return a copy of a link between two other criteria, with the smaller unit id first."""
    (first_id, first_position), (second_id, second_position) = sorted(
        ((unit.id, position), (other_id, other_position))
    )
    return CriterionLink(
        centre_id=centre.id,
        kind=LinkKind.SAME,
        unit_id=first_id,
        position=first_position,
        other_unit_id=second_id,
        other_position=second_position,
        similarity=original.similarity,
        is_confirmed=original.is_confirmed,
        decided_by_id=actor.person_id,
        decided_at=now(),
    )


def remap_links(unit: Unit, before: UnitDocument, after: UnitDocument) -> int:
    """Move links to the new positions of criteria that kept their words when a unit is loaded with another text.

    Links of other criteria are deleted, because the new words were never compared. Return how many were deleted.
    """
    new_positions = {
        pair.old.position: pair.new.position
        for pair in compare_versions(before, after)
        if pair.is_same_wording and pair.old and pair.new
    }
    connects_unit = or_(CriterionLink.unit_id == unit.id, CriterionLink.other_unit_id == unit.id)
    links = list(db.session.scalars(select(CriterionLink).where(connects_unit)))
    places = {link: link.position if link.unit_id == unit.id else link.other_position for link in links}
    deleted_ids = [link.id for link in links if places[link] not in new_positions]
    db.session.execute(delete(CriterionLink).where(CriterionLink.id.in_(deleted_ids)))
    moved = [link for link in links if places[link] in new_positions and new_positions[places[link]] != places[link]]
    for convert in (
        lambda position: -position,
        lambda position: new_positions[position],
    ):  # positions are unique, so negative ones come first
        for link in moved:
            column = "position" if link.unit_id == unit.id else "other_position"
            setattr(link, column, convert(places[link]))
        db.session.flush()
    return len(deleted_ids)


def load_links(document: LinksDocument) -> str:
    """Replace the installation's links between two units by a file's. Return `new`, `changed` or `unchanged`."""
    unit, other = (_get_unit(slug) for slug in document.units)
    kind, first, second = order_units(unit, other)
    texts = {
        unit.id: {each.position: full_text(each) for each in get_document(unit).criteria} for unit in (unit, other)
    }
    measure = SimilarityMeasure(text for result in texts.values() for text in result.values())
    link_positions = {(a, b) if first is unit else (b, a) for a, b in document.positions}
    query = select(CriterionLink).where(
        CriterionLink.centre_id.is_(None),
        CriterionLink.kind == kind,
        CriterionLink.unit_id == first.id,
        CriterionLink.other_unit_id == second.id,
    )
    existing = {(link.position, link.other_position): link for link in db.session.scalars(query)}
    if set(existing) == link_positions:
        return "unchanged"
    for link in existing.keys() - link_positions:
        db.session.delete(existing[link])
    db.session.add_all(
        CriterionLink(
            kind=kind,
            unit_id=first.id,
            position=position,
            other_unit_id=second.id,
            other_position=other_position,
            similarity=measure.similarity(texts[first.id][position], texts[second.id][other_position]),
            is_confirmed=True,
            decided_at=now(),
        )
        for position, other_position in sorted(link_positions - existing.keys())
    )
    db.session.flush()
    return "changed" if existing else "new"


def _decide(
    unit: Unit, other: Unit, link: Link, centre: Centre, actor: Actor, *, is_confirmed: bool
) -> CriterionLink:
    assert actor.person_id is not None  # noqa: S101 - an administrator decides, never the operator
    similarity = _compute_similarity(unit, other, link)
    kind, first, second = order_units(unit, other)
    result = list_link_decisions(unit, other, centre.id).get(link)
    if result and result.is_confirmed == is_confirmed:
        return result
    if result is None or result.centre_id is None:
        result = CriterionLink(
            centre_id=centre.id,
            kind=kind,
            unit_id=first.id,
            position=link[0],
            other_unit_id=second.id,
            other_position=link[1],
            similarity=similarity,
        )
        db.session.add(result)
    result.is_confirmed, result.decided_by_id, result.decided_at = is_confirmed, actor.person_id, now()
    db.session.flush()
    record(
        "link_confirmed" if is_confirmed else "link_refused",
        result,
        actor,
        similarity=similarity,
        **_list_event_facts(unit, other, link),
    )
    return result


def _compute_similarity(unit: Unit, other: Unit, link: Link) -> int:
    """Return the similarity of two criteria. Raises `NotFound` where one of them is not assessable."""
    _, first, second = order_units(unit, other)
    first_texts = {criterion.position: full_text(criterion) for criterion in get_document(first).assessable}
    second_texts = {criterion.position: full_text(criterion) for criterion in get_document(second).assessable}
    if link[0] not in first_texts or link[1] not in second_texts:
        raise NotFound
    return SimilarityMeasure((*first_texts.values(), *second_texts.values())).similarity(
        first_texts[link[0]], second_texts[link[1]]
    )


def _list_event_facts(unit: Unit, other: Unit, link: Link) -> dict[str, Any]:
    kind, first, second = order_units(unit, other)
    return {
        "kind": kind.value,
        "unit": first.content_hash,
        "position": link[0],
        "other_unit": second.content_hash,
        "other_position": link[1],
    }


def _get_unit(slug: str) -> Unit:
    return db.session.scalars(select(Unit).where(Unit.slug == slug)).one()
