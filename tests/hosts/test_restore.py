"""A backup of an installation with a bucket, restored into an empty database and another bucket."""

import io
from pathlib import Path

from flask import Flask

from tests import factories
from tests.backups.installations import command, empty_installation
from tests.factories import World
from tests.portfolio.test_download import attach
from tests.storage.s3 import new_bucket
from tracker.backups.backup import make_backup
from tracker.extensions import db
from tracker.ledger import read_only
from tracker.ledger.transactions import transaction
from tracker.storage import file_store


def test_files_are_restored_into_the_bucket(host: Flask, world: World, tmp_path: Path) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint CH-2231")
    attach(evidence, b"three calls", "calls.txt")
    sha256 = file_store.save(io.BytesIO(b"three calls")).sha256
    folder = make_backup(tmp_path / "backups")
    db.session.rollback()
    with new_bucket() as other_bucket, empty_installation(tmp_path / "restored", host) as restored:
        restored.config["S3_LOCATION"] = other_bucket
        output = command(restored, "restore", str(folder))[1]
        assert "and 1 file." in output
        assert "The installation is read-only." in output
        with restored.app_context():
            assert file_store.read(sha256) == b"three calls"
            assert read_only.is_read_only()
            db.session.remove()
