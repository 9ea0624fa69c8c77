"""What the check of row seals finds: changed, missing and unsealed rows, and events that changed more than they may."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.integrity.given_records import BOB, NOON, GivenSnapshot, build_event, build_rows, build_snapshot
from tracker.extensions import db
from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.ledger import row_seals
from tracker.ledger.row_seals import RowSalts
from tracker.vocabulary import Role

Values = dict[str, Any]
KEY = "allocation:1"
SALTS = RowSalts("0a" * 16, {})
SALT = "0b" * 16
ALLOCATION: Values = {
    "id": 1, "attempt_id": 7, "person_id": BOB, "role": Role.ASSESSOR, "starts_at": NOON, "reason": "First",
    "allocated_by_id": 4,
}  # fmt: skip
CLAIM: Values = {"id": 1, "attempt_id": 7, "evidence_id": 2, "criterion_id": 3, "locator": "", "claimed_at": NOON}
HOLD: Values = {"id": 1, "registration_id": 1, "reason": "Appeal", "set_at": NOON, "set_by_id": 4}


def complete(name: str, row: Values) -> Mapping[str, Any]:
    """Return a row with all columns of its table."""
    return build_rows(name, [row])[row["id"]]


def hash_value(name: str, column: str, value: Any) -> str | None:
    return row_seals.hash_column(SALTS, name, column, value)


def seal(name: str, row: Values, salts: RowSalts = SALTS) -> str:
    table = db.metadata.tables[name]
    return row_seals.seal_row(name, row_seals.hash_columns(salts, table, complete(name, row)))


def seal_first(name: str, row: Values) -> str:
    """Return the seal of a row in format 1."""
    return row_seals.seal_row_in_format_1(SALT, db.metadata.tables[name], complete(name, row))


def add_event(seq: int, act: str, sealed: Values, name: str = "allocation", **others: Any) -> LedgerEvent:
    """Return an event that seals row 1 of a table as it is given."""
    key = f"{name}:1"
    return build_event(act, **({"about": (name, 1)} | others), seq=seq, rows={key: seal(name, sealed)})


def add_first(seq: int, act: str, sealed: Values, name: str = "allocation") -> LedgerEvent:
    """Return an event of format 1 that does."""
    return build_event(act, (name, 1), seq=seq, event_format=1, rows={f"{name}:1": seal_first(name, sealed)})


def build_record(*events: LedgerEvent, salts: RowSalts | None = SALTS, **tables: list[Values]) -> GivenSnapshot:
    """Return a record with these events and rows, and the salts of each row that an event seals."""
    record = build_snapshot(*events, **tables)
    keys = {key for event in events for key in event.data["rows"]}
    record.row_salts = dict.fromkeys(keys, salts) if salts else {}
    record.salts = {event.seq: dict.fromkeys(event.data["rows"], SALT) for event in events if event.format == 1}
    return record


def find_faults(*events: LedgerEvent, row: Values | None = None, **others: Any) -> list[str]:
    """Return the faults of the allocation, as it is now, in a record with these events."""
    return list(find_changed_rows(build_record(*events, allocation=[row or ALLOCATION], **others)))


MADE = add_event(1, "allocation_made", ALLOCATION)
ENDED: Values = ALLOCATION | {"ends_at": NOON}
OTHER: Values = ALLOCATION | {"reason": "Another"}


def end(seq: int = 2, sealed: Values = ENDED, former: Values | None = None, **others: Any) -> LedgerEvent:
    """Return an event that ends the allocation, and names the former hashes of what it changed."""
    rows = {KEY: seal("allocation", sealed)}
    changed = {KEY: {"ends_at": None} if former is None else former}
    return build_event(
        "allocation_ended", **({"about": ("allocation", 1)} | others), seq=seq, rows=rows, former=changed
    )


class TestRows:
    def test_a_row_is_as_its_last_event_sealed_it(self) -> None:
        assert find_faults(MADE) == []
        assert find_faults(MADE, row=OTHER) == ["allocation 1 was changed after event 1 (allocation_made)"]
        assert find_faults(MADE, end(), row=ENDED) == []
        assert find_faults(MADE, end()) == ["allocation 1 was changed after event 2 (allocation_ended)"]

    def test_a_row_is_sealed(self) -> None:
        assert find_faults() == ["allocation 1 is in no event"]

    def test_a_sealed_row_is_there(self) -> None:
        record = build_record(MADE)
        fault = "allocation 1 is missing, but event 1 (allocation_made) records it"
        assert list(find_changed_rows(record)) == [fault]
        record.others = {("allocation", 1)}
        assert list(find_changed_rows(record)) == []

    def test_what_no_row_can_be_called_is_missing_too(self) -> None:
        event = build_event("allocation_made", rows={"allocation:x": "0a"})
        assert list(find_changed_rows(build_record(event))) == [
            "allocation x is missing, but event 1 (allocation_made) records it"
        ]

    def test_a_row_of_a_table_that_is_not_sealed_is_not_looked_for(self) -> None:
        event = build_event("allocation_made", rows={"user_session:1": "0a"})
        assert list(find_changed_rows(build_record(event))) == []

    @pytest.mark.parametrize(
        ("name", "row", "others", "must_be_sealed"),
        [
            ("assessment", {"state": "released"}, {}, True),
            ("assessment", {"state": "draft"}, {}, False),
            ("evidence", {"number": 1}, {}, True),
            ("evidence", {}, {}, False),
            ("attachment", {}, {}, False),
            ("claim", {"evidence_id": 1}, {}, False),
            ("claim", {"evidence_id": 1}, {"evidence": [{}]}, False),
            ("sample", {}, {}, True),
        ],
    )
    def test_a_draft_need_not_be_sealed(
        self, name: str, row: Values, others: dict[str, list[Values]], must_be_sealed: bool
    ) -> None:
        faults = list(find_changed_rows(build_record(**{name: [row]}, **others)))
        assert faults == ([f"{name} 1 is in no event"] if must_be_sealed else [])

    def test_claims_and_files_of_submitted_evidence_are_sealed(self) -> None:
        claimed = build_record(claim=[{"evidence_id": 1}], evidence=[{"number": 1}])
        assert "claim 1 is in no event" in list(find_changed_rows(claimed))
        attached = build_record(attachment=[{}], version_attachment=[{"version_id": 3, "attachment_id": 1}])
        assert "attachment 1 is in no event" in list(find_changed_rows(attached))


class TestSalts:
    def test_a_sealed_row_has_salts(self) -> None:
        assert find_faults(MADE, salts=None) == ["allocation 1 has no salts, but event 1 (allocation_made) seals it"]

    def test_salts_have_a_known_form(self) -> None:
        assert find_faults(MADE, salts=RowSalts("0a", {"id": "0a"})) == ["allocation 1 has salts of no known form"]

    def test_salts_are_of_a_row_that_an_event_seals(self) -> None:
        record = build_record()
        record.row_salts = {KEY: SALTS}
        assert list(find_changed_rows(record)) == ["allocation 1 has salts, but no event seals it"]


class TestEvents:
    def test_a_later_event_does_not_hide_a_change_that_it_does_not_name(self) -> None:
        changed = OTHER | {"ends_at": NOON}
        assert find_faults(MADE, end(sealed=changed), row=changed) == [
            "allocation 1 was changed, which a later event hides, after event 1 (allocation_made)"
        ]

    def test_an_event_changes_the_columns_that_its_act_may_change(self) -> None:
        former = {"reason": hash_value("allocation", "reason", "First"), "ends_at": None}
        assert find_faults(MADE, end(sealed=OTHER, former=former), row=OTHER) == [
            "allocation 1 was changed by event 2 (allocation_ended), which may not change reason"
        ]

    def test_the_first_event_adds_rows_of_the_table(self) -> None:
        event = add_event(1, "unit_signed", ALLOCATION)
        assert find_faults(event) == [
            "allocation 1 was first sealed by event 1 (unit_signed), which adds no such row"
        ]

    def test_a_later_event_need_not_add_rows(self) -> None:
        assert find_faults(MADE, end(3), row=ENDED) == []

    def test_what_was_entered_once_is_not_changed_again(self) -> None:
        later: Values = ALLOCATION | {"ends_at": NOON.replace(hour=13)}
        former = {"ends_at": hash_value("allocation", "ends_at", NOON)}
        assert find_faults(MADE, end(), end(3, later, former), row=later) == [
            "allocation 1 was changed by event 3 (allocation_ended): ends_at was entered before"
        ]

    def test_an_erasure_may_change_it(self) -> None:
        lifted, erased = HOLD | {"lifted_reason": "Over"}, HOLD | {"lifted_reason": "Erased"}
        table, key = db.metadata.tables["retention_hold"], "retention_hold:1"
        salts = row_seals.erase_column_salts(SALTS, table, ["lifted_reason"])
        events = [
            add_event(1, "retention_hold_set", HOLD, "retention_hold"),
            build_event(
                "retention_hold_lifted", ("retention_hold", 1), seq=2,
                rows={key: seal("retention_hold", lifted)}, former={key: {"lifted_reason": None}},
            ),
            build_event(
                "portfolio_erased", ("erasure", 1), seq=3, rows={key: seal("retention_hold", erased, salts)},
                former={key: {"lifted_reason": hash_value("retention_hold", "lifted_reason", "Over")}},
            ),
        ]  # fmt: skip
        registration = {"id": 1, "candidate_id": 1, "centre_id": 1}
        tables = {"retention_hold": [erased], "registration": [registration], "erasure": [{"registration_id": 1}]}
        faults = list(find_changed_rows(build_record(*events, salts=salts, **tables)))
        assert [each for each in faults if "hold" in each] == []

    def test_an_event_writes_rows_of_what_it_is_about(self) -> None:
        fault = "allocation 1 was written by event 1 (allocation_made), which is about another allocation"
        for about in (("allocation", 2), ("no table", 1), ("person", 1)):
            assert find_faults(add_event(1, "allocation_made", ALLOCATION, about=about)) == [fault]

    def test_one_event_may_write_several_rows(self) -> None:
        sample, item = {"id": 1, "attempt_id": 7}, {"id": 1, "sample_id": 1, "agrees": True}
        rows = {"sample:1": seal("sample", sample), "sample_item:1": seal("sample_item", item)}
        unit = {"id": 7, "candidate_id": 1, "centre_id": 1}
        tables = {"sample": [sample], "sample_item": [item], "unit_attempt": [unit]}
        for attempt, faults in ((7, 0), (8, 2)):
            event = build_event("sample_drawn", ("unit_attempt", attempt), rows=rows)
            found = list(find_changed_rows(build_record(event, **tables)))
            assert len([each for each in found if "about another candidate" in each]) == faults

    def test_what_an_event_is_about_is_looked_up_once(self) -> None:
        record = build_record(MADE, allocation=[ALLOCATION])
        list(find_changed_rows(record))
        assert list(find_changed_rows(record)) == []
        record.kept["owners of subjects"][1] = {"allocation": 2}
        assert list(find_changed_rows(record)) != []


class TestFirstFormat:
    MADE = add_first(1, "allocation_made", ALLOCATION)

    def test_a_row_is_as_its_last_event_sealed_it(self) -> None:
        ended = add_first(2, "allocation_ended", ENDED)
        assert find_faults(self.MADE) == []
        assert find_faults(self.MADE, ended, row=ENDED) == []
        assert "allocation 1 was changed after event 2 (allocation_ended)" in find_faults(self.MADE, ended)

    def test_a_row_has_a_salt(self) -> None:
        record = build_record(self.MADE, allocation=[ALLOCATION])
        salts: list[dict[int, dict[str, str]]] = [{}, {1: {}}, {2: {KEY: SALT}}]
        for record.salts in salts:
            assert set(find_changed_rows(record)) == {
                "allocation 1 has no salt, but event 1 (allocation_made) seals it"
            }

    def test_a_later_event_does_not_hide_a_change_of_what_never_changes(self) -> None:
        again = add_first(2, "allocation_ended", OTHER)
        assert find_faults(self.MADE, again, row=OTHER) == [
            "allocation 1 was changed after event 1 (allocation_made)"
        ]

    def test_an_erasure_may_change_it(self) -> None:
        erased = ALLOCATION | {"reason": "Erased"}
        assert find_faults(self.MADE, add_first(2, "portfolio_erased", erased), row=erased) == []

    def test_a_row_of_another_table_may_be_changed_by_a_later_event(self) -> None:
        located = CLAIM | {"locator": "page 2"}
        events = [add_first(1, "claim_added", CLAIM, "claim"), add_first(2, "claims_changed", located, "claim")]
        assert list(find_changed_rows(build_record(*events, claim=[located]))) == []


class TestBothFormats:
    MADE = add_first(1, "allocation_made", ALLOCATION)
    CHANGED = "allocation 1 was changed after event 1 (allocation_made)"

    def test_an_event_of_the_second_names_what_it_changed(self) -> None:
        assert find_faults(self.MADE, end(), row=ENDED) == []

    def test_an_older_seal_holds_where_nothing_was_changed(self) -> None:
        sealed_again = end(sealed=OTHER, former={})
        assert find_faults(self.MADE, sealed_again, row=OTHER) == [self.CHANGED] * 2
        assert find_faults(self.MADE, add_event(2, "allocation_made", OTHER), row=OTHER) == [self.CHANGED] * 2

    def test_an_act_that_adds_and_changes_rows_may_have_changed_an_older_one(self) -> None:
        located = CLAIM | {"locator": "page 2"}
        evidence = [{"id": 2, "candidate_id": 1, "centre_id": 1}]
        events = [
            add_first(1, "claim_added", CLAIM, "claim"),
            add_event(2, "claims_changed", located, "claim", about=("evidence", 2)),
        ]
        assert list(find_changed_rows(build_record(*events, claim=[located], evidence=evidence))) == []

    def test_an_act_that_only_changes_rows_has_named_what_it_changed(self) -> None:
        located = CLAIM | {"locator": "page 2"}
        events = [
            add_first(1, "claim_added", CLAIM, "claim"),
            add_event(2, "claim_removed", located, "claim"),
        ]
        assert list(find_changed_rows(build_record(*events, claim=[located]))) == [
            "claim 1 was changed after event 1 (claim_added)"
        ]
