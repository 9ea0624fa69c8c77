"""What the checks of rows against events find: rows without an event, events without a row, and changed notes."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integrity.given_records import NOON, build_event, build_snapshot
from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.rows_and_events import CREATING_EVENTS, find_changed_notes, find_unmatched_rows_and_events
from tracker.ledger.events import hash_text

Values = dict[str, Any]
ATTEMPT = 7
TICK = timedelta(microseconds=1)


def find_faults(*events: LedgerEvent, **tables: list[Values]) -> list[str]:
    return list(find_unmatched_rows_and_events(build_snapshot(*events, **tables)))


class TestRowsAndEvents:
    @pytest.mark.parametrize(
        ("table", "act"), [(table, act) for table, acts in CREATING_EVENTS.items() for act in acts]
    )
    def test_each_row_has_one_event(self, table: str, act: str) -> None:
        row = {"state": "released"} if table == "assessment" else {}
        event, name = build_event(act, (table, 1)), table.replace("_", " ")
        found = find_faults(event, **{table: [row]})
        assert [each for each in found if each.startswith(f"{name} ")] == []
        assert f"{name} 1 is in no event" in find_faults(**{table: [row]})
        assert f"{name} 1 is missing, but an event records it" in find_faults(event)
        assert f"{name} 1 is recorded in 2 events" in find_faults(event, event, **{table: [row]})

    def test_rows_of_others_are_left_to_their_own_check(self) -> None:
        record = build_snapshot(build_event("sample_drawn", ("sample", 1)))
        record.others = {("sample", 1)}
        assert list(find_unmatched_rows_and_events(record)) == []

    def test_a_draft_of_an_assessment_has_no_event(self) -> None:
        assert find_faults(assessment=[{"state": "draft"}]) == []

    def test_a_confirmation_may_have_been_carried_over(self) -> None:
        moved = build_event("attempt_moved", ("unit_attempt", ATTEMPT), confirmations=[[8, 1]])
        assert find_faults(moved, requirement_confirmation=[{}]) == []
        assert find_faults(moved) == ["requirement confirmation 1 is missing, but an event records it"]
        assert find_faults(build_event("attempt_moved"), requirement_confirmation=[{}]) == [
            "requirement confirmation 1 is in no event"
        ]

    @pytest.mark.parametrize("act", ["attempt_moved", "sample_drawn"])
    def test_a_decision_is_listed_in_one_event(self, act: str) -> None:
        tables: dict[str, list[Values]] = {"decision": [{}], "sample": [{}]}
        event = build_event(act, ("sample", 1), decisions=[{"decision": 1}])
        sampled = [] if act == "sample_drawn" else [build_event("sample_drawn", ("sample", 1))]
        assert find_faults(*sampled, event, **tables) == []
        assert find_faults(build_event("sample_drawn", ("sample", 1)), **tables) == ["decision 1 is in no event"]

    def test_a_reopening_is_named_by_one_event(self) -> None:
        event = build_event("attempt_reopened", ("unit_attempt", ATTEMPT), reopening=1)
        assert find_faults(event, reopening=[{}]) == []
        assert find_faults(reopening=[{}]) == ["reopening 1 is in no event"]
        assert find_faults(event) == ["reopening 1 is missing, but an event records it"]


class TestNotes:
    """A note on a requirement may change until the assessor signs."""

    SALT = "0a" * 16
    FAULT = ["requirement confirmation 1: its note is not the one that was signed"]

    def find_faults(
        self, note: str | None = "Three calls", signed: str | None = "Three calls", **changes: Any
    ) -> list[str]:
        """Return the faults of a confirmation with a note, where another may have been signed."""
        texts = {"note-3": hash_text(self.SALT, signed)} if signed else {}
        facts = {"attempt": ATTEMPT, "round": 1, "requirements": [3], "texts": texts} | changes.pop("facts", {})
        row = {"attempt_id": ATTEMPT, "round": 1, "requirement_id": 3, "confirmed_at": NOON, "note": note} | changes
        erasure = build_event("portfolio_erased", ("erasure", 1), seq=2, attempts=[9])
        record = build_snapshot(
            build_event("unit_signed", ("signature", 1), **facts), erasure, requirement_confirmation=[row]
        )
        record.salts = {1: {"note-3": self.SALT}}
        return list(find_changed_notes(record))

    def test_a_note_is_the_one_that_was_signed(self) -> None:
        assert self.find_faults() == []
        assert self.find_faults("Two calls") == self.FAULT

    def test_an_empty_note_has_no_hash(self) -> None:
        assert self.find_faults("", None) == []
        assert self.find_faults("Two calls", None) == self.FAULT

    def test_a_note_whose_salt_is_gone_is_named(self) -> None:
        texts = {"note-3": hash_text(self.SALT, "Three calls")}
        event = build_event("unit_signed", ("signature", 1), attempt=ATTEMPT, round=1, requirements=[3], texts=texts)
        row = {"attempt_id": ATTEMPT, "round": 1, "requirement_id": 3, "confirmed_at": NOON, "note": "Three calls"}
        assert list(find_changed_notes(build_snapshot(event, requirement_confirmation=[row]))) == self.FAULT

    @pytest.mark.parametrize(
        "changes",
        [
            {"round": 2},
            {"attempt_id": 8},
            {"requirement_id": 4},
            {"confirmed_at": NOON + TICK},
            {"removed_at": NOON},
            {"facts": {"requirements": []}},
        ],
    )
    def test_what_was_not_confirmed_then_is_not_compared(self, changes: Values) -> None:
        assert self.find_faults("Two calls", **changes) == []

    def test_what_was_removed_later_is(self) -> None:
        assert self.find_faults("Two calls", removed_at=NOON + TICK) == self.FAULT

    def test_an_erased_note_is_not_compared(self) -> None:
        erased = {"attempt_id": 9, "facts": {"attempt": 9}}
        assert self.find_faults("Erased", **erased) == []
        assert self.find_faults("Erased") == self.FAULT
        assert self.find_faults("Two calls", attempt_id=9, facts={"attempt": 9}) == self.FAULT

    def test_units_of_others_are_left_to_their_own_check(self) -> None:
        event = build_event("unit_signed", ("signature", 1), attempt=ATTEMPT, round=1, requirements=[3])
        row = {"attempt_id": ATTEMPT, "round": 1, "requirement_id": 3, "confirmed_at": NOON, "note": "Two calls"}
        record = build_snapshot(event, requirement_confirmation=[row])
        assert list(find_changed_notes(record)) == self.FAULT
        record.others = {("unit_attempt", ATTEMPT)}
        assert list(find_changed_notes(record)) == []
