"""The repair of the file of checkpoints: what it keeps, what it refuses, and that it is on disk before it is recorded."""

import os
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from tests import factories
from tests.factories import World
from tests.integrity.tampering import tampering_transaction
from tracker import clock
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import checkpoints, events, keys, read_only
from tracker.ledger.checkpoint_repair import repair_file
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.events import record
from tracker.ledger.read_only import ReadOnly
from tracker.ledger.transactions import transaction
from tracker.ledger.trust_anchor import load_anchor
from tracker.models import CheckpointCopy


@pytest.fixture(autouse=True)
def lines(app_with_signing_key: Flask, world: World) -> list[str]:
    """The lines of three checkpoints, which the file and the database have."""
    for _ in range(3):
        with transaction():
            record("data_exported", world.dan, factories.make_actor(world.dan))
        assert checkpoints.write_due(at_once=True)
    return read_lines()


def read_lines() -> list[str]:
    return checkpoints.get_path().read_text().splitlines()


def write_lines(*lines: str) -> None:
    checkpoints.get_path().write_text("".join(f"{line}\n" for line in lines))


def sign_as_earlier_release() -> str:
    """Return a line without a number."""
    key = keys.find_current_key()
    assert key
    unsigned = Checkpoint("http://127.0.0.1:8000", *events.get_head(), clock.now(), key.name)
    return replace(unsigned, signature=keys.sign(key.name, unsigned.body)).line


@pytest.mark.parametrize("rest", ["", "x" * 5_000])
def test_what_is_before_the_first_number_stays_and_what_is_no_checkpoint_goes(lines: list[str], rest: str) -> None:
    earlier = sign_as_earlier_release()
    write_lines("words", earlier, lines[2], rest)
    assert repair_file(load_anchor()) == 2
    assert read_lines() == ["words", earlier, *lines]


def test_both_files_are_private_and_synced(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_lines(lines[1])
    before = checkpoints.get_path().read_bytes()
    synced: dict[int, int] = {}

    def sync(number: int) -> None:
        found = os.fstat(number)
        synced[found.st_ino] = found.st_size

    monkeypatch.setattr("os.fsync", sync)
    repair_file(load_anchor())
    (kept,) = checkpoints.get_path().parent.glob("checkpoints-*.jsonl")
    assert kept.read_bytes() == before
    for path in (kept, checkpoints.get_path()):
        assert path.stat().st_mode & 0o777 == 0o600
        assert synced[path.stat().st_ino] == path.stat().st_size


def test_a_folder_that_was_lost_is_made_again(lines: list[str], app: Flask) -> None:
    app.config["CHECKPOINTS_PATH"] /= "of/this/host"
    repair_file(load_anchor())
    assert read_lines() == lines


@pytest.mark.parametrize("change", ["words", "another number"])
def test_a_copy_that_is_not_what_was_signed_under_its_number_is_refused(lines: list[str], change: str) -> None:
    write_lines(lines[0])
    with tampering_transaction():
        line = "words" if change == "words" else lines[2]
        db.session.execute(text("UPDATE checkpoint_copy SET line = :line WHERE number = 2"), {"line": line})
        with pytest.raises(Refused, match="copy of checkpoint 2 is not signed with a trusted key"):
            repair_file(load_anchor())
    assert read_lines() == lines[:1]


def test_nothing_is_repaired_while_a_restore_waits(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_lines(lines[0])
    monkeypatch.setattr(read_only, "is_read_only", lambda: True)
    with pytest.raises(ReadOnly):
        repair_file(load_anchor())
    assert read_lines() == lines[:1]
    assert db.session.query(CheckpointCopy).count() == 3
