"""Checkpoints and keys: what whoever owns the database cannot write anew."""

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
    """`act(times)`: so many events, one a transaction."""

    def do(times: int = 1) -> None:
        for _ in range(times):
            with transaction():
                record("centre_created", world.northgate, OPERATOR)

    return do


def written() -> list[Checkpoint]:
    return [each for _, each in checkpoints.read_checkpoints() if each]


def said(number: int) -> list[str]:
    """What the checks of one invariant say."""
    return [each for each in list_violations() if each.startswith(f"{number}: ")]


class TestWriting:
    def test_none_without_a_key(self, act: Callable[..., None]) -> None:
        act()
        assert checkpoints.write_due() is None

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_it_says_how_the_ledger_stands(self, act: Callable[..., None]) -> None:
        act(3)
        found = checkpoints.write_due()
        assert found
        assert (found.size, found.head) == events.get_head()
        assert written() == [found]

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_a_hundred_events_make_one_by_themselves(self, act: Callable[..., None]) -> None:
        act(101)
        assert [each.size for each in written()] == [100]

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_fewer_wait_five_minutes(self, act: Callable[..., None], freeze_clock: Callable[..., None]) -> None:
        act()
        first = checkpoints.write_due()
        assert first
        act()
        assert checkpoints.write_due() is None
        freeze_clock(first.at + timedelta(minutes=5))
        assert checkpoints.write_due()
        freeze_clock(first.at + timedelta(hours=1))
        assert checkpoints.write_due() is None  # nothing is new

    def test_a_folder_that_cannot_be_written_stops_nobody(
        self, app_with_signing_key: Flask, act: Callable[..., None], caplog: pytest.LogCaptureFixture
    ) -> None:
        app_with_signing_key.config["CHECKPOINTS_PATH"] = app_with_signing_key.config["KEYS_PATH"] / "no-folder.pub"
        app_with_signing_key.config["CHECKPOINTS_PATH"].write_text("a file, not a folder")
        act(101)
        assert "A checkpoint could not be written" in caplog.text
        assert events.get_head()[0] == 102

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_what_another_process_wrote_is_seen(self, act: Callable[..., None]) -> None:
        act()
        first = checkpoints.write_due()
        act()
        assert checkpoints.write_due() is None
        assert [each.size for each in written()] == [first.size if first else 0]

    def test_a_checkpoint_waits_while_another_process_writes_one(
        self, app_with_signing_key: Flask, act: Callable[..., None]
    ) -> None:
        act()
        assert checkpoints.write_due()

        def write() -> None:
            with app_with_signing_key.app_context():
                checkpoints.write_due(at_once=True)

        with checkpoints.get_path().open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            writing = threading.Thread(target=write)
            writing.start()
            writing.join(0.5)
            assert len(written()) == 1
        writing.join()
        assert len(written()) == 2


@pytest.mark.usefixtures("app_with_signing_key")
class TestVerifying:
    def test_what_agrees_is_not_named(self, act: Callable[..., None]) -> None:
        act(2)
        checkpoints.write_due()
        assert said(2) == []

    def test_a_ledger_cut_short_is_named(self, act: Callable[..., None]) -> None:
        act(3)
        checkpoints.write_due()
        with tampering_transaction():
            db.session.execute(text("DELETE FROM event WHERE seq = 4"))
            assert said(2) == ["2: checkpoint 1 records 4 events, but the ledger has 3"]

    def test_a_ledger_written_anew_is_named(self, act: Callable[..., None]) -> None:
        """Every hash in it right: the chain alone would not tell."""
        act(3)
        checkpoints.write_due()
        with tampering_transaction():
            rewrite_from(2)
            assert said(1) == []
            assert said(2) == ["2: checkpoint 1 has another hash of event 4 than the ledger"]

    @pytest.mark.parametrize(
        ("part", "value"),
        [("size", 2), ("head", "0" * 64), ("at", "2026-01-01T00:00:00+00:00"), ("origin", "https://elsewhere")],
    )
    def test_a_checkpoint_that_was_changed_is_named(
        self, act: Callable[..., None], part: str, value: str | int
    ) -> None:
        act(3)
        checkpoints.write_due()
        line = json.loads(checkpoints.get_path().read_text())
        checkpoints.get_path().write_text(json.dumps({**line, part: value}))
        assert said(2)[0] == "2: checkpoint 1 was changed: its signature is not valid"

    def test_one_by_another_key_is_named(self, act: Callable[..., None]) -> None:
        act()
        checkpoints.write_due()
        line = json.loads(checkpoints.get_path().read_text())
        checkpoints.get_path().write_text(json.dumps({**line, "key": "0" * 16}))
        assert "which is not this installation's" in said(2)[0]

    @pytest.mark.parametrize("line", ["", "{", "[1]", '{"size": 1}', "\udcff", '{"size":' * 2_000])
    def test_a_line_that_is_none_is_named(self, line: str) -> None:
        checkpoints.write_due()
        with checkpoints.get_path().open("a", errors="surrogateescape") as file:
            file.write(f"{line}\n")
        assert said(2) == ["2: checkpoint 2 cannot be read"]

    def test_checkpoints_that_are_gone_are_missed(
        self, act: Callable[..., None], freeze_clock: Callable[..., None]
    ) -> None:
        act(101)
        last = written()[-1].at
        assert said(2) == []
        freeze_clock(last + timedelta(hours=1))
        checkpoints.get_path().unlink()
        assert said(2) == ["2: no checkpoint covers the last 102 events"]


class TestKeys:
    def test_their_files_are_for_the_owner_alone(self, app_with_signing_key: Flask) -> None:
        files = list(app_with_signing_key.config["KEYS_PATH"].iterdir())
        assert len(files) == 4
        assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o400}

    def test_made_once(self, runner: FlaskCliRunner) -> None:
        assert "Nothing was made" in runner.invoke(args=["keys", "make"]).output
        assert len(keys.list_keys()) == 1

    def test_the_next_is_vouched_for(self, runner: FlaskCliRunner) -> None:
        first = keys.list_keys()[0].name
        assert runner.invoke(args=["keys", "rotate"]).exit_code == 0
        newest = keys.find_current_key()
        assert newest
        assert newest.name != first
        assert written()[-1].key == newest.name
        assert said(2) == []
        listed = runner.invoke(args=["keys", "list"]).output
        assert listed.index(first) < listed.index(newest.name)

    def test_one_that_nobody_vouched_for_is_named(self, runner: FlaskCliRunner) -> None:
        """Put in by who has the database and not the files."""
        runner.invoke(args=["keys", "rotate"])
        event = db.session.query(Event).filter_by(act="key_made").order_by(Event.seq.desc()).first()
        assert event
        body = json.loads(event.body)
        body["data"]["vouched"] = "00" * 64
        with tampering_transaction():
            write_over(event.seq, body)
            assert any("was not vouched for by" in each for each in said(2))

    def test_without_the_file_of_the_last_there_is_no_next(
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
            other = keys.make_key().name
        keys.get_key_path(key.name).chmod(0o600)
        keys.get_key_path(key.name).write_bytes(keys.get_key_path(other).read_bytes())
        assert checkpoints.write_due()  # the newest signs
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
    """A chain as whole as the one before, with another day in it."""
    rows = db.session.query(Event).filter(Event.seq >= seq).order_by(Event.seq).all()
    bodies = [json.loads(each.body) for each in rows]
    db.session.execute(text("DELETE FROM event_text WHERE event_seq >= :seq"), {"seq": seq})
    prev = bodies[0]["prev"]
    for row, body in zip(rows, bodies, strict=True):
        body["grant"] = None if row.seq > seq else body["grant"]
        body["data"]["x"] = 1
        body["prev"] = prev
        prev = write_over(row.seq, body)
