"""Events out of time, and acceptances of the clock, which excuse the events before them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tracker.integrity.ledger_chain import find_chain_faults, find_events_out_of_time, is_acceptance_of_clock
from tracker.integrity.ledger_events import ClockPeriod, LedgerEvent
from tracker.ledger import events
from tracker.ledger.events import CLOCK_ACCEPTED, GENESIS, MAX_CLOCK_DIFFERENCE

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
BEFORE = "0a" * 32


def build_event(seq: int, act: str = CLOCK_ACCEPTED, event_format: int = 2, **data: Any) -> LedgerEvent:
    return LedgerEvent(seq, NOON, None, None, None, act, "signing_key", 1, data, event_format)


def build_ledger(**event_pass: Any) -> Any:
    """Return a ledger that has one key, and events 1 to 6 with the same hash."""
    return SimpleNamespace(
        event_pass=SimpleNamespace(**event_pass),
        trusted_keys={"k": SimpleNamespace(public_key=KEY.public_key().public_bytes_raw().hex())},
        find_hash=dict.fromkeys(range(1, 7), BEFORE).get,
    )


def accept_clock(seq: int, before: Any, at: datetime = NOON, **changes: Any) -> LedgerEvent:
    """Return the event by which the operator accepts the clock, signed for the hash of the event before."""
    signed = KEY.sign(events.build_clock_statement(before, at)).hex()
    facts = {"key": "k", "accepted_at": events.format_time(at), "signed": signed}
    return build_event(seq, **(facts | changes))


class TestAcceptance:
    def test_it_is_signed_for_its_place_in_the_ledger(self) -> None:
        assert is_acceptance_of_clock(build_ledger(), accept_clock(7, BEFORE))
        assert is_acceptance_of_clock(build_ledger(), accept_clock(1, GENESIS))
        for seq, before in ((7, GENESIS), (1, BEFORE), (9, BEFORE), (9, GENESIS), (9, None)):
            assert not is_acceptance_of_clock(build_ledger(), accept_clock(seq, before))

    def test_the_second_event_follows_the_first(self) -> None:
        assert is_acceptance_of_clock(build_ledger(), accept_clock(2, BEFORE))

    @pytest.mark.parametrize("changes", [{"key": "x"}, {"signed": "00" * 64}, {"signed": None}])
    def test_another_key_or_signature_accepts_nothing(self, changes: dict[str, Any]) -> None:
        assert not is_acceptance_of_clock(build_ledger(), accept_clock(7, BEFORE, **changes))

    @pytest.mark.parametrize("missing", ["key", "signed", "accepted_at"])
    def test_it_lacks_nothing(self, missing: str) -> None:
        event = accept_clock(7, BEFORE)
        data = {name: value for name, value in event.data.items() if name != missing}
        assert not is_acceptance_of_clock(build_ledger(), replace(event, data=data))

    @pytest.mark.parametrize(
        ("difference", "is_accepted"),
        [
            (MAX_CLOCK_DIFFERENCE, True),
            (-MAX_CLOCK_DIFFERENCE, True),
            (MAX_CLOCK_DIFFERENCE + timedelta(microseconds=1), False),
            (-MAX_CLOCK_DIFFERENCE - timedelta(microseconds=1), False),
        ],
    )
    def test_the_accepted_time_is_that_of_the_event(self, difference: timedelta, is_accepted: bool) -> None:
        event = accept_clock(7, BEFORE, NOON + difference)
        assert is_acceptance_of_clock(build_ledger(), event) is is_accepted

    def test_earlier_releases_did_not_sign_it(self) -> None:
        assert is_acceptance_of_clock(build_ledger(), build_event(7, event_format=1))
        assert not is_acceptance_of_clock(build_ledger(), build_event(7))

    def test_another_act_accepts_nothing(self) -> None:
        event = replace(accept_clock(7, BEFORE), act="key_made")
        assert not is_acceptance_of_clock(build_ledger(), event)
        assert not is_acceptance_of_clock(build_ledger(), replace(event, format=1))


ACCEPTED, UNSIGNED = build_event(3, event_format=1), build_event(4)
EARLY, LATE = build_event(2, "data_exported"), build_event(5, "data_exported")
OLDER = "event {} (clock_accepted) is older than the event before it"
FUTURE = "event {} ({}) has a time in the future"


@pytest.mark.parametrize(
    ("periods", "faults"),
    [
        ([ClockPeriod()], []),
        ([ClockPeriod(is_older=True)], []),
        ([ClockPeriod(last_of_future=EARLY)], [FUTURE.format(2, "data_exported")]),
        ([ClockPeriod(), ClockPeriod(ACCEPTED, is_older=True)], []),
        ([ClockPeriod(), ClockPeriod(UNSIGNED)], []),
        ([ClockPeriod(), ClockPeriod(UNSIGNED, is_older=True)], [OLDER.format(4)]),
        ([ClockPeriod(last_of_future=EARLY), ClockPeriod(ACCEPTED)], []),
        ([ClockPeriod(last_of_future=EARLY), ClockPeriod(UNSIGNED)], [FUTURE.format(2, "data_exported")]),
        ([ClockPeriod(), ClockPeriod(ACCEPTED, last_of_future=ACCEPTED)], []),
        (
            [ClockPeriod(), ClockPeriod(UNSIGNED, last_of_future=UNSIGNED)],
            [FUTURE.format(4, "clock_accepted")],
        ),
        ([ClockPeriod(), ClockPeriod(ACCEPTED, last_of_future=LATE)], [FUTURE.format(5, "data_exported")]),
        (
            [ClockPeriod(last_of_future=EARLY), ClockPeriod(ACCEPTED), ClockPeriod(UNSIGNED, last_of_future=LATE)],
            [FUTURE.format(5, "data_exported")],
        ),
        (
            [ClockPeriod(last_of_future=EARLY), ClockPeriod(UNSIGNED, last_of_future=LATE)],
            [FUTURE.format(5, "data_exported")],
        ),
        ([ClockPeriod(last_of_future=EARLY), ClockPeriod(ACCEPTED), ClockPeriod(UNSIGNED)], []),
    ],
)
def test_an_accepted_clock_excuses_the_events_before_it(periods: list[ClockPeriod], faults: list[str]) -> None:
    ledger = build_ledger(out_of_time=["event 2 is older"], periods=periods)
    assert list(find_events_out_of_time(ledger)) == ["event 2 is older", *faults]


def test_the_faults_of_the_chain_are_those_that_reading_it_found() -> None:
    assert list(find_chain_faults(build_ledger(faults=["event 2 is missing"]))) == ["event 2 is missing"]
