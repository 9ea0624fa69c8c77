"""Pages to search and read units, for everyone signed in."""

from collections.abc import Collection
from functools import partial

from flask import render_template
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.errors import NotFound
from tracker.library.queries import units as queries
from tracker.library.queries.drafts import list_drafts
from tracker.library.queries.links import list_linked_criteria
from tracker.library.queries.search import UNITS, list_unit_filters, search_units
from tracker.library.views import library
from tracker.models import Unit
from tracker.vocabulary import DraftState, Role
from tracker.web.current_user import me
from tracker.web.list_views import send_list
from tracker.web.permissions import PERMISSIONS, Act
from tracker.web.route_rules import signed_in


@library.get("/units")
@signed_in
def list_units() -> ResponseReturnValue:
    """Search the units."""
    centre_ids = me().centre_ids
    return send_list(
        UNITS,
        partial(search_units, centre_ids),
        "library/list_units.html",
        list_unit_filters(centre_ids),
        administered=me().find_grant(Role.ADMINISTRATOR),
        drafts=list_drafts(list_draft_centre_ids(), [DraftState.DRAFT]),
    )


@library.get("/units/<slug>")
@signed_in
def show_unit(slug: str) -> ResponseReturnValue:
    """Show a unit."""
    unit = get_unit(slug)
    document = queries.load_document(unit)
    return render_template(
        "library/show_unit.html",
        unit=unit,
        document=document,
        versions=queries.list_unit_versions(unit, me().centre_ids),
        linked=list_linked_criteria(unit, me().centre_ids),
        guidance=queries.list_guidance(unit.code, me().centre_ids),
        warnings=queries.list_document_warnings(document, today()),
        administered=me().find_grant(Role.ADMINISTRATOR),
        can_correct=unit.owner_centre_id is not None and me().find_grant(Role.ADMINISTRATOR, unit.owner_centre_id),
    )


def list_draft_centre_ids() -> list[int]:
    """Return the centres whose drafts this person may read."""
    roles = PERMISSIONS[Act.READ_UNIT_DRAFT]
    return [grant.centre_id for grant in me().grants if grant.role in roles]


def get_unit(slug: str, centre_ids: Collection[int] | None = None) -> Unit:
    """Return a unit that these centres can see, by default those of this person; 404 otherwise."""
    unit = queries.find_unit(slug, me().centre_ids if centre_ids is None else centre_ids)
    if unit is None:
        raise NotFound("There is no unit at this address. Search the list of units.")
    return unit
