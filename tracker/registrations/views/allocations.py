"""Views of a centre's allocations: the list, and the allocation of many units in one act after a preview."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.background import emails
from tracker.errors import NotFound, TrackerError
from tracker.ledger.events import Actor
from tracker.ledger.transactions import rollback
from tracker.models import Centre, Person
from tracker.registrations.allocation_list import ALLOCATIONS, choose_definition, list_allocation_filters
from tracker.registrations.allocation_list import list_allocations as list_allocations_at
from tracker.registrations.allocation_plans import carry_out_plan, plan_allocations
from tracker.registrations.current_allocations import ALLOCATED_ROLES
from tracker.registrations.forms import FIND, NOBODY_YET, ChangeAllocationsForm
from tracker.registrations.person_choices import PersonChoices
from tracker.registrations.views import registrations
from tracker.registrations.views.person_fields import fill_staff_field
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.formatting import counted
from tracker.web.forms import errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.lists import MAX_QUERY_STRING_LENGTH, parse_query_string
from tracker.web.permissions import Act
from tracker.web.requests import parse_id
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@registrations.get("/centres/<int:centre_id>/allocations")
@requires(Act.ADMINISTER_CENTRE)
def list_allocations(centre_id: int) -> ResponseReturnValue:
    """List the open units of a centre with their assessors and internal verifiers, to be ticked."""
    centre, _ = get_centre(centre_id)
    definition, choices = choose_definition(centre), list_allocation_filters(centre, read_chosen(request.args))
    return send_list(
        definition,
        partial(list_allocations_at, centre, definition=definition),
        "registrations/list_allocations.html",
        choices.filters,
        centre=centre,
        names_all_staff=choices.names_all_staff,
        tick_all=request.args.get("tick") == "all",
    )


@registrations.route("/centres/<int:centre_id>/allocations/change", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def change_allocations(centre_id: int) -> ResponseReturnValue:
    """Allocate the units ticked in the list to an assessor, an internal verifier or both, after a preview."""
    centre, actor = get_centre(centre_id)
    chosen, act = read_ids("attempt"), request.form.get("act", "")
    if not chosen:
        flash("Tick at least one unit.", "refused")
        return redirect(build_list_url(centre), 303)
    form, plan, people = ChangeAllocationsForm(), None, {}
    choices = fill_staff(form, centre)
    if act not in {"choose", FIND} and form.validate_on_submit():
        people = {
            role: next(person for person in choices[role.value].people if person.id == choice)
            for role, choice in form.list_choices().items()
        }
        with errors_on_form(form):
            if act == "allocate":
                return allocate_planned(form, centre, people, actor)
        with errors_on_form(form):
            plan = plan_allocations(centre, chosen, people, form.reason.data or "", actor)
    page, status = render_form(
        "registrations/change_allocations.html",
        form,
        centre=centre,
        is_preview=plan is not None,
        plan=plan or plan_allocations(centre, chosen, {}, "", actor),
        people=people,
        choices=choices,
        roles=ALLOCATED_ROLES,
        list_url=build_list_url(centre),
        list_query=request.values.get("list", "")[:MAX_QUERY_STRING_LENGTH],
        delivers=emails.can_deliver(),
    )
    return page, (status if form.errors else 200)


def read_ids(name: str) -> list[int]:
    """Return the ids of a parameter that may be repeated, in the address or the form; raise `NotFound` for others."""
    ids = [parse_id(value) for value in request.values.getlist(name)]
    if None in ids:
        raise NotFound
    return [each for each in ids if each is not None]


def read_chosen(arguments: Mapping[str, str]) -> set[int]:
    """Return the ids of the assessor and verifier who are chosen in the address of a list."""
    ids = (parse_id(arguments.get(name, "")) for name in ("assessor", "verifier"))
    return {each for each in ids if each is not None}


def fill_staff(form: ChangeAllocationsForm, centre: Centre) -> dict[str, PersonChoices]:
    """Fill the form's lists of assessors and internal verifiers, and return these people by field."""
    nobody = {str(NOBODY_YET): "Leave as it is"}
    return {
        field.name: fill_staff_field(field, form[f"find_{field.name}"], centre, role, nobody, set())
        for role, field in form.role_fields.items()
    }


def allocate_planned(
    form: ChangeAllocationsForm, centre: Centre, people: Mapping[Role, Person], actor: Actor
) -> ResponseReturnValue:
    """Allocate the units of the preview and go to the list; if it is refused, undo what was done of it."""
    planned = read_ids("planned")
    try:
        carry_out_plan(centre, planned, people, form.reason.data or "", actor, digest=request.form.get("digest", ""))
    except TrackerError:
        rollback()
        raise
    names = " and ".join(isolate(person.name) for person in people.values())
    flash(f"{counted(len(planned), 'unit')} allocated to {names}.")
    return redirect(build_list_url(centre), 303)


def build_list_url(centre: Centre) -> str:
    """Return the address of the list as it was searched, filtered and sorted where the units were ticked."""
    text = request.values.get("list", "")[:MAX_QUERY_STRING_LENGTH]
    choices = list_allocation_filters(centre, read_chosen(dict(parse_qsl(text))))
    query = parse_query_string(ALLOCATIONS, text, choices.filters)
    arguments: dict[str, Any] = {"centre_id": centre.id, **query.build_arguments()}
    return url_for(".list_allocations", **arguments)
