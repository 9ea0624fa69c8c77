"""Reading of the ledger: what is wrong with the chain of events, and when they say that they happened."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrity.given_records import NOON, build_event
from tracker.integrity import ledger_events
from tracker.integrity.ledger_events import EventPass, LedgerEvent, parse_event, read_events, select_events
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import CLOCK_ACCEPTED, GENESIS, MAX_CLOCK_DIFFERENCE, format_time, hash_body
from tracker.models.people import DEMONSTRATION_SESSION

Values = dict[str, Any]
MAX, TICK, HOUR = MAX_CLOCK_DIFFERENCE, timedelta(microseconds=1), timedelta(hours=1)


def build_body(seq: int = 1, prev: str = GENESIS, at: datetime = NOON, **changes: Any) -> Values:
    body: Values = {
        "v": 2, "seq": seq, "at": format_time(at), "actor": 1, "grant": 2, "session_ref": None,
        "act": "data_exported", "object": {"type": "person", "id": 1}, "data": {}, "prev": prev,
    }  # fmt: skip
    return body | changes


def build_row(said: Values, **changes: Any) -> Any:
    """Return the row of the event whose body says this; `changes` are columns that say something else."""
    text = canonical_json(said)
    columns = {
        "seq": said["seq"], "at": datetime.fromisoformat(said["at"]), "actor_id": said["actor"],
        "grant_id": said["grant"], "act": said["act"], "object_type": said["object"]["type"],
        "object_id": said["object"]["id"], "body": text, "prev": said["prev"], "hash": hash_body(text),
    }  # fmt: skip
    return SimpleNamespace(**(columns | changes))


def chain(*changes: Values) -> list[Any]:
    """Return the rows of events that follow one another, the first with number 1."""
    rows: list[Any] = []
    for seq, each in enumerate(changes, start=1):
        rows.append(build_row(build_body(seq, rows[-1].hash if rows else GENESIS, **each)))
    return rows


class TestParsing:
    def test_an_event_has_the_values_of_its_body(self) -> None:
        row = build_row(build_body(7, "0a" * 32, session_ref="s", data={"x": 1}))
        event = LedgerEvent(7, NOON, 1, 2, "s", "data_exported", "person", 1, {"x": 1}, 2)
        assert parse_event(row) == (event, "0a" * 32, True)
        assert event.name == "event 7 (data_exported)"

    @pytest.mark.parametrize(
        "changes", [{"seq": "7"}, {"seq": -1}, {"seq": True}, {"v": "2"}, {"at": "2026-11-23T12:00:00"}]
    )
    def test_one_without_number_format_or_time_zone_is_refused(self, changes: Values) -> None:
        with pytest.raises(ValueError, match="no number, no format or no time zone"):
            parse_event(SimpleNamespace(body=canonical_json(build_body() | changes)))

    def test_the_number_may_be_nought(self) -> None:
        assert parse_event(SimpleNamespace(body=canonical_json(build_body(0))))[0].seq == 0

    def test_what_cannot_be_read_is_left_out(self, give_rows: Callable[[Any], None]) -> None:
        first, second = chain({}, {})
        give_rows([SimpleNamespace(body=b"no JSON"), first, SimpleNamespace(body=b"{}"), second])
        assert [event.seq for event in read_events(select_events())] == [1, 2]


@pytest.fixture
def give_rows(monkeypatch: pytest.MonkeyPatch, freeze_clock: Callable[[datetime], None]) -> Callable[[Any], None]:
    """`give_rows(rows)` makes these the rows of the ledger; the present time is noon."""
    freeze_clock(NOON)

    def give(rows: Any) -> None:
        session = SimpleNamespace(execute=lambda *_, **__: rows)
        monkeypatch.setattr(ledger_events, "db", SimpleNamespace(session=session))

    return give


@pytest.fixture
def read(give_rows: Callable[[Any], None]) -> Callable[[Any], EventPass]:
    """`read(rows)` reads the ledger with these rows."""

    def run(rows: Any) -> EventPass:
        give_rows(rows)
        event_pass = EventPass()
        list(event_pass.read())
        return event_pass

    return run


Read = Callable[[Any], EventPass]


class TestChain:
    def test_events_that_follow_one_another_have_no_fault(self, read: Read) -> None:
        event_pass = read(chain({}, {}, {}))
        assert (event_pass.faults, event_pass.out_of_time, event_pass.size) == ([], [], 3)
        assert read([]).size == 0

    def test_each_event_is_yielded(self, give_rows: Callable[[Any], None]) -> None:
        give_rows(chain({}, {"act": "key_made"}))
        assert [event.act for event in EventPass().read()] == ["data_exported", "key_made"]

    def test_a_missing_event_is_named(self, read: Read) -> None:
        first, _, _, fourth = chain({}, {}, {}, {})
        assert read([first, fourth]).faults == [
            "event 2 is missing: 4 comes after 1",
            "event 4 does not follow from the one before it",
        ]
        rows = chain({}, {})
        third = build_row(build_body(4, rows[-1].hash))
        fourth = build_row(build_body(5, third.hash))
        assert read([*rows, third, fourth]).faults == ["event 3 is missing: 4 comes after 2"]

    def test_an_event_that_does_not_follow_is_named(self, read: Read) -> None:
        first = build_row(build_body(1, "0a" * 32))
        assert read([first]).faults == ["event 1 does not follow from the one before it"]

    @pytest.mark.parametrize(
        ("changes", "others"),
        [({"hash": "0a" * 32}, []), ({"body": "text"}, ["event 1 cannot be read"])],
    )
    def test_an_event_that_was_changed_is_named(self, read: Read, changes: Values, others: list[str]) -> None:
        fault = "event 1 was changed: its text does not match the stored hash"
        assert read([build_row(build_body(), **changes)]).faults == [fault, *others]

    def test_one_that_cannot_be_read_is_named_and_counted(self, read: Read) -> None:
        body = b"no JSON"
        row = build_row(build_body(), body=body, hash=hash_body(body))
        event_pass = read([row])
        assert (event_pass.faults, event_pass.size) == (["event 1 cannot be read"], 1)

    def test_one_that_is_not_canonical_is_named(self, read: Read) -> None:
        body = canonical_json(build_body()) + b" "
        row = build_row(build_body(), body=body, hash=hash_body(body))
        assert read([row]).faults == ["event 1 is not written canonically"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"at": NOON + TICK}, {"actor_id": 9}, {"grant_id": 9}, {"act": "key_made"}, {"object_type": "grant"},
            {"object_id": 9},
        ],
    )  # fmt: skip
    def test_one_whose_columns_differ_is_named(self, read: Read, changes: Values) -> None:
        assert read([build_row(build_body(), **changes)]).faults == ["event 1: its columns differ from its text"]

    def test_an_older_format_after_a_newer_one_is_named(self, read: Read) -> None:
        assert read(chain({"v": 1}, {"v": 2}, {"v": 2})).faults == []
        assert read(chain({"v": 2}, {"v": 1})).faults == ["event 2 has an older format than the event before it"]

    def test_a_value_that_a_column_cannot_have_ends_the_reading(self, read: Read) -> None:
        def break_off() -> Iterator[Any]:
            yield from chain({})
            raise ValueError("'never' is no date")

        event_pass = read(break_off())
        assert event_pass.faults == ["an event after 1 cannot be read: 'never' is no date"]
        assert event_pass.size == 1

    def test_so_many_faults_are_kept(self, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ledger_events, "MAX_COUNTED", 2)
        rows = chain({}, {}, {}, {})
        for row in rows:
            row.hash = "0a" * 32
        assert len(read(rows).faults) == 2
        late = [{"at": NOON - MAX * 2 * number} for number in range(4)]
        assert len(read(chain(*late)).out_of_time) == 2


class TestTimes:
    def test_an_event_older_than_the_one_before_is_named(self, read: Read) -> None:
        assert read(chain({}, {"at": NOON - MAX})).out_of_time == []
        assert read(chain({}, {"at": NOON - MAX - TICK})).out_of_time == [
            "event 2 (data_exported) is older than the event before it"
        ]

    def test_an_event_that_cannot_be_read_is_not_compared(self, read: Read) -> None:
        rows = chain({}, {}, {"at": NOON - MAX - TICK})
        rows[1].body = b"no JSON"
        assert read(rows).out_of_time == ["event 3 (data_exported) is older than the event before it"]

    def test_an_event_of_the_future_is_noted(self, read: Read) -> None:
        assert read(chain({"at": NOON + MAX})).periods[0].last_of_future is None
        (period,) = read(chain({"at": NOON + MAX + TICK})).periods
        assert period.last_of_future
        assert period.last_of_future.seq == 1

    def test_each_acceptance_of_the_clock_begins_a_period(self, read: Read) -> None:
        accepted = {"act": CLOCK_ACCEPTED, "at": NOON - HOUR}
        event_pass = read(chain({}, accepted, {"at": NOON + HOUR}, {"act": CLOCK_ACCEPTED, "at": NOON + HOUR}))
        first, second, third = event_pass.periods
        assert (first.acceptance, first.is_older, first.last_of_future) == (None, False, None)
        assert second.acceptance
        assert (second.acceptance.seq, second.is_older) == (2, True)
        assert second.last_of_future
        assert second.last_of_future.seq == 3
        assert third.acceptance
        assert (third.acceptance.seq, third.is_older) == (4, False)
        assert event_pass.out_of_time == []

    def test_the_first_event_is_not_older_than_another(self, read: Read) -> None:
        (_, period) = read(chain({"act": CLOCK_ACCEPTED, "at": datetime(2020, 1, 1, tzinfo=UTC)})).periods
        assert not period.is_older


class TestSessions:
    def test_the_first_session_is_noted(self, read: Read) -> None:
        event_pass = read(chain({}, {"session_ref": "a"}, {"session_ref": "b"}, {}))
        assert (event_pass.first_session, event_pass.has_demonstration) == ("a", False)
        assert read(chain({})).first_session is None

    def test_any_session_of_a_demonstration_is_noted(self, read: Read) -> None:
        demonstration = {"session_ref": DEMONSTRATION_SESSION}
        event_pass = read(chain({"session_ref": "a"}, demonstration, {"session_ref": "b"}))
        assert (event_pass.first_session, event_pass.has_demonstration) == ("a", True)


def test_the_names_of_events_are_numbers_and_acts() -> None:
    assert build_event("key_made", seq=3).name == "event 3 (key_made)"
