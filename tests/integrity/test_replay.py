"""What the replay of a unit's events gives, and which events it does not allow."""

from typing import Any

import pytest

from tests.integrity.given_records import ALICE, GivenSnapshot, build_event, build_snapshot
from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.replay import (
    find_acts_on_closed_attempts,
    find_illegal_transitions,
    find_replay_differences,
)
from tracker.vocabulary import AttemptState, ReopeningKind

Values = dict[str, Any]
ATTEMPT = 7
STARTED = ("attempt_started", {"unit": "0a"})
SIGNED = ("unit_signed", {"attempt": ATTEMPT, "round": 1})
CONFIRMED = ("unit_confirmed", {"attempt": ATTEMPT, "round": 1})
VERIFIED = ("unit_verified", {"attempt": ATTEMPT, "round": 1})
RETURNED = ("attempt_reopened", {"kind": ReopeningKind.RETURN.value, "round": 2, "ended_round": 1})
MOVED = ("attempt_moved", {"before": "0a", "after": "0b"})
VOIDED = ("attempt_voided", {})
Act = tuple[str, Values]


def number(*acts: Act) -> list[LedgerEvent]:
    """Return events of these acts on Alice's unit, numbered from 1; those that sign it are about the signature."""
    return [
        build_event(act, ("signature", 3) if act.startswith("unit_") else ("unit_attempt", ATTEMPT), seq=seq, **data)
        for seq, (act, data) in enumerate(acts, start=1)
    ]


def build_record(*acts: Act, tables: dict[str, list[Values]] | None = None, **attempt: Any) -> GivenSnapshot:
    row = {"id": ATTEMPT, "candidate_id": ALICE, "centre_id": 1, "unit_id": 5, "round": 1} | attempt
    units = [{"id": 5, "content_hash": "0a"}, {"id": 6, "content_hash": "0b"}]
    return build_snapshot(*number(*acts), unit_attempt=[row], unit=units, **(tables or {}))


def find_differences(*acts: Act, state: AttemptState = AttemptState.IN_PROGRESS, **attempt: Any) -> list[str]:
    return list(find_replay_differences(build_record(*acts, state=state, **attempt)))


def find_faults(*acts: Act) -> list[str]:
    return list(find_illegal_transitions(build_record(*acts)))


class TestState:
    @pytest.mark.parametrize(
        ("acts", "attempt"),
        [
            ((STARTED,), {"state": AttemptState.IN_PROGRESS}),
            ((STARTED, SIGNED), {"state": AttemptState.ASSESSED}),
            ((STARTED, SIGNED, CONFIRMED), {"state": AttemptState.CONFIRMED}),
            ((STARTED, SIGNED, CONFIRMED, VERIFIED), {"state": AttemptState.VERIFIED}),
            ((STARTED, SIGNED, CONFIRMED, RETURNED), {"state": AttemptState.IN_PROGRESS, "round": 2}),
            ((STARTED, VOIDED), {"state": AttemptState.VOID}),
            ((STARTED, MOVED), {"state": AttemptState.IN_PROGRESS, "unit_id": 6}),
        ],
    )
    def test_a_unit_is_in_the_state_to_which_its_events_lead(self, acts: tuple[Act, ...], attempt: Values) -> None:
        assert find_differences(*acts, **attempt) == []
        assert find_faults(*acts) == []

    def test_a_unit_was_started(self) -> None:
        assert find_differences() == ["attempt 7 has no event that starts it"]

    def test_another_state_or_round_is_named(self) -> None:
        assert find_differences(STARTED, state=AttemptState.ASSESSED) == [
            "attempt 7 is stored as assessed in round 1; its events lead to in_progress in round 1"
        ]
        assert find_differences(STARTED, round=2) == [
            "attempt 7 is stored as in_progress in round 2; its events lead to in_progress in round 1"
        ]

    def test_another_version_of_the_unit_is_named(self) -> None:
        fault = ["attempt 7 is not pinned to the unit that its events name"]
        assert find_differences(STARTED, unit_id=6) == fault
        assert find_differences(STARTED, unit_id=99) == fault
        assert find_differences(STARTED, MOVED) == fault

    def test_events_are_replayed_in_order(self) -> None:
        record = build_record(STARTED, SIGNED, state=AttemptState.ASSESSED)
        record.events.reverse()
        assert list(find_replay_differences(record)) == []

    def test_units_of_others_are_not_replayed(self) -> None:
        record = build_record(STARTED, STARTED)
        record.others = {("unit_attempt", ATTEMPT)}
        assert list(find_illegal_transitions(record)) == []


class TestTransitions:
    def test_a_unit_is_started_once_and_first(self) -> None:
        assert find_faults(STARTED, STARTED) == ["event 2 (attempt_started): attempt 7 was started before"]
        assert find_faults(SIGNED) == ["event 1 (unit_signed): attempt 7 was never started"]

    @pytest.mark.parametrize(
        ("acts", "fault"),
        [
            ((STARTED, CONFIRMED), "event 2 (unit_confirmed): this event is not allowed for an attempt that is in_progress"),
            ((STARTED, SIGNED, SIGNED), "event 3 (unit_signed): this event is not allowed for an attempt that is assessed"),
            ((STARTED, VOIDED, VOIDED), "event 3 (attempt_voided): this event is not allowed for an attempt that is void"),
            ((STARTED, RETURNED), "event 2 (attempt_reopened): this event is not allowed for an attempt that is in_progress"),
        ],
    )  # fmt: skip
    def test_each_state_allows_certain_events(self, acts: tuple[Act, ...], fault: str) -> None:
        assert find_faults(*acts) == [fault]

    def test_a_signature_is_of_the_present_round(self) -> None:
        other = ("unit_signed", {"attempt": ATTEMPT, "round": 2})
        assert find_faults(STARTED, other) == ["event 2 (unit_signed): it names round 2; the attempt is in round 1"]
        assert find_faults(STARTED, SIGNED, CONFIRMED, RETURNED, other) == []

    @pytest.mark.parametrize("change", [{"round": 3}, {"ended_round": 2}, {"round": 1, "ended_round": 0}])
    def test_a_reopening_begins_the_next_round(self, change: Values) -> None:
        act, data = RETURNED
        reopened = (act, data | change)
        assert find_faults(STARTED, SIGNED, CONFIRMED, reopened) == [
            f"event 4 (attempt_reopened): it names round {change.get('round', 2)}; the attempt is in round 2"
        ]

    def test_a_unit_moves_while_it_is_in_progress_from_the_version_that_it_is_on(self) -> None:
        fault = "an attempt moves to another version while it is in progress, from the version it is on"
        assert find_faults(STARTED, SIGNED, MOVED) == [f"event 3 (attempt_moved): {fault}"]
        assert find_faults(STARTED, MOVED, MOVED) == [f"event 3 (attempt_moved): {fault}"]


class TestClosedUnits:
    def find_faults(self, *acts: Act, **tables: list[Values]) -> list[str]:
        claims = {"claim": [{"attempt_id": ATTEMPT}, {"attempt_id": 8}]}
        return list(find_acts_on_closed_attempts(build_record(*acts, tables=claims | tables)))

    CLAIMED = ("claims_changed", {"rows": {"claim:1": "0a"}})

    def test_nothing_is_claimed_in_a_unit_that_is_not_in_progress(self) -> None:
        fault = "event 3 (claims_changed) wrote to attempt 7, which was not in progress"
        assert self.find_faults(STARTED, self.CLAIMED) == []
        assert self.find_faults(STARTED, SIGNED, self.CLAIMED) == [fault]
        assert self.find_faults(STARTED, VOIDED, self.CLAIMED) == [fault]

    def test_a_reopened_unit_is_in_progress(self) -> None:
        assert self.find_faults(STARTED, SIGNED, CONFIRMED, RETURNED, self.CLAIMED) == []
        assert self.find_faults(STARTED, SIGNED, MOVED, self.CLAIMED) != []

    def test_what_came_before_the_signature_is_no_fault(self) -> None:
        assert self.find_faults(STARTED, self.CLAIMED, SIGNED) == []

    @pytest.mark.parametrize(
        "rows", [{}, {"claim:2": "0a"}, {"claim:x": "0a"}, {"claim:99": "0a"}, {"centre:1": "0a"}]
    )
    def test_rows_of_other_units_and_of_none_are_no_fault(self, rows: Values) -> None:
        assert self.find_faults(STARTED, SIGNED, ("claims_changed", {"rows": rows}), centre=[{}]) == []
        assert self.find_faults(STARTED, SIGNED, ("claims_changed", {})) == []

    def test_units_of_others_are_left_to_their_own_check(self) -> None:
        record = build_record(STARTED, SIGNED, self.CLAIMED, tables={"claim": [{"attempt_id": ATTEMPT}]})
        record.others = {("unit_attempt", ATTEMPT)}
        assert list(find_acts_on_closed_attempts(record)) == []

    def test_each_unit_is_named(self) -> None:
        other = build_event("unit_signed", ("signature", 4), seq=3, attempt=8, round=1)
        rows = {"claim:1": "0a", "claim:2": "0b"}
        claimed = build_event("claims_changed", ("evidence", 1), seq=4, rows=rows)
        attempts = [{"id": key, "candidate_id": ALICE, "centre_id": 1} for key in (ATTEMPT, 8)]
        claims = [{"attempt_id": ATTEMPT}, {"attempt_id": 8}]
        record = build_snapshot(*number(STARTED, SIGNED), other, claimed, unit_attempt=attempts, claim=claims)
        named = "event 4 (claims_changed) wrote to attempt {}, which was not in progress"
        assert list(find_acts_on_closed_attempts(record)) == [named.format(7), named.format(8)]
