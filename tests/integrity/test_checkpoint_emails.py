"""The newest checkpoint goes to Eve by mail: once a day, when there is a new one, to nobody unless that was asked for."""

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
from tracker.ledger import checkpoints
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.models import Centre

HoldClock = Callable[[datetime], None]
NOON = datetime.fromisoformat("2030-03-04T12:00:00+00:00")


@pytest.fixture
def mailing(app_with_signing_key: Flask, world: World, tmp_path: Path, freeze_clock: HoldClock) -> Flask:
    """A ledger with a checkpoint, and mail that goes to the outbox."""
    app_with_signing_key.config |= {"DEMO": True, "OUTBOX_PATH": tmp_path / "outbox"}
    addressed(app_with_signing_key, "eve@example.org", "archive@example.org")
    freeze_clock(NOON)
    go_on()
    return app_with_signing_key


def addressed(app: Flask, *addresses: str) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], checkpoints_mail=addresses)


def go_on() -> None:
    """Something happens, and a checkpoint is written."""
    with transaction():
        record("centre_created", db.session.scalars(db.select(Centre)).first(), OPERATOR)
    assert checkpoints.write_due(at_once=True)


def newest() -> checkpoints.Checkpoint:
    return [each for _, each in checkpoints.read_checkpoints() if each][-1]


@pytest.mark.usefixtures("mailing")
class TestMailed:
    def test_the_newest_line_to_everybody_named(self) -> None:
        assert email_checkpoint() == newest()
        found = outbox.load_outbox()
        assert {each["To"] for each in found} == {"eve@example.org", "archive@example.org"}
        for each in found:
            assert newest().line in each.get_content().splitlines()
            assert each["Subject"] == "Ledger checkpoint of http://127.0.0.1:8000, 4 March 2030"

    def test_once_a_day(self, freeze_clock: HoldClock) -> None:
        assert email_checkpoint()
        go_on()
        assert email_checkpoint() is None
        freeze_clock(NOON + timedelta(days=1))
        assert email_checkpoint() == newest()
        assert len(outbox.load_outbox()) == 4

    def test_not_again_while_nothing_is_new(self, freeze_clock: HoldClock) -> None:
        assert email_checkpoint()
        freeze_clock(NOON + timedelta(days=1))
        assert email_checkpoint() is None
        assert len(outbox.load_outbox()) == 2

    def test_the_ledger_is_held_to_it_as_it_was_mailed(self) -> None:
        email_checkpoint()
        line = next(each for each in outbox.load_outbox()[0].get_content().splitlines() if each.startswith("{"))
        assert checkpoints.parse_line(line) == newest()


def test_nobody_is_mailed_unless_named(mailing: Flask) -> None:
    addressed(mailing)
    assert email_checkpoint() is None
    assert outbox.load_outbox() == []


def test_nothing_is_noted_as_mailed_where_no_mail_leaves(mailing: Flask) -> None:
    mailing.config["DEMO"] = False
    assert email_checkpoint() is None
    mailing.config["DEMO"] = True
    assert email_checkpoint()


def test_none_before_the_first_checkpoint(app: Flask, tmp_path: Path) -> None:
    app.config |= {"CHECKPOINTS_PATH": tmp_path / "checkpoints", "DEMO": True}
    addressed(app, "eve@example.org")
    assert email_checkpoint() is None


def test_the_worker_does_it(app: Flask) -> None:
    assert "email_checkpoint" in app.extensions["jobs"].every_minute
