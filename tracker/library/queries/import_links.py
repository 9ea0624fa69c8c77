"""Links of an imported file compared with a centre's library: which are new, and which unit each comes with."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select

from tracker.extensions import db
from tracker.library.queries.imports import UNITS_PER_QUERY, ImportEntry, find_units_with_same_content
from tracker.library.queries.links import get_document, is_link_valid_at, order_units
from tracker.models import CriterionLink, Unit
from tracker.units.documents import UnitDocument
from tracker.units.formats.files import ExchangedLink
from tracker.vocabulary import ImportOutcome, LinkKind

LinkKey = tuple[LinkKind, int, int, int, int]
"""A stored link: its kind, and two criteria, each by unit id and position."""


def add_link_counts(
    entries: Sequence[ImportEntry],
    documents: Sequence[UnitDocument],
    links: Sequence[ExchangedLink],
    format_name: str,
    centre_id: int,
) -> tuple[ImportEntry, ...]:
    """Return the entries with the number of new links of each: links that the centre has not decided on.

    A link between an unchanged and a changed unit is counted with the changed unit, which must be selected first.
    """
    places = {each.slug: place for place, each in enumerate(documents)}
    linked = sorted({slug for each in links for slug in (each.slug, each.other_slug)})
    here = find_units_with_same_content([documents[places[slug]] for slug in linked], format_name, centre_id)
    decided = _list_decided_keys([each.id for each in here.values()], centre_id)
    claimed = {slug: _list_claimable_positions(here.get(slug), documents[places[slug]]) for slug in linked}
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


def _list_claimable_positions(unit: Unit | None, document: UnitDocument) -> set[int]:
    """Return the positions of assessable criteria; links connect only these."""
    return {each.position for each in (get_document(unit) if unit else document).assessable}


def _is_decided(link: ExchangedLink, here: Mapping[str, Unit], decided: Collection[LinkKey]) -> bool:
    """Return whether no decision is needed: the link was confirmed or refused, or both ends are one unit here."""
    one, other = here.get(link.slug), here.get(link.other_slug)
    if one is None or other is None:
        return False
    kind, first, second = order_units(one, other)
    places = (link.position, link.other_position) if first is one else (link.other_position, link.position)
    return first is second or (kind, first.id, places[0], second.id, places[1]) in decided


def _list_decided_keys(unit_ids: Sequence[int], centre_id: int) -> set[LinkKey]:
    """Return every decided link of the centre and the installation that starts in one of these units."""
    result: set[LinkKey] = set()
    for start in range(0, len(unit_ids), UNITS_PER_QUERY):
        query = select(CriterionLink).where(
            CriterionLink.unit_id.in_(unit_ids[start : start + UNITS_PER_QUERY]), is_link_valid_at([centre_id])
        )
        result |= {
            (each.kind, each.unit_id, each.position, each.other_unit_id, each.other_position)
            for each in db.session.scalars(query)
        }
    return result
