"""Emails that wait in Redis: written on one host, sent by the worker of any, once."""

import smtplib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis

from tests.hosts.conftest import use_redis
from tracker import clock
from tracker.background import emails, outbox
from tracker.background.waiting_emails import EMAILS, EmailFile, EmailInRedis, list_waiting
from tracker.hosts.leases import release_lease, take_lease
from tracker.ledger.transactions import transaction

LATER = timedelta(minutes=5)
LINK = "https://evidence.example.org/links/secret-of-a-link"


@pytest.fixture
def recipients(host: Flask, other_host: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was sent an email; the mail server fails until `works` is in the list."""
    sent: list[str] = []

    def send_message(_server: object, message: dict[str, str]) -> None:
        if "works" not in sent:
            raise smtplib.SMTPServerDisconnected
        sent.append(message["To"])

    monkeypatch.setattr(smtplib.SMTP, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(smtplib.SMTP, "__exit__", lambda *_: None)
    monkeypatch.setattr(smtplib.SMTP, "send_message", send_message)
    for app in (host, other_host):
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], mail_host="mail.example.org", mail_tls=False)
    return sent


def write_email() -> None:
    with transaction():
        emails.send("bob@example.org", "Set your password – now", f"Follow {LINK}")
    outbox.executor.submit(int).result()


def send_on(app: Flask) -> list[bool]:
    with app.app_context():
        return outbox.send_waiting_emails()


def test_an_email_written_on_one_host_is_sent_by_another(
    host: Flask, other_host: Flask, recipients: list[str], freeze_clock: Callable[..., None]
) -> None:
    write_email()
    assert [type(each) for each in list_waiting()] == [EmailInRedis]
    assert send_on(other_host) == [], "it was tried just now"
    freeze_clock(clock.now() + LATER)
    recipients.append("works")
    assert send_on(other_host) == [True]
    assert recipients == ["works", "bob@example.org"]
    assert list_waiting() == []
    assert send_on(host) == []


def test_an_email_that_one_host_is_sending_is_left_to_it(
    host: Flask, other_host: Flask, recipients: list[str], freeze_clock: Callable[..., None]
) -> None:
    write_email()
    recipients.append("works")
    freeze_clock(clock.now() + LATER)
    (email,) = list_waiting()
    lease = take_lease(f"email-{email.name}", 1, 0)
    assert lease
    assert send_on(other_host) == [False]
    release_lease(lease)
    assert send_on(other_host) == [True]
    assert recipients == ["works", "bob@example.org"]


def test_the_text_of_an_email_in_redis_is_encrypted(host: Flask, recipients: list[str], redis_url: str) -> None:
    write_email()
    with Redis.from_url(redis_url) as client:
        (stored,) = client.hvals(EMAILS)
    assert b"secret-of-a-link" not in stored
    assert b"bob@example.org" not in stored
    (email,) = list_waiting()
    assert LINK in email.read().get_content()
    assert email.read()["Subject"] == "Set your password – now"


def test_an_email_is_given_up_after_a_day(
    host: Flask, recipients: list[str], freeze_clock: Callable[..., None]
) -> None:
    write_email()
    freeze_clock(clock.now() + timedelta(days=1, minutes=1))
    assert send_on(host) == [False]
    assert list_waiting() == []


def test_while_redis_is_unreachable_an_email_waits_on_its_host(
    host: Flask, other_host: Flask, recipients: list[str], redis_url: str, freeze_clock: Callable[..., None]
) -> None:
    use_redis(host, "redis://127.0.0.1:9/0")
    host.config["SETTINGS"] = replace(host.config["SETTINGS"], mail_host="mail.example.org", mail_tls=False)
    write_email()
    assert [type(each) for each in list_waiting()] == [EmailFile]
    use_redis(host, redis_url)
    freeze_clock(clock.now() + LATER)
    recipients.append("works")
    assert send_on(other_host) == []
    assert send_on(host) == [True]


def test_without_a_secret_key_an_email_waits_as_a_file(host: Flask, recipients: list[str]) -> None:
    host.config["SECRET_KEY"] = None
    write_email()
    assert [type(each) for each in list_waiting()] == [EmailFile]
