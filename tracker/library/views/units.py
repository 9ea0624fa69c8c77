"""Pages to search and read units, for everyone signed in."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.errors import NotFound
from tracker.library.queries import search
from tracker.library.queries import units as queries
from tracker.library.queries.drafts import list_drafts
from tracker.library.queries.links import list_linked_criteria
from tracker.library.views import library
from tracker.models import Unit
from tracker.vocabulary import DocumentType, DraftState, Role
from tracker.web.current_user import me
from tracker.web.permissions import PERMISSIONS, Act
from tracker.web.requests import get_query_page
from tracker.web.route_rules import signed_in


@library.get("/units")
@signed_in
def list_units() -> ResponseReturnValue:
    """Search the units."""
    unit_search = parse_search()
    centre_ids = me().centre_ids
    return render_template(
        "library/list_units.html",
        results=search.search_units(unit_search, centre_ids),
        search=unit_search,
        suites=search.list_suites(centre_ids),
        document_types=DocumentType,
        administered=me().find_grant(Role.ADMINISTRATOR),
        drafts=list_drafts(list_draft_centre_ids(), [DraftState.DRAFT]) if unit_search == search.UnitSearch() else [],
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


def get_unit(slug: str) -> Unit:
    """Return a unit that this person can see; 404 otherwise."""
    unit = queries.find_unit(slug, me().centre_ids)
    if unit is None:
        raise NotFound("There is no unit at this address. Search the list of units.")
    return unit


def parse_search() -> search.UnitSearch:
    """Return the search in the query string, within limits."""
    words, suite = (request.args.get(name, "")[:100] for name in ("q", "suite"))
    page = get_query_page()
    return search.UnitSearch(words, suite, request.args.get("type", ""), request.args.get("owner", ""), page)
