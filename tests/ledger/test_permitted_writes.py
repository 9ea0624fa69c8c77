"""What a row belongs to, and whether it belongs to what an event is about."""

from typing import Any

import pytest

from tracker.ledger import permitted_writes

ROWS: dict[tuple[str, Any], dict[str, Any]] = {
    ("evidence", 3): {"id": 3, "candidate_id": 7, "centre_id": 2},
    ("unit_attempt", 5): {"id": 5, "candidate_id": 7, "centre_id": 2},
    ("version_move", 4): {"id": 4, "attempt_id": 5},
}


def find_owners(table: str, row: dict[str, Any] | None) -> dict[str, Any]:
    return permitted_writes.find_owners(lambda name, key: ROWS.get((name, key)), table, row)


def test_a_row_belongs_to_all_that_its_parents_belong_to() -> None:
    claim = {"id": 9, "attempt_id": 5, "evidence_id": 3}
    assert find_owners("claim", claim) == {
        "claim": 9, "unit_attempt": 5, "evidence": 3, "person": 7, permitted_writes.PORTFOLIO: (7, 2),
    }  # fmt: skip


def test_a_row_with_a_key_of_two_columns_belongs_to_its_parents_only() -> None:
    carried = {"move_id": 4, "claim_id": 9}
    assert set(find_owners("carried_over_claim", carried)) == {
        "version_move", "unit_attempt", "person", permitted_writes.PORTFOLIO,
    }  # fmt: skip


def test_a_row_whose_parent_is_missing_belongs_to_itself() -> None:
    assert find_owners("claim", {"id": 9, "attempt_id": 6, "evidence_id": 8}) == {"claim": 9}
    assert find_owners("claim", None) == {}


@pytest.mark.parametrize(
    ("act", "subject", "row", "expected"),
    [
        ("key_made", {}, {"person": 7}, True),
        ("unit_signed", {"unit_attempt": 5}, {"unit_attempt": 5}, True),
        ("unit_signed", {"unit_attempt": 5}, {"unit_attempt": 6}, False),
        ("unit_signed", {}, {"unit_attempt": 5}, False),
        ("unit_signed", {"unit_attempt": 5}, {}, False),
        ("portfolio_erased", {"portfolio": (7, 2)}, {"portfolio": (7, 2), "person": 8}, True),
        ("portfolio_erased", {"portfolio": (7, 2), "person": 7}, {"portfolio": (7, 3), "person": 7}, False),
    ],
)
def test_an_event_may_write_only_what_belongs_to_the_same(
    act: str, subject: dict[str, Any], row: dict[str, Any], expected: bool
) -> None:
    assert permitted_writes.is_in_scope(act, subject, row) is expected
