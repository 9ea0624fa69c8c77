"""An event that is malformed is named, and the checks go on."""

import json
from typing import Any

import pytest
from flask import Flask

from tests.factories import World
from tests.integrity.tampering import list_violations
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.models import Event


@pytest.fixture
def last(app_with_signing_key: Flask, world: World) -> Event:
    with transaction():
        record("centre_created", world.northgate, OPERATOR)
    return db.session.get_one(Event, events.get_head()[0])


def append(last: Event, **changes: Any) -> None:
    """Append an event that follows from the last one, with other values in its text."""
    values = {**json.loads(last.body), "seq": last.seq + 1, "prev": last.hash}
    body = canonical_json({**values, **changes})
    row = Event(
        seq=last.seq + 1, at=last.at, actor_id=None, grant_id=None, act=last.act, object_type=last.object_type,
        object_id=last.object_id, body=body, prev=last.hash, hash=events.hash_body(body),
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()


@pytest.mark.parametrize(
    "changes",
    [{"at": "2026-11-23T12:00:00"}, {"v": "2"}, {"seq": "9"}, {"seq": None}, {"seq": -5}, {"seq": True}],
    ids=str,
)
def test_an_event_without_number_format_or_time_zone_is_named(last: Event, changes: dict[str, Any]) -> None:
    number = last.seq + 1
    append(last, **changes)
    faults = [each for each in list_violations() if each.startswith("1: ")]
    db.session.rollback()
    assert any(f"event {number} cannot be read" in each for each in faults), faults


@pytest.mark.parametrize(
    "data", [{"decisions": 5}, {"rows": 5}, {"rows": {"person": "x"}}, {"confirmations": 1}], ids=str
)
def test_an_event_with_a_damaged_fact_does_not_end_the_checks(last: Event, data: dict[str, Any]) -> None:
    append(last, data=data)
    found = list_violations()
    db.session.rollback()
    assert isinstance(found, list)
