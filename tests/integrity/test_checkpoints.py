"""Checkpoints and signing keys, which the owner of the database cannot rewrite."""

import fcntl
import json
import stat
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import text

from tests.factories import World
from tests.integrity.tampering import list_violations, tampering_transaction
from tracker.extensions import db
from tracker.ledger import checkpoints, events, keys
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.models import Event


@pytest.fixture
def runner(app_with_signing_key: Flask) -> FlaskCliRunner:
    return app_with_signing_key.test_cli_runner()


@pytest.fixture
def act(world: World) -> Callable[..., None]:
    """`act(times)` records so many events, each in its own transaction."""

    def do(times: int = 1) -> None:
        for _ in range(times):
            with transaction():
                record("centre_created", world.northgate, OPERATOR)

    return do


def read_checkpoints() -> list[Checkpoint]:
    return [each for _, each in checkpoints.read_checkpoints() if each]


def list_violations_of(number: int) -> list[str]:
    """Return the violations of one invariant."""
    return [each for each in list_violations() if each.startswith(f"{number}: ")]


class TestWriting:
    def test_no_checkpoint_is_written_without_a_key(self, act: Callable[..., None]) -> None:
        act()
        assert checkpoints.write_due() is None

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_a_checkpoint_has_the_size_and_head_of_the_ledger(self, act: Callable[..., None]) -> None:
        act(3)
        checkpoint = checkpoints.write_due()
        assert checkpoint
        assert (checkpoint.size, checkpoint.head) == events.get_head()
        assert read_checkpoints() == [checkpoint]

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_a_checkpoint_is_written_after_a_hundred_events(self, act: Callable[..., None]) -> None:
        act(101)
        assert [each.size for each in read_checkpoints()] == [100]

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_a_checkpoint_of_fewer_events_waits_five_minutes(
        self, act: Callable[..., None], freeze_clock: Callable[..., None]
    ) -> None:
        act()
        first = checkpoints.write_due()
        assert first
        act()
        assert checkpoints.write_due() is None
        freeze_clock(first.at + timedelta(minutes=5))
        assert checkpoints.write_due()
        freeze_clock(first.at + timedelta(hours=1))
        assert checkpoints.write_due() is None  # there is no new event

    def test_an_unwritable_folder_does_not_stop_events(
        self, app_with_signing_key: Flask, act: Callable[..., None], caplog: pytest.LogCaptureFixture
    ) -> None:
        app_with_signing_key.config["CHECKPOINTS_PATH"] = app_with_signing_key.config["KEYS_PATH"] / "no-folder.pub"
        app_with_signing_key.config["CHECKPOINTS_PATH"].write_text("a file, not a folder")
        act(101)
        assert "A checkpoint could not be written" in caplog.text
        assert events.get_head()[0] == 102

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_a_checkpoint_of_another_process_is_taken_into_account(self, act: Callable[..., None]) -> None:
        act()
        first = checkpoints.write_due()
        act()
        assert checkpoints.write_due() is None
        assert [each.size for each in read_checkpoints()] == [first.size if first else 0]

    def test_a_checkpoint_waits_while_another_process_writes_one(
        self, app_with_signing_key: Flask, act: Callable[..., None]
    ) -> None:
        act()
        assert checkpoints.write_due()

        def write() -> None:
            with app_with_signing_key.app_context():
                checkpoints.write_due(at_once=True)

        with checkpoints.get_path().open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            writing = threading.Thread(target=write)
            writing.start()
            writing.join(0.5)
            assert len(read_checkpoints()) == 1
        writing.join()
        assert len(read_checkpoints()) == 2


@pytest.mark.usefixtures("app_with_signing_key")
class TestVerifying:
    def test_an_unchanged_ledger_has_no_violation(self, act: Callable[..., None]) -> None:
        act(2)
        checkpoints.write_due()
        assert list_violations_of(2) == []

    def test_a_truncated_ledger_is_detected(self, act: Callable[..., None]) -> None:
        act(3)
        checkpoints.write_due()
        with tampering_transaction():
            db.session.execute(text("DELETE FROM event WHERE seq = 4"))
            assert list_violations_of(2) == ["2: checkpoint 1 records 4 events, but the ledger has 3"]

    def test_a_rewritten_ledger_is_detected(self, act: Callable[..., None]) -> None:
        """Every hash in it is right, so that the chain alone does not show it."""
        act(3)
        checkpoints.write_due()
        with tampering_transaction():
            rewrite_from(2)
            assert list_violations_of(1) == []
            assert list_violations_of(2) == ["2: checkpoint 1 has another hash of event 4 than the ledger"]

    @pytest.mark.parametrize(
        ("part", "value"),
        [("size", 2), ("head", "0" * 64), ("at", "2026-01-01T00:00:00+00:00"), ("origin", "https://elsewhere")],
    )
    def test_a_changed_checkpoint_is_detected(self, act: Callable[..., None], part: str, value: str | int) -> None:
        act(3)
        checkpoints.write_due()
        line = json.loads(checkpoints.get_path().read_text())
        checkpoints.get_path().write_text(json.dumps({**line, part: value}))
        assert list_violations_of(2)[0] == "2: checkpoint 1 was changed: its signature is not valid"

    def test_a_checkpoint_by_another_key_is_detected(self, act: Callable[..., None]) -> None:
        act()
        checkpoints.write_due()
        line = json.loads(checkpoints.get_path().read_text())
        checkpoints.get_path().write_text(json.dumps({**line, "key": "0" * 16}))
        assert "which is not a trusted key" in list_violations_of(2)[0]

    @pytest.mark.parametrize("line", ["", "{", "[1]", '{"size": 1}', "\udcff", '{"size":' * 2_000])
    def test_an_invalid_line_is_detected(self, line: str) -> None:
        checkpoints.write_due()
        with checkpoints.get_path().open("a", errors="surrogateescape") as file:
            file.write(f"{line}\n")
        assert list_violations_of(2) == ["2: checkpoint 2 cannot be read"]

    def test_missing_checkpoints_are_detected(
        self, act: Callable[..., None], freeze_clock: Callable[..., None]
    ) -> None:
        act(101)
        last = read_checkpoints()[-1].at
        assert list_violations_of(2) == []
        freeze_clock(last + timedelta(hours=1))
        checkpoints.get_path().unlink()
        assert list_violations_of(2) == [
            "2: no checkpoint covers the last 102 events",
            "2: checkpoint 1 is missing from the file; the database has a copy of it",
        ]


class TestKeys:
    def test_key_files_are_readable_by_their_owner_only(self, app_with_signing_key: Flask) -> None:
        files = list(app_with_signing_key.config["KEYS_PATH"].iterdir())
        assert len(files) == 4
        assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o400}

    def test_the_first_key_is_made_once(self, runner: FlaskCliRunner) -> None:
        assert "Nothing was made" in runner.invoke(args=["keys", "make"]).output
        assert len(keys.list_keys()) == 1

    def test_the_next_key_is_signed_by_the_previous_one(self, runner: FlaskCliRunner) -> None:
        first = keys.list_keys()[0].name
        assert runner.invoke(args=["keys", "rotate"]).exit_code == 0
        newest = keys.find_current_key()
        assert newest
        assert newest.name != first
        assert read_checkpoints()[-1].key == newest.name
        assert list_violations_of(2) == []
        output = runner.invoke(args=["keys", "list"]).output
        assert output.index(first) < output.index(newest.name)

    def test_a_key_that_no_key_signed_is_detected(self, runner: FlaskCliRunner) -> None:
        """A key inserted by somebody who has the database and not the key files."""
        runner.invoke(args=["keys", "rotate"])
        event = db.session.query(Event).filter_by(act="key_made").order_by(Event.seq.desc()).first()
        assert event
        body = json.loads(event.body)
        body["data"]["vouched"] = "00" * 64
        with tampering_transaction():
            write_over(event.seq, body)
            assert any("was not vouched for by" in each for each in list_violations_of(2))

    def test_a_next_key_needs_the_file_of_the_previous_one(
        self, app_with_signing_key: Flask, runner: FlaskCliRunner
    ) -> None:
        for path in app_with_signing_key.config["KEYS_PATH"].glob("*.key"):
            path.unlink()
        result = runner.invoke(args=["keys", "rotate"])
        assert result.exit_code == 1
        assert "Nothing was signed" in result.output
        assert len(keys.list_keys()) == 1

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_another_key_under_its_name_is_refused(self) -> None:
        (key,) = keys.list_keys()
        with transaction():
            other_key = keys.make_key().name
        keys.get_key_path(key.name).chmod(0o600)
        keys.get_key_path(key.name).write_bytes(keys.get_key_path(other_key).read_bytes())
        assert checkpoints.write_due()  # it is signed with the newest key
        with pytest.raises(Exception, match="holds another key"):
            keys.sign(key.name, b"x")


def write_over(seq: int, body: dict[str, object]) -> str:
    from tracker.ledger.canonical_json import canonical_json

    written_down = canonical_json(body)
    db.session.execute(
        text("UPDATE event SET body = :body, prev = :prev, hash = :hash WHERE seq = :seq"),
        {"body": written_down, "prev": body["prev"], "hash": events.hash_body(written_down), "seq": seq},
    )
    return events.hash_body(written_down)


def rewrite_from(seq: int) -> None:
    """Rewrite the ledger from an event on, with valid hashes and another day."""
    rows = db.session.query(Event).filter(Event.seq >= seq).order_by(Event.seq).all()
    bodies = [json.loads(each.body) for each in rows]
    db.session.execute(text("DELETE FROM event_text WHERE event_seq >= :seq"), {"seq": seq})
    prev = bodies[0]["prev"]
    for row, body in zip(rows, bodies, strict=True):
        body["grant"] = None if row.seq > seq else body["grant"]
        body["data"]["x"] = 1
        body["prev"] = prev
        prev = write_over(row.seq, body)
