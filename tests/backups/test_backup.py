"""Backup under load, restore into an empty installation, comparison with the checkpoints, and acceptance."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest
from flask import Flask
from sqlalchemy import delete, select

from tests.backups.installations import accept, command, empty_installation
from tests.conftest import MIGRATIONS, server_url
from tests.factories import PASSWORD
from tests.integrity.tampering import tampering_transaction
from tests.stored_files import stored_path
from tracker.accounts import sessions
from tracker.backups import backup
from tracker.backups.backup import make_backup
from tracker.backups.databases import DatabaseCopy, copy_database
from tracker.backups.manifests import find_faults, read_manifest
from tracker.clock import frozen_at, now
from tracker.extensions import db
from tracker.integrity.keys_and_checkpoints import find_checkpoint_faults
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger import checkpoints, events, keys, read_only, transactions
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.ledger.transactions import transaction
from tracker.ledger.trust_anchor import compute_fingerprint
from tracker.models import Centre, Event, Grant, JobRun, Person, UnitAttempt
from tracker.recording_forms.cohort_choice import CohortChoice
from tracker.recording_forms.cohort_printing import start_printing
from tracker.storage import file_store
from tracker.vocabulary import AttemptState, Role

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        server_url() is not None and shutil.which("pg_dump") is None,
        reason="PostgreSQL's client programs are not here",
    ),
]


@pytest.fixture
def demonstration(demonstration: Flask) -> Flask:
    """The demonstration, with a checkpoint of its ledger."""
    checkpoints.write_due(at_once=True)
    return demonstration


@pytest.fixture
def empty_app(demonstration: Flask, tmp_path: Path) -> Iterator[Flask]:
    with empty_installation(tmp_path / "empty", demonstration) as app:
        yield app


def record_an_event() -> None:
    with transaction():
        record("centre_created", db.session.scalars(select(Centre).limit(1)).one(), OPERATOR)


def print_a_form() -> str:
    """Start a job that prints the form of an attempt, and return the hash of the file that it made."""
    with transaction():
        attempt = db.session.scalars(select(UnitAttempt).where(UnitAttempt.state == AttemptState.IN_PROGRESS)).first()
        assert attempt
        grants = select(Grant).where(Grant.centre_id == attempt.centre_id, Grant.role == Role.ADMINISTRATOR)
        dan = db.session.scalars(grants).one()
        actor = Actor(dan.person_id, dan.id)
        run_id = start_printing(attempt.centre, CohortChoice((attempt.id,), 1), actor).id
    db.session.expire_all()
    result = db.session.get_one(JobRun, run_id).result_sha256
    assert result
    return result


def restore(app: Flask, folder: Path) -> tuple[int, str]:
    return command(app, "restore", str(folder))


class TestBackup:
    @pytest.mark.usefixtures("demonstration")
    def test_a_backup_holds_everything_but_the_keys(self, tmp_path: Path) -> None:
        folder = make_backup(tmp_path / "kept")
        manifest, signature = read_manifest(folder)
        assert (manifest.size, manifest.head) == events.get_head()
        assert list(find_faults(folder, manifest)) == []
        key = keys.find_current_key()
        assert key
        assert keys.is_signed(key.public_key, signature, manifest.body)
        assert not list(folder.rglob("*.key"))
        names = {entry.name for entry in file_store.list_files() if "." not in entry.name}
        assert set(manifest.files) == names

    @pytest.mark.usefixtures("demonstration")
    def test_files_of_jobs_are_left_out(self, tmp_path: Path) -> None:
        result = print_a_form()
        assert file_store.exists(result)
        assert result not in read_manifest(make_backup(tmp_path / "kept"))[0].files

    @pytest.mark.usefixtures("demonstration")
    def test_files_that_are_stored_after_the_snapshot_are_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Those of a job, stored in a row or not yet, which are deleted soon."""
        stored = []

        def copy_and_store(folder: Path) -> DatabaseCopy:
            copied = copy_database(folder)
            stored.extend([print_a_form(), file_store.save(BytesIO(b"%PDF of a step")).sha256])
            return copied

        monkeypatch.setattr(backup, "copy_database", copy_and_store)
        manifest, _ = read_manifest(make_backup(tmp_path / "kept"))
        assert all(file_store.exists(each) for each in stored)
        assert manifest.files
        assert set(stored).isdisjoint(manifest.files)
        file_store.remove(stored[1])

    @pytest.mark.usefixtures("demonstration")
    def test_a_backup_is_made_while_a_listed_file_is_deleted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed = list(file_store.list_files())
        names = [each.name for each in listed if "." not in each.name]
        erased, open_file = names[1], file_store.open_file

        def erase_and_open(sha256: str) -> IO[bytes]:
            file_store.remove(erased)
            return open_file(sha256)

        monkeypatch.setattr(file_store, "open_file", erase_and_open)
        monkeypatch.setattr(file_store, "list_files", lambda: iter(listed))
        folder = make_backup(tmp_path / "kept")
        manifest, _ = read_manifest(folder)
        assert set(manifest.files) == set(names) - {erased}
        assert list(find_faults(folder, manifest)) == []

    def test_without_a_signing_key_no_backup_is_made(self, app: Flask, tmp_path: Path) -> None:
        result = app.test_cli_runner().invoke(args=["backup", str(tmp_path / "kept")])
        assert result.exit_code == 1
        assert "flask keys make" in result.output
        assert not (tmp_path / "kept").exists()

    def test_no_backup_is_made_with_a_changed_stored_file(self, demonstration: Flask, tmp_path: Path) -> None:
        path = stored_path(next(each.name for each in file_store.list_files() if "." not in each.name))
        path.write_bytes(b"something else")
        result = demonstration.test_cli_runner().invoke(args=["backup", str(tmp_path / "kept")])
        assert result.exit_code == 1
        assert "No backup was made" in result.output
        assert list((tmp_path / "kept").iterdir()) == []

    def test_a_backup_while_people_work_is_consistent(self, demonstration: Flask, tmp_path: Path) -> None:
        """Each backup is of one moment: its ledger ends where its manifest says."""
        stopped, errors = threading.Event(), []

        def work() -> None:
            with demonstration.app_context():
                while not stopped.is_set():
                    try:
                        record_an_event()
                    except Exception as error:  # noqa: BLE001 - the test reports it
                        errors.append(error)
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
            stopped.set()
            for each in threads:
                each.join()
        assert errors == []
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1] <= events.get_head()[0]
        assert all(
            not list(find_faults(folder, read_manifest(folder)[0])) for folder in (tmp_path / "kept").iterdir()
        )


@pytest.mark.usefixtures("demonstration")
class TestRestore:
    def test_restored_installation_is_complete_and_read_only(self, empty_app: Flask, tmp_path: Path) -> None:
        folder = make_backup(tmp_path / "kept")
        before = events.get_head()
        code, output = restore(empty_app, folder)
        assert code == 0, output
        assert "All checks passed." in output
        assert "Missing" not in output
        with empty_app.app_context():
            assert events.get_head() == before
            assert file_store.read(next(iter(read_manifest(folder)[0].files)))
            db.session.remove()

    def test_nothing_can_be_changed_before_the_restore_is_accepted(self, empty_app: Flask, tmp_path: Path) -> None:
        restore(empty_app, make_backup(tmp_path / "kept"))
        with empty_app.app_context():
            alice = db.session.query(Person).filter_by(email="alice@example.org").one()
            with transaction():
                token = sessions.start_session(alice, "127.0.0.1", "Chrome", proven=True)
            db.session.remove()
        browser = empty_app.test_client()
        browser.set_cookie(sessions.COOKIE_NAME, token)
        assert browser.get("/evidence").status_code == 200
        answer = browser.post("/evidence/new", data={"title": "A new one"})
        assert answer.status_code == 503
        assert "Nothing was saved. You can read everything" in answer.text
        sign_in = empty_app.test_client().post("/sign-in", data={"email": alice.email, "password": PASSWORD})
        assert sign_in.status_code != 503
        assert command(empty_app, "people", "deactivate", "ben@example.org")[0] != 0
        assert accept(empty_app) == "Accepted. No event is known to be missing."
        assert browser.post("/evidence/new", data={"title": "A new one"}).status_code != 503

    def test_events_missing_after_the_restore_are_reported_until_accepted(
        self, empty_app: Flask, tmp_path: Path
    ) -> None:
        folder = make_backup(tmp_path / "kept")
        size = events.get_head()[0]
        for _ in range(3):
            record_an_event()
        checkpoints.write_due(at_once=True)
        code, output = restore(empty_app, folder)
        assert code == 0, output
        assert f"Missing: events {size + 1} to {size + 3}" in output
        assert f"records {size + 3} events" in command(empty_app, "verify")[1]
        assert accept(empty_app) == "Accepted, without 3 events."
        assert "checks: all passed" in command(empty_app, "verify")[1]

    def test_an_acceptance_without_a_valid_signature_does_not_count(self, empty_app: Flask, tmp_path: Path) -> None:
        """The owner of the database could write such an event, but not sign it."""
        folder = make_backup(tmp_path / "kept")
        size, head = events.get_head()
        record_an_event()
        checkpoints.write_due(at_once=True)
        restore(empty_app, folder)
        (empty_app.config["SETTINGS"].instance_path / "restored.json").unlink()
        with empty_app.app_context():
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
        assert "has another hash of event" in command(empty_app, "verify")[1]

    def test_an_acceptance_excuses_no_checkpoint_written_after_it(self, empty_app: Flask, tmp_path: Path) -> None:
        """The owner of the database appends the signed acceptance again, with a later time and other events after it."""
        folder = make_backup(tmp_path / "kept")
        size = events.get_head()[0]
        for _ in range(3):
            record_an_event()
        checkpoints.write_due(at_once=True)
        restore(empty_app, folder)
        accept(empty_app)
        with empty_app.app_context(), tampering_transaction():
            accepted = db.session.get_one(Event, size + 1)
            facts, key = json.loads(accepted.body)["data"], keys.find_current_key()
            assert key
            db.session.execute(delete(Event).where(Event.seq > size))
            db.session.expire_all()
            with frozen_at(now() + timedelta(minutes=1)):
                record("restore_accepted", key, OPERATOR, **facts)
                events.append_queued()
                faults = list(find_checkpoint_faults(LedgerSnapshot()))
        assert any(f"has another hash of event {size + 1}" in fault for fault in faults)

    def test_a_database_changed_after_the_restore_is_not_accepted(self, empty_app: Flask, tmp_path: Path) -> None:
        restore(empty_app, make_backup(tmp_path / "kept"))
        with empty_app.app_context(), read_only.accepting(), transaction():
            key = keys.find_current_key()
            assert key
            record("data_exported", db.session.scalars(select(Person)).first(), Actor(1), files=0)
        assert "no longer the one that was restored" in command(empty_app, "restore", "--accept")[1]

    def test_a_restore_does_not_overwrite_a_record(self, demonstration: Flask, tmp_path: Path) -> None:
        folder = make_backup(tmp_path / "kept")
        record_an_event()
        before = events.get_head()
        code, output = restore(demonstration, folder)
        assert code == 1
        assert "a restore does not overwrite records" in output
        assert events.get_head() == before

    @pytest.mark.parametrize("damaged_part", ["manifest", "signature", "database", "file", "missing file"])
    def test_a_changed_backup_is_refused(self, empty_app: Flask, tmp_path: Path, damaged_part: str) -> None:
        folder = make_backup(tmp_path / "kept")
        manifest, _ = read_manifest(folder)
        manifest_file = json.loads((folder / "manifest.json").read_text())
        stored = next(path for path in (folder / "files").rglob("*") if path.is_file())
        damages: dict[str, Callable[[], object]] = {
            "manifest": lambda: manifest_file["manifest"].update(size=1),
            "signature": lambda: manifest_file.update(signature="00" * 64),
            "database": lambda: (folder / manifest.database).write_bytes(b"x"),
            "file": lambda: stored.write_bytes(b"x"),
            "missing file": stored.unlink,
        }
        damages[damaged_part]()
        (folder / "manifest.json").write_text(json.dumps(manifest_file))
        code, output = restore(empty_app, folder)
        assert code == 1
        assert "Nothing was restored" in output
        assert not (empty_app.config["SETTINGS"].instance_path / "restored.json").exists()

    def test_a_folder_without_a_backup_is_refused(self, empty_app: Flask, tmp_path: Path) -> None:
        assert "contains no readable backup" in restore(empty_app, tmp_path)[1]
        assert "Name the folder" in command(empty_app, "restore")[1]
        assert "There is no restore to accept" in command(empty_app, "restore", "--accept")[1]

    def test_a_restore_without_trusted_keys_can_be_inspected_and_not_accepted(
        self, empty_app: Flask, tmp_path: Path
    ) -> None:
        (key,) = keys.list_keys()
        fingerprint = compute_fingerprint(key.public_key)
        own_keys, empty_app.config["KEYS_PATH"] = empty_app.config["KEYS_PATH"], tmp_path / "no-keys"
        code, output = restore(empty_app, make_backup(tmp_path / "kept"))
        assert code == 1
        assert f"Nothing outside the backup vouches for the key {key.name} that signed it" in output
        for options in ([], ["--fingerprint", "ab" * 32]):
            code, output = command(empty_app, "restore", "--accept", *options)
            assert code == 1
            assert "Nothing outside the backup vouches for the key that signed its manifest" in output
        assert (empty_app.config["SETTINGS"].instance_path / "restored.json").exists()
        empty_app.config["KEYS_PATH"] = own_keys  # the acceptance is signed
        code, output = command(empty_app, "restore", "--accept", "--fingerprint", fingerprint)
        assert code == 0, output

    def test_a_forged_backup_cannot_be_accepted(self, empty_app: Flask, tmp_path: Path) -> None:
        """Its list is signed by a key that was put into its database, and nothing outside has that key."""
        folder = make_backup(tmp_path / "kept")
        signed = json.loads((folder / "manifest.json").read_text())
        with empty_installation(tmp_path / "forger", empty_app) as forger:
            forger.config |= {"KEYS_PATH": tmp_path / "forged", "CHECKPOINTS_PATH": tmp_path / "forged-checkpoints"}
            command(forger, "db", "upgrade", "-d", str(MIGRATIONS))
            assert command(forger, "keys", "make")[0] == 0
            forged = next(tmp_path.joinpath("forged").glob("*.key"))
            with forger.app_context():
                folder = make_backup(tmp_path / "forged-backup")
                db.session.remove()
        assert signed["manifest"]["key"] != forged.stem
        assert "Nothing outside the backup vouches" in restore(empty_app, folder)[1]
        code, output = command(empty_app, "restore", "--accept")
        assert code == 1
        assert "Nothing was accepted, and the installation stays read-only" in output

    def test_a_backup_with_a_list_that_its_database_did_not_sign_cannot_be_accepted(
        self, empty_app: Flask, tmp_path: Path
    ) -> None:
        folder = make_backup(tmp_path / "kept")
        signed = json.loads((folder / "manifest.json").read_text())
        signed["signature"] = "00" * 64
        (folder / "manifest.json").write_text(json.dumps(signed))
        own_keys, empty_app.config["KEYS_PATH"] = empty_app.config["KEYS_PATH"], tmp_path / "no-keys"
        assert "cannot be accepted" in restore(empty_app, folder)[1]
        empty_app.config["KEYS_PATH"] = own_keys
        assert command(empty_app, "restore", "--accept")[0] == 1


class TestStorage:
    def test_complete_storage_passes_the_check(self, demonstration: Flask) -> None:
        result = demonstration.test_cli_runner().invoke(args=["storage", "check"])
        assert (result.exit_code, result.output) == (0, "Every row has its file, and every file has its row.\n")

    def test_a_missing_file_is_reported(self, demonstration: Flask) -> None:
        stored_path(next(each.name for each in file_store.list_files() if "." not in each.name)).unlink()
        result = demonstration.test_cli_runner().invoke(args=["storage", "check"])
        assert result.exit_code == 1
        assert "its file is gone" in result.output

    def test_an_orphan_file_is_moved_and_kept(self, demonstration: Flask) -> None:
        path = stored_path("ab" * 32)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left over")
        os.utime(path, (time.time() - 90_000,) * 2)
        runner = demonstration.test_cli_runner()
        assert f"no row refers to: {path}" in runner.invoke(args=["storage", "check"]).output
        result = runner.invoke(args=["storage", "check", "--repair"])
        assert result.exit_code == 0
        assert not path.exists()
        (moved_file,) = demonstration.config["SETTINGS"].instance_path.joinpath("orphans").rglob("ab" * 32)
        assert moved_file.read_bytes() == b"left over"
        moved_file.unlink()
