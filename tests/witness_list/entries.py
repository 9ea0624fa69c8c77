"""Entries of a witness list for tests, made by the service that the page calls."""

from datetime import timedelta
from typing import Any

from tests import factories
from tests.factories import World
from tests.records.testimonies import MARGARET
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.models import ListedWitness, Person
from tracker.vocabulary import ListedStatus, Role
from tracker.witness_list.services.listing import TypedWitness, list_witness

CV = "Fourteen years in contact centres; in the quality folder."


def type_witness(status: ListedStatus = ListedStatus.EXPERT, **fields: Any) -> TypedWitness:
    """Return what is typed about Margaret Ellis, since ten days ago."""
    is_expert = status is ListedStatus.EXPERT
    values: dict[str, Any] = {
        "name": "Margaret Ellis",
        "email": MARGARET,
        "relationship": "Operations manager",
        "status": status,
        "starts_on": clock.today() - timedelta(days=10),
        "inducted_on": clock.today() - timedelta(days=12) if is_expert else None,
        "cv": CV if is_expert else "",
    }
    return TypedWitness(**{**values, **fields})


def put_on_list(
    world: World, status: ListedStatus = ListedStatus.EXPERT, by: Person | None = None, **fields: Any
) -> ListedWitness:
    """List Margaret as an administrator does, or an assessor."""
    person = by or world.dan
    is_administrator = any(grant.role is Role.ADMINISTRATOR for grant in person.grants)
    with transaction():
        return list_witness(
            world.northgate,
            type_witness(status, **fields),
            factories.make_actor(person),
            is_administrator=is_administrator,
        )
