"""Forgotten passwords: the response is the same for every address, and requests are rate limited."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.accounts.conftest import MailServer, find_link
from tests.factories import World
from tracker.accounts.services.people import deactivate_person
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import AccountLink

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EmailsTo = Callable[..., list[str]]


def ask(browser: FlaskClient, email: str) -> TestResponse:
    return browser.post("/forgotten-password", data={"email": email})


def test_reset_link_is_emailed_and_works(world: World, anonymous: FlaskClient, emails_to: EmailsTo) -> None:
    assert anonymous.get("/forgotten-password").status_code == 200
    assert ask(anonymous, world.alice.email).status_code == 303
    (mail,) = emails_to(world.alice)
    assert mail.startswith("Set a new password\n")
    assert anonymous.get(find_link(mail)).status_code == 200


def test_response_is_the_same_for_an_unknown_address(world: World, app: Flask, mail_server: MailServer) -> None:
    answers = []
    for email in (world.alice.email, "nobody@example.org"):
        browser = app.test_client()
        response = ask(browser, email)
        page = re.sub('(name="csrf_token" value|nonce)="[^"]+"', "", browser.get("/sign-in").text)
        answers.append((response.status_code, response.location, page))
    assert answers[0] == answers[1]
    assert "If this address has an account here" in answers[0][2]


def test_emailed_link_uses_base_url_and_ignores_the_host_header(
    world: World, anonymous: FlaskClient, emails_to: EmailsTo
) -> None:
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    anonymous.post("/forgotten-password", data={"email": world.alice.email}, headers=hostile)
    assert emails_to(world.alice) == []
    hostile["Host"] = "127.0.0.1:9"
    anonymous.post("/forgotten-password", data={"email": world.alice.email}, headers=hostile)
    (mail,) = emails_to(world.alice)
    assert "https://tracker.example.org/links/" in mail
    assert "evil" not in mail


def test_no_email_goes_to_an_unknown_or_closed_address(
    world: World, anonymous: FlaskClient, emails_to: EmailsTo
) -> None:
    with transaction():
        deactivate_person(world.alice)
    ask(anonymous, world.alice.email)
    ask(anonymous, "nobody@example.org")
    assert emails_to(world.alice) == emails_to("nobody@example.org") == []
    assert not db.session.scalars(select(AccountLink)).all()


@pytest.mark.parametrize("email", ["alice.moran@example.org", "nobody@example.org"])
def test_fourth_request_has_to_wait_for_any_address(
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


def test_too_many_reset_requests_do_not_block_sign_in(
    world: World, anonymous: FlaskClient, mail_server: MailServer
) -> None:
    for _ in range(10):
        ask(anonymous, world.alice.email)
    response = anonymous.post("/sign-in", data={"email": world.alice.email, "password": "wrong horse"})
    assert "email address or the password is wrong" in response.text


def test_invalid_address_is_refused_and_kept_in_the_form(
    world: World, anonymous: FlaskClient, mail_server: MailServer
) -> None:
    response = ask(anonymous, "alice at work")
    assert response.status_code == 422
    assert "Enter an email address" in response.text
    assert 'value="alice at work"' in response.text


def test_page_says_whom_to_ask_where_no_emails_are_sent(world: World, anonymous: FlaskClient) -> None:
    page = anonymous.get("/forgotten-password").text
    assert "sends no emails. Ask your centre’s administrator" in page
    assert "Send the link" not in page
    ask(anonymous, world.alice.email)
    assert not db.session.scalars(select(AccountLink)).all()
