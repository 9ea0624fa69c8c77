"""The ledger: chained, canonical, written with the change it records, and without names or text that people wrote."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.extensions import db
from tracker.ledger import events, transactions
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.transactions import transaction
from tracker.models import Event, EventText, Person
from tracker.registrations.services import withdraw_candidate

Browser = Callable[[Person], FlaskClient]


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
