"""Migration 0035: the derived rows begin with what is there, and the server's role may write them."""

import pytest
from flask import Flask
from sqlalchemy import text

from tests import factories
from tests.conftest import server_url
from tests.factories import World
from tests.migrations.test_migrations import REVISIONS, migrate
from tracker.extensions import db
from tracker.registrations.derived_rows import list_differences
from tracker.registrations.queries import list_registrations_to_allocate

pytestmark = pytest.mark.slow
BEFORE = "0034_staff_register"
END = "UPDATE allocation SET ends_at = starts_at WHERE attempt_id = :attempt_id"


@pytest.fixture
def world_before(empty_app: Flask) -> World:
    """The people, in a database that the previous release has migrated."""
    migrate(REVISIONS[0])
    result = empty_app.test_cli_runner().invoke(args=["standards", "load"])
    assert result.exit_code == 0, result.output
    world = factories.make_world()
    for each in (world.cfacc15, world.northgate, world.registration):
        db.session.refresh(each)
        db.session.expunge(each)
    db.session.rollback()
    migrate(BEFORE)
    return world


def list_to_allocate(world: World) -> list[tuple[int, int, int]]:
    rows = list_registrations_to_allocate(world.northgate.id, 10)
    db.session.rollback()
    return [(row.registration_id, row.without_assessor, row.without_verifier) for row in rows]


def test_the_rows_begin_with_what_is_there(world_before: World) -> None:
    db.session.execute(text(END), {"attempt_id": world_before.cfacc15.id})
    db.session.commit()
    migrate(REVISIONS[0])
    assert list_to_allocate(world_before) == [(world_before.registration.id, 1, 1)]
    assert list(list_differences(db.session.connection())) == []
    db.session.rollback()


@pytest.mark.skipif(server_url() is None, reason="SQLite has no roles")
def test_the_previous_releases_role_can_allocate_before_it_is_confined_again(world_before: World) -> None:
    db.session.execute(text("CREATE ROLE tracker_allocator"))
    try:
        db.session.execute(text("GRANT SELECT, INSERT, UPDATE ON unit_attempt, allocation TO tracker_allocator"))
        db.session.commit()
        migrate(REVISIONS[0])
        db.session.execute(text("SET ROLE tracker_allocator"))
        db.session.execute(text(END), {"attempt_id": world_before.cfacc15.id})
        db.session.execute(text("RESET ROLE"))
        db.session.commit()
        assert list_to_allocate(world_before) == [(world_before.registration.id, 1, 1)]
    finally:
        db.session.rollback()
        db.session.execute(text("RESET ROLE"))
        db.session.execute(text("DROP OWNED BY tracker_allocator"))
        db.session.execute(text("DROP ROLE tracker_allocator"))
        db.session.commit()
