"""Look-ups of rows: what is found by key or column, and what is kept."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.factories import LONG_AGO, World
from tracker.extensions import db
from tracker.integrity import row_lookup
from tracker.integrity.owners import MAX_ID
from tracker.integrity.row_lookup import KeptResults, OwnGroups, OwnRows, RowLookup, StreamedRows
from tracker.ledger.transactions import transaction
from tracker.models import IdempotencyKey

Count = Callable[[], AbstractContextManager[list[str]]]


def add_keys(world: World, *keys: str) -> None:
    """Add idempotency keys, whose primary key has two columns."""
    with transaction():
        for person in (world.alice, world.bob):
            for key in keys:
                db.session.add(
                    IdempotencyKey(person_id=person.id, key=key, body_hash="0a" * 32, location="/", used_at=LONG_AGO)
                )


class TestFinding:
    def test_a_row_is_found_by_its_key(self, world: World) -> None:
        row = RowLookup().find("person", world.alice.id)
        assert row
        assert (row["id"], row["name"]) == (world.alice.id, "Alice Moran")
        assert RowLookup().find("person", 900) is None

    def test_a_key_may_have_two_columns(self, world: World) -> None:
        add_keys(world, "a" * 32, "b" * 32)
        row = RowLookup().find("idempotency_key", (world.bob.id, "b" * 32))
        assert row
        assert (row["person_id"], row["key"]) == (world.bob.id, "b" * 32)

    @pytest.mark.parametrize(
        ("table", "key"),
        [
            ("person", (1, 2)),
            ("person", "1"),
            ("person", -1),
            ("person", MAX_ID + 1),
            ("person", None),
            ("idempotency_key", 1),
            ("idempotency_key", (1, 2)),
            ("idempotency_key", ("a", "a")),
        ],
    )
    def test_what_can_be_no_key_is_not_looked_up(
        self, world: World, count_statements: Count, table: str, key: Any
    ) -> None:
        assert world
        with count_statements() as statements:
            assert RowLookup().find(table, key) is None
        assert statements == []

    def test_rows_are_found_by_the_value_of_a_column_in_the_order_of_their_keys(self, world: World) -> None:
        attempts = RowLookup().list("unit_attempt", "candidate_id", world.alice.id)
        assert [row["id"] for row in attempts] == [world.cfacc15.id, world.inscc004.id]
        assert RowLookup().list("unit_attempt", "candidate_id", world.bob.id) == []

    def test_a_result_is_kept_also_that_there_is_none(self, world: World, count_statements: Count) -> None:
        lookup = RowLookup()
        with count_statements() as statements:
            for _ in range(2):
                assert lookup.find("person", world.alice.id)
                assert lookup.find("person", 900) is None
                assert lookup.list("unit_attempt", "candidate_id", world.alice.id)
        assert len(statements) == 3

    def test_few_whole_documents_are_kept(
        self, world: World, count_statements: Count, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(row_lookup, "MAX_DOCUMENTS", 1)
        monkeypatch.setattr(row_lookup, "MAX_KEPT", 2)
        lookup = RowLookup()
        with count_statements() as statements:
            for _ in range(2):
                for key in (world.alice.id, world.bob.id):
                    assert lookup.find("person", key)
        assert len(statements) == 2
        with count_statements() as statements:
            for _ in range(2):
                for key in (1, 2):
                    assert lookup.find("unit", key)
        assert len(statements) == 4


def test_the_results_that_were_used_last_are_kept() -> None:
    kept, read = KeptResults(2), list[str]()

    def get(key: str) -> None:
        def read_key() -> str:
            read.append(key)
            return key * 2

        assert kept.get(key, read_key) == key * 2

    for key in "abacab":
        get(key)
    assert read == ["a", "b", "c", "b"]


class Lookup(RowLookup):
    """Finds every row but 900."""

    def find(self, name: str, key: Any) -> Any:
        return None if key == 900 else {"id": key, "table": name}


class TestOwnRows:
    ROWS = OwnRows("person", {1: {"id": 1}, 2: {"id": 2}}, Lookup())

    def test_going_through_them_gives_those_of_the_part(self) -> None:
        assert list(self.ROWS) == [1, 2]
        assert len(self.ROWS) == 2
        assert list(self.ROWS.values()) == [{"id": 1}, {"id": 2}]
        assert list(self.ROWS.items()) == [(1, {"id": 1}), (2, {"id": 2})]

    def test_others_are_looked_up(self) -> None:
        assert self.ROWS[1] == {"id": 1}
        assert self.ROWS[3] == {"id": 3, "table": "person"}
        with pytest.raises(KeyError, match="900"):
            self.ROWS[900]


class TestStreamedRows:
    @pytest.mark.parametrize("at_once", [1, 2, 3, 200])
    def test_they_are_those_of_the_whole_table(
        self, world: World, monkeypatch: pytest.MonkeyPatch, at_once: int
    ) -> None:
        monkeypatch.setattr(row_lookup, "AT_ONCE", at_once)
        rows = StreamedRows(db.metadata.tables["centre"], RowLookup())
        centres = [world.northgate.id, world.southbank.id]
        assert list(rows) == centres
        assert len(rows) == 2
        assert [row["name"] for row in rows.values()] == ["Northgate Skills", "Southbank College"]
        assert [(key, row["id"]) for key, row in rows.items()] == list(zip(centres, centres, strict=True))

    def test_a_few_are_read_at_a_time(
        self, world: World, monkeypatch: pytest.MonkeyPatch, count_statements: Count
    ) -> None:
        monkeypatch.setattr(row_lookup, "AT_ONCE", 1)
        assert world
        with count_statements() as statements:
            next(iter(StreamedRows(db.metadata.tables["centre"], RowLookup())))
        assert len(statements) == 1

    @pytest.mark.parametrize("at_once", [1, 2, 3, 4])
    def test_a_key_may_have_two_columns(self, world: World, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
        monkeypatch.setattr(row_lookup, "AT_ONCE", at_once)
        add_keys(world, "a" * 32, "b" * 32)
        rows = StreamedRows(db.metadata.tables["idempotency_key"], RowLookup())
        people = world.alice.id, world.bob.id
        assert list(rows) == [(person, key * 32) for person in people for key in "ab"]

    def test_one_is_found_by_its_key(self, world: World) -> None:
        rows = StreamedRows(db.metadata.tables["centre"], RowLookup())
        assert rows[world.southbank.id]["name"] == "Southbank College"
        assert world.northgate.id in rows
        with pytest.raises(KeyError, match="900"):
            rows[900]

    def test_an_empty_table_has_none(self, world: World) -> None:
        assert world
        rows = StreamedRows(db.metadata.tables["visit"], RowLookup())
        assert (list(rows), len(rows)) == ([], 0)


class TestOwnGroups:
    def build(self) -> OwnGroups:
        """Return the groups of a part that has everything of values below 10; a look-up finds a row of each other."""
        own = {1: [{"id": 1}], 2: []}
        return OwnGroups(own, lambda value: value < 10, lambda value: [] if value == 99 else [{"id": value}])

    def test_going_through_them_gives_those_of_the_part(self) -> None:
        groups = self.build()
        assert (list(groups), len(groups)) == ([1, 2], 2)
        assert list(groups.items()) == [(1, [{"id": 1}]), (2, [])]

    def test_what_is_complete_is_not_looked_up(self) -> None:
        groups = self.build()
        assert groups[1] == [{"id": 1}]
        assert groups[2] == []
        assert groups[3] == []
        assert groups[None] == []
        assert groups[20] == [{"id": 20}]

    def test_a_value_without_rows_is_not_there(self) -> None:
        groups = self.build()
        assert 1 in groups
        assert 2 not in groups
        assert 20 in groups
        assert 99 not in groups
        assert groups.get(99, "none") == "none"
        assert groups.get(2) is None
        assert groups.get(20, "none") == [{"id": 20}]
