"""The ledger: chained, canonical, written with the change it records, and without names or text that people wrote."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.errors import ClockBehind
from tracker.extensions import db
from tracker.ledger import events, transactions
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.models import Event, EventText, Person
from tracker.registrations.services import withdraw_candidate

Browser = Callable[[Person], FlaskClient]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def list_events() -> list[Event]:
    db.session.rollback()
    return list(db.session.scalars(select(Event).order_by(Event.seq)))


def test_every_event_is_chained_to_the_one_before_and_rehashes(world: World) -> None:
    workflow.sign(world, world.cfacc15, "A steady record.")
    workflow.confirm(world.cfacc15)
    chain = list_events()
    assert [event.seq for event in chain] == list(range(1, len(chain) + 1))
    assert len(chain) > 5
    before = events.GENESIS
    for event in chain:
        body = json.loads(event.body)
        assert canonical_json(body) == event.body
        assert events.hash_body(event.body) == event.hash
        assert (event.prev, body["prev"], body["seq"]) == (before, before, event.seq)
        assert (body["actor"], body["grant"], body["act"]) == (event.actor_id, event.grant_id, event.act)
        before = event.hash
    assert events.get_head() == (chain[-1].seq, before)


def test_an_event_contains_no_name_and_no_text_that_a_person_wrote(world: World) -> None:
    with transaction():
        withdraw_candidate(world.registration, "Moved to Cardiff with her canary.", factories.make_actor(world.dan))
    [event] = list_events()
    for secret in (b"canary", b"Cardiff", b"Alice", b"Dan Price", b"example.org"):
        assert secret not in event.body
    salt = db.session.scalars(select(EventText.salt).where(EventText.field == "reason")).one()
    recorded_hash = json.loads(event.body)["data"]["texts"]["reason"]
    assert recorded_hash == events.hash_text(salt, "Moved to Cardiff with her canary.")


def test_many_events_of_a_transaction_are_appended_with_few_statements(
    world: World, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    """Each event was inserted by a statement of its own, with another for its texts."""
    counts = []
    for number in (2, 200):
        with count_statements() as statements, transaction():
            for _ in range(number):
                actor = factories.make_actor(world.dan)
                events.record("candidate_noted", world.registration, actor, texts={"note": "Well."}, number=number)
        counts.append(len([each for each in statements if "INSERT" in each]))
    assert counts == [2, 2]
    assert len(list_events()) == 202


def test_a_rolled_back_change_leaves_no_event(world: World) -> None:
    def fail() -> None:
        with transaction():
            events.record("candidate_withdrawn", world.registration, factories.make_actor(world.dan))
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="the power went"):
        fail()
    assert list_events() == []
    with transaction():
        world.registration.withdrawn_reason = "No event records this."
    assert list_events() == [], "an event of the failed act was appended by the next one"


@pytest.mark.parametrize("change", ["UPDATE event SET act = 'nothing'", "DELETE FROM event"])
def test_an_event_can_be_neither_changed_nor_deleted(world: World, change: str) -> None:
    with transaction():
        events.record("candidate_withdrawn", world.registration, factories.make_actor(world.dan))
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(text(change))
    assert len(list_events()) == 1


def test_an_event_cannot_be_replaced_on_sqlite(world: World) -> None:
    """REPLACE deletes the old row, and the trigger on deletes sees it only with `recursive_triggers`."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("of SQLite")
    with transaction():
        events.record("candidate_withdrawn", world.registration, factories.make_actor(world.dan))
    [event] = list_events()
    before = event.body
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(
            text(
                "INSERT OR REPLACE INTO event (seq, at, act, object_type, object_id, body, prev, hash) "
                "SELECT seq, at, act, object_type, object_id, '{}', prev, hash FROM event"
            )
        )
    assert [each.body for each in list_events()] == [before]


def test_simultaneous_events_make_one_chain(app: Flask, world: World) -> None:
    """Eight people act at the same moment, five times each: forty events, no gap, no fork."""
    actor, registration = factories.make_actor(world.dan), world.registration.id
    transactions.rollback()
    errors: list[BaseException] = []

    def act() -> None:
        try:
            with app.app_context():
                for _ in range(5):
                    with transaction():
                        candidate_registration = db.session.get_one(type(world.registration), registration)
                        events.record("registration_read_aloud", candidate_registration, actor)
                db.session.remove()
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            errors.append(error)

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    chain = list_events()
    assert [event.seq for event in chain] == list(range(1, 41))
    assert [event.prev for event in chain[1:]] == [event.hash for event in chain[:-1]]


def test_floats_and_numbers_too_large_have_no_canonical_form() -> None:
    for value in (0.1, 2**53, {"a": {1, 2}}):
        with pytest.raises(ValueError, match=r"written down exactly|no canonical form"):
            canonical_json(value)
    assert canonical_json({"b": "e\u0301", "a": [True, None]}) == b'{"a":[true,null],"b":"\\u00e9"}'


class TestBody:
    """An event's bytes, which are hashed, hold just what happened."""

    def test_an_event_has_its_facts_and_hashes_and_nothing_else(
        self, world: World, freeze_clock: Callable[[datetime], None]
    ) -> None:
        freeze_clock(NOON)
        dan = factories.make_actor(world.dan)
        with transaction():
            record("data_exported", world.alice, dan, texts={"reason": "Asked for."}, files=3)
            record("data_exported", world.alice, OPERATOR)
        first, second = list_events()
        salt = db.session.scalars(select(EventText.salt)).one()
        assert len(bytes.fromhex(salt)) == 16
        assert json.loads(first.body) == {
            "v": 2,
            "seq": 1,
            "at": "2026-11-23T12:00:00.000000+00:00",
            "actor": world.dan.id,
            "grant": dan.grant_id,
            "session_ref": "test-session",
            "act": "data_exported",
            "object": {"type": "person", "id": world.alice.id},
            "data": {"files": 3, "texts": {"reason": events.hash_text(salt, "Asked for.")}},
            "prev": "0" * 64,
        }
        body = json.loads(second.body)
        assert (body["data"], body["actor"], body["prev"]) == ({}, None, first.hash)
        assert (second.at, second.actor_id, second.object_type, second.object_id) == (
            NOON,
            None,
            "person",
            world.alice.id,
        )

    def test_hashes_and_the_statement_on_the_clock_are_made_in_one_way_for_ever(self) -> None:
        assert events.hash_text("0a" * 16, "words") == sha256(bytes.fromhex("0a" * 16) + b"words").hexdigest()
        assert events.hash_body(b"{}") == sha256(b"tracker.event.v1\0{}").hexdigest()
        statement = events.build_clock_statement("0b" * 32, NOON.astimezone(timezone(timedelta(hours=1))))
        head = f'"head":"{"0b" * 32}"'
        assert statement == (
            b'tracker.clock.v1\0{"accepted_at":"2026-11-23T12:00:00.000000+00:00",' + head.encode() + b"}"
        )


class TestAppending:
    @pytest.mark.usefixtures("app")
    def test_an_empty_ledger_has_the_genesis_hash_and_no_time(self) -> None:
        assert (events.get_head(), events.find_last_time()) == ((0, events.GENESIS), None)

    def test_the_length_before_and_after_is_returned(self, world: World) -> None:
        dan = factories.make_actor(world.dan)
        with transaction():
            assert events.append_queued() == (0, 0)
            assert not events.has_queued()
            record("data_exported", world.alice, dan)
            assert events.has_queued()
            assert events.append_queued() == (0, 1)
            assert not events.has_queued()
        with transaction():
            record("data_exported", world.alice, dan)
            record("data_exported", world.alice, dan)
            assert events.append_queued() == (1, 3)
        assert events.get_head() == (3, list_events()[-1].hash)
        assert events.find_last_time() == list_events()[-1].at

    def test_what_was_appended_is_in_the_database_before_the_commit(self, world: World) -> None:
        with transaction():
            record("data_exported", world.alice, factories.make_actor(world.dan))
            events.append_queued()
            assert not db.session.new

    def test_changes_without_an_event_are_not_sealed_by_a_later_one(self, world: World) -> None:
        with transaction():
            world.registration.candidate_number = "C-2"
        with transaction():
            record("data_exported", world.alice, factories.make_actor(world.dan))
        assert json.loads(list_events()[0].body)["data"] == {}

    def test_a_failed_transaction_leaves_nothing_to_seal_or_to_log(self, world: World) -> None:
        dan = factories.make_actor(world.dan)
        with transactions.writing():
            record("data_exported", world.alice, dan)
            events.append_queued()
            record("data_exported", world.alice, dan)
            world.registration.candidate_number = "C-2"
            db.session.flush()
            transactions.rollback()
        assert events.pop_logged() == []
        assert not events.has_queued()
        assert not db.session.info.get("changed_rows")

    @pytest.mark.parametrize(
        ("act", "behind", "is_refused"),
        [
            ("data_exported", timedelta(minutes=1), False),
            ("data_exported", timedelta(minutes=1, microseconds=1), True),
            ("clock_accepted", timedelta(days=1), False),
        ],
    )
    def test_an_event_may_be_a_minute_older_than_the_one_before(
        self, world: World, freeze_clock: Callable[[datetime], None], act: str, behind: timedelta, is_refused: bool
    ) -> None:
        dan = factories.make_actor(world.dan)
        freeze_clock(NOON)
        with transaction():
            record("data_exported", world.alice, dan)
        freeze_clock(NOON - behind)
        record(act, world.alice, dan)
        if is_refused:
            with pytest.raises(ClockBehind):
                transactions.commit()
            transactions.rollback()
        else:
            transactions.commit()
        assert events.get_head()[0] == (1 if is_refused else 2)

    def test_what_the_security_log_says_is_returned_once(self, world: World) -> None:
        dan = factories.make_actor(world.dan)
        with transactions.writing():
            record("data_exported", world.alice, dan)
            record("claim_added", world.bob, dan)
            events.append_queued()
            assert events.pop_logged() == [
                {"event": "data_exported", "number": 1, "by": world.dan.id, "about": f"person {world.alice.id}"}
            ]
            assert events.pop_logged() == []
            transactions.rollback()
