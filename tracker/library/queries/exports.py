"""Units and links that a centre can export."""

import json
from collections.abc import Collection, Sequence

from sqlalchemy import select

from tracker.extensions import db
from tracker.library.queries.imports import UNITS_PER_QUERY
from tracker.library.queries.links import is_link_valid_at
from tracker.library.queries.units import is_unit_visible_at, list_newest_revisions, version_order
from tracker.models import CriterionLink, Unit
from tracker.units.documents import UnitDocument, unit_from_json
from tracker.units.formats.files import ExchangedLink


def list_exportable_units(centre_id: int) -> list[Unit]:
    """List every version that a centre can see, in its newest revision."""
    return list_newest_revisions([centre_id])


def list_exported_links(units: Sequence[Unit], centre_id: int) -> list[ExchangedLink]:
    """List the confirmed links between these units that are valid at a centre; its own decisions override others."""
    slugs = {unit.id: unit.slug for unit in units}
    query = (
        select(CriterionLink)
        .where(CriterionLink.is_confirmed | (CriterionLink.centre_id == centre_id), is_link_valid_at([centre_id]))
        .order_by(CriterionLink.centre_id.is_not(None), CriterionLink.id)
    )
    existing = {
        (link.kind, link.unit_id, link.position, link.other_unit_id, link.other_position): link.is_confirmed
        for link in db.session.scalars(query)
        if link.unit_id in slugs and link.other_unit_id in slugs
    }
    return [
        ExchangedLink(kind, slugs[unit_id], position, slugs[other_id], other_position)
        for (kind, unit_id, position, other_id, other_position), is_confirmed in existing.items()
        if is_confirmed
    ]


def list_exported_documents(
    unit_ids: Collection[int], centre_ids: Collection[int]
) -> list[tuple[Unit, UnitDocument]]:
    """List these units with their documents, as far as the centres can see them, by code and version."""
    ordered_ids = sorted(unit_ids)
    result: list[Unit] = []
    for start in range(0, len(ordered_ids), UNITS_PER_QUERY):
        condition = Unit.id.in_(ordered_ids[start : start + UNITS_PER_QUERY])
        result += db.session.scalars(select(Unit).where(condition, is_unit_visible_at(centre_ids)))
    ordered = sorted(result, key=lambda unit: (unit.code, version_order(unit)))
    return [(unit, unit_from_json(json.loads(unit.document))) for unit in ordered]
