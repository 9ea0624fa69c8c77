"""The snapshot of the whole database: its events, rows and salts."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask

from tests import factories
from tests.factories import World
from tests.integrity.given_records import ALICE, build_event, build_snapshot
from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerSnapshot, get_key, group, index_salts
from tracker.ledger import checkpoints, events
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.ledger.trust_anchor import TrustAnchor
from tracker.models import Sample

Count = Callable[[], AbstractContextManager[list[str]]]


def add(world: World, act: str, **facts: Any) -> int:
    """Record an event about Dan and return its number."""
    with transaction():
        record(act, world.dan, factories.make_actor(world.dan), **facts)
    return events.get_head()[0]


class TestEvents:
    def test_they_are_read_once_in_order(self, world: World, count_statements: Count) -> None:
        numbers = [add(world, act) for act in ("data_exported", "signed_in", "data_exported")]
        snapshot = LedgerSnapshot()
        with count_statements() as statements:
            assert [event.seq for event in snapshot.events] == numbers
            assert snapshot.event_pass.size == numbers[-1]
            assert [event.seq for event in snapshot.list_events("signed_in", "data_exported")] == [
                numbers[1], numbers[0], numbers[2],
            ]  # fmt: skip
            assert [event.seq for event in snapshot.list_events_about("person", world.dan.id)] == numbers
            assert snapshot.list_events_about("person", world.alice.id) == ()
        assert len(statements) == 1

    def test_what_the_pass_found_reads_them(self, world: World) -> None:
        assert LedgerSnapshot().event_pass.size == 0
        add(world, "data_exported")
        assert LedgerSnapshot().event_pass.size == 1

    def test_one_is_found_by_its_number(self, world: World) -> None:
        first, second = add(world, "data_exported"), add(world, "signed_in")
        snapshot = LedgerSnapshot()
        assert snapshot.find_hash(second) == events.get_head()[1]
        assert snapshot.find_hash(second + 1) is None
        after = [snapshot.find_event_after(seq) for seq in (0, first, second)]
        assert [each and each.act for each in after] == ["data_exported", "signed_in", None]


class TestRows:
    def test_they_are_read_once_by_key(self, world: World, count_statements: Count) -> None:
        snapshot = LedgerSnapshot()
        with count_statements() as statements:
            for _ in range(2):
                assert list(snapshot.rows("centre")) == [world.northgate.id, world.southbank.id]
            assert snapshot.group_rows("centre", "name")["Northgate Skills"][0]["id"] == world.northgate.id
            assert snapshot.find_row("centre", world.southbank.id)
            assert snapshot.find_row("centre", 900) is None
        assert len(statements) == 1
        assert snapshot.is_own("centre", 900)

    def test_groups_are_made_once(self, world: World) -> None:
        snapshot = LedgerSnapshot()
        groups = snapshot.group_rows("unit_attempt", "candidate_id")
        assert snapshot.group_rows("unit_attempt", "candidate_id") is groups
        assert [row["id"] for row in groups[world.alice.id]] == [world.cfacc15.id, world.inscc004.id]

    def test_a_key_of_several_columns_is_a_tuple(self) -> None:
        row = {"a": 1, "b": 2}
        assert get_key(["a"], row) == 1
        assert get_key(["a", "b"], row) == (1, 2)
        assert get_key([], row) == ()


class TestSalts:
    def test_they_are_found_by_event_and_row(self, world: World) -> None:
        with transaction():
            sample = Sample(
                attempt_id=world.cfacc15.id, round=1, verifier_id=world.carol.id, sampled_at=factories.days_ago(0),
                is_interim=True, comment="Well done",
            )  # fmt: skip
            db.session.add(sample)
            db.session.flush()
            texts = {"comment": "Well done"}
            record("sample_drawn", world.cfacc15, factories.make_actor(world.carol), texts=texts, attempt=1)
        snapshot = LedgerSnapshot()
        (event,) = snapshot.events
        stated = event.data["texts"]["comment"]
        assert events.hash_text(snapshot.salts[event.seq]["comment"], "Well done") == stated
        key = f"sample:{sample.id}"
        assert list(snapshot.row_salts) == list(snapshot.sealing_events) == [key]
        assert snapshot.row_salts[key].salt

    def test_several_salts_of_an_event_are_together(self) -> None:
        assert index_salts([(1, "a", "x"), (2, "a", "y"), (1, "b", "z")]) == {1: {"a": "x", "b": "z"}, 2: {"a": "y"}}


class TestKeys:
    def test_only_trusted_keys_count(self, app_with_signing_key: Flask) -> None:
        assert app_with_signing_key
        snapshot = LedgerSnapshot()
        (check,) = snapshot.key_checks
        assert snapshot.trusted_keys == {check.key.name: check.key}
        other = LedgerSnapshot(TrustAnchor("nowhere", frozenset()))
        assert [each.is_trusted for each in other.key_checks] == [False]
        assert other.trusted_keys == {}

    def test_a_key_is_compared_with_the_event_that_made_it(self, app_with_signing_key: Flask) -> None:
        assert app_with_signing_key
        snapshot = LedgerSnapshot()
        assert snapshot.key_checks[0].faults == ()
        (made,) = snapshot.events
        repeated = [made, build_event("key_made", (made.object_type, 99), seq=2)]
        others = LedgerSnapshot()
        others.events = [build_event("data_exported", (made.object_type, made.object_id), seq=2), *repeated]
        assert [check.faults for check in others.key_checks] == [()]

    def test_the_checkpoints_are_those_of_the_file(self, app_with_signing_key: Flask, world: World) -> None:
        assert app_with_signing_key
        add(world, "data_exported")
        checkpoint = checkpoints.write_due(at_once=True)
        assert LedgerSnapshot().checkpoints == [(1, checkpoint)]
        outside = [("an email", checkpoint)]
        assert LedgerSnapshot(outside=outside).outside_checkpoints == outside


class TestGroups:
    def test_things_are_grouped_in_order(self) -> None:
        assert group("banana", str.upper) == {"B": ["b"], "A": ["a", "a", "a"], "N": ["n", "n"]}

    def test_erased_ids_are_those_that_erasures_list(self) -> None:
        erasures = [build_event("portfolio_erased", ("erasure", key), versions=[key, 7], forms=[]) for key in (1, 2)]
        assert build_snapshot(*erasures).list_erased_ids("versions") == {1, 2, 7}
        assert build_snapshot(*erasures).list_erased_ids("forms") == set()

    def test_signatures_are_grouped_by_round(self) -> None:
        rows = [{"attempt_id": 7, "round": number, "person_id": ALICE} for number in (1, 2, 1)]
        rounds = build_snapshot(signature=rows).signatures_by_round
        assert {key: [row["id"] for row in each] for key, each in rounds.items()} == {(7, 1): [1, 3], (7, 2): [2]}


@pytest.mark.usefixtures("app")
def test_a_snapshot_needs_no_anchor_and_no_outside_checkpoints() -> None:
    snapshot = LedgerSnapshot()
    assert (snapshot.outside_checkpoints, snapshot.checkpoints, snapshot.events) == ((), [], [])
