"""Backed up while people work, and put back: every backup is consistent, and every restore is complete."""

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
def people_at_work(app: Flask) -> Iterator[list[bytes]]:
    """Two people hand evidence in, with files, as fast as they can; what they sent and was kept."""
    stop, kept, wrong = threading.Event(), [], []

    def work(name: str) -> None:
        with app.app_context():
            while not stop.is_set():
                try:
                    kept.append(submit_sample_evidence(f"{name} {len(kept)}"))
                except Exception as error:  # noqa: BLE001 - told to the test
                    wrong.append(error)
                finally:
                    transactions.rollback()
                    db.session.remove()
                time.sleep(0.05)

    db.session.remove()
    threads = [threading.Thread(target=work, args=(name,)) for name in ("Desk", "Phone")]
    for each in threads:
        each.start()
    try:
        yield kept
    finally:
        stop.set()
        for each in threads:
            each.join()
    assert wrong == []


def test_every_backup_under_load_is_consistent_and_every_restore_verifies(
    demonstration: Flask, tmp_path: Path
) -> None:
    checkpoints.write_due(at_once=True)
    backups, restores = choose_size(2, 20), choose_size(1, 10)
    with people_at_work(demonstration) as kept:
        made = []
        for _ in range(backups):
            before = len(kept)
            while len(kept) < before + 2:  # something new is in each
                time.sleep(0.01)
            made.append(make_backup(tmp_path / "kept"))
    sizes = [read_manifest(folder)[0].size for folder in made]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] <= events.get_head()[0]
    for folder in made:
        assert list(find_faults(folder, read_manifest(folder)[0])) == []
    for number, folder in enumerate(made[:: backups // restores]):
        restore(demonstration, folder, tmp_path / f"elsewhere-{number}")
    record_figures(backups=backups, submitted_meanwhile=len(kept), restores=restores, violated=0)


def restore(app: Flask, folder: Path, place: Path) -> None:
    """Put back into an empty installation: every listed file is there, and every check passes once accepted."""
    manifest, _ = read_manifest(folder)
    with empty_installation(place, app) as elsewhere:
        # copies of what lies outside: each installation goes on from here by itself
        elsewhere.config["CHECKPOINTS_PATH"] = shutil.copytree(app.config["CHECKPOINTS_PATH"], place / "checkpoints")
        code, said = command(elsewhere, "restore", str(folder))
        assert code == 0, said
        assert "All checks passed." in said
        with elsewhere.app_context():
            assert events.get_head() == (manifest.size, manifest.head)
            assert all(file_store.read(sha256) for sha256 in manifest.files)
            db.session.remove()
        code, said = command(elsewhere, "restore", "--accept")
        assert code == 0, said
        code, said = command(elsewhere, "verify")
        assert code == 0, said
