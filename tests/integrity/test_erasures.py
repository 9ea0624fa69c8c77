"""What the checks of erasures find: what was not due, not its candidate's, not complete, or late."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, NOON, GivenSnapshot, build_event, build_snapshot
from tracker.integrity import erasures
from tracker.integrity.erasures import (
    MAX_DELAY,
    find_erased_rows_of_others,
    find_late_erasures,
    find_texts_changed_by_erasure,
    find_wrong_erasures,
    find_wrong_retention_rules,
)
from tracker.integrity.ledger_events import LedgerEvent
from tracker.privacy.retention import MAX_MONTHS
from tracker.vocabulary import AttemptState, SignatureRole

Values = dict[str, Any]
TICK, DAY = timedelta(microseconds=1), timedelta(days=1)
YEAR_BEFORE = datetime(2025, 11, 22, 12, 0, tzinfo=UTC)
"""A year and a day before the erasure at noon: evidence is kept for twelve months where no rule was set."""
THREE_YEARS_BEFORE = datetime(2023, 11, 22, 12, 0, tzinfo=UTC)
"""Decisions, signatures and forms are kept for 36 months."""
EVENT = "event 10 (portfolio_erased)"
KEPT = f"registration 1 was erased by {EVENT} and had to be kept until "
NOT_ENDED = f"registration 1 had not ended when {EVENT} erased it"


def erase(until: str = "2026-11-22", seq: int = 10, **data: Any) -> LedgerEvent:
    """Return the event of an erasure of Alice's registration."""
    names: Values = {name: [] for name in ("files", "attempts", "versions", "attachments", "forms")}
    return build_event("portfolio_erased", ("erasure", 1), seq=seq, until=until, **({"full": False} | names | data))


def build_record(*events: LedgerEvent, registration: Values | None = None, **changes: list[Values]) -> GivenSnapshot:
    """Return a record in which Alice was withdrawn and her registration erased, with some tables replaced."""
    withdrawn = {"candidate_id": ALICE, "centre_id": 1, "withdrawn_at": YEAR_BEFORE}
    tables: dict[str, list[Values]] = {
        "registration": [withdrawn | (registration or {})],
        "erasure": [{"registration_id": 1, "erased_at": NOON, "is_open": False}],
    }
    return build_snapshot(*events, **(tables | changes))


def find_faults(*events: LedgerEvent, **others: Any) -> list[str]:
    return list(find_wrong_erasures(build_record(*events, **others)))


class TestWhatIsErased:
    def test_evidence_is_erased_after_its_period(self) -> None:
        assert find_faults(erase()) == []
        assert find_faults(erase("2026-11-23"), registration={"withdrawn_at": YEAR_BEFORE + DAY}) == [
            f"{KEPT}2026-11-23"
        ]

    def test_the_event_says_until_when_it_was_kept(self) -> None:
        assert find_faults(erase("2026-11-21")) == [f"{KEPT}2026-11-22"]

    def test_everything_is_erased_after_the_longer_period(self) -> None:
        assert find_faults(erase(full=True), registration={"withdrawn_at": THREE_YEARS_BEFORE}) == []
        assert find_faults(erase(full=True)) == [f"{KEPT}2028-11-22"]

    def test_an_erasure_is_closed(self) -> None:
        erasure = {"registration_id": 1, "erased_at": NOON, "is_open": True}
        assert find_faults(erasure=[erasure]) == ["erasure 1 was left open: sealed text can still be erased under it"]

    @pytest.mark.parametrize(
        ("hold", "is_broken"),
        [
            ({"set_at": NOON}, True),
            ({"set_at": NOON + TICK}, False),
            ({"set_at": NOON - DAY, "lifted_at": NOON}, False),
            ({"set_at": NOON - DAY, "lifted_at": NOON + TICK}, True),
            ({"set_at": NOON, "registration_id": 2}, False),
        ],
    )
    def test_nothing_is_erased_under_a_retention_hold(self, hold: Values, is_broken: bool) -> None:
        faults = find_faults(retention_hold=[{"registration_id": 1} | hold])
        assert faults == (["registration 1 was erased under retention hold 1"] if is_broken else [])

    @pytest.mark.parametrize(
        ("exists", "is_referenced", "is_named"),
        [(True, False, True), (True, True, False), (False, False, False)],
    )
    def test_an_erased_file_is_gone_unless_somebody_else_has_it(
        self, monkeypatch: pytest.MonkeyPatch, exists: bool, is_referenced: bool, is_named: bool
    ) -> None:
        monkeypatch.setattr(erasures, "file_store", SimpleNamespace(exists=lambda _: exists))
        monkeypatch.setattr(erasures, "is_referenced", lambda _: is_referenced)
        fault = f"{EVENT} erased file 0a, which is still there"
        assert find_faults(erase(files=["0a"])) == ([fault] if is_named else [])


class TestEndOfRegistration:
    """A registration ends by a withdrawal, or when its last unit is verified."""

    ATTEMPT: Values = {"registration_id": 1, "started_at": YEAR_BEFORE, "state": AttemptState.VERIFIED}
    VERIFIED: Values = {"attempt_id": 1, "role": SignatureRole.INTERNAL_VERIFIER, "signed_at": YEAR_BEFORE}

    def find_faults(self, attempts: list[Values], signatures: list[Values], withdrawn_at: Any = None) -> list[str]:
        return find_faults(
            erase(),
            registration={"withdrawn_at": withdrawn_at},
            unit_attempt=[self.ATTEMPT | changes for changes in attempts],
            signature=[self.VERIFIED | changes for changes in signatures],
        )

    def test_it_has_not_ended_without_units(self) -> None:
        assert self.find_faults([], []) == [NOT_ENDED]

    def test_a_later_withdrawal_has_not_ended_it(self) -> None:
        assert self.find_faults([], [], NOON + TICK) == [NOT_ENDED]
        assert self.find_faults([], [], NOON) == [f"{KEPT}2027-11-23"]

    def test_it_ended_when_its_last_unit_was_verified(self) -> None:
        assert self.find_faults([{}], [{}]) == []
        assert self.find_faults([{}, {}], [{}, {"attempt_id": 2, "signed_at": YEAR_BEFORE - DAY}]) == []
        assert self.find_faults([{}], [{"signed_at": YEAR_BEFORE - DAY}, {}]) == []
        assert self.find_faults([{}], [{}, {"signed_at": NOON + TICK}]) == []

    @pytest.mark.parametrize(
        "signature",
        [
            {"attempt_id": 2},
            {"role": SignatureRole.ASSESSOR},
            {"signed_at": NOON + TICK},
            {"superseded_at": NOON},
        ],
    )
    def test_it_has_not_ended_while_a_unit_is_not_verified(self, signature: Values) -> None:
        assert self.find_faults([{}], [signature]) == [NOT_ENDED]

    def test_a_signature_that_was_superseded_later_counts(self) -> None:
        assert self.find_faults([{}], [{"superseded_at": NOON + TICK}]) == []
        assert self.find_faults([{}], [{"signed_at": NOON}]) == [f"{KEPT}2027-11-23"]

    @pytest.mark.parametrize(
        ("unit", "counts"),
        [
            ({"state": AttemptState.VOID}, False),
            ({"started_at": NOON + TICK}, False),
            ({"started_at": NOON}, True),
            ({"registration_id": 2}, False),
        ],
    )
    def test_void_and_later_units_do_not_count(self, unit: Values, counts: bool) -> None:
        assert self.find_faults([{}, unit], [{}]) == ([NOT_ENDED] if counts else [])


def set_rule(seq: int, rule: int, evidence: int, records: int, **others: Any) -> LedgerEvent:
    return build_event(
        "retention_rule_set", ("retention_rule", rule), seq=seq, evidence=evidence, records=records, **others
    )


class TestRulesOfTheTime:
    RULES = [
        {"centre_id": 1, "awarding_body": ""},
        {"centre_id": 1, "awarding_body": "SQA"},
        {"centre_id": 2, "awarding_body": "City"},
    ]

    def find_until(self, *events: LedgerEvent, body: str | None = None, **data: Any) -> str:
        """Return until when the rules kept what was erased a year after a withdrawal, which the event does not know."""
        qualification = [{"id": 1, "document": json.dumps({"awarding_body": body})}] if body else []
        faults = find_faults(
            *events,
            erase("never", **data),
            registration={"qualification_id": 1 if body else None},
            retention_rule=self.RULES,
            qualification=qualification,
        )
        return faults[0].removeprefix(KEPT)

    def test_the_rule_of_the_awarding_body_comes_first(self) -> None:
        events = [set_rule(1, 1, 2, 3), set_rule(2, 2, 4, 5)]
        assert self.find_until(*events) == "2026-01-22"
        assert self.find_until(*events, full=True) == "2026-02-22"
        assert self.find_until(*events, body="SQA") == "2026-03-22"
        assert self.find_until(*events, body="City") == "2026-01-22"

    def test_a_rule_of_another_centre_or_body_does_not_count(self) -> None:
        assert self.find_until(set_rule(1, 3, 2, 3), body="City") == "2026-11-22"
        assert self.find_until(set_rule(1, 2, 2, 3)) == "2026-11-22"

    def test_the_last_rule_before_the_erasure_counts(self) -> None:
        events = [set_rule(1, 1, 2, 3), set_rule(2, 1, 6, 7), set_rule(10, 1, 1, 1), set_rule(11, 1, 1, 1)]
        assert self.find_until(*events) == "2026-05-22"

    def test_another_act_sets_no_rule(self) -> None:
        assert self.find_until(build_event("data_exported", ("retention_rule", 1))) == "2026-11-22"

    @pytest.mark.parametrize(
        ("evidence", "records", "is_possible"),
        [
            (1, 1, True), (0, 1, False), (2, 1, False), (1, MAX_MONTHS, True), (1, MAX_MONTHS + 1, False),
        ],
    )  # fmt: skip
    def test_a_rule_is_one_that_could_be_set(self, evidence: int, records: int, is_possible: bool) -> None:
        fault = "event 1 (retention_rule_set) sets periods that no rule may have"
        record = build_record(set_rule(1, 1, evidence, records))
        assert list(find_wrong_retention_rules(record)) == ([] if is_possible else [fault])

    @pytest.mark.parametrize(
        ("evidence", "records", "is_same"), [(4, 5, True), (4, 6, False), (3, 5, False), (2, 3, False)]
    )
    def test_a_rule_has_the_periods_of_its_last_event(self, evidence: int, records: int, is_same: bool) -> None:
        rule = {"centre_id": 1, "evidence_months": evidence, "record_months": records}
        record = build_record(set_rule(1, 1, 2, 3), set_rule(2, 1, 4, 5), set_rule(3, 9, 4, 5), retention_rule=[rule])
        fault = "retention rule 1 has other periods than event 2 (retention_rule_set) set"
        assert list(find_wrong_retention_rules(record)) == ([] if is_same else [fault])


class TestOthersRows:
    TABLES: dict[str, list[Values]] = {
        "unit_attempt": [{"candidate_id": ALICE, "centre_id": 1}, {"candidate_id": BOB, "centre_id": 1}],
        "evidence": [{"candidate_id": ALICE, "centre_id": 1}, {"candidate_id": ALICE, "centre_id": 2}],
        "evidence_version": [{"evidence_id": 1}, {"evidence_id": 2}],
        "attachment": [{"evidence_id": 1, "sha256": "0a"}, {"evidence_id": 2, "sha256": "0b"}],
        "issued_form": [{"attempt_id": 1, "sha256": "0c"}, {"attempt_id": 2, "sha256": "0d"}],
    }

    def find_faults(self, **data: list[Any]) -> list[str]:
        record = build_record(erase(**data), **self.TABLES)
        return [fault.removeprefix(f"{EVENT} erased ") for fault in find_erased_rows_of_others(record)]

    def test_rows_of_the_candidate_at_the_centre_are_erased(self) -> None:
        assert self.find_faults(attempts=[1], versions=[1], attachments=[1], forms=[1], files=["0a", "0c"]) == []

    @pytest.mark.parametrize(
        ("name", "thing"),
        [
            ("attempts", "unit attempt"),
            ("versions", "evidence version"),
            ("attachments", "attachment"),
            ("forms", "issued form"),
        ],
    )
    def test_no_other_row_is(self, name: str, thing: str) -> None:
        assert self.find_faults(**{name: [2]}) == [f"{thing} 2, which is not of its candidate"]
        assert self.find_faults(**{name: [99]}) == [f"{thing} 99, which is not of its candidate"]

    def test_no_file_of_another_row_is(self) -> None:
        assert self.find_faults(attachments=[1], files=["0a", "0d", "0b"]) == [
            "file 0b, which is of none of the rows that it names"
        ]


class TestErasedTexts:
    def find_faults(self, name: str, column: str, value: Any) -> list[str]:
        event = erase(former={f"{name}:7": {column: "0a"}})
        return list(find_texts_changed_by_erasure(build_snapshot(event, **{name: [{"id": 7, column: value}]})))

    @pytest.mark.parametrize(
        ("name", "column", "value"),
        [
            ("decision", "comment", "Erased"),
            ("assessment", "draft_decisions", {}),
            ("version_move", "not_carried_over", []),
            ("person", "email", "erased-7@erased.invalid"),
            ("person", "deactivated_at", NOON),
            ("registration", "candidate_number", "erased-7"),
            ("registration", "withdrawn_reason", None),
        ],
    )
    def test_what_an_erasure_changed_holds_what_it_writes(self, name: str, column: str, value: Any) -> None:
        assert self.find_faults(name, column, value) == []

    @pytest.mark.parametrize(
        ("name", "column", "value"),
        [
            ("decision", "comment", "Well done"),
            ("decision", "comment", "erased-7"),
            ("person", "email", "erased-8@erased.invalid"),
            ("person", "name", "erased-7"),
            ("grant", "starts_at", NOON),
            ("registration", "candidate_number", "erased-7@erased.invalid"),
        ],
    )
    def test_anything_else_is_named(self, name: str, column: str, value: Any) -> None:
        assert self.find_faults(name, column, value) == [
            f"{name} 7: its {column} was not erased by {EVENT}, but changed"
        ]

    def test_an_erasure_that_changed_nothing_is_not_named(self) -> None:
        assert list(find_texts_changed_by_erasure(build_record(erase()))) == []


class TestLateErasures:
    TODAY = date(2026, 11, 23)

    @pytest.fixture(autouse=True)
    def due(self, monkeypatch: pytest.MonkeyPatch, freeze_clock: Callable[[datetime], None]) -> list[Any]:
        """The centre and the day for which it was asked what is due: always registration 1."""
        asked: list[Any] = []

        def iterate_due(centre: int, day: date) -> list[Any]:
            asked.append((centre, day))
            return [SimpleNamespace(registration=SimpleNamespace(id=1))]

        freeze_clock(NOON)
        monkeypatch.setattr(erasures, "iterate_due", iterate_due)
        return asked

    def find_faults(self, **tables: list[Values]) -> list[str]:
        return list(find_late_erasures(build_record(**({"centre": [{}]} | tables))))

    LATE = "registration 1 was due for erasure more than 30 days ago"

    def test_what_was_due_thirty_days_ago_is_named(self, due: list[Any]) -> None:
        assert self.find_faults() == [self.LATE]
        assert due == [(1, self.TODAY - timedelta(days=30))]

    @pytest.mark.parametrize(
        ("rule", "is_named"),
        [
            ({"set_at": NOON - MAX_DELAY}, False),
            ({"set_at": NOON - MAX_DELAY - DAY}, True),
            ({"set_at": NOON, "centre_id": 2}, True),
        ],
    )
    def test_a_rule_that_was_set_lately_may_have_made_it_due(self, rule: Values, is_named: bool) -> None:
        assert self.find_faults(retention_rule=[{"centre_id": 1} | rule]) == ([self.LATE] if is_named else [])

    @pytest.mark.parametrize(
        ("hold", "is_named"),
        [
            ({"lifted_at": NOON - MAX_DELAY}, False),
            ({"lifted_at": NOON - MAX_DELAY - DAY}, True),
            ({"lifted_at": None}, True),
            ({"lifted_at": NOON, "registration_id": 2}, True),
        ],
    )
    def test_a_hold_that_was_lifted_lately_delayed_it(self, hold: Values, is_named: bool) -> None:
        assert self.find_faults(retention_hold=[{"registration_id": 1} | hold]) == ([self.LATE] if is_named else [])
