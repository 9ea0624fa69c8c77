"""Emails of the newest checkpoint: once a day, when there is a new one, and only to the configured addresses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from tests.factories import World
from tracker.background import outbox
from tracker.extensions import db
from tracker.integrity.checkpoint_emails import email_checkpoint
from tracker.integrity.outside_checkpoints import read_outside_checkpoints
from tracker.ledger import checkpoints
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.models import Centre

HoldClock = Callable[[datetime], None]
NOON = datetime.fromisoformat("2030-03-04T12:00:00+00:00")


@pytest.fixture
def mailing(app_with_signing_key: Flask, world: World, tmp_path: Path, freeze_clock: HoldClock) -> Flask:
    """The app with a checkpoint, two recipients, and emails that go to the outbox."""
    app_with_signing_key.config |= {"DEMO": True, "OUTBOX_PATH": tmp_path / "outbox"}
    set_recipients(app_with_signing_key, "eve@example.org", "archive@example.org")
    freeze_clock(NOON)
    record_event_and_checkpoint()
    return app_with_signing_key


def set_recipients(app: Flask, *addresses: str) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], checkpoints_mail=addresses)


def record_event_and_checkpoint() -> None:
    """Record an event and write a checkpoint."""
    with transaction():
        record("centre_created", db.session.scalars(db.select(Centre)).first(), OPERATOR)
    assert checkpoints.write_due(at_once=True)


def read_newest() -> checkpoints.Checkpoint:
    return [each for _, each in checkpoints.read_checkpoints() if each][-1]


@pytest.mark.usefixtures("mailing")
class TestSending:
    def test_the_newest_line_is_sent_to_every_recipient(self) -> None:
        assert email_checkpoint() == read_newest()
        messages = outbox.load_outbox()
        assert {each["To"] for each in messages} == {"eve@example.org", "archive@example.org"}
        for each in messages:
            assert read_newest().line in each.get_content().splitlines()
            assert f"This is checkpoint {read_newest().number} of the ledger" in each.get_content()
            assert each["Subject"] == "Ledger checkpoint of http://127.0.0.1:8000, 4 March 2030"

    def test_an_email_is_sent_once_a_day(self, freeze_clock: HoldClock) -> None:
        assert email_checkpoint()
        record_event_and_checkpoint()
        assert email_checkpoint() is None
        freeze_clock(NOON + timedelta(days=1))
        assert email_checkpoint() == read_newest()
        assert len(outbox.load_outbox()) == 4

    def test_the_same_checkpoint_is_not_sent_again(self, freeze_clock: HoldClock) -> None:
        assert email_checkpoint()
        freeze_clock(NOON + timedelta(days=1))
        assert email_checkpoint() is None
        assert len(outbox.load_outbox()) == 2

    def test_the_ledger_agrees_with_the_emailed_checkpoint(self) -> None:
        email_checkpoint()
        line = next(each for each in outbox.load_outbox()[0].get_content().splitlines() if each.startswith("{"))
        assert checkpoints.parse_line(line) == read_newest()


def test_a_saved_email_can_be_compared_with_the_ledger(mailing: Flask, tmp_path: Path) -> None:
    assert email_checkpoint()
    (tmp_path / "saved.eml").write_bytes(bytes(outbox.load_outbox()[0]))
    assert read_outside_checkpoints([tmp_path / "saved.eml"]) == [("saved.eml: checkpoint 1", read_newest())]
    assert mailing


def test_nothing_is_sent_without_recipients(mailing: Flask) -> None:
    set_recipients(mailing)
    assert email_checkpoint() is None
    assert outbox.load_outbox() == []


def test_nothing_is_recorded_as_sent_without_a_mail_server(mailing: Flask) -> None:
    mailing.config["DEMO"] = False
    assert email_checkpoint() is None
    mailing.config["DEMO"] = True
    assert email_checkpoint()


def test_nothing_is_sent_before_the_first_checkpoint(app: Flask, tmp_path: Path) -> None:
    app.config |= {"CHECKPOINTS_PATH": tmp_path / "checkpoints", "DEMO": True}
    set_recipients(app, "eve@example.org")
    assert email_checkpoint() is None


def test_the_worker_sends_it(app: Flask) -> None:
    assert "email_checkpoint" in app.extensions["jobs"].every_minute
