"""Links between criteria: two units side by side, two versions of one unit, and the decision on each pair."""

from typing import Any
from urllib.parse import urlencode

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid, NotFound
from tracker.library.queries import links as queries
from tracker.library.queries.units import find_unit, list_newest_units, version_order
from tracker.library.services import links as services
from tracker.library.views import library
from tracker.library.views.units import get_unit
from tracker.models import Centre, Unit
from tracker.units.comparison import Link, PairKind
from tracker.vocabulary import LinkKind, Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.formatting import counted
from tracker.web.permissions import Act
from tracker.web.route_rules import requires, signed_in

MESSAGES = {
    "confirm": "The link is confirmed.",
    "refuse": "The link is refused and will not be proposed again.",
    "undo": "The decision on this link is undone.",
}


@library.get("/centres/<int:centre_id>/links")
@requires(Act.ADMINISTER_CENTRE)
def list_links(centre_id: int) -> ResponseReturnValue:
    """Show two units side by side with proposed, confirmed and refused links."""
    centre, _ = get_centre(centre_id)
    units = list_newest_units([centre.id])
    chosen = [find_unit(request.args.get(name, ""), [centre.id]) for name in ("one", "other")]
    units = sorted({*units, *filter(None, chosen)}, key=lambda unit: (unit.code, version_order(unit)))
    unit, other = (unit for unit in chosen) if all(chosen) else (None, None)
    result: dict[str, Any] = {}
    if unit and other and unit.code == other.code:
        raise Invalid("Choose two different units. Two versions of one unit are compared on the unit’s own page.")
    if unit and other:
        _, first, second = queries.order_units(unit, other)
        decided = queries.list_link_decisions(first, second, centre.id)
        result = {
            "first": first,
            "second": second,
            "proposals": queries.propose_links(first, second, decided),
            "decided_links": queries.list_decided_proposals(first, second, decided),
            "statements": [queries.get_document(unit).assessable for unit in (first, second)],
        }
    return render_template(
        "library/list_links.html",
        centre=centre,
        units=units,
        chosen_slugs=[unit.slug if unit else "" for unit in chosen],
        **result,
    )


@library.post("/centres/<int:centre_id>/links/<slug>/<other_slug>")
@requires(Act.ADMINISTER_CENTRE)
def decide_link(centre_id: int, slug: str, other_slug: str) -> ResponseReturnValue:
    """Confirm or refuse a pair or withdraw the decision; or confirm all criteria with the same words."""
    centre, actor = get_centre(centre_id)
    unit, other = (get_centre_unit(unit_slug, centre) for unit_slug in (slug, other_slug))
    act, return_url = request.form.get("act", ""), get_return_url(centre, unit, other)
    if unit.id == other.id:
        raise NotFound
    if act == "confirm_same":
        count = services.confirm_same_wording(unit, other, centre, actor)
        flash(f"{counted(count, 'statement')} confirmed as identical." if count else "Nothing was changed.")
        return redirect(return_url, 303)
    if act not in MESSAGES:
        raise Invalid("Choose Confirm, Not the same or Undo. Nothing was changed.")
    link = parse_link()
    if act == "confirm":
        services.confirm_link(unit, other, link, centre, actor)
    elif act == "refuse":
        services.refuse_link(unit, other, link, centre, actor)
    else:
        services.withdraw_link_decision(unit, other, link, centre, actor)
    is_version = queries.order_units(unit, other)[0] is LinkKind.REPLACED_BY
    flash("The link is confirmed." if is_version and act == "confirm" else MESSAGES[act])
    return redirect(return_url, 303)


@library.get("/units/<slug>/compare")
@signed_in
def compare_versions(slug: str) -> ResponseReturnValue:
    """Show two versions of a unit side by side; administrators decide there which criterion replaced each."""
    unit = get_unit(slug)
    versions = queries.list_other_versions(unit, me().centre_ids)
    other = next((version for version in versions if version.slug == request.args.get("with")), None)
    if other is None:
        return render_template("library/choose_version.html", unit=unit, versions=versions)
    grant = me().find_grant(Role.ADMINISTRATOR)
    _, older, newer = queries.order_units(unit, other)
    decided = queries.list_link_decisions(older, newer, (grant or me().chosen or me().grants[0]).centre_id)
    pairs = queries.compare_units(older, newer, decided)
    return render_template(
        "library/compare_versions.html",
        older=older,
        newer=newer,
        pairs=pairs,
        counts=queries.count_pair_kinds(pairs),
        decisions=decided,
        refused_links=[
            proposal
            for proposal in queries.list_decided_proposals(older, newer, decided)
            if not proposal.is_confirmed
        ],
        open_same=sum(pair.is_same_wording and pair.link not in decided for pair in pairs),
        administers=grant,
        kinds=PairKind,
        only_changed=request.args.get("show") == "changed",
        statements=[queries.get_document(version).criteria for version in (older, newer)] if grant else [],
    )


def get_centre_unit(slug: str, centre: Centre) -> Unit:
    """Return a unit that this centre can see; 404 otherwise."""
    unit = find_unit(slug, [centre.id])
    if unit is None:
        raise NotFound
    return unit


def parse_link() -> Link:
    """Return the two positions, in the order in which links store them."""
    values = [request.form.get(name, "") for name in ("position", "other_position")]
    if not all(value.isascii() and value.isdecimal() and len(value) < 6 for value in values):
        raise Invalid("Choose a statement on each side. Nothing was changed.")
    return int(values[0]), int(values[1])


def get_return_url(centre: Centre, unit: Unit, other: Unit) -> str:
    """Return the address of the page from which the decision was made."""
    kind, first, second = queries.order_units(unit, other)
    if kind is LinkKind.REPLACED_BY:
        return f"{url_for('.compare_versions', slug=first.slug)}?{urlencode({'with': second.slug})}"
    return url_for(".list_links", centre_id=centre.id, one=first.slug, other=second.slug)
