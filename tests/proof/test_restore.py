"""Backups made while people work: each is consistent, and each restore is complete."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from tests.backups.installations import command, empty_installation
from tests.conftest import server_url
from tests.proof.proof_size import choose_size, record_figures
from tests.proof.sample_evidence import submit_sample_evidence
from tracker.backups.backup import make_backup
from tracker.backups.manifests import find_faults, read_manifest
from tracker.extensions import db
from tracker.ledger import checkpoints, events, transactions
from tracker.storage import file_store

pytestmark = pytest.mark.skipif(
    server_url() is not None and shutil.which("pg_dump") is None, reason="PostgreSQL's client programs are not here"
)


@contextmanager
def submit_meanwhile(app: Flask) -> Iterator[list[bytes]]:
    """Submit evidence with files in two threads meanwhile. Yield the contents of the stored files."""
    stopped, contents, errors = threading.Event(), [], []

    def work(name: str) -> None:
        with app.app_context():
            while not stopped.is_set():
                try:
                    contents.append(submit_sample_evidence(f"{name} {len(contents)}"))
                except Exception as error:  # noqa: BLE001 - told to the test
                    errors.append(error)
                finally:
                    transactions.rollback()
                    db.session.remove()
                time.sleep(0.05)

    db.session.remove()
    threads = [threading.Thread(target=work, args=(name,)) for name in ("Desk", "Phone")]
    for each in threads:
        each.start()
    try:
        yield contents
    finally:
        stopped.set()
        for each in threads:
            each.join()
    assert errors == []


def test_every_backup_under_load_is_consistent_and_every_restore_verifies(
    demonstration: Flask, tmp_path: Path
) -> None:
    checkpoints.write_due(at_once=True)
    backups, restores = choose_size(2, 20), choose_size(1, 10)
    with submit_meanwhile(demonstration) as contents:
        folders = []
        for _ in range(backups):
            before = len(contents)
            while len(contents) < before + 2:  # each backup has something new
                time.sleep(0.01)
            folders.append(make_backup(tmp_path / "kept"))
    sizes = [read_manifest(folder)[0].size for folder in folders]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] <= events.get_head()[0]
    for folder in folders:
        assert list(find_faults(folder, read_manifest(folder)[0])) == []
    for number, folder in enumerate(folders[:: backups // restores]):
        restore(demonstration, folder, tmp_path / f"elsewhere-{number}")
    record_figures(backups=backups, submitted_meanwhile=len(contents), restores=restores, violated=0)


def restore(app: Flask, folder: Path, place: Path) -> None:
    """Restore into an empty installation; check that every listed file is there and every check passes."""
    manifest, _ = read_manifest(folder)
    with empty_installation(place, app) as restored_app:
        # each installation gets its own copy of the checkpoints
        restored_app.config["CHECKPOINTS_PATH"] = shutil.copytree(
            app.config["CHECKPOINTS_PATH"], place / "checkpoints"
        )
        code, output = command(restored_app, "restore", str(folder))
        assert code == 0, output
        assert "All checks passed." in output
        with restored_app.app_context():
            assert events.get_head() == (manifest.size, manifest.head)
            assert all(file_store.read(sha256) for sha256 in manifest.files)
            db.session.remove()
        code, output = command(restored_app, "restore", "--accept")
        assert code == 0, output
        code, output = command(restored_app, "verify")
        assert code == 0, output
