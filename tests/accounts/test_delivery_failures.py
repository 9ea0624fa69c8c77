"""Emails that the email server does not take: tried again, said on the person's page, and given up after a day."""

import re
import smtplib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.accounts.conftest import MailServer
from tests.factories import World
from tracker.background import emails, outbox
from tracker.background.delivery_failures import find_failure
from tracker.background.waiting_emails import list_waiting
from tracker.ledger.transactions import transaction

ClientFor = Callable[..., FlaskClient]
FreezeClock = Callable[[datetime], None]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REFUSED = smtplib.SMTPRecipientsRefused({"bob@example.org": (550, b"No such user")})


def send_email_to_bob(world: World) -> None:
    with transaction():
        emails.send(world.bob.email, "Evidence 7 was submitted", "Assess it.")
    outbox.executor.submit(int).result()  # everything before it is done then


def read_page_of_bob(world: World, client: ClientFor) -> str:
    page = client(world.dan).get(f"/centres/{world.northgate.id}/people/{world.bob.id}").text
    return " ".join(re.sub("<[^>]+>", "", page).split())


def test_refused_address_is_said_on_the_persons_page_at_once(
    world: World, client: ClientFor, mail_server: MailServer, freeze_clock: FreezeClock
) -> None:
    freeze_clock(NOON)
    mail_server.error = REFUSED
    send_email_to_bob(world)
    page = read_page_of_bob(world, client)
    assert f"An email to {world.bob.email} could not be delivered on 23 November 2026, 12:00" in page
    assert "the email server refused it (code 550)." in page
    assert "It is tried again until a day after it was written." in page
    assert (
        "could not be delivered"
        not in client(world.dan).get(f"/centres/{world.northgate.id}/people/{world.carol.id}").text
    )


def test_refused_email_is_said_like_a_refused_address(world: World, mail_server: MailServer) -> None:
    mail_server.error = smtplib.SMTPDataError(554, b"Looks like spam")
    send_email_to_bob(world)
    failure = find_failure(world.bob.email)
    assert failure
    assert failure.code == 554


@pytest.mark.parametrize(
    "error",
    [
        OSError("no route to host"),
        smtplib.SMTPAuthenticationError(535, b"Wrong password"),
        smtplib.SMTPSenderRefused(550, b"Not from here", "tracker@example.org"),
        smtplib.SMTPRecipientsRefused({"bob@example.org": (450, b"Greylisted")}),
    ],
    ids=["unreachable", "wrong password of ours", "sender refused", "temporary"],
)
def test_failure_that_is_not_the_addresss_is_said_when_the_email_is_given_up(
    world: World,
    client: ClientFor,
    mail_server: MailServer,
    freeze_clock: FreezeClock,
    error: Exception,
) -> None:
    freeze_clock(NOON)
    mail_server.error = error
    send_email_to_bob(world)
    assert find_failure(world.bob.email) is None
    freeze_clock(NOON + timedelta(days=1))
    assert outbox.send_waiting_emails() == [False]
    assert list_waiting() == []
    page = read_page_of_bob(world, client)
    assert "could not be delivered on 24 November 2026, 12:00" in page
    assert "the email server did not take it for a day. It is no longer tried." in page


def test_waiting_email_is_tried_after_delays_that_double_until_a_day_has_passed(
    world: World, mail_server: MailServer, freeze_clock: FreezeClock
) -> None:
    freeze_clock(NOON)
    mail_server.error = REFUSED
    send_email_to_bob(world)
    attempts = []
    for minute in range(1, 25 * 60):
        freeze_clock(NOON + timedelta(minutes=minute))
        if outbox.send_waiting_emails():
            attempts.append(minute)
    assert attempts == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440]
    failure = find_failure(world.bob.email)
    assert failure
    assert failure.given_up


def test_accepted_email_ends_the_statement(
    world: World, client: ClientFor, mail_server: MailServer, freeze_clock: FreezeClock
) -> None:
    freeze_clock(NOON)
    mail_server.error = REFUSED
    send_email_to_bob(world)
    mail_server.error = None
    freeze_clock(NOON + timedelta(minutes=1))
    assert outbox.send_waiting_emails() == [True]
    assert "could not be delivered" not in read_page_of_bob(world, client)


def test_worker_that_was_stopped_for_days_tries_once_more_before_giving_up(
    world: World, mail_server: MailServer, freeze_clock: FreezeClock
) -> None:
    freeze_clock(NOON)
    mail_server.error = REFUSED
    send_email_to_bob(world)
    freeze_clock(NOON + timedelta(days=3))
    mail_server.error = None
    assert outbox.send_waiting_emails() == [True]


def test_log_names_neither_the_address_nor_the_servers_answer(
    world: World, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail_server.error = REFUSED
    send_email_to_bob(world)
    assert "SMTPRecipientsRefused, 550" in caplog.text
    assert "bob@" not in caplog.text
    assert "No such user" not in caplog.text


def test_email_that_another_process_has_sent_is_no_failure(world: World, mail_server: MailServer) -> None:
    mail_server.error = OSError()
    send_email_to_bob(world)
    (email,) = list_waiting()
    email.remove()
    assert outbox.send_from_outbox(email) is False
    assert find_failure(world.bob.email) is None


def test_missing_certificates_of_ours_are_logged_and_the_email_stays(
    world: World, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail_server.error = FileNotFoundError("ca.pem")
    send_email_to_bob(world)
    assert "FileNotFoundError" in caplog.text
    assert len(list_waiting()) == 1


def test_error_while_a_failure_is_recorded_is_logged(
    world: World, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the database is away")

    mail_server.error = REFUSED
    monkeypatch.setattr(outbox, "record_failure", fail)
    send_email_to_bob(world)
    assert "the database is away" in caplog.text
    assert len(list_waiting()) == 1


def test_restored_installation_that_is_read_only_records_no_failure(
    app: Flask, world: World, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_server.error = REFUSED
    monkeypatch.setattr("tracker.background.delivery_failures.read_only.is_read_only", lambda: True)
    outbox.deliver_email(make_message(world.bob.email))
    outbox.executor.submit(int).result()
    assert find_failure(world.bob.email) is None


def make_message(address: str) -> EmailMessage:
    message = EmailMessage()
    message["To"] = address
    return message
