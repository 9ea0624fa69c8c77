"""Statements that are built once: the present time in them is that of each run, and a missing join fails a test."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import SAWarning

from tests.factories import World
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Centre, Person
from tracker.statements import fetch_rows, ids, moment_of_reading

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.usefixtures("app")
def test_the_present_time_in_a_statement_is_that_of_each_run(freeze_clock: Callable[[datetime], None]) -> None:
    statement = select(Person.name).where(Person.created_at > moment_of_reading(minus=HOUR))
    with transaction():
        db.session.add(Person(name="Alice Moran", email="alice@example.org", created_at=NOON))
    freeze_clock(NOON + HOUR - timedelta(microseconds=1))
    assert [row.name for row in fetch_rows(statement)] == ["Alice Moran"]
    freeze_clock(NOON + HOUR)
    assert not fetch_rows(statement)


def test_rows_show_what_the_transaction_has_changed(world: World) -> None:
    statement = select(Person.name).where(Person.id == bindparam("person_id"))
    with transaction():
        world.alice.name = "Alice Moran-Reid"
        assert [row.name for row in fetch_rows(statement, person_id=world.alice.id)] == ["Alice Moran-Reid"]


def test_a_list_of_ids_may_have_any_length(world: World) -> None:
    statement = select(Person.id).where(Person.id.in_(ids("person_ids"))).order_by(Person.id)
    for people in ([], [world.alice], [world.alice, world.bob, world.carol]):
        found = [row.id for row in fetch_rows(statement, person_ids=[each.id for each in people])]
        assert found == sorted(each.id for each in people)


@pytest.mark.usefixtures("world")
def test_a_cartesian_product_is_an_error() -> None:
    statement = select(Person.name, Centre.name)
    with pytest.raises(SAWarning, match="cartesian product"):
        db.session.execute(statement)
    with pytest.raises(SAWarning, match="cartesian product"):
        fetch_rows(statement.where(Person.id > 0))
