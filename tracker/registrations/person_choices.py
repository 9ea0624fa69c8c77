"""People to choose in a form: everybody where they are few, otherwise those who match what is searched for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Exists, Select, SQLColumnExpression, and_, func, select
from sqlalchemy.orm import aliased

from tracker.accounts.searches import is_person_found
from tracker.extensions import db
from tracker.models import Allocation, Centre, Grant, Person, Registration, UnitAttempt
from tracker.registrations.current_allocations import select_live_grants
from tracker.vocabulary import OPEN_ATTEMPT_STATES, AttemptState, Role

MAX_CHOICES = 100
"""How many people a form offers at once."""


@dataclass(frozen=True)
class PersonChoices:
    """The people whom a form offers, by name, with those who are chosen already."""

    people: list[Person]
    must_search: bool = False
    """Whether there are too many to offer them all."""
    has_more: bool = False
    """Whether more were found than are offered."""


def list_people_to_choose(centre: Centre, role: Role, words: str = "", chosen: Collection[int] = ()) -> PersonChoices:
    """List the people with a role at a centre now whom a form offers. Runs at most four SQL statements.

    Args:
        centre: the centre.
        role: the role that they have.
        words: what was searched for in names and addresses; it counts only where the people are many.
        chosen: the ids of those who are chosen, and so are always offered.
    """
    grant, person = aliased(Grant), aliased(Person)
    grants = (
        select_live_grants(grant, person, grant.person_id)
        .where(grant.centre_id == centre.id, grant.role == role)
        .subquery()
    )
    return _list_choices(select(Person).join(grants, grants.c.person_id == Person.id), centre, words, chosen)


def list_candidates_to_choose(centre: Centre, words: str = "", chosen: Collection[int] = ()) -> PersonChoices:
    """List a centre's candidates with an attempt that is not void, in the same way.

    Each is found by the first of their registrations, so that nobody counts twice.
    """
    earlier = aliased(Registration)
    people = (
        select(Person)
        .join(Registration, Registration.candidate_id == Person.id)
        .where(
            Registration.centre_id == centre.id,
            _has_attempt(Registration.id),
            ~select(earlier.id)
            .where(
                earlier.candidate_id == Person.id,
                earlier.centre_id == centre.id,
                earlier.id < Registration.id,
                _has_attempt(earlier.id),
            )
            .exists(),
        )
    )
    return _list_choices(people, centre, words, chosen)


def count_open_units_of(people: Collection[Person], centre: Centre, role: Role) -> list[tuple[Person, int]]:
    """Return people with how many open units of a centre are allocated to each in a role."""
    query = (
        select(Allocation.person_id, func.count())
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(
            Allocation.person_id.in_([person.id for person in people]),
            UnitAttempt.centre_id == centre.id,
            UnitAttempt.state.in_(OPEN_ATTEMPT_STATES),
            Allocation.role == role,
            Allocation.ends_at.is_(None),
        )
        .group_by(Allocation.person_id)
    )
    load: dict[int, int] = dict(db.session.execute(query).all())
    return [(person, load.get(person.id, 0)) for person in people]


def _has_attempt(registration_id: SQLColumnExpression[int]) -> Exists:
    """Return the condition that a registration has an attempt that is not void."""
    return (
        select(UnitAttempt.id)
        .where(UnitAttempt.registration_id == registration_id, UnitAttempt.state != AttemptState.VOID)
        .exists()
    )


def _list_choices(people: Select[Person], centre: Centre, words: str, chosen: Collection[int]) -> PersonChoices:
    first = people.with_only_columns(Person.id).limit(MAX_CHOICES + 1).cte("first_people")
    is_short = select(func.count()).select_from(first).scalar_subquery() <= MAX_CHOICES
    statement = select(first.c.id, Person).outerjoin(Person, and_(Person.id == first.c.id, is_short))
    everybody = db.session.execute(statement).all()  # of many people only the ids
    if len(everybody) <= MAX_CHOICES:
        return PersonChoices(_sort([person for _, person in everybody]))
    words = " ".join(words.split())
    found: Sequence[Person] = ()
    if words:
        matches = people.where(is_person_found(words, centre.id)).order_by(func.lower(Person.name), Person.id)
        found = db.session.scalars(matches.limit(MAX_CHOICES + 1)).all()
    kept = db.session.scalars(people.where(Person.id.in_(chosen))).all() if any(chosen) else []
    return PersonChoices(_sort([*found[:MAX_CHOICES], *kept]), must_search=True, has_more=len(found) > MAX_CHOICES)


def _sort(people: Collection[Person]) -> list[Person]:
    """Return people by name, each once."""
    return sorted(set(people), key=lambda person: (person.name, person.id))
