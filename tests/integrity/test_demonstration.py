"""The mark of a demonstration, which the first acts of the ledger must agree with."""

from types import SimpleNamespace
from typing import Any

import pytest

from tracker.integrity.demonstration import find_wrong_mark
from tracker.models.people import DEMONSTRATION_SESSION

MARKED = "the database is marked as a demonstration, but its first acts are not of one"
UNMARKED = "events are of the demonstration, but the database is not marked as one"
MIXED = "an event is of a demonstration, but the first acts are not"


@pytest.mark.parametrize(
    ("is_marked", "first_session", "has_demonstration", "faults"),
    [
        (False, None, False, []),
        (False, "0a", False, []),
        (True, DEMONSTRATION_SESSION, True, []),
        (True, "0a", False, [MARKED]),
        (True, "0a", True, [MARKED]),
        (True, None, False, [MARKED]),
        (False, DEMONSTRATION_SESSION, True, [UNMARKED]),
        (False, "0a", True, [MIXED]),
    ],
)
def test_the_mark_is_that_of_the_first_acts(
    is_marked: bool, first_session: str | None, has_demonstration: bool, faults: list[str]
) -> None:
    ledger: Any = SimpleNamespace(
        rows=lambda table: {1: {"is_demo": is_marked}} if table == "installation" else {},
        event_pass=SimpleNamespace(first_session=first_session, has_demonstration=has_demonstration),
    )
    assert list(find_wrong_mark(ledger)) == faults


def test_a_database_without_a_row_is_not_marked() -> None:
    event_pass = SimpleNamespace(first_session=DEMONSTRATION_SESSION, has_demonstration=True)
    ledger: Any = SimpleNamespace(rows=lambda _: {}, event_pass=event_pass)
    assert list(find_wrong_mark(ledger)) == [UNMARKED]
