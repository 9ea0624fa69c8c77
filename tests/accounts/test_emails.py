"""Emails are sent after the commit, once a day about one topic, and are kept until they are sent."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests.accounts.conftest import MailServer
from tests.factories import World
from tracker.background import emails, outbox, waiting_emails
from tracker.background.waiting_emails import get_outbox_path, list_waiting
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Notification, Person

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EmailsTo = Callable[..., list[str]]


def tell(person: Person, about: str = "evidence_returned:12") -> None:
    with transaction():
        emails.notify(person, about, "Evidence 7 was returned", f"Answer it here: {emails.build_url('/evidence/12')}")


def test_email_has_a_greeting_and_an_absolute_link(world: World, emails_to: EmailsTo) -> None:
    tell(world.alice)
    (words,) = emails_to(world.alice)
    assert words.startswith("Evidence 7 was returned\nHello Alice Moran,")
    assert "https://tracker.example.org/evidence/12" in words


def test_same_topic_is_emailed_once_a_day(
    world: World, emails_to: EmailsTo, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(NOON)
    tell(world.alice)
    tell(world.alice)
    assert len(emails_to(world.alice)) == 1
    tell(world.alice, "evidence_returned:13")
    tell(world.bob)
    assert len(emails_to(world.alice)) == 2
    assert len(emails_to(world.bob)) == 1
    freeze_clock(NOON + timedelta(days=1))
    tell(world.alice)
    assert len(emails_to(world.alice)) == 3


def test_day_of_a_notification_is_in_london(
    world: World, emails_to: EmailsTo, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    tell(world.alice)
    freeze_clock(datetime(2026, 7, 1, 23, 30, tzinfo=UTC))  # half past midnight in London
    tell(world.alice)
    assert len(emails_to(world.alice)) == 2


def test_rolled_back_change_sends_no_email(world: World, emails_to: EmailsTo) -> None:
    def notify_and_fail() -> None:
        with transaction():
            emails.notify(world.alice, "evidence_returned:12", "Returned", "…")
            raise Refused("No.")

    with pytest.raises(Refused):
        notify_and_fail()
    tell(world.bob)
    assert emails_to(world.alice) == []
    assert len(emails_to(world.bob)) == 1
    assert db.session.scalars(select(Notification.person_id)).all() == [world.bob.id]


def test_no_transaction_is_open_while_emails_are_sent(
    world: World, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_states = []
    monkeypatch.setattr(emails, "deliver_email", lambda _: transaction_states.append(db.session().in_transaction()))
    tell(world.alice)
    assert transaction_states == [False]


def test_closed_account_gets_no_email(world: World, emails_to: EmailsTo) -> None:
    world.alice.deactivated_at = NOON
    tell(world.alice)
    assert emails_to(world.alice) == []


def test_name_or_subject_cannot_inject_a_header(world: World, mail_server: MailServer, emails_to: EmailsTo) -> None:
    with transaction():
        emails.send(world.alice.email, "Hello\r\nBcc: eve@example.org", "Words\r\nBcc: eve@example.org")
    (words,) = emails_to(world.alice)
    assert words.startswith("Hello Bcc: eve@example.org\n")
    assert mail_server.messages[0]["Bcc"] is None


def test_address_that_would_inject_a_header_is_refused(world: World, mail_server: MailServer) -> None:
    with pytest.raises(ValueError, match="linefeed"), transaction():
        emails.send("alice@example.org\r\nBcc: eve@example.org", "Hello", "Words")
    assert list_waiting() == []


def test_non_ascii_text_is_sent_correctly(world: World, emails_to: EmailsTo) -> None:
    with transaction():
        emails.send(world.alice.email, "Tŷ Gwyn – ✓", "Zoë Müller: ✓")
    assert emails_to(world.alice) == ["Tŷ Gwyn – ✓\nZoë Müller: ✓\n"]


def test_refused_email_stays_in_the_outbox_with_private_permissions(
    world: World, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail_server.is_down = True
    tell(world.alice)
    outbox.executor.submit(int).result()
    (email,) = list_waiting()
    path = get_outbox_path() / f"{email.name}.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "stays in the outbox" in caplog.text
    assert world.alice.email not in caplog.text


def test_sent_email_is_deleted_from_the_outbox(world: World, emails_to: EmailsTo) -> None:
    tell(world.alice)
    emails_to(world.alice)
    assert list_waiting() == []


def test_full_disk_does_not_undo_the_committed_change(
    world: World, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(waiting_emails, "_write_file", full)
    tell(world.alice)
    assert len(db.session.scalars(select(Notification)).all()) == 1
    assert "is lost" in caplog.text


def test_without_smtp_nothing_is_written_or_noted(world: World, app: Flask) -> None:
    tell(world.alice)
    assert not db.session.scalars(select(Notification)).all()
    assert not app.config["OUTBOX_PATH"].exists()
