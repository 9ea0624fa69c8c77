"""Asking for a new password: the same answer for everybody, and not too often."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.accounts.conftest import MailServer, link_in
from tests.factories import World
from tracker.accounts.services.people import deactivate_person
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import AccountLink

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MailsTo = Callable[..., list[str]]


def ask(browser: FlaskClient, email: str) -> TestResponse:
    return browser.post("/forgotten-password", data={"email": email})


def test_alice_gets_a_link_that_works(world: World, anonymous: FlaskClient, mails_to: MailsTo) -> None:
    assert anonymous.get("/forgotten-password").status_code == 200
    assert ask(anonymous, world.alice.email).status_code == 303
    (mail,) = mails_to(world.alice)
    assert mail.startswith("Set a new password\n")
    assert anonymous.get(link_in(mail)).status_code == 200


def test_the_answer_is_the_same_for_an_unknown_address(world: World, app: Flask, mail_server: MailServer) -> None:
    answers = []
    for email in (world.alice.email, "nobody@example.org"):
        browser = app.test_client()
        response = ask(browser, email)
        page = re.sub('(name="csrf_token" value|nonce)="[^"]+"', "", browser.get("/sign-in").text)
        answers.append((response.status_code, response.location, page))
    assert answers[0] == answers[1]
    assert "If this address has an account here" in answers[0][2]


def test_the_link_in_the_mail_begins_with_the_sites_own_name_whatever_a_request_says(
    world: World, anonymous: FlaskClient, mails_to: MailsTo
) -> None:
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    anonymous.post("/forgotten-password", data={"email": world.alice.email}, headers=hostile)
    assert mails_to(world.alice) == []
    hostile["Host"] = "127.0.0.1:9"
    anonymous.post("/forgotten-password", data={"email": world.alice.email}, headers=hostile)
    (mail,) = mails_to(world.alice)
    assert "https://tracker.example.org/links/" in mail
    assert "evil" not in mail


def test_nobody_is_written_to_at_an_unknown_or_closed_address(
    world: World, anonymous: FlaskClient, mails_to: MailsTo
) -> None:
    with transaction():
        deactivate_person(world.alice)
    ask(anonymous, world.alice.email)
    ask(anonymous, "nobody@example.org")
    assert mails_to(world.alice) == mails_to("nobody@example.org") == []
    assert not db.session.scalars(select(AccountLink)).all()


@pytest.mark.parametrize("email", ["alice.moran@example.org", "nobody@example.org"])
def test_the_fourth_time_waits_whoever_it_is(
    world: World,
    anonymous: FlaskClient,
    mail_server: MailServer,
    freeze_clock: Callable[[datetime], None],
    email: str,
) -> None:
    freeze_clock(NOON)
    for _ in range(3):
        assert ask(anonymous, email).status_code == 303
    freeze_clock(NOON + timedelta(minutes=14, seconds=30))
    response = ask(anonymous, email)
    assert response.status_code == 422
    assert "To ask again, wait a minute" in response.text
    assert f'value="{email}"' in response.text
    freeze_clock(NOON + timedelta(minutes=15, seconds=1))
    assert ask(anonymous, email).status_code == 303


def test_asking_too_often_does_not_lock_her_sign_in(
    world: World, anonymous: FlaskClient, mail_server: MailServer
) -> None:
    for _ in range(10):
        ask(anonymous, world.alice.email)
    response = anonymous.post("/sign-in", data={"email": world.alice.email, "password": "wrong horse"})
    assert "email address or the password is wrong" in response.text


def test_what_is_no_address_is_said_and_kept(world: World, anonymous: FlaskClient, mail_server: MailServer) -> None:
    response = ask(anonymous, "alice at work")
    assert response.status_code == 422
    assert "Enter an email address" in response.text
    assert 'value="alice at work"' in response.text


def test_where_no_mail_goes_the_page_says_whom_to_ask(world: World, anonymous: FlaskClient) -> None:
    page = anonymous.get("/forgotten-password").text
    assert "sends no emails. Ask your centre’s administrator" in page
    assert "Send the link" not in page
    ask(anonymous, world.alice.email)
    assert not db.session.scalars(select(AccountLink)).all()
