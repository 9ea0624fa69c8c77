"""The rows that an event names, also an event whose facts are damaged."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tracker.integrity.event_names import list_names, parse_row_key
from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.owners import MAX_ID


def build_event(act: str = "data_exported", object_id: Any = 7, **data: Any) -> LedgerEvent:
    return LedgerEvent(1, datetime(2026, 11, 23, tzinfo=UTC), 1, 1, None, act, "person", object_id, data, 2)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("person:7", ("person", 7)),
        ("carried_over_claim:7-3", ("claim", 7)),
        ("version_attachment:12-7", ("evidence_version", 12)),
        (f"person:{MAX_ID}", ("person", MAX_ID)),
        ("person:0000000007", ("person", 7)),
        ("person:00000000007", None),
        (f"person:{MAX_ID + 1}", None),
        ("person:", None),
        ("person:-7", None),
        ("person:7-", None),
        ("person:x", None),
        ("person", None),
        ("user_session:7", None),
        ("unknown:7", None),
    ],
)
def test_the_key_of_a_sealed_row_is_its_table_and_id(key: str, name: tuple[str, int] | None) -> None:
    assert parse_row_key(key) == name


def test_an_event_names_what_it_is_about_under_its_own_table_and_that_of_its_act() -> None:
    assert list(list_names(build_event())) == [("person", 7)]
    assert list(list_names(build_event("signed_in"))) == [("person", 7), ("user_session", 7)]


@pytest.mark.parametrize("object_id", [None, "7", MAX_ID + 1, -1])
def test_what_has_no_id_is_not_named(object_id: Any) -> None:
    assert list(list_names(build_event("signed_in", object_id))) == []


def test_an_event_names_the_rows_that_it_seals_and_those_of_its_facts() -> None:
    event = build_event(
        rows={"claim:1": "0a", "unknown:2": "0b"},
        former={"grant:3": {}},
        attempt=4,
        attempts=[5, 6, "x"],
        decisions=[{"decision": 8}, {"decision": None}],
        confirmations=[9, None],
        reason="words",
    )
    assert list(list_names(event)) == [
        ("person", 7),
        ("claim", 1),
        ("grant", 3),
        ("unit_attempt", 4),
        ("unit_attempt", 5),
        ("unit_attempt", 6),
        ("decision", 8),
        ("requirement_confirmation", 9),
    ]


def test_empty_facts_name_nothing() -> None:
    event = build_event(rows=None, former={}, attempts=[], decisions=None, confirmations=None)
    assert list(list_names(event)) == [("person", 7)]


def test_what_is_named_before_a_damaged_fact_is_yielded() -> None:
    names = list_names(build_event(rows={"claim:1": "0a"}, decisions=[7]))
    assert [next(names), next(names)] == [("person", 7), ("claim", 1)]
    with pytest.raises(AttributeError):
        next(names)
