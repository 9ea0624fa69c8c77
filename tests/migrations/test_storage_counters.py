"""Migration 0029: the counters have the files that were there before, and the server's role may write them."""

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests import factories
from tests.conftest import server_url
from tests.migrations.test_migrations import REVISIONS, migrate
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence
from tracker.portfolio.storage_counters import list_differences
from tracker.portfolio.storage_quotas import measure_candidate, measure_centre

pytestmark = pytest.mark.slow
BEFORE = "0028_files_to_delete"
ADD = """
    INSERT INTO attachment (evidence_id, name, media_type, size, sha256, uploaded_at)
    VALUES (:evidence_id, :name, 'text/plain', :size, :sha256, :uploaded_at)
"""


def add_file(evidence_id: int, size: int, name: str = "notes.txt", digit: str = "") -> None:
    """Add a file as the previous release does."""
    values = {"evidence_id": evidence_id, "name": name, "size": size, "sha256": (digit or str(size)) * 64}
    db.session.execute(text(ADD), values | {"uploaded_at": now().replace(tzinfo=None)})
    db.session.commit()


@pytest.fixture
def evidence(empty_app: Flask) -> Evidence:
    """Alice's item, in a database that the previous release has migrated."""
    migrate(REVISIONS[0])
    result = empty_app.test_cli_runner().invoke(args=["standards", "load"])
    assert result.exit_code == 0, result.output
    world = factories.make_world()
    with transaction():
        item = factories.make_evidence(world.cfacc15, "Call of 5 October")
    db.session.refresh(item)
    db.session.expunge(item)
    db.session.rollback()
    migrate(BEFORE)
    return item


def test_the_counters_begin_with_what_is_stored(evidence: Evidence) -> None:
    for size, name in ((3, "a.txt"), (3, "the same.txt"), (5, "b.txt"), (7, "Erased")):
        add_file(evidence.id, size, name)
    migrate(REVISIONS[0])
    assert measure_candidate(evidence.candidate_id, evidence.centre_id).used == 8
    assert measure_centre(evidence.centre_id).used == 8
    assert list(list_differences(db.session.connection())) == []


@pytest.mark.skipif(server_url() is None, reason="SQLite has no roles")
def test_the_previous_releases_role_can_add_files_before_it_is_confined_again(evidence: Evidence) -> None:
    db.session.execute(text("CREATE ROLE tracker_uploader"))
    try:
        db.session.execute(text("GRANT SELECT ON evidence TO tracker_uploader"))
        db.session.execute(text("GRANT SELECT, INSERT ON attachment TO tracker_uploader"))
        db.session.execute(text("GRANT USAGE ON SEQUENCE attachment_id_seq TO tracker_uploader"))
        db.session.commit()
        migrate(REVISIONS[0])
        db.session.execute(text("SET ROLE tracker_uploader"))
        add_file(evidence.id, 3)
        with pytest.raises(DBAPIError, match="permission denied"):
            db.session.execute(text("DELETE FROM centre_storage"))
        db.session.rollback()
        db.session.execute(text("RESET ROLE"))
        assert measure_centre(evidence.centre_id).used == 3
    finally:
        db.session.rollback()
        db.session.execute(text("RESET ROLE"))
        db.session.execute(text("DROP OWNED BY tracker_uploader"))
        db.session.execute(text("DROP ROLE tracker_uploader"))
        db.session.commit()
