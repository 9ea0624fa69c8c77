"""The links of a file beside the library: which of them nobody decided yet, and with which unit each comes."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select

from tracker.extensions import db
from tracker.library.queries.exchange import AT_ONCE, Entry, find_same_units
from tracker.library.queries.links import document_of, holds_in, put_in_order
from tracker.models import CriterionLink, Unit
from tracker.units.documents import UnitDocument
from tracker.units.formats.exchanged import ExchangedLink
from tracker.vocabulary import ImportOutcome, LinkKind

Decided = tuple[LinkKind, int, int, int, int]
"""A link as it is kept: its kind, and two statements, each by the id of its unit and its position there."""


def with_new_links(
    entries: Sequence[Entry],
    documents: Sequence[UnitDocument],
    links: Sequence[ExchangedLink],
    format_name: str,
    centre_id: int,
) -> tuple[Entry, ...]:
    """The entries of a file, each with the number of its new links: those that nobody at the centre decided yet.

    A link comes with a changed unit where one of its two is changed, since that must be ticked first.
    """
    places = {each.slug: place for place, each in enumerate(documents)}
    linked = sorted({slug for each in links for slug in (each.slug, each.other_slug)})
    here = find_same_units([documents[places[slug]] for slug in linked], format_name, centre_id)
    decided = _list_decided([each.id for each in here.values()], centre_id)
    claimed = {slug: _claimed(here.get(slug), documents[places[slug]]) for slug in linked}
    coming = {slug for slug in linked if slug in here or entries[places[slug]].outcome is not ImportOutcome.REFUSED}
    new: dict[frozenset[tuple[str, int]], int] = {}
    for link in links:
        one, other = documents[places[link.slug]], documents[places[link.other_slug]]
        ends = frozenset({(link.slug, link.position), (link.other_slug, link.other_position)})
        if (
            {link.slug, link.other_slug} <= coming
            and link.kind is (LinkKind.REPLACED_BY if one.code == other.code else LinkKind.SAME)
            and all(position in claimed[slug] for slug, position in ends)
            and not _is_decided(link, here, decided)
        ):
            is_other = entries[places[other.slug]].outcome is ImportOutcome.CHANGED
            new[ends] = places[other.slug if is_other else one.slug]
    counts = Counter(new.values())
    return tuple(replace(entry, links=counts[place]) for place, entry in enumerate(entries))


def _claimed(unit: Unit | None, document: UnitDocument) -> set[int]:
    """The positions of the statements that can be claimed: a link is between such."""
    return {each.position for each in (document_of(unit) if unit else document).assessable}


def _is_decided(link: ExchangedLink, here: Mapping[str, Unit], decided: Collection[Decided]) -> bool:
    """Whether it needs nobody's word: it was confirmed or refused, or both its ends are one unit here."""
    one, other = here.get(link.slug), here.get(link.other_slug)
    if one is None or other is None:
        return False
    kind, first, second = put_in_order(one, other)
    places = (link.position, link.other_position) if first is one else (link.other_position, link.position)
    return first is second or (kind, first.id, places[0], second.id, places[1]) in decided


def _list_decided(unit_ids: Sequence[int], centre_id: int) -> set[Decided]:
    """Every link that holds at a centre, or was refused there, and begins in one of these units."""
    found: set[Decided] = set()
    for start in range(0, len(unit_ids), AT_ONCE):
        query = select(CriterionLink).where(
            CriterionLink.unit_id.in_(unit_ids[start : start + AT_ONCE]), holds_in([centre_id])
        )
        found |= {
            (each.kind, each.unit_id, each.position, each.other_unit_id, each.other_position)
            for each in db.session.scalars(query)
        }
    return found
