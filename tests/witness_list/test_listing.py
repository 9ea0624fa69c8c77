"""Who puts whom on a centre's witness list. docs/rules.md, Witness list, rules 1 and 2."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests import factories
from tests.factories import World
from tests.witness_list.entries import put_on_list
from tracker import clock
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Event, ListedWitness
from tracker.vocabulary import ListedStatus
from tracker.witness_list.services.listing import remove_witness


def test_an_administrator_lists_an_expert_witness_with_cv_and_induction(world: World) -> None:
    entry = put_on_list(world)
    assert (entry.status, entry.recorded_by_id) == (ListedStatus.EXPERT, world.dan.id)
    assert db.session.query(Event).filter_by(act="witness_listed", object_id=entry.id).one().actor_id == world.dan.id


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"cv": " "}, "cv"),
        ({"inducted_on": None}, "inducted_on"),
        ({"inducted_on": clock.today() - timedelta(days=9)}, "inducted_on"),
        ({"starts_on": None}, "starts_on"),
        ({"starts_on": clock.today() + timedelta(days=1)}, "starts_on"),
        ({"ends_on": clock.today() - timedelta(days=11)}, "ends_on"),
        ({"name": "?"}, "name"),
        ({"relationship": " "}, "relationship"),
    ],
)
def test_what_an_expert_witness_needs_is_asked_for(world: World, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        put_on_list(world, **fields)
    assert error.value.field == field


def test_an_assessor_lists_other_witnesses_and_no_expert(world: World) -> None:
    assert put_on_list(world, ListedStatus.FAMILIAR, by=world.bob).recorded_by_id == world.bob.id
    with pytest.raises(Refused, match="An administrator of the centre lists expert witnesses"):
        put_on_list(world, ListedStatus.EXPERT, by=world.bob)


def test_nobody_lists_themselves(world: World) -> None:
    with pytest.raises(Refused, match="your own address"):
        put_on_list(world, email=world.dan.email.upper())


def test_an_entry_is_removed_once_with_a_reason_and_stays_in_the_record(world: World) -> None:
    entry, dan = put_on_list(world), factories.make_actor(world.dan)
    with pytest.raises(Invalid, match="Enter the reason"), transaction():
        remove_witness(entry, " ", dan)
    with transaction():
        remove_witness(db.session.get_one(ListedWitness, entry.id), "Left the company.", dan)
    with pytest.raises(Refused, match="removed already"), transaction():
        remove_witness(db.session.get_one(ListedWitness, entry.id), "Again.", dan)
    assert db.session.get_one(ListedWitness, entry.id).name == "Margaret Ellis"


def test_the_database_refuses_an_expert_without_an_induction(world: World) -> None:
    entry = db.session.get_one(ListedWitness, put_on_list(world).id)
    entry.inducted_on = None
    with pytest.raises(IntegrityError, match="expert_with_induction"):
        db.session.flush()
