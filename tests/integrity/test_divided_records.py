"""How people and events are divided into parts."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests import factories
from tests.factories import World
from tests.integrity.given_records import ALICE, BOB, CAROL, DAN, build_event
from tracker.integrity import parts
from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.owners import MAX_ID, People
from tracker.integrity.parts import Parts, plan_parts
from tracker.ledger.transactions import transaction


class Pass:
    """A ledger with these events."""

    def __init__(self, *events: LedgerEvent) -> None:
        self.events = events

    def read(self) -> Iterable[LedgerEvent]:
        return self.events


@pytest.fixture(autouse=True)
def owners(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The keys that were looked up. A person owns what has the person's id, and the claim 10 more than it."""
    asked: list[list[int]] = []

    def find_owners(table: str, keys: list[int]) -> Iterable[tuple[int, Any]]:
        asked.append(keys)
        found = {"claim": {11: ALICE, 12: BOB, 13: "Carol"}, "person": {key: key for key in range(1, 9)}}
        return [(key, found[table][key]) for key in keys if key in found.get(table, {})]

    monkeypatch.setattr(parts, "find_owners", find_owners)
    return asked


def divide(*events: LedgerEvent, limits: tuple[int, ...] = (ALICE, BOB), new_after: int | None = None) -> Parts:
    divided = Parts(list(limits), new_after)
    divided.divide_events(Pass(*events))  # type: ignore[arg-type]  # it is read once
    return divided


def list_parts(*events: LedgerEvent) -> list[list[int]]:
    """Return the numbers of the events of each part: Alice's, Bob's, everybody else's and the shared one."""
    divided = divide(*events)
    return [divided.list_seqs(place, None) for place in range(4)]


class TestPeople:
    def test_each_range_ends_with_a_limit_and_the_last_with_none(self) -> None:
        assert Parts([3, 7]).list_people() == [People(None, 3), People(3, 7), People(7, None)]
        assert Parts([]).list_people() == [People()]

    @pytest.mark.parametrize(("person", "place"), [(1, 0), (3, 0), (4, 1), (7, 1), (8, 2)])
    def test_a_person_is_in_one_part(self, person: int, place: int) -> None:
        assert Parts([3, 7]).find_place(person) == place


class TestEvents:
    def test_each_is_noted_for_the_owners_of_what_it_names(self) -> None:
        assert list_parts(
            build_event("claims_changed", ("person", ALICE), rows={"claim:12": "0a"}),
            build_event("data_exported", ("person", CAROL), seq=2),
        ) == [[1], [1], [2], []]

    def test_one_that_names_several_things_of_a_person_is_noted_once(self) -> None:
        assert list_parts(build_event("claims_changed", ("person", ALICE), rows={"claim:11": "0a"})) == [
            [1],
            [],
            [],
            [],
        ]

    def test_what_is_shared_and_sealed_rows_that_are_missing_are_in_the_shared_part(self) -> None:
        assert list_parts(build_event("centre_created", ("centre", 1))) == [[], [], [], [1]]
        assert list_parts(build_event("claim_added", ("claim", 99), actor=ALICE)) == [[], [], [], [1]]

    def test_one_that_names_nothing_is_noted_for_its_actor(self) -> None:
        assert list_parts(build_event("session_ended", ("user_session", 99), actor=ALICE)) == [[1], [], [], []]
        assert list_parts(build_event("session_ended", ("user_session", 99))) == [[], [], [], [1]]
        damaged: Any = "Alice"
        for actor in (damaged, -1, MAX_ID + 1):
            event = build_event("session_ended", ("user_session", 99), actor=actor)
            assert list_parts(event) == [[], [], [], [1]]

    def test_one_whose_names_are_known_is_not_noted_for_its_actor_too(self) -> None:
        event = build_event("data_exported", ("person", ALICE), actor=BOB, rows={"user_session:99": "0a"})
        assert list_parts(event) == [[1], [], [], []]

    def test_an_owner_who_can_be_none_is_left_out(self) -> None:
        assert list_parts(build_event("claim_added", ("claim", 13), actor=ALICE)) == [[], [], [], [1]]

    def test_a_damaged_one_is_in_the_shared_part_too(self) -> None:
        event = build_event("claims_changed", ("person", ALICE), rows=7)
        assert list_parts(event) == [[1], [], [], [1]]

    @pytest.mark.parametrize("at_once", [1, 2, 3])
    def test_owners_of_several_events_are_looked_up_at_a_time(
        self, monkeypatch: pytest.MonkeyPatch, owners: list[list[int]], at_once: int
    ) -> None:
        monkeypatch.setattr(parts, "EVENTS_AT_ONCE", at_once)
        people = (CAROL, ALICE, BOB, ALICE, DAN)
        events = [build_event("data_exported", ("person", key), seq=seq) for seq, key in enumerate(people, start=1)]
        assert list_parts(*events) == [[2, 4], [3], [1, 5], []]
        chunks = [sorted(set(people[start : start + at_once])) for start in range(0, 5, at_once)]
        assert owners == chunks

    def test_of_some_people_only_their_events_are_listed(self) -> None:
        divided = divide(*(build_event("data_exported", ("person", key), seq=key) for key in (CAROL, DAN, ALICE)))
        assert divided.list_seqs(2, People(named=(CAROL,))) == [CAROL]
        assert divided.list_seqs(2, People(named=())) == []
        assert divided.list_seqs(2, People()) == [CAROL, DAN]

    def test_an_event_that_names_two_people_of_a_part_is_listed_once(self) -> None:
        event = build_event("data_exported", ("person", CAROL), rows={"person:4": "0a"})
        assert divide(event).list_seqs(2, None) == [1]


class TestNewEvents:
    def test_people_whom_a_new_event_names_are_noted(self) -> None:
        events = [build_event("data_exported", ("person", key), seq=key) for key in (ALICE, BOB, CAROL)]
        assert divide(*events, new_after=BOB).named == {CAROL}
        assert divide(*events, new_after=0).named == {ALICE, BOB, CAROL}
        assert divide(*events).named == set()


class TestSizes:
    """A part has about as many people and items of evidence as it is told; a person is not divided."""

    @pytest.mark.parametrize(
        ("size", "people"),
        [(1, [1, 1, 1, 1, 1, 1, 1, 1]), (2, [1, 2, 2, 2, 1]), (3, [1, 3, 3, 1]), (4, [2, 4, 2]), (100, [8])],
    )
    def test_people_are_divided_by_what_they_have(self, world: World, size: int, people: list[int]) -> None:
        with transaction():
            for title in ("A call", "A letter"):
                factories.make_evidence(world.cfacc15, title)
        limits = plan_parts(size).limits
        ids = range(world.alice.id, world.heidi.id + 1)
        ranges = Parts(limits).list_people()
        found = [len([each for each in ids if (one.after or 0) < each <= (one.until or MAX_ID)]) for one in ranges]
        assert found == people
