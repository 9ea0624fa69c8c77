"""What the check of the times and people in rows finds: they are those of the event that entered them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integrity.given_records import BOB, CAROL, NOON, build_event, build_snapshot
from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.row_origins import find_rows_of_other_times
from tracker.ledger.events import MAX_CLOCK_DIFFERENCE

MAX, TICK = MAX_CLOCK_DIFFERENCE, timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def seal(
    table: str, act: str, *, seq: int = 1, at: datetime = NOON, former: dict[str, Any] | None = None, **others: Any
) -> LedgerEvent:
    """Return an event that seals row 1 of a table, and names the columns that it changed."""
    key = f"{table}:1"
    changed = {"former": {key: former}} if former is not None else {}
    return build_event(act, (table, 1), seq=seq, at=at, rows={key: "0a"}, **({"actor": BOB} | others), **changed)


def find_faults(table: str, row: dict[str, Any], *events: LedgerEvent) -> list[str]:
    return list(find_rows_of_other_times(build_snapshot(*events, **{table: [row]})))


SAMPLED = seal("sample", "sample_drawn")


class TestTimes:
    @pytest.mark.parametrize(
        ("at", "is_same"), [(NOON + MAX, True), (NOON - MAX, True), (NOON + MAX + TICK, False), (NOON - MAX - TICK, False)]
    )  # fmt: skip
    def test_a_row_has_the_time_of_its_event(self, at: datetime, is_same: bool) -> None:
        fault = "sample 1: its sampled_at is not the time of event 1 (sample_drawn)"
        assert find_faults("sample", {"sampled_at": at}, SAMPLED) == ([] if is_same else [fault])

    def test_an_empty_time_is_not_compared(self) -> None:
        assert find_faults("sample", {}, SAMPLED) == []

    def test_a_row_that_no_event_seals_is_named_by_another_check(self) -> None:
        assert find_faults("sample", {"sampled_at": NOON + HOUR}) == []

    @pytest.mark.parametrize(("table", "act", "column"), [("assessment", "assessment_released", "saved_at")])
    def test_what_was_drafted_is_earlier(self, table: str, act: str, column: str) -> None:
        event = seal(table, act)
        assert find_faults(table, {column: NOON - HOUR}, event) == []
        assert find_faults(table, {column: NOON + MAX}, event) == []
        assert find_faults(table, {column: NOON + HOUR}, event) == [
            f"assessment 1: its {column} is not the time of event 1 ({act})"
        ]

    def test_what_people_choose_may_be_later(self) -> None:
        event = seal("grant", "grant_given")
        assert find_faults("grant", {"ends_at": NOON + HOUR}, event) == []
        assert find_faults("grant", {"ends_at": NOON - MAX}, event) == []
        assert find_faults("grant", {"ends_at": NOON - HOUR}, event) == [
            "grant 1: its ends_at is not the time of event 1 (grant_given)"
        ]
        for starts_at in (NOON - HOUR, NOON + HOUR):
            assert find_faults("grant", {"starts_at": starts_at}, event) == []

    def test_a_move_copies_older_decisions(self) -> None:
        moved = seal("decision", "attempt_moved")
        assert find_faults("decision", {"decided_at": NOON - HOUR}, moved) == []
        assert find_faults("decision", {"decided_at": NOON + HOUR}, moved) != []
        released = seal("decision", "assessment_released")
        assert find_faults("decision", {"decided_at": NOON - HOUR}, released) != []

    def test_a_submission_seals_claims_that_were_removed_from_the_draft(self) -> None:
        submitted = seal("claim", "evidence_submitted")
        assert find_faults("claim", {"removed_at": NOON - HOUR}, submitted) == []
        assert find_faults("claim", {"removed_at": NOON + HOUR}, submitted) != []
        assert find_faults("claim", {"removed_at": NOON - HOUR}, seal("claim", "claim_added")) != []
        version = seal("evidence_version", "evidence_submitted")
        assert find_faults("evidence_version", {"sealed_at": NOON - HOUR}, version) != []


class TestPeople:
    def test_a_row_names_the_person_of_its_event(self) -> None:
        assert find_faults("sample", {"verifier_id": BOB}, SAMPLED) == []
        assert find_faults("sample", {}, SAMPLED) == []
        assert find_faults("sample", {"verifier_id": CAROL}, SAMPLED) == [
            "sample 1: its verifier_id is not the person of event 1 (sample_drawn)"
        ]

    def test_a_move_copies_the_decisions_of_others(self) -> None:
        moved = seal("decision", "attempt_moved")
        assert find_faults("decision", {"decided_by_id": CAROL, "decided_at": NOON}, moved) == []

    def test_whom_a_row_is_about_did_not_act(self) -> None:
        assert find_faults("allocation", {"person_id": CAROL}, seal("allocation", "allocation_made")) == []

    def test_a_row_without_times_is_compared_too(self) -> None:
        made = seal("centre", "centre_created", actor=None)
        assert find_faults("centre", {"created_at": NOON + HOUR}, made) == [
            "centre 1: its created_at is not the time of event 1 (centre_created)"
        ]


class TestEnteringEvents:
    """The last event that changed a column entered its value, or else the first one, if it added the row."""

    MADE = seal("allocation", "allocation_made")
    LATER = NOON + HOUR

    def end(self, seq: int = 2, **former: Any) -> LedgerEvent:
        return seal("allocation", "allocation_ended", seq=seq, at=self.LATER, former=former)

    def test_a_changed_time_is_that_of_the_later_event(self) -> None:
        row = {"starts_at": NOON, "ends_at": self.LATER}
        assert find_faults("allocation", row, self.MADE, self.end(ends_at=None)) == []
        assert find_faults("allocation", row | {"ends_at": NOON}, self.MADE, self.end(ends_at=None)) == [
            "allocation 1: its ends_at is not the time of event 2 (allocation_ended)"
        ]

    def test_a_time_that_did_not_change_is_that_of_the_first(self) -> None:
        row = {"starts_at": self.LATER, "ends_at": self.LATER}
        assert find_faults("allocation", row, self.MADE, self.end(ends_at=None)) == [
            "allocation 1: its starts_at is not the time of event 1 (allocation_made)"
        ]

    def test_the_last_of_several_changes_counts(self) -> None:
        events = [
            self.MADE,
            self.end(ends_at="0a"),
            seal("allocation", "allocation_ended", seq=3, former={"ends_at": "0b"}),
        ]
        assert find_faults("allocation", {"ends_at": NOON}, *events) == []
        assert find_faults("allocation", {"ends_at": self.LATER}, *events) != []

    def test_an_event_that_changed_another_row_did_not_enter_it(self) -> None:
        other = build_event(
            "allocation_ended", seq=2, at=self.LATER, actor=BOB, rows={"allocation:1": "0a"},
            former={"allocation:2": {"starts_at": "0a"}},
        )  # fmt: skip
        assert find_faults("allocation", {"starts_at": NOON}, self.MADE, other) == []
        assert find_faults("allocation", {"starts_at": self.LATER}, self.MADE, other) != []

    def test_a_later_event_that_names_no_change_did_not_enter_it(self) -> None:
        again = seal("allocation", "allocation_made", seq=2, at=self.LATER)
        assert find_faults("allocation", {"starts_at": NOON}, self.MADE, again) == []
        assert find_faults("allocation", {"starts_at": self.LATER}, self.MADE, again) != []

    def test_of_a_row_first_sealed_by_another_act_nothing_is_known(self) -> None:
        first = seal("allocation", "allocation_ended")
        assert find_faults("allocation", {"starts_at": self.LATER, "allocated_by_id": CAROL}, first) == []

    def test_any_event_of_the_first_format_may_have_entered_it(self) -> None:
        old = [
            seal("allocation", "allocation_made", event_format=1),
            seal("allocation", "allocation_ended", seq=2, at=self.LATER, event_format=1, actor=CAROL),
            seal("allocation", "allocation_made", seq=3, at=NOON + 2 * HOUR),
        ]
        for at, person in ((NOON, BOB), (self.LATER, CAROL)):
            assert find_faults("allocation", {"starts_at": at, "allocated_by_id": person}, *old) == []
        assert find_faults("allocation", {"starts_at": NOON + 2 * HOUR}, *old) == [
            "allocation 1: its starts_at is not the time of event 2 (allocation_ended)"
        ]
        assert find_faults("allocation", {"allocated_by_id": 9}, *old) == [
            "allocation 1: its allocated_by_id is not the person of event 2 (allocation_ended)"
        ]
