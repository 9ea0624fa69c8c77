"""The snapshot of a part of the record: going through it gives what belongs to some people, and others are found."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import insert

from tests import factories
from tests.factories import LONG_AGO, World
from tests.integrity.tampering import tampering_transaction
from tracker.extensions import db
from tracker.integrity import owners
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.owners import People
from tracker.integrity.part_snapshot import CommonReads, PartSnapshot
from tracker.ledger import events
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.models import Person, RowSalt, Sample
from tracker.vocabulary import Role

Count = Callable[[], AbstractContextManager[list[str]]]


def open_part(people: Person | None, *seqs: int, common: CommonReads | None = None) -> PartSnapshot:
    """Return the part of one person, or the shared part, with the events that name something of it."""
    named = None if people is None else People(people.id - 1, people.id)
    return PartSnapshot(common or CommonReads(LedgerSnapshot()), named, seqs)


def add(person: Person, act: str = "data_exported", **facts: Any) -> int:
    """Record an event about a person and return its number."""
    with transaction():
        record(act, person, factories.make_actor(person), **facts)
    return events.get_head()[0]


def draw_sample(world: World) -> Sample:
    """Add a sample of Alice's unit, which Carol drew and an event sealed."""
    with transaction():
        sample = Sample(
            attempt_id=world.cfacc15.id, round=1, verifier_id=world.carol.id, sampled_at=factories.days_ago(0),
            is_interim=True, comment="Well done",
        )  # fmt: skip
        db.session.add(sample)
        db.session.flush()
        texts = {"comment": "Well done"}
        record(
            "sample_drawn", world.cfacc15, factories.make_actor(world.carol), texts=texts, attempt=world.cfacc15.id
        )
    return sample


class TestRows:
    def test_a_part_has_the_rows_of_its_people(self, world: World) -> None:
        part = open_part(world.alice)
        assert list(part.rows("person")) == [world.alice.id]
        assert list(part.rows("unit_attempt")) == [world.cfacc15.id, world.inscc004.id]
        assert {row["attempt_id"] for row in part.rows("allocation").values()} == set(part.rows("unit_attempt"))
        assert list(open_part(world.bob).rows("unit_attempt")) == []

    def test_it_finds_all_others(self, world: World) -> None:
        part = open_part(world.alice)
        assert part.rows("person")[world.bob.id]["name"] == "Bob Archer"
        assert part.find_row("unit_attempt", world.franks_attempt.id)
        assert part.find_row("person", 900) is None

    def test_shared_rows_are_in_the_shared_part(self, world: World) -> None:
        shared = open_part(None)
        assert list(shared.rows("centre")) == [world.northgate.id, world.southbank.id]
        assert [list(shared.rows(name)) for name in ("person", "unit_attempt", "allocation")] == [[], [], []]
        part = open_part(world.alice)
        assert list(part.rows("centre")) == []
        assert part.rows("centre")[world.northgate.id]["name"] == "Northgate Skills"

    def test_rows_without_an_owner_are_in_the_shared_part(self, world: World) -> None:
        row = {
            "id": 500, "attempt_id": 900, "person_id": world.alice.id, "role": Role.ASSESSOR, "starts_at": LONG_AGO,
            "reason": "", "allocated_by_id": world.dan.id,
        }  # fmt: skip
        with tampering_transaction():
            db.session.execute(insert(db.metadata.tables["allocation"]).values(row))
            assert list(open_part(None).rows("allocation")) == [500]
            assert 500 not in list(open_part(world.alice).rows("allocation"))

    def test_they_are_read_once(self, world: World, count_statements: Count) -> None:
        part = open_part(world.alice)
        with count_statements() as statements:
            for _ in range(2):
                assert list(part.rows("person")) == [world.alice.id]
                assert part.rows("person")[world.bob.id]
        assert len(statements) == 2

    def test_no_person_is_without_an_owner(self, world: World, count_statements: Count) -> None:
        assert world
        with count_statements() as statements:
            assert list(open_part(None).rows("person")) == []
        assert [each for each in statements if "FROM person" in each] == []


class TestOwn:
    def test_rows_and_missing_ones_belong_to_one_part(self, world: World) -> None:
        parts = {"alice": open_part(world.alice), "shared": open_part(None)}

        def list_owners(name: str, key: Any) -> list[str]:
            return [whose for whose, part in parts.items() if part.is_own(name, key)]

        assert list_owners("person", world.alice.id) == ["alice"]
        assert list_owners("person", world.bob.id) == []
        assert list_owners("unit_attempt", world.cfacc15.id) == ["alice"]
        assert list_owners("unit_attempt", 900) == ["shared"]
        assert list_owners("centre", world.northgate.id) == ["shared"]
        assert list_owners("centre", 900) == ["shared"]


class TestGroups:
    def list_groups(self, part: PartSnapshot, name: str, column: str) -> dict[Any, list[int]]:
        groups = part.group_rows(name, column)
        assert part.group_rows(name, column) is groups
        return {value: [row["id"] for row in rows] for value, rows in groups.items()}

    def test_rows_are_grouped_by_their_owner(self, world: World) -> None:
        attempts = [world.cfacc15.id, world.inscc004.id]
        assert self.list_groups(open_part(world.alice), "unit_attempt", "candidate_id") == {world.alice.id: attempts}
        allocations = self.list_groups(open_part(world.alice), "allocation", "attempt_id")
        assert list(allocations) == attempts

    def test_rows_of_others_that_refer_to_the_part_are_grouped(self, world: World) -> None:
        by_person = self.list_groups(open_part(world.grace), "allocation", "person_id")
        assert list(by_person) == [world.grace.id]
        assert self.list_groups(open_part(world.alice), "allocation", "person_id") == {}

    def test_nothing_is_grouped_of_shared_rows(self, world: World) -> None:
        assert self.list_groups(open_part(world.alice), "registration", "centre_id") == {}
        assert self.list_groups(open_part(None), "registration", "centre_id") == {}
        assert self.list_groups(open_part(None), "allocation", "person_id") == {}

    def test_all_others_are_looked_up(self, world: World, count_statements: Count) -> None:
        part = open_part(world.alice)
        groups = part.group_rows("unit_attempt", "candidate_id")
        with count_statements() as statements:
            assert [row["id"] for row in groups[world.frank.id]] == [world.franks_attempt.id]
        assert len([each for each in statements if "FROM unit_attempt" in each]) == 1
        (registration,) = part.group_rows("registration", "centre_id")[world.southbank.id]
        assert registration["candidate_id"] == world.frank.id
        assert open_part(None).group_rows("unit_attempt", "candidate_id")[world.alice.id]

    def test_of_its_own_people_nothing_more_is_looked_up(self, world: World, count_statements: Count) -> None:
        part = open_part(world.bob)
        groups = part.group_rows("unit_attempt", "candidate_id")
        with count_statements() as statements:
            assert groups[world.bob.id] == []
        assert [each for each in statements if "FROM unit_attempt" in each] == []


class TestEvents:
    def test_a_part_has_its_events_in_order(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        numbers = [add(world.alice) for _ in range(3)]
        monkeypatch.setattr(owners, "CHUNK_SIZE", 2)
        part = open_part(world.alice, numbers[2], numbers[0], numbers[1])
        assert [event.seq for event in part.events] == numbers
        assert [event.seq for event in open_part(world.alice, numbers[1]).events] == [numbers[1]]

    def test_those_about_its_own_rows_are_among_them(self, world: World, count_statements: Count) -> None:
        part = open_part(world.alice, add(world.alice))
        assert len(part.list_events_about("person", world.alice.id)) == 1
        with count_statements() as statements:
            assert part.list_events_about("unit_attempt", world.cfacc15.id) != [0]
            assert part.list_events_about("unit_attempt", "x") == ()
            assert part.list_events_about("unit_attempt", -1) == ()
        assert [each for each in statements if "FROM event" in each] == []

    def test_those_about_others_are_looked_up_once(self, world: World, count_statements: Count) -> None:
        first, second = add(world.bob), add(world.bob, "signed_in")
        common = CommonReads(LedgerSnapshot())
        with count_statements() as statements:
            for _ in range(2):
                part = open_part(world.alice, common=common)
                found = part.list_events_about("person", world.bob.id)
                assert [event.seq for event in found] == [first, second]
        assert len([each for each in statements if "FROM event" in each]) == 1

    def test_the_pass_is_that_of_all_events(self, world: World) -> None:
        common = CommonReads(LedgerSnapshot())
        assert open_part(world.alice, common=common).event_pass is common.event_pass

    def test_the_keys_are_checked_once(self, world: World) -> None:
        common = CommonReads(LedgerSnapshot())
        first = open_part(world.alice, common=common).key_checks
        assert first == []
        assert open_part(world.bob, common=common).key_checks is first


class TestSalts:
    def test_those_of_texts_are_of_its_events(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        draw_sample(world)
        (seq, _), other = events.get_head(), add(world.bob)
        monkeypatch.setattr(owners, "CHUNK_SIZE", 1)
        assert list(open_part(world.alice, other, seq).salts) == [seq]
        assert open_part(world.bob, other).salts == {}

    def test_those_of_rows_are_of_its_rows(self, world: World) -> None:
        sample = draw_sample(world)
        common = CommonReads(LedgerSnapshot())
        assert list(open_part(world.alice, common=common).row_salts) == [f"sample:{sample.id}"]
        assert common.salts_of_rows == 1
        assert open_part(world.bob, common=common).row_salts == {}
        assert common.salts_of_rows == 1

    def test_those_of_missing_rows_are_of_the_events_that_sealed_them(self, world: World) -> None:
        sample = draw_sample(world)
        (seq, _) = events.get_head()
        with tampering_transaction():
            db.session.delete(sample)
            db.session.flush()
            part = open_part(world.alice, seq)
            assert list(part.row_salts) == [f"sample:{sample.id}"]

    @pytest.mark.parametrize(("everybody", "found"), [(True, ["sample:900", "sample:x", "unknown:1"]), (False, [])])
    def test_those_of_no_row_are_in_the_shared_part(self, world: World, everybody: bool, found: list[str]) -> None:
        draw_sample(world)
        common = CommonReads(LedgerSnapshot(), is_whole=everybody)
        assert open_part(None, common=common).row_salts == {}
        common.salts_of_rows = 0
        assert len(open_part(world.alice, common=common).row_salts) == 1
        with transaction():
            for key in ("sample:900", "sample:x", "unknown:1"):
                db.session.add(RowSalt(row_key=key, salt="0a" * 16, column_salts={}))
        assert sorted(open_part(None, common=common).row_salts) == found
        assert len(open_part(world.alice, common=common).row_salts) == 1

    def test_they_are_looked_for_only_where_there_are_more_than_rows(
        self, world: World, count_statements: Count
    ) -> None:
        draw_sample(world)
        common = CommonReads(LedgerSnapshot())
        assert open_part(world.alice, common=common).row_salts
        with count_statements() as statements:
            assert open_part(None, common=common).row_salts == {}
        assert [each for each in statements if each.startswith("SELECT row_salt.row_key \n")] == []


def test_what_a_part_holds_is_counted(world: World) -> None:
    part = open_part(world.alice, add(world.alice))
    assert part.count_held() == 1
    assert len(part.rows("unit_attempt")) == 2
    assert part.count_held() == 3
    assert part.group_rows("unit_attempt", "candidate_id")
    assert part.count_held() == 5
    assert part.rows("centre") is not None
    assert part.count_held() == 5
    shared = open_part(None)
    assert len(list(shared.rows("centre"))) == 2
    assert shared.count_held() == 0
