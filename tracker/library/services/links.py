"""Deciding what a statement is to another: confirmed, refused, taken back; and keeping links when a text changes."""

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select

from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.library.queries.links import compare, document_of, holds_in, list_decided, put_in_order
from tracker.models import Centre, CriterionLink, Unit
from tracker.units.comparison import Link, compare_versions, full_text
from tracker.units.documents import LinksDocument, UnitDocument
from tracker.units.similarity import Scale
from tracker.vocabulary import LinkKind


def confirm_link(one: Unit, other: Unit, link: Link, centre: Centre, actor: Actor) -> CriterionLink:
    """Say that two statements are the same in substance, or that one has become the other.

    `link` holds their positions in the order of `put_in_order`.
    """
    return _decide(one, other, link, centre, actor, is_confirmed=True)


def refuse_link(one: Unit, other: Unit, link: Link, centre: Centre, actor: Actor) -> CriterionLink:
    """Say that they are not, so that nobody is asked again."""
    return _decide(one, other, link, centre, actor, is_confirmed=False)


def undo_link(one: Unit, other: Unit, link: Link, centre: Centre, actor: Actor) -> None:
    """Take the centre's word back; what comes with the installation's standards then holds again."""
    found = list_decided(one, other, centre.id).get(link)
    if found is None:
        return
    if found.centre_id is None:
        raise Refused(
            "This link comes with the standards of the installation. Say “not the same” if it does not hold here. "
            "Nothing was changed."
        )
    record("link_undone", found, actor, **_facts(one, other, link))
    db.session.delete(found)
    db.session.flush()


def confirm_same_wording(one: Unit, other: Unit, centre: Centre, actor: Actor) -> int:
    """Confirm at once every statement that stands word for word in both versions. How many were comes out.

    What such a statement is the same as in other units holds of the newer version too.
    """
    kind, older, newer = put_in_order(one, other)
    if kind is not LinkKind.REPLACED_BY:
        raise Invalid("Only versions of one unit can be confirmed at once. Nothing was changed.")
    decided = list_decided(older, newer, centre.id)
    same = [
        each.link
        for each in compare(older, newer, decided)
        if each.is_same_wording and each.link and each.link not in decided
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
            likeness=100,
            is_confirmed=True,
            decided_by_id=actor.person_id,
            decided_at=moment,
        )
        for position, other_position in same
    )
    db.session.flush()
    if same:
        carried = _carry_over(older, newer, dict(same), centre, actor)
        record(
            "links_confirmed", newer, actor, centre=centre.id, older=older.content_hash, newer=newer.content_hash,
            positions=[list(link) for link in same], carried=carried,
        )  # fmt: skip
    return len(same)


def _carry_over(older: Unit, newer: Unit, became: dict[int, int], centre: Centre, actor: Actor) -> int:
    """Say of the newer version what holds at this centre of the older one's statements. How many links it made."""
    query = select(CriterionLink).where(
        CriterionLink.kind == LinkKind.SAME,
        or_(CriterionLink.unit_id == older.id, CriterionLink.other_unit_id == older.id),
        holds_in([centre.id]),
    )
    found: dict[tuple[int, int, int], CriterionLink] = {}
    for link in db.session.scalars(query.order_by(CriterionLink.centre_id.is_not(None), CriterionLink.id)):
        is_first = link.unit_id == older.id
        position = link.position if is_first else link.other_position
        far = (link.other_unit_id, link.other_position) if is_first else (link.unit_id, link.position)
        if position in became:  # a centre's word comes last, and stands
            found[became[position], *far] = link
    made = [
        _between(newer, position, far_id, far_position, link, centre, actor)
        for (position, far_id, far_position), link in found.items()
    ]
    held = {_place(each) for each in db.session.scalars(select(CriterionLink).where(_same_of(newer, centre)))}
    fresh = [each for each in made if _place(each) not in held]
    db.session.add_all(fresh)
    db.session.flush()
    return len(fresh)


def _same_of(unit: Unit, centre: Centre) -> ColumnElement[bool]:
    mine = or_(CriterionLink.unit_id == unit.id, CriterionLink.other_unit_id == unit.id)
    return and_(CriterionLink.kind == LinkKind.SAME, mine, CriterionLink.centre_id == centre.id)


def _place(link: CriterionLink) -> tuple[int, int, int, int]:
    return link.unit_id, link.position, link.other_unit_id, link.other_position


def _between(
    unit: Unit, position: int, far_id: int, far_position: int, like: CriterionLink, centre: Centre, actor: Actor
) -> CriterionLink:
    """The same said of two places, the unit with the smaller id first."""
    (first, at), (second, other_at) = sorted(((unit.id, position), (far_id, far_position)))
    return CriterionLink(
        centre_id=centre.id,
        kind=LinkKind.SAME,
        unit_id=first,
        position=at,
        other_unit_id=second,
        other_position=other_at,
        likeness=like.likeness,
        is_confirmed=like.is_confirmed,
        decided_by_id=actor.person_id,
        decided_at=now(),
    )


def keep_links(unit: Unit, before: UnitDocument, after: UnitDocument) -> int:
    """When an installation's unit is loaded with another text: links follow statements that kept their words.

    The others are dropped: what was confirmed of the old words was never said of the new. How many comes out.
    """
    kept = {
        each.old.position: each.new.position
        for each in compare_versions(before, after)
        if each.is_same_wording and each.old and each.new
    }
    mine = or_(CriterionLink.unit_id == unit.id, CriterionLink.other_unit_id == unit.id)
    links = list(db.session.scalars(select(CriterionLink).where(mine)))
    places = {link: link.position if link.unit_id == unit.id else link.other_position for link in links}
    lost = [link.id for link in links if places[link] not in kept]
    db.session.execute(delete(CriterionLink).where(CriterionLink.id.in_(lost)))
    moved = [link for link in links if places[link] in kept and kept[places[link]] != places[link]]
    for way in (lambda place: -place, lambda place: kept[place]):  # past each other, so that none is in another's way
        for link in moved:
            side = "position" if link.unit_id == unit.id else "other_position"
            setattr(link, side, way(places[link]))
        db.session.flush()
    return len(lost)


def load_links(document: LinksDocument) -> str:
    """Bring the installation's links between two units to what a file says: `new`, `changed` or `unchanged`."""
    one, other = (_unit_at(slug) for slug in document.units)
    kind, first, second = put_in_order(one, other)
    texts = {
        unit.id: {each.position: full_text(each) for each in document_of(unit).criteria} for unit in (one, other)
    }
    scale = Scale(text for found in texts.values() for text in found.values())
    wanted = {(a, b) if first is one else (b, a) for a, b in document.positions}
    query = select(CriterionLink).where(
        CriterionLink.centre_id.is_(None),
        CriterionLink.kind == kind,
        CriterionLink.unit_id == first.id,
        CriterionLink.other_unit_id == second.id,
    )
    held = {(link.position, link.other_position): link for link in db.session.scalars(query)}
    if set(held) == wanted:
        return "unchanged"
    for link in held.keys() - wanted:
        db.session.delete(held[link])
    db.session.add_all(
        CriterionLink(
            kind=kind,
            unit_id=first.id,
            position=position,
            other_unit_id=second.id,
            other_position=other_position,
            likeness=scale.likeness(texts[first.id][position], texts[second.id][other_position]),
            is_confirmed=True,
            decided_at=now(),
        )
        for position, other_position in sorted(wanted - held.keys())
    )
    db.session.flush()
    return "changed" if held else "new"


def _decide(one: Unit, other: Unit, link: Link, centre: Centre, actor: Actor, *, is_confirmed: bool) -> CriterionLink:
    assert actor.person_id is not None  # noqa: S101 - an administrator decides, never the operator
    likeness = _likeness(one, other, link)
    kind, first, second = put_in_order(one, other)
    found = list_decided(one, other, centre.id).get(link)
    if found and found.is_confirmed == is_confirmed:
        return found
    if found is None or found.centre_id is None:
        found = CriterionLink(
            centre_id=centre.id,
            kind=kind,
            unit_id=first.id,
            position=link[0],
            other_unit_id=second.id,
            other_position=link[1],
            likeness=likeness,
        )
        db.session.add(found)
    found.is_confirmed, found.decided_by_id, found.decided_at = is_confirmed, actor.person_id, now()
    db.session.flush()
    record(
        "link_confirmed" if is_confirmed else "link_refused",
        found,
        actor,
        likeness=likeness,
        **_facts(one, other, link),
    )
    return found


def _likeness(one: Unit, other: Unit, link: Link) -> int:
    """How alike the two are; raises `NotFound` where there is no such statement to be claimed."""
    _, first, second = put_in_order(one, other)
    mine = {each.position: full_text(each) for each in document_of(first).assessable}
    theirs = {each.position: full_text(each) for each in document_of(second).assessable}
    if link[0] not in mine or link[1] not in theirs:
        raise NotFound
    return Scale((*mine.values(), *theirs.values())).likeness(mine[link[0]], theirs[link[1]])


def _facts(one: Unit, other: Unit, link: Link) -> dict[str, Any]:
    kind, first, second = put_in_order(one, other)
    return {
        "kind": kind.value,
        "unit": first.content_hash,
        "position": link[0],
        "other_unit": second.content_hash,
        "other_position": link[1],
    }


def _unit_at(slug: str) -> Unit:
    return db.session.scalars(select(Unit).where(Unit.slug == slug)).one()
