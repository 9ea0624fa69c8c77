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
    places = {document.slug: place for place, document in enumerate(documents)}
    linked = sorted({slug for link in links for slug in (link.slug, link.other_slug)})
    units = find_units_with_same_content([documents[places[slug]] for slug in linked], format_name, centre_id)
    decided = _list_decided_keys([unit.id for unit in units.values()], centre_id)
    linkable = {slug: _list_linkable_positions(units.get(slug), documents[places[slug]]) for slug in linked}
    importable = {
        slug for slug in linked if slug in units or entries[places[slug]].outcome is not ImportOutcome.REFUSED
    }
    new: dict[frozenset[tuple[str, int]], int] = {}
    for link in links:
        document, other = documents[places[link.slug]], documents[places[link.other_slug]]
        ends = frozenset({(link.slug, link.position), (link.other_slug, link.other_position)})
        if (
            {link.slug, link.other_slug} <= importable
            and link.kind is (LinkKind.REPLACED_BY if document.code == other.code else LinkKind.SAME)
            and all(position in linkable[slug] for slug, position in ends)
            and not _is_decided(link, units, decided)
        ):
            is_other = entries[places[other.slug]].outcome is ImportOutcome.CHANGED
            new[ends] = places[other.slug if is_other else document.slug]
    counts = Counter(new.values())
    return tuple(replace(entry, links=counts[place]) for place, entry in enumerate(entries))


def _list_linkable_positions(unit: Unit | None, document: UnitDocument) -> set[int]:
    """Return the positions of assessable criteria; links connect only these."""
    return {criterion.position for criterion in (get_document(unit) if unit else document).assessable}


def _is_decided(link: ExchangedLink, units: Mapping[str, Unit], decided: Collection[LinkKey]) -> bool:
    """Return whether no decision is needed: the link was confirmed or refused, or both ends are one unit here."""
    unit, other = units.get(link.slug), units.get(link.other_slug)
    if unit is None or other is None:
        return False
    kind, first, second = order_units(unit, other)
    places = (link.position, link.other_position) if first is unit else (link.other_position, link.position)
    return first is second or (kind, first.id, places[0], second.id, places[1]) in decided


def _list_decided_keys(unit_ids: Sequence[int], centre_id: int) -> set[LinkKey]:
    """Return every decided link of the centre and the installation that starts in one of these units."""
    result: set[LinkKey] = set()
    for start in range(0, len(unit_ids), UNITS_PER_QUERY):
        query = select(CriterionLink).where(
            CriterionLink.unit_id.in_(unit_ids[start : start + UNITS_PER_QUERY]), is_link_valid_at([centre_id])
        )
        result |= {
            (link.kind, link.unit_id, link.position, link.other_unit_id, link.other_position)
            for link in db.session.scalars(query)
        }
    return result
