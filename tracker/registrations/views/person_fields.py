"""Fields of forms in which people are chosen, with the search where they are many."""

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from wtforms import Field, SelectField

from tracker.errors import NotFound
from tracker.models import Centre, Person
from tracker.registrations.forms import FIND
from tracker.registrations.person_choices import PersonChoices, count_open_units_of, list_people_to_choose
from tracker.registrations.views import registrations
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.fair_shares import SEARCHING, in_turn
from tracker.web.formatting import counted
from tracker.web.lists import read_search_words
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


def is_search() -> bool:
    """Return whether a form was sent to search for people, with the rest of it to be kept as it was typed."""
    return request.form.get("act") == FIND


def find_choices(field: SelectField, find: Field, centre: Centre, role: Role) -> PersonChoices:
    """Return the people with a role whom a field offers: those who match the search, and who is chosen."""
    return list_people_to_choose(centre, role, find.data or "", [field.data] if field.data else [])


def fill_staff_field(
    field: SelectField, find: Field, centre: Centre, role: Role, nobody: dict[str, str], leave_out: set[int | None]
) -> PersonChoices:
    """Fill a field with staff, each with the number of units they have now; return whom it offers."""
    choices = find_choices(field, find, centre, role)
    people = [person for person in choices.people if person.id not in leave_out]
    field.choices = {**nobody, **describe_staff(people, centre, role)}
    return choices


def describe_staff(people: list[Person], centre: Centre, role: Role) -> dict[str, str]:
    """Return people as choices of a form, each with the number of units they have now."""
    return {
        str(person.id): f"{isolate(person.name)}, {counted(load, 'unit')} now"
        for person, load in count_open_units_of(people, centre, role)
    }


def describe_candidate(person: Person) -> str:
    """Return a candidate as a choice of a form."""
    return f"{isolate(person.name)}, {person.email}"


@registrations.get("/centres/<int:centre_id>/people/choices/<role_value>")
@requires(Act.ADMINISTER_CENTRE)
@in_turn(SEARCHING)
def find_people(centre_id: int, role_value: str) -> ResponseReturnValue:
    """Return the people with a role whose name or address contains what is typed, for static/js/find_people.js."""
    centre, _ = get_centre(centre_id)
    if role_value not in {role.value for role in Role}:
        raise NotFound
    role = Role(role_value)
    choices = list_people_to_choose(centre, role, read_search_words(request.args))
    described = (
        {str(person.id): describe_candidate(person) for person in choices.people}
        if role is Role.CANDIDATE
        else describe_staff(choices.people, centre, role)
    )
    return jsonify(people=list(described.items()), has_more=choices.has_more)
