"""Migrations: the schema after them is the models', and every revision goes up, down and up again over loaded rows."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import flask_migrate
import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, create_engine, func, inspect, select, table, text
from sqlalchemy.exc import DBAPIError

from tests import factories
from tests.conftest import MIGRATIONS
from tracker.extensions import db
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.vocabulary import Outcome

pytestmark = pytest.mark.slow

REVISIONS = [revision.revision for revision in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]  # newest first


def migrate(revision: str) -> None:
    """Upgrade or downgrade the database to a revision."""
    with db.engine.connect() as connection:
        now = MigrationContext.configure(connection).get_current_revision()
    order = ["base", *reversed(REVISIONS)]
    step = flask_migrate.upgrade if order.index(revision) >= order.index(now or "base") else flask_migrate.downgrade
    step(directory=str(MIGRATIONS), revision=revision)


def schema(engine: Engine) -> dict[str, Any]:
    """Return columns, constraints and indexes of all tables but Alembic's own."""
    inspector = inspect(engine)
    parts = {
        "columns": inspector.get_multi_columns,
        "primary key": inspector.get_multi_pk_constraint,
        "foreign keys": inspector.get_multi_foreign_keys,
        "unique": inspector.get_multi_unique_constraints,
        "checks": inspector.get_multi_check_constraints,  # Alembic's own comparison leaves these out
        "indexes": inspector.get_multi_indexes,
    }
    return {
        f"{name} of {table}": sorted(
            repr(plain(each)) for each in (parts_of_table if isinstance(parts_of_table, list) else [parts_of_table])
        )
        for name, read_part in parts.items()
        for (_schema, table), parts_of_table in read_part().items()  # type: ignore[attr-defined]  # each reader returns a dictionary
        if table != "alembic_version"
    }


def plain(value: Any) -> Any:
    """Return types and conditions as text, so that two databases can be compared."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else str(value)


def triggers(engine: Engine) -> list[tuple[Any, ...]]:
    query = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    }[engine.dialect.name]
    with engine.connect() as connection:
        return sorted(map(tuple, connection.execute(text(query))))


def row_counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table(name))) or 0
            for name in inspect(engine).get_table_names()
            if name != "alembic_version"
        }


def load_rows(app: Flask) -> None:
    """Load units, people, assessed evidence and events into most tables, at the newest revision."""
    result = app.test_cli_runner().invoke(args=["standards", "load"])
    assert result.exit_code == 0, result.output
    world = factories.make_world()
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Call of 5 October")
        claims = factories.claim(world.cfacc15, evidence, "1", "2", "k:a")
        version = factories.submit(evidence, at=factories.LONG_AGO + timedelta(days=40))
        factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims, Outcome.MET))
        record("evidence_submitted", evidence, actor=factories.make_actor(world.alice))


def test_there_is_one_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == REVISIONS[:1]


def test_the_schema_after_upgrade_is_the_models(empty_app: Flask, make_database: Callable[[], str]) -> None:
    migrate(REVISIONS[0])
    by_models = create_engine(make_database())
    db.metadata.create_all(by_models)
    migrated, modelled = schema(db.engine), schema(by_models)
    by_models.dispose()
    assert migrated.keys() == modelled.keys()
    differing = {name: (migrated[name], modelled[name]) for name in migrated if migrated[name] != modelled[name]}
    assert differing == {}


def test_the_comparison_sees_a_missing_check(empty_app: Flask) -> None:
    migrate(REVISIONS[0])
    checks = schema(db.engine)["checks of person"]
    assert any("lower" in check for check in checks)


def test_every_revision_goes_up_down_and_back(empty_app: Flask) -> None:
    steps = ["base", *reversed(REVISIONS)]
    for previous, revision in pairwise(steps):
        before = schema(db.engine), triggers(db.engine)
        migrate(revision)
        above = schema(db.engine), triggers(db.engine)
        migrate(previous)
        assert (schema(db.engine), triggers(db.engine)) == before, f"down from {revision}"
        migrate(revision)
        assert (schema(db.engine), triggers(db.engine)) == above, f"back to {revision}"


def test_every_revision_runs_over_loaded_data(empty_app: Flask) -> None:
    """Go down from the newest by one revision and up again, each time: the rows of remaining tables stay."""
    migrate(REVISIONS[0])
    load_rows(empty_app)
    db.session.remove()
    for revision, previous in zip(REVISIONS, [*REVISIONS[1:], "base"], strict=True):
        before = row_counts(db.engine)
        migrate(previous)
        after = row_counts(db.engine)
        assert after == {name: before.get(name, 0) for name in after}, f"down from {revision}"
        migrate(revision)
        again = row_counts(db.engine)
        assert {name: again.get(name, 0) for name in after} == after, f"back to {revision}"
        migrate(previous)


@pytest.mark.parametrize("table", ["event", "evidence_version", "submission", "decision"])
def test_append_only_rows_cannot_be_changed_or_deleted(empty_app: Flask, table: str) -> None:
    migrate(REVISIONS[0])
    load_rows(empty_app)
    db.session.remove()
    assert row_counts(db.engine)[table] > 0
    rows = db.metadata.tables[table]
    unchanged = {column.name: column for column in rows.primary_key}
    for statement in (rows.update().values(unchanged), rows.delete()):
        with db.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(statement)
