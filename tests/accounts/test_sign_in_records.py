"""What people read of their own sign-ins, and what the ledger says of them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.accounts.authenticators import code_now
from tests.factories import PASSWORD, World, make_app
from tests.integrity.tampering import list_violations
from tests.privacy.database_dump import dump_database
from tracker.accounts.services.sign_in_records import KEPT_FOR, record_failed_sign_ins
from tracker.extensions import db
from tracker.ledger import read_only
from tracker.ledger.events import hash_text
from tracker.ledger.transactions import transaction
from tracker.models import Event, EventText, SignIn, UserSession
from tracker.web.formatting import moment

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
WRONG = "wrong horse battery"
Acts = Callable[[], list[str]]


def sign_in(browser: FlaskClient, email: str, password: str = PASSWORD) -> None:
    browser.post("/sign-in", data={"email": email, "password": password}, headers={"User-Agent": FIREFOX})


def read_events(act: str) -> list[dict[str, Any]]:
    db.session.rollback()
    return [json.loads(body) for body in db.session.scalars(select(Event.body).where(Event.act == act))]


def test_person_reads_their_own_sign_ins_and_nobody_elses(
    world: World, app: Flask, anonymous: FlaskClient, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(NOON)
    thief = app.test_client()
    thief.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    sign_in(thief, world.alice.email, WRONG)
    sign_in(app.test_client(), world.frank.email)
    sign_in(anonymous, world.alice.email)
    page = anonymous.get("/account/sign-ins").text
    assert "Failed: wrong password" in page
    assert "192.0.2.7" in page
    assert "Firefox on Windows" in page
    assert moment(NOON) in page
    assert page.count("<tr>") == 3, "the head, the failure and her own"
    assert "/account/sign-ins" in anonymous.get("/account").text


def test_a_sign_in_is_an_event_that_binds_the_session(world: World, anonymous: FlaskClient) -> None:
    sign_in(anonymous, world.alice.email)
    (event,) = read_events("signed_in")
    session = db.session.scalars(select(UserSession)).one()
    assert event["object"] == {"type": "user_session", "id": session.id}
    assert (event["actor"], event["session_ref"]) == (world.alice.id, session.token_hash[:16])
    salt = db.session.scalars(select(EventText.salt).where(EventText.field == "session")).one()
    assert event["data"]["texts"]["session"] == hash_text(salt, session.token_hash)
    assert event["data"]["second_step"] is False


def test_sign_in_with_two_steps_is_recorded_after_the_second(
    world: World, anonymous: FlaskClient, recorded_acts: Acts
) -> None:
    with transaction():
        make_app(world.bob)
    sign_in(anonymous, world.bob.email)
    anonymous.post("/two-step-verification", data={"code": "000000"})
    assert recorded_acts() == []
    anonymous.post("/two-step-verification", data={"code": code_now()})
    (event,) = read_events("signed_in")
    assert event["data"]["second_step"] is True
    assert event["session_ref"] == db.session.scalars(select(UserSession.token_hash)).one()[:16]
    assert "Failed: wrong code or passkey" in anonymous.get("/account/sign-ins").text


def test_worker_records_the_failures_of_an_account_in_one_event(
    world: World, anonymous: FlaskClient, freeze_clock: Callable[[datetime], None]
) -> None:
    for second in range(3):
        freeze_clock(NOON + timedelta(seconds=second))
        sign_in(anonymous, world.alice.email, WRONG)
    sign_in(anonymous, world.frank.email, WRONG)
    for _ in range(2):
        record_failed_sign_ins()
    events = {event["object"]["id"]: event for event in read_events("sign_in_failed")}
    assert set(events) == {world.alice.id, world.frank.id}
    assert len(read_events("sign_in_failed")) == 2
    assert events[world.alice.id]["actor"] is None, "nobody knows who it was"
    assert events[world.alice.id]["data"] == {
        "count": 3, "first": "2026-11-23T12:00:00+00:00", "last": "2026-11-23T12:00:02+00:00",
    }  # fmt: skip
    assert [each for each in list_violations() if "sign" in each] == []


def test_failures_at_an_unknown_address_are_deleted(
    world: World, anonymous: FlaskClient, recorded_acts: Acts
) -> None:
    sign_in(anonymous, "nobody@example.org", WRONG)
    assert "nobody@example.org" not in dump_database()
    record_failed_sign_ins()
    assert not db.session.scalars(select(SignIn.id)).all()
    assert recorded_acts() == []


def test_a_failure_takes_the_same_statements_for_every_address(
    world: World, app: Flask, count_statements: Callable[[], Any]
) -> None:
    paths = []
    for email in (world.alice.email, "nobody@example.org"):
        with count_statements() as statements:
            sign_in(app.test_client(), email, WRONG)
        paths.append(statements)
    assert paths[0] == paths[1]


def test_the_ledger_holds_neither_address_nor_browser(world: World, anonymous: FlaskClient) -> None:
    anonymous.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    sign_in(anonymous, world.alice.email, WRONG)
    sign_in(anonymous, world.alice.email)
    record_failed_sign_ins()
    bodies = b" ".join(db.session.scalars(select(Event.body)))
    assert b"signed_in" in bodies
    assert b"sign_in_failed" in bodies
    assert b"192.0.2.7" not in bodies
    assert b"Firefox" not in bodies


def test_sign_ins_are_deleted_after_ninety_days(
    world: World, anonymous: FlaskClient, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(NOON)
    sign_in(anonymous, world.alice.email)
    freeze_clock(NOON + KEPT_FOR - timedelta(seconds=1))
    record_failed_sign_ins()
    assert db.session.scalars(select(SignIn.id)).all()
    freeze_clock(NOON + KEPT_FOR)
    record_failed_sign_ins()
    assert not db.session.scalars(select(SignIn.id)).all()


def test_sign_in_works_and_records_nothing_while_a_restore_waits(
    world: World, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch, recorded_acts: Acts
) -> None:
    monkeypatch.setattr(read_only, "is_read_only", lambda: True)
    sign_in(anonymous, world.alice.email)
    assert anonymous.get("/account").status_code == 200
    assert recorded_acts() == []
