"""To whom rows belong: directly, or through the rows that they refer to."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Select, insert

from tests.factories import LONG_AGO, World
from tests.integrity.tampering import tampering_transaction
from tracker.extensions import db
from tracker.integrity import owners
from tracker.integrity.owners import (
    MAX_ID,
    People,
    divide,
    find_owners,
    is_id,
    select_ownerless,
    select_referring,
    select_rows,
)
from tracker.vocabulary import Role


def list_ids(query: Select[Any]) -> list[int]:
    return sorted(row["id"] for row in db.session.execute(query).mappings())


def list_own(table: str, people: People) -> list[int]:
    return list_ids(select_rows(db.metadata.tables[table], people))


class TestPeople:
    def test_a_range_has_the_people_after_one_and_up_to_another(self, world: World) -> None:
        first, second, third = world.alice.id, world.bob.id, world.carol.id
        assert list_own("person", People()) == list(range(first, world.heidi.id + 1))
        assert list_own("person", People(after=first, until=third)) == [second, third]
        assert list_own("person", People(until=second)) == [first, second]
        assert list_own("person", People(after=world.grace.id)) == [world.heidi.id]

    def test_of_a_range_only_those_that_are_named(self, world: World) -> None:
        named = (world.alice.id, world.carol.id, world.frank.id)
        assert list_own("person", People(named=named)) == list(named)
        assert list_own("person", People(after=world.alice.id, until=world.dan.id, named=named)) == [world.carol.id]
        assert list_own("person", People(named=())) == []


class TestRows:
    def test_a_row_belongs_to_the_owner_of_its_parent(self, world: World) -> None:
        of_frank = list_own("allocation", People(named=(world.frank.id,)))
        assert len(of_frank) == 1
        assert list_own("allocation", People(named=(world.bob.id,))) == []
        everybody = list_own("allocation", People())
        assert sorted([*of_frank, *list_own("allocation", People(named=(world.alice.id,)))]) == everybody

    def test_a_row_whose_parent_is_missing_has_no_owner(self, world: World) -> None:
        table = db.metadata.tables["allocation"]
        assert list_ids(select_ownerless(table)) == []
        row = {
            "id": 500, "attempt_id": 900, "person_id": world.bob.id, "role": Role.ASSESSOR, "starts_at": LONG_AGO,
            "reason": "", "allocated_by_id": world.dan.id,
        }  # fmt: skip
        with tampering_transaction():
            db.session.execute(insert(table).values(row))
            assert list_ids(select_ownerless(table)) == [500]
            assert 500 not in list_own("allocation", People())

    def test_rows_that_refer_to_people_are_found_whoever_owns_them(self, world: World) -> None:
        column = db.metadata.tables["allocation"].c.person_id
        found = list_ids(select_referring(column, People(named=(world.grace.id,))))
        assert found == list_own("allocation", People(named=(world.frank.id,)))

    def test_rows_that_refer_to_rows_of_people_are_found(self, world: World) -> None:
        column = db.metadata.tables["allocation"].c.attempt_id
        found = list_ids(select_referring(column, People(named=(world.frank.id,))))
        assert found == list_own("allocation", People(named=(world.frank.id,)))


class TestOwners:
    @pytest.mark.parametrize("size", [1, 2, 500])
    def test_keys_are_looked_up_in_parts(self, world: World, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        monkeypatch.setattr(owners, "CHUNK_SIZE", size)
        attempts = [world.cfacc15.id, world.inscc004.id, world.franks_attempt.id]
        found = dict(find_owners("unit_attempt", [*attempts, 900]))
        assert found == dict(zip(attempts, [world.alice.id, world.alice.id, world.frank.id], strict=True))

    def test_nothing_is_asked_for_no_keys(self, world: World, count_statements: Callable[[], Any]) -> None:
        assert world
        with count_statements() as statements:
            assert list(find_owners("unit_attempt", [])) == []
        assert statements == []


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (0, True),
        (1, True),
        (MAX_ID, True),
        (MAX_ID + 1, False),
        (-1, False),
        ("1", False),
        (None, False),
        (1.0, False),
    ],
)
def test_an_id_is_a_number_that_a_column_can_hold(value: object, is_one: bool) -> None:
    assert is_id(value) is is_one


def test_values_are_divided_into_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "CHUNK_SIZE", 2)
    assert list(divide(range(5))) == [[0, 1], [2, 3], [4]]
    assert list(divide([])) == []
