"""Whom a centre asked for two-step verification, who had set it up, and what their signatures say of it."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, NOON, build_event, build_snapshot
from tracker.accounts.services.signing_two_step import LIFETIME
from tracker.integrity.ledger_events import LedgerEvent
from tracker.integrity.second_steps import find_signatures_without_second_step
from tracker.ledger.events import MAX_CLOCK_DIFFERENCE
from tracker.vocabulary import SecondStepMethod, SigningTwoStep

TICK = timedelta(microseconds=1)
WITHOUT = ["event 5 (unit_signed) was done without two-step verification, which the centre asked for"]
NOBODY, STAFF = SigningTwoStep.NOBODY, SigningTwoStep.STAFF


def sign(act: str = "unit_signed", **said: Any) -> LedgerEvent:
    """Return the event of Bob's signature, which says that he did no second step unless it says something else."""
    return build_event(act, ("signature", 3), seq=5, actor=BOB, **({"second_step": None} | said))


def add_factor(seq: int = 1, person: int = BOB, factor: int = 1) -> LedgerEvent:
    return build_event("second_factor_added", ("person", person), seq=seq, factor=factor)


def remove_factor(seq: int, act: str = "second_factor_removed", **which: Any) -> LedgerEvent:
    return build_event(act, ("person", BOB), seq=seq, **which)


def ask(asked: SigningTwoStep, seq: int = 2, centre: int = 1, act: str = "signing_two_step_changed") -> LedgerEvent:
    return build_event(act, ("centre", centre), seq=seq, asked=asked.value)


def find_faults(*events: LedgerEvent, is_recorded: bool = False, **tables: list[dict[str, Any]]) -> list[str]:
    rows = {"signature": [{"id": 3, "attempt_id": 7}], "unit_attempt": [{"id": 7, "centre_id": 1}]} | tables
    record = build_snapshot(*events, **rows)
    first: Any = SimpleNamespace(has_second_step_before=lambda seq: is_recorded and seq == 5)
    record.first_events = first
    return list(find_signatures_without_second_step(record))


class TestSecondStep:
    def step(self, before: timedelta, method: str = SecondStepMethod.APP.value) -> LedgerEvent:
        return sign(second_step={"method": method, "at": (NOON - before).isoformat()})

    @pytest.mark.parametrize(
        ("before", "is_recent"),
        [
            (timedelta(0), True),
            (LIFETIME + MAX_CLOCK_DIFFERENCE, True),
            (LIFETIME + MAX_CLOCK_DIFFERENCE + TICK, False),
            (-TICK, False),
        ],
    )
    def test_it_was_done_shortly_before(self, before: timedelta, is_recent: bool) -> None:
        fault = "event 5 (unit_signed) names a second step that was not in the five minutes before"
        assert find_faults(add_factor(), self.step(before)) == ([] if is_recent else [fault])

    def test_it_was_done_by_a_known_method(self) -> None:
        with pytest.raises(ValueError, match="astrology"):
            find_faults(self.step(timedelta(0), "astrology"))


class TestWhoWasAsked:
    def test_assessors_are_unless_the_centre_asks_nobody(self) -> None:
        assert find_faults(add_factor(), sign()) == WITHOUT
        assert find_faults(add_factor(), ask(STAFF), sign()) == WITHOUT
        assert find_faults(add_factor(), ask(NOBODY), sign()) == []

    def test_the_last_setting_before_the_signature_counts(self) -> None:
        assert find_faults(add_factor(), ask(NOBODY), ask(STAFF, 3), sign()) == WITHOUT
        assert find_faults(add_factor(), ask(STAFF), ask(NOBODY, 3), sign()) == []
        assert find_faults(add_factor(), sign(), ask(NOBODY, 6)) == WITHOUT

    def test_another_centre_or_act_sets_nothing(self) -> None:
        assert find_faults(add_factor(), ask(NOBODY, centre=2), sign()) == WITHOUT
        assert find_faults(add_factor(), ask(NOBODY, act="centre_terms_changed"), sign()) == WITHOUT

    def test_candidates_are_asked_only_where_the_centre_asks_everybody(self) -> None:
        assert find_faults(add_factor(), sign("unit_confirmed")) == []
        assert find_faults(add_factor(), sign("unit_verified")) != []

    def test_of_an_erased_signature_nothing_is_known(self) -> None:
        assert find_faults(add_factor(), sign(), signature=[]) == []
        assert find_faults(add_factor(), sign(), unit_attempt=[]) == []


class TestWhoHadSetItUp:
    def test_whoever_has_no_sign_in_method_is_not_asked(self) -> None:
        assert find_faults(sign()) == []
        assert find_faults(add_factor(person=ALICE), sign()) == []
        assert find_faults(add_factor(seq=6), sign()) == []

    @pytest.mark.parametrize(
        ("removal", "has_one"),
        [
            (remove_factor(3, factor=1), False),
            (remove_factor(3, factors=[1, 2]), False),
            (remove_factor(3, "two_step_verification_reset", factors=[1]), False),
            (remove_factor(3, factor=2), True),
            (remove_factor(3, "signed_in", factor=1), True),
            (remove_factor(6, factor=1), True),
        ],
    )
    def test_one_that_was_removed_before_does_not_count(self, removal: LedgerEvent, has_one: bool) -> None:
        events = sorted((add_factor(), removal, sign()), key=lambda event: event.seq)
        assert find_faults(*events) == (WITHOUT if has_one else [])


def test_before_the_first_record_of_a_second_step_none_is_needed() -> None:
    event = build_event("unit_signed", ("signature", 3), seq=5, actor=BOB)
    assert find_faults(add_factor(), event) == []
    assert find_faults(add_factor(), event, is_recorded=True) == WITHOUT
