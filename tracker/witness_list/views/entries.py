"""Views of a centre's witness list: the list, and its entries recorded and removed."""

from functools import partial

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.errors import Invalid, Refused
from tracker.ledger.events import Actor
from tracker.models import Centre
from tracker.vocabulary import ListedStatus, Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.forms import errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.permissions import PERMISSIONS, Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate
from tracker.witness_list import queries
from tracker.witness_list.forms import ListWitnessForm, RemovalForm
from tracker.witness_list.services import listing
from tracker.witness_list.views import witness_list


@witness_list.get("/witnesses")
@requires(Act.READ_WITNESS_LIST)
def list_own_witnesses() -> ResponseReturnValue:
    """Redirect to the witness list of the chosen role's centre, or of another where that role does not read it."""
    readers = PERMISSIONS[Act.READ_WITNESS_LIST]
    found = (me().chosen, *(me().find_grant(role) for role in Role if role in readers))
    grant = next((each for each in found if each and each.role in readers), None)
    return redirect(url_for(".list_witnesses", centre_id=grant.centre_id if grant else 0))


@witness_list.get("/centres/<int:centre_id>/witnesses")
@requires(Act.READ_WITNESS_LIST)
def list_witnesses(centre_id: int) -> ResponseReturnValue:
    """List the witnesses of a centre with their status."""
    centre, _ = get_centre(centre_id, Act.READ_WITNESS_LIST)
    return send_list(
        queries.WITNESSES,
        partial(queries.list_witnesses, centre),
        "witness_list/list_witnesses.html",
        queries.FILTERS,
        centre=centre,
        is_administrator=me().find_grant(Role.ADMINISTRATOR, centre_id) is not None,
        can_list=any(me().find_grant(role, centre_id) for role in PERMISSIONS[Act.LIST_WITNESS]),
        today=today(),
    )


@witness_list.route("/centres/<int:centre_id>/witnesses/add", methods=["GET", "POST"])
@requires(Act.LIST_WITNESS)
@idempotent
def list_witness(centre_id: int) -> ResponseReturnValue:
    """Put a witness on the list."""
    centre, actor, is_administrator = get_listing_centre(centre_id)
    form = ListWitnessForm()
    if not is_administrator:
        form.status.choices = {each.value: each.label for each in ListedStatus if each is not ListedStatus.EXPERT}
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Refused):
            entry = listing.list_witness(centre, form.read(), actor, is_administrator=is_administrator)
            flash(f"{isolate(entry.name)} is on the witness list.")
            return redirect(url_for(".list_witnesses", centre_id=centre.id), 303)
    return render_form("witness_list/list_witness.html", form, centre=centre, is_administrator=is_administrator)


@witness_list.route("/centres/<int:centre_id>/witnesses/<int:listed_witness_id>/remove", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def remove_witness(centre_id: int, listed_witness_id: int) -> ResponseReturnValue:
    """Remove a witness from the list, with a reason."""
    centre, actor = get_centre(centre_id)
    entry = queries.get_entry(centre, listed_witness_id)
    form = RemovalForm()
    if form.validate_on_submit():
        with errors_on_form(form, Invalid, Refused):
            listing.remove_witness(entry, form.reason.data or "", actor)
            flash(f"{isolate(entry.name)} is removed from the witness list.")
            return redirect(url_for(".list_witnesses", centre_id=centre.id), 303)
    return render_form("witness_list/remove_witness.html", form, centre=centre, entry=entry)


def get_listing_centre(centre_id: int) -> tuple[Centre, Actor, bool]:
    """Return a centre, the actor who may list witnesses there, and whether they act as an administrator."""
    is_administrator = me().find_grant(Role.ADMINISTRATOR, centre_id) is not None
    centre, actor = get_centre(centre_id, Act.ADMINISTER_CENTRE if is_administrator else Act.LIST_WITNESS)
    return centre, actor, is_administrator
