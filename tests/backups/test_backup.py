"""Backed up under load, put back into an empty installation, compared with what lies outside, and accepted."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.backups.installations import command, empty_installation
from tests.conftest import server_url
from tests.factories import PASSWORD
from tracker.accounts import sessions
from tracker.backups.backup import make_backup
from tracker.backups.manifests import find_faults, read_manifest
from tracker.extensions import db
from tracker.ledger import checkpoints, events, keys, transactions
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.models import Centre, Person
from tracker.storage import file_store

pytestmark = pytest.mark.skipif(
    server_url() is not None and shutil.which("pg_dump") is None, reason="PostgreSQL's client programs are not here"
)


@pytest.fixture
def demonstration(demonstration: Flask) -> Flask:
    """The demonstration, with a checkpoint of how it stood."""
    checkpoints.write_due(at_once=True)
    return demonstration


@pytest.fixture
def elsewhere(demonstration: Flask, tmp_path: Path) -> Iterator[Flask]:
    with empty_installation(tmp_path / "elsewhere", demonstration) as app:
        yield app


def act() -> None:
    with transaction():
        record("centre_created", db.session.scalars(select(Centre).limit(1)).one(), OPERATOR)


def restored(app: Flask, folder: Path) -> tuple[int, str]:
    return command(app, "restore", str(folder))


class TestBackup:
    @pytest.mark.usefixtures("demonstration")
    def test_it_holds_everything_but_the_keys(self, tmp_path: Path) -> None:
        folder = make_backup(tmp_path / "kept")
        manifest, signature = read_manifest(folder)
        assert (manifest.size, manifest.head) == events.get_head()
        assert list(find_faults(folder, manifest)) == []
        key = keys.find_current_key()
        assert key
        assert keys.is_signed(key.public_key, signature, manifest.body)
        assert not list(folder.rglob("*.key"))
        names = {path.name for path in file_store.list_files() if "." not in path.name}
        assert set(manifest.files) == names

    def test_without_a_key_nothing_is_kept(self, app: Flask, tmp_path: Path) -> None:
        result = app.test_cli_runner().invoke(args=["backup", str(tmp_path / "kept")])
        assert result.exit_code == 1
        assert "flask keys make" in result.output
        assert not (tmp_path / "kept").exists()

    def test_a_stored_file_that_was_changed_is_not_passed_on(self, demonstration: Flask, tmp_path: Path) -> None:
        path = next(each for each in file_store.list_files() if "." not in each.name)
        path.write_bytes(b"something else")
        result = demonstration.test_cli_runner().invoke(args=["backup", str(tmp_path / "kept")])
        assert result.exit_code == 1
        assert "No backup was made" in result.output
        assert list((tmp_path / "kept").iterdir()) == []

    def test_a_backup_while_people_work_is_consistent(self, demonstration: Flask, tmp_path: Path) -> None:
        """Each is of one moment: the chain in it ends where its list says."""
        stop, wrong = threading.Event(), []

        def work() -> None:
            with demonstration.app_context():
                while not stop.is_set():
                    try:
                        act()
                    except Exception as error:  # noqa: BLE001 - told to the test
                        wrong.append(error)
                    finally:
                        transactions.rollback()
                        db.session.remove()

        threads = [threading.Thread(target=work) for _ in range(2)]
        db.session.remove()
        for each in threads:
            each.start()
        sizes = []
        try:
            for _ in range(5):
                time.sleep(0.1)
                manifest, _ = read_manifest(make_backup(tmp_path / "kept"))
                sizes.append(manifest.size)
        finally:
            stop.set()
            for each in threads:
                each.join()
        assert wrong == []
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1] <= events.get_head()[0]
        assert all(
            not list(find_faults(folder, read_manifest(folder)[0])) for folder in (tmp_path / "kept").iterdir()
        )


@pytest.mark.usefixtures("demonstration")
class TestRestore:
    def test_it_comes_back_whole_and_read_only(self, elsewhere: Flask, tmp_path: Path) -> None:
        folder = make_backup(tmp_path / "kept")
        before = events.get_head()
        code, said = restored(elsewhere, folder)
        assert code == 0, said
        assert "All checks passed." in said
        assert "Missing" not in said
        with elsewhere.app_context():
            assert events.get_head() == before
            assert file_store.read(next(iter(read_manifest(folder)[0].files)))
            db.session.remove()

    def test_until_it_is_accepted_nothing_changes(self, elsewhere: Flask, tmp_path: Path) -> None:
        restored(elsewhere, make_backup(tmp_path / "kept"))
        with elsewhere.app_context():
            alice = db.session.query(Person).filter_by(email="alice@example.org").one()
            with transaction():
                token = sessions.start_session(alice, "127.0.0.1", "Chrome", proven=True)
            db.session.remove()
        browser = elsewhere.test_client()
        browser.set_cookie(sessions.COOKIE_NAME, token)
        assert browser.get("/evidence").status_code == 200
        answer = browser.post("/evidence/new", data={"title": "A new one"})
        assert answer.status_code == 503
        assert "Nothing was saved. You can read everything" in answer.text
        sign_in = elsewhere.test_client().post("/sign-in", data={"email": alice.email, "password": PASSWORD})
        assert sign_in.status_code != 503
        assert command(elsewhere, "people", "deactivate", "ben@example.org")[0] != 0
        assert command(elsewhere, "restore", "--accept") == (0, "Accepted. No event is known to be missing.\n")
        assert browser.post("/evidence/new", data={"title": "A new one"}).status_code != 503

    def test_what_came_after_the_backup_is_named_and_stays_told(self, elsewhere: Flask, tmp_path: Path) -> None:
        folder = make_backup(tmp_path / "kept")
        size = events.get_head()[0]
        for _ in range(3):
            act()
        checkpoints.write_due(at_once=True)
        code, said = restored(elsewhere, folder)
        assert code == 0, said
        assert f"Missing: events {size + 1} to {size + 3}" in said
        assert f"records {size + 3} events" in command(elsewhere, "verify")[1]
        assert command(elsewhere, "restore", "--accept") == (0, "Accepted, without 3 events.\n")
        assert "checks: all passed" in command(elsewhere, "verify")[1]

    def test_a_loss_that_nobody_accepted_with_the_key_stays_named(self, elsewhere: Flask, tmp_path: Path) -> None:
        """Whoever owns the database could write such an event, but not sign it."""
        folder = make_backup(tmp_path / "kept")
        size, head = events.get_head()
        act()
        checkpoints.write_due(at_once=True)
        restored(elsewhere, folder)
        (elsewhere.config["SETTINGS"].instance_path / "restored.json").unlink()
        with elsewhere.app_context():
            key = keys.find_current_key()
            assert key
            with transaction():
                record(
                    "restore_accepted",
                    key,
                    OPERATOR,
                    size=size,
                    head=head,
                    checkpoint_size=size + 1,
                    key=key.name,
                    signed="00",
                )
            db.session.remove()
        assert "has another hash of event" in command(elsewhere, "verify")[1]

    def test_no_record_is_overwritten(self, demonstration: Flask, tmp_path: Path) -> None:
        folder = make_backup(tmp_path / "kept")
        act()
        before = events.get_head()
        code, said = restored(demonstration, folder)
        assert code == 1
        assert "a restore does not overwrite records" in said
        assert events.get_head() == before

    @pytest.mark.parametrize("spoil", ["manifest", "signature", "database", "file", "missing file"])
    def test_a_backup_that_was_changed_is_refused(self, elsewhere: Flask, tmp_path: Path, spoil: str) -> None:
        folder = make_backup(tmp_path / "kept")
        manifest, _ = read_manifest(folder)
        said = json.loads((folder / "manifest.json").read_text())
        stored = next(path for path in (folder / "files").rglob("*") if path.is_file())
        spoiling: dict[str, Callable[[], object]] = {
            "manifest": lambda: said["manifest"].update(size=1),
            "signature": lambda: said.update(signature="00" * 64),
            "database": lambda: (folder / manifest.database).write_bytes(b"x"),
            "file": lambda: stored.write_bytes(b"x"),
            "missing file": stored.unlink,
        }
        spoiling[spoil]()
        (folder / "manifest.json").write_text(json.dumps(said))
        code, words = restored(elsewhere, folder)
        assert code == 1
        assert "Nothing was restored" in words
        assert not (elsewhere.config["SETTINGS"].instance_path / "restored.json").exists()

    def test_a_folder_that_is_no_backup(self, elsewhere: Flask, tmp_path: Path) -> None:
        assert "contains no readable backup" in restored(elsewhere, tmp_path)[1]
        assert "Name the folder" in command(elsewhere, "restore")[1]
        assert "There is no restore to accept" in command(elsewhere, "restore", "--accept")[1]

    def test_without_the_keys_it_says_that_it_knows_the_signer_from_the_backup_alone(
        self, elsewhere: Flask, tmp_path: Path
    ) -> None:
        elsewhere.config["KEYS_PATH"] = tmp_path / "no-keys"
        code, said = restored(elsewhere, make_backup(tmp_path / "kept"))
        assert code == 0, said
        assert "checked only with a key from the backup itself" in said


class TestStorage:
    def test_all_is_well(self, demonstration: Flask) -> None:
        result = demonstration.test_cli_runner().invoke(args=["storage", "check"])
        assert (result.exit_code, result.output) == (0, "Every row has its file, and every file has its row.\n")

    def test_a_file_that_is_gone_is_named(self, demonstration: Flask) -> None:
        next(path for path in file_store.list_files() if "." not in path.name).unlink()
        result = demonstration.test_cli_runner().invoke(args=["storage", "check"])
        assert result.exit_code == 1
        assert "its file is gone" in result.output

    def test_what_nothing_names_is_put_aside_and_kept(self, demonstration: Flask) -> None:
        path = file_store.get_path("ab" * 32)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left over")
        os.utime(path, (time.time() - 90_000,) * 2)
        runner = demonstration.test_cli_runner()
        assert f"no row refers to: {path}" in runner.invoke(args=["storage", "check"]).output
        result = runner.invoke(args=["storage", "check", "--repair"])
        assert result.exit_code == 0
        assert not path.exists()
        (aside,) = demonstration.config["SETTINGS"].instance_path.joinpath("orphans").rglob("ab" * 32)
        assert aside.read_bytes() == b"left over"
        aside.unlink()
