"""Backups, restores and exports of the record: each command has its line in the security log."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.backups.installations import command, empty_installation
from tests.conftest import server_url
from tests.factories import World, make_actor
from tracker.extensions import db
from tracker.ledger import checkpoints, events
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        server_url() is not None and shutil.which("pg_dump") is None,
        reason="PostgreSQL's client programs are not here",
    ),
]


@pytest.fixture
def record_with_an_event(app_with_signing_key: Flask, world: World) -> Flask:
    """An installation whose record has a key, two events and a checkpoint."""
    with transaction():
        record("candidate_withdrawn", world.registration, make_actor(world.dan))
    checkpoints.write_due(at_once=True)
    return app_with_signing_key


def run(app: Flask, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """Run a command, and return the lines that it writes to the security log."""
    db.session.rollback()  # the session of the test holds no lock meanwhile
    _, output = command(app, *arguments)
    text = output + capsys.readouterr().err
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line["log"] == "security"]


def test_a_backup_a_restore_and_its_acceptance_have_a_line(
    record_with_an_event: Flask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size, _ = events.get_head()
    (made,) = run(record_with_an_event, capsys, "backup", str(tmp_path / "kept"))
    assert (made["event"], made["events"]) == ("backup_made", size)
    (folder,) = (tmp_path / "kept").iterdir()
    with empty_installation(tmp_path / "empty", record_with_an_event) as empty:
        empty.config["DEMO"] = False
        (restored,) = run(empty, capsys, "restore", str(folder))
        assert (restored["event"], restored["events"], restored["missing"]) == ("backup_restored", size, 0)
        (accepted,) = run(empty, capsys, "restore", "--accept")
        assert (accepted["event"], accepted["number"]) == ("restore_accepted", size + 1)


def test_an_export_of_the_record_has_a_line(
    record_with_an_event: Flask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size, _ = events.get_head()
    (exported,) = run(record_with_an_event, capsys, "export-ledger", str(tmp_path / "record.zip"))
    assert (exported["event"], exported["number"]) == ("record_exported", size + 1)
