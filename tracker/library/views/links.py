"""Links between statements: two units side by side, two versions of one unit, and a person's word on each pair."""

from typing import Any
from urllib.parse import urlencode

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.errors import Invalid, NotFound
from tracker.library.queries import links as queries
from tracker.library.queries.units import find_unit, list_newest_units, version_order
from tracker.library.services import links as services
from tracker.library.views import library
from tracker.models import Centre, Unit
from tracker.units.comparison import Link, PairKind
from tracker.vocabulary import LinkKind, Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.formatting import counted
from tracker.web.permissions import Act
from tracker.web.route_rules import requires, signed_in

SAID = {
    "confirm": "Linked: the two are the same in substance.",
    "refuse": "Noted: they are not the same. Nobody is asked again.",
    "undo": "Taken back.",
}


@library.get("/centres/<int:centre_id>/links")
@requires(Act.ADMINISTER_CENTRE)
def list_links(centre_id: int) -> ResponseReturnValue:
    """Two units side by side: what may be the same in substance, what was confirmed and what refused."""
    centre, _ = get_centre(centre_id)
    units = list_newest_units([centre.id])
    chosen = [find_unit(request.args.get(name, ""), [centre.id]) for name in ("one", "other")]
    units = sorted({*units, *filter(None, chosen)}, key=lambda unit: (unit.code, version_order(unit)))
    one, other = (unit for unit in chosen) if all(chosen) else (None, None)
    found: dict[str, Any] = {}
    if one and other and one.code == other.code:
        raise Invalid("Choose two different units. Two versions of one unit are compared on the unit's own page.")
    if one and other:
        _, first, second = queries.put_in_order(one, other)
        decided = queries.list_decided(first, second, centre.id)
        found = {
            "first": first,
            "second": second,
            "proposals": queries.propose_links(first, second, decided),
            "decided": queries.list_proposals_decided(first, second, decided),
            "statements": [queries.document_of(unit).assessable for unit in (first, second)],
        }
    return render_template(
        "library/list_links.html",
        centre=centre,
        units=units,
        asked=[unit.slug if unit else "" for unit in chosen],
        **found,
    )


@library.post("/centres/<int:centre_id>/links/<slug>/<other_slug>")
@requires(Act.ADMINISTER_CENTRE)
def decide_link(centre_id: int, slug: str, other_slug: str) -> ResponseReturnValue:
    """Confirm, refuse or take back one pair; or confirm every statement that two versions share word for word."""
    centre, actor = get_centre(centre_id)
    one, other = (get_unit(each, centre) for each in (slug, other_slug))
    act, here = request.form.get("act", ""), back_to(centre, one, other)
    if one.id == other.id:
        raise NotFound
    if act == "confirm_same":
        count = services.confirm_same_wording(one, other, centre, actor)
        flash(
            f"{counted(count, 'statement')} confirmed, word for word the same." if count else "Nothing was changed."
        )
        return redirect(here, 303)
    if act not in SAID:
        raise Invalid("Say what the two are to each other. Nothing was changed.")
    link = read_link()
    if act == "confirm":
        services.confirm_link(one, other, link, centre, actor)
    elif act == "refuse":
        services.refuse_link(one, other, link, centre, actor)
    else:
        services.undo_link(one, other, link, centre, actor)
    is_version = queries.put_in_order(one, other)[0] is LinkKind.REPLACED_BY
    flash("Linked." if is_version and act == "confirm" else SAID[act])
    return redirect(here, 303)


@library.get("/units/<slug>/compare")
@signed_in
def compare_versions(slug: str) -> ResponseReturnValue:
    """Two versions of one unit side by side; administrators say there what has become of each statement."""
    unit = find_unit(slug, me().centre_ids)
    if unit is None:
        raise NotFound("There is no unit at this address. Look for it in the list of units.")
    versions = queries.list_comparable(unit, me().centre_ids)
    other = next((each for each in versions if each.slug == request.args.get("with")), None)
    if other is None:
        return render_template("library/choose_version.html", unit=unit, versions=versions)
    grant = me().holds(Role.ADMINISTRATOR)
    _, older, newer = queries.put_in_order(unit, other)
    decided = queries.list_decided(older, newer, (grant or me().chosen or me().grants[0]).centre_id)
    pairs = queries.compare(older, newer, decided)
    return render_template(
        "library/compare_versions.html",
        older=older,
        newer=newer,
        pairs=pairs,
        counts=queries.count_kinds(pairs),
        decided=decided,
        refused=[each for each in queries.list_proposals_decided(older, newer, decided) if not each.is_confirmed],
        open_same=sum(pair.is_same_wording and pair.link not in decided for pair in pairs),
        administers=grant,
        kinds=PairKind,
        only_changed=request.args.get("show") == "changed",
        statements=[queries.document_of(each).criteria for each in (older, newer)] if grant else [],
    )


def get_unit(slug: str, centre: Centre) -> Unit:
    """A unit that this centre can see; 404 otherwise."""
    unit = find_unit(slug, [centre.id])
    if unit is None:
        raise NotFound
    return unit


def read_link() -> Link:
    """The two positions, in the order in which links between these units are kept."""
    values = [request.form.get(name, "") for name in ("position", "other_position")]
    if not all(value.isascii() and value.isdecimal() and len(value) < 6 for value in values):
        raise Invalid("Choose a statement on each side. Nothing was changed.")
    return int(values[0]), int(values[1])


def back_to(centre: Centre, one: Unit, other: Unit) -> str:
    kind, first, second = queries.put_in_order(one, other)
    if kind is LinkKind.REPLACED_BY:
        return f"{url_for('.compare_versions', slug=first.slug)}?{urlencode({'with': second.slug})}"
    return url_for(".list_links", centre_id=centre.id, one=first.slug, other=second.slug)
