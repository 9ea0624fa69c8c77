"""The first events of some kinds, before which a check does not look for what earlier releases did not record."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from tests import factories
from tests.factories import World
from tracker.integrity import first_events
from tracker.integrity.first_events import FirstEvents
from tracker.ledger import events
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
Freeze = Callable[[datetime], None]


def add(world: World, act: str, **facts: object) -> int:
    """Record an event and return its number."""
    with transaction():
        record(act, world.dan, factories.make_actor(world.dan), **facts)
    return events.get_head()[0]


def test_nothing_is_before_anything_in_a_ledger_without_such_events(world: World) -> None:
    add(world, "data_exported", second_step=None)
    add(world, "unit_signed")
    first = FirstEvents()
    assert not first.has_signed_in_before(NOON)
    assert not first.has_second_step_before(9)


def test_somebody_signed_in_at_the_moment_of_the_first_event_that_says_so(world: World, freeze_clock: Freeze) -> None:
    for act, at in (("data_exported", NOON - SECOND), ("signed_in", NOON), ("signed_in", NOON + SECOND)):
        freeze_clock(at)
        add(world, act)
    first = FirstEvents()
    assert not first.has_signed_in_before(NOON - SECOND)
    assert first.has_signed_in_before(NOON)


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_the_first_signature_that_says_whether_the_second_step_was_done_counts_for_later_ones(
    world: World, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(first_events, "AT_ONCE", at_once)
    add(world, "data_exported", second_step=None)
    for _ in range(3):
        add(world, "unit_signed")
    said = add(world, "unit_confirmed", second_step=None)
    add(world, "unit_verified", second_step={"at": "2026-11-23T12:00:00Z"})
    first = FirstEvents()
    assert not first.has_second_step_before(said)
    assert first.has_second_step_before(said + 1)


def test_signatures_are_read_in_parts_until_one_says_so(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    monkeypatch.setattr(first_events, "AT_ONCE", 2)
    for _ in range(4):
        add(world, "unit_signed")
    said = add(world, "unit_signed", second_step=None)
    for _ in range(4):
        add(world, "unit_signed", second_step=None)
    with count_statements() as statements:
        assert FirstEvents().has_second_step_before(said + 1)
    assert len([each for each in statements if "FROM event" in each]) == 3
