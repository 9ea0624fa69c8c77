"""Upgrades while the release before still serves: what a migration may change, who runs it, and that it runs once."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import create_engine, inspect, text

from tests.conftest import MIGRATIONS, server_url
from tests.migrations.schema_changes import find_breaking_changes, find_contract
from tests.migrations.test_migrations import REVISIONS
from tracker.extensions import db

FIRST_HELD = "0024"
"""The first migration to which the rule applies; those before ran while the server was stopped."""
HELD = sorted(path for path in (MIGRATIONS / "versions").glob("*.py") if path.name >= FIRST_HELD)
ROOT = Path(__file__).parents[2]
BATCH = 'def upgrade():\n    with op.batch_alter_table("person") as batch:\n        batch.{}\n'
needs_postgresql = pytest.mark.skipif(server_url() is None, reason="SQLite has one host and no advisory locks")


class TestTheRule:
    """docs/operations.md, Upgrades: expand, migrate, contract."""

    def test_every_later_migration_keeps_what_the_release_before_uses(self) -> None:
        broken = {
            path.name: changes
            for path in HELD
            if (changes := find_breaking_changes(path.read_text())) and not find_contract(path.read_text())
        }
        assert broken == {}

    def test_every_contract_completes_an_earlier_migration(self) -> None:
        contracts = {path.stem: completed for path in HELD if (completed := find_contract(path.read_text()))}
        assert {
            name for name, completed in contracts.items() if completed not in REVISIONS or completed >= name
        } == set()

    @pytest.mark.parametrize(
        ("step", "change"),
        [
            ('drop_column("name")', "drop_column"),
            ('alter_column("name", new_column_name="full_name")', "alter_column(new_column_name)"),
            ('alter_column("name", type_=sa.Integer())', "alter_column(type_)"),
            ('alter_column("name", nullable=False)', "alter_column(nullable=False)"),
            (
                'add_column(sa.Column("pronoun", sa.Text(), nullable=False))',
                "add_column(nullable=False) without server_default",
            ),
            ('execute("ALTER TABLE person RENAME name TO full_name")', "RENAME"),
            ('execute("alter table person\\n drop column name")', "DROP COLUMN"),
            ('execute("ALTER TABLE person ALTER COLUMN name SET NOT NULL")', "SET NOT NULL"),
            ('execute("ALTER TABLE person ADD CONSTRAINT short CHECK (length(name) < 9)")', "ADD CONSTRAINT"),
            ('create_check_constraint("short", "length(name) < 9")', "create_check_constraint"),
            ('create_unique_constraint("one_of_a_name", ["name"])', "create_unique_constraint"),
            ('create_index("one_of_a_name", ["name"], unique=True)', "create_index(unique=True)"),
        ],
    )
    def test_what_breaks_the_release_before_is_found(self, step: str, change: str) -> None:
        assert change in find_breaking_changes(BATCH.format(step.replace("\n", "\\n")))

    @pytest.mark.parametrize("call", ['op.drop_table("person")', 'op.rename_table("person", "people")'])
    def test_a_dropped_or_renamed_table_is_found(self, call: str) -> None:
        assert len(find_breaking_changes(f"def upgrade():\n    {call}\n")) == 1

    @pytest.mark.parametrize(
        "step",
        [
            'add_column(sa.Column("pronoun", sa.Text()))',
            'add_column(sa.Column("seen", sa.Boolean(), nullable=False, server_default=sa.false()))',
            'create_index("ix_person_name", ["name"])',
            'alter_column("name", nullable=True)',
        ],
    )
    def test_what_the_release_before_need_not_know_is_allowed(self, step: str) -> None:
        code = BATCH.format(step) + 'def downgrade():\n    op.drop_column("person", "pronoun")\n'
        assert find_breaking_changes(code) == []

    def test_a_unique_index_of_a_new_table_is_allowed(self) -> None:
        index = 'op.create_index("one_name", "tag", ["name"], unique=True)'
        assert find_breaking_changes(f"def upgrade():\n    {index}\n") == ["create_index(unique=True)"]
        assert find_breaking_changes(f'def upgrade():\n    op.create_table("tag")\n    {index}\n') == []

    @pytest.mark.parametrize(("after", "changes"), [(("a", "b"), []), (("b",), ["create_check_constraint"])])
    def test_a_check_may_be_replaced_by_a_wider_one(self, after: tuple[str, ...], changes: list[str]) -> None:
        widened = f'WIDENED = (("person", "kind", ("a",), {after!r}),)\n'
        assert (
            find_breaking_changes(widened + BATCH.format('create_check_constraint("kind", "kind IN ()")')) == changes
        )

    def test_the_first_migration_would_be_found(self) -> None:
        """The parser finds changes in real migrations too: one that sealed rows anew changed a table."""
        assert any(find_breaking_changes(path.read_text()) for path in (MIGRATIONS / "versions").glob("00*.py"))


def test_migrations_run_as_their_own_role(empty_app: Flask, make_database: Callable[[], str]) -> None:
    """The other database stands for the same one under the role that owns the tables."""
    url = make_database() if server_url() else f"{db.engine.url.render_as_string(hide_password=False)}-owner"
    empty_app.config["SETTINGS"] = replace(empty_app.config["SETTINGS"], migrations_database_url=url)
    flask_migrate.upgrade(directory=str(MIGRATIONS))
    owner = create_engine(url)
    assert "person" in inspect(owner).get_table_names()
    owner.dispose()
    assert inspect(db.engine).get_table_names() == []


def test_migrations_through_pgbouncer_are_refused(empty_app: Flask) -> None:
    empty_app.config["SETTINGS"] = replace(empty_app.config["SETTINGS"], is_pooled=True, migrations_database_url=None)
    with pytest.raises(SystemExit, match="Set MIGRATIONS_DATABASE_URL"):
        flask_migrate.upgrade(directory=str(MIGRATIONS))
    assert inspect(db.engine).get_table_names() == []


def test_a_database_that_a_newer_release_has_migrated_is_left_alone(empty_app: Flask) -> None:
    flask_migrate.upgrade(directory=str(MIGRATIONS), revision="0001_baseline")
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_later'"))
    with pytest.raises(SystemExit, match="9999_later, which is newer than this code"):
        flask_migrate.upgrade(directory=str(MIGRATIONS))


def start_upgrade(url: str, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATABASE_URL": url, "INSTANCE_PATH": str(folder), "FLASK_APP": "wsgi:app"}
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


@needs_postgresql
class TestTwoHosts:
    def test_two_hosts_that_start_at_once_migrate_once(
        self, make_database: Callable[[], str], tmp_path: Path
    ) -> None:
        url = make_database()
        hosts = [start_upgrade(url, tmp_path / name) for name in ("one", "two")]
        results = [(host.communicate(timeout=170)[1], host.returncode) for host in hosts]
        assert [code for _, code in results] == [0, 0], results
        assert sorted(text.count("Running upgrade") for text, _ in results) in ([0, 0], [0, len(REVISIONS)])
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.scalars(text("SELECT version_num FROM alembic_version")).all() == REVISIONS[:1]
        engine.dispose()

    def test_a_host_waits_while_another_migrates(self, make_database: Callable[[], str], tmp_path: Path) -> None:
        url = make_database()
        engine = create_engine(url)
        waiting = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": 0x6D696772})
            host = start_upgrade(url, tmp_path / "one")
            while not connection.scalar(waiting):
                assert host.poll() is None, host.stderr.read()
                time.sleep(0.1)
            assert inspect(connection).get_table_names() == []
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": 0x6D696772})
            connection.commit()
        error = host.communicate(timeout=170)[1]
        assert (host.returncode, "person" in inspect(engine).get_table_names()) == (0, True), error
        engine.dispose()
