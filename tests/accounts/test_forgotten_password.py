"""Forgotten passwords: the response is the same for every address, and requests are rate limited."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.accounts.conftest import MailServer, find_link
from tests.factories import World
from tracker.accounts.services.link_requests import send_requested_links
from tracker.accounts.services.people import deactivate_person
from tracker.background.jobs import Jobs
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import AccountLink, LinkRequest

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EmailsTo = Callable[..., list[str]]
Hold = Callable[[datetime], None]


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


@pytest.mark.parametrize("path", ["/forgotten-password", "/sign-in/link"])
def test_a_request_takes_the_same_path_for_every_address(
    world: World,
    app: Flask,
    mail_server: MailServer,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    """The same statements and one job, whose work the answer does not wait for."""
    queued: list[tuple[str, int]] = []
    monkeypatch.setattr(
        Jobs, "put", lambda _jobs, job, *arguments, **_: queued.append((job.__name__, len(arguments)))
    )
    paths = []
    for email in (world.alice.email, "nobody@example.org"):
        with count_statements() as statements:
            assert app.test_client().post(path, data={"email": email}).status_code == 303
        paths.append(statements)
    assert paths[0] == paths[1]
    assert queued == [("send_requested_link", 1)] * 2
    assert not db.session.scalars(select(AccountLink)).all(), "nothing is looked up before the worker runs"


def test_worker_sends_the_link_of_a_lost_job_once(
    world: World, anonymous: FlaskClient, emails_to: EmailsTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "put", lambda *_, **__: None)
        ask(anonymous, world.alice.email)
        ask(anonymous, "nobody@example.org")
    for _ in range(2):
        send_requested_links()
    assert len(emails_to(world.alice)) == 1
    assert not db.session.scalars(select(LinkRequest)).all()


def test_link_is_not_sent_after_an_hour_without_a_worker(
    world: World, anonymous: FlaskClient, emails_to: EmailsTo, monkeypatch: pytest.MonkeyPatch, freeze_clock: Hold
) -> None:
    freeze_clock(NOON)
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "put", lambda *_, **__: None)
        ask(anonymous, world.alice.email)
    freeze_clock(NOON + timedelta(hours=1))
    send_requested_links()
    assert emails_to(world.alice) == []
    assert not db.session.scalars(select(LinkRequest)).all()


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
    freeze_clock(NOON + timedelta(seconds=30))
    response = ask(anonymous, email)
    assert response.status_code == 422
    assert "To ask again, wait a minute" in response.text
    assert f'value="{email}"' in response.text
    freeze_clock(NOON + timedelta(minutes=1, seconds=1))
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
