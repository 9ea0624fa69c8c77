"""The server's confined role on PostgreSQL: it adds to the ledger, and the database refuses that it changes it."""

import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, ProgrammingError

import tracker
from tests.conftest import MIGRATIONS, server_url
from tests.inspection import PlainClient
from tests.privacy.test_erasure import A_YEAR, erase, registration, wait
from tests.proof.sample_evidence import submit_sample_evidence
from tracker import clock, create_app
from tracker.accounts.demo_password import DEMO_PASSWORD
from tracker.config import Settings
from tracker.demo.scenario import fill_database
from tracker.extensions import db
from tracker.integrity.database_role import INSERT_ONLY_TABLES, TABLES_WITH_DELETIONS, list_unsafe_roles
from tracker.ledger import keys
from tracker.models import Base, Event

pytestmark = pytest.mark.quick_on_postgresql  # nowhere else is the role tested
on_postgresql = pytest.mark.skipif(server_url() is None, reason="SQLite knows no roles")


@pytest.fixture
def role(app: Flask) -> Iterator[str]:
    """A role that may sign in and has no other privilege."""
    name = f"tracker_server_{uuid.uuid4().hex[:8]}"
    run_as_owner(f"CREATE ROLE {name} LOGIN PASSWORD 'server'")
    yield name
    run_as_owner(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def run_as_owner(*statements: str) -> None:
    db.session.remove()
    with db.engine.begin() as connection:
        for each in statements:
            connection.execute(text(each))


def grants_for_other_schemas(role: str) -> list[str]:
    """Return the grants with which pg_dump reads the schemas that tests add to the database."""
    query = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'"
    return [
        f"GRANT {privilege} {name} TO {role}"
        for name in db.session.scalars(text(query)).all()
        for privilege in ("USAGE ON SCHEMA", "SELECT ON ALL TABLES IN SCHEMA", "SELECT ON ALL SEQUENCES IN SCHEMA")
    ]


def confine(app: Flask, role: str) -> str:
    result = app.test_cli_runner().invoke(args=["confine", role])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def confined_app(demonstration: Flask, role: str, tmp_path: Path) -> Iterator[Flask]:
    """An app on the demonstration's database, which signs in to it as the confined role."""
    confine(demonstration, role)
    url = make_url(demonstration.config["SQLALCHEMY_DATABASE_URI"]).set(username=role, password="server")
    settings = Settings.from_environment(
        {
            "INSTANCE_PATH": str(tmp_path),
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "SECRET_KEY": "test",
            "DEMO": "1",
        }
    )
    server = create_app(settings, TESTING=True, WTF_CSRF_ENABLED=False, CACHE_QUEUE=False)
    server.test_client_class = PlainClient
    with server.app_context():
        yield server
        db.session.remove()
        db.engine.dispose()


def verify(app: Flask) -> str:
    result = app.test_cli_runner().invoke(args=["verify"])
    assert result.exit_code == 0, result.output
    return result.output


@on_postgresql
class TestServing:
    @pytest.mark.slow
    def test_the_demonstration_can_be_filled_under_it(self, app: Flask, role: str, tmp_path: Path) -> None:
        """Everything from the first key to an issued form needs the granted privileges only."""
        with clock.frozen_at(clock.now() - 2 * A_YEAR):
            app.config["KEYS_PATH"] = tmp_path / "keys"
            app.test_cli_runner().invoke(args=["keys", "make"])
            confine(app, role)
        url = make_url(app.config["SQLALCHEMY_DATABASE_URI"]).set(username=role, password="server")
        environment = {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": url.render_as_string(hide_password=False)}
        server = create_app(Settings.from_environment(environment), TESTING=True)
        with server.app_context():
            fill_database()
            assert "checks: all passed" in verify(server)
            db.session.remove()
            db.engine.dispose()

    def test_evidence_can_be_submitted_under_it(self, confined_app: Flask) -> None:
        submit_sample_evidence("As a confined role")
        assert "checks: all passed" in verify(confined_app)

    def test_people_can_sign_in_and_out_under_it(self, confined_app: Flask) -> None:
        browser = confined_app.test_client()
        for password, status in (("wrong", 422), (DEMO_PASSWORD, 303)):
            answer = browser.post("/sign-in", data={"email": "alice@example.org", "password": password})
            assert answer.status_code == status
        assert "Alice" in browser.get("/").text
        assert browser.post("/sign-out").status_code == 303

    @pytest.mark.usefixtures("confined_app")
    def test_a_due_erasure_works_under_it(self) -> None:
        try:
            wait(4 * A_YEAR)
            erase(registration("Chloe"), is_full=True)
            assert db.session.scalar(text("SELECT count(*) FROM person WHERE name = 'Erased'")) == 1
        finally:
            clock.frozen = None

    def test_the_commands_of_a_server_work_under_it(self, confined_app: Flask) -> None:
        for command in (
            ["db", "upgrade", "-d", str(MIGRATIONS)],
            ["standards", "load"],
            ["keys", "make"],
            ["keys", "rotate"],
            ["storage", "check"],
            ["assessments", "release"],
        ):
            result = confined_app.test_cli_runner().invoke(args=command)
            assert result.exit_code == 0, (command, result.output)

    @pytest.mark.slow
    @pytest.mark.skipif(shutil.which("pg_dump") is None, reason="PostgreSQL's client programs are not here")
    def test_backups_can_be_made_under_it(
        self, demonstration: Flask, confined_app: Flask, role: str, tmp_path: Path
    ) -> None:
        with demonstration.app_context():
            run_as_owner(*grants_for_other_schemas(role))
        result = confined_app.test_cli_runner().invoke(args=["backup", str(tmp_path / "backup")])
        assert result.exit_code == 0, result.output


@on_postgresql
@pytest.mark.usefixtures("confined_app")
class TestRefused:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE event SET act = 'unit_verified' WHERE seq = 1",
            "DELETE FROM event WHERE seq = 1",
            "TRUNCATE event CASCADE",
            "ALTER TABLE event DISABLE TRIGGER ALL",
            "ALTER TABLE event ADD COLUMN more integer",
            "ALTER TABLE event OWNER TO CURRENT_USER",
            "DROP TRIGGER event_no_update ON event",
            "CREATE TRIGGER more BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "CREATE RULE more AS ON INSERT TO event DO INSTEAD NOTHING",
            "DROP TABLE event CASCADE",
            "SET session_replication_role = replica",
            "SET ROLE postgres",
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TABLE more (id integer)",
            "CREATE TEMPORARY TABLE erasure (is_open boolean)",
            "SELECT seq FROM event FOR UPDATE",
            "UPDATE event_text SET salt = 'x'",
            "UPDATE signing_key SET public_key = 'x'",
            "DELETE FROM signature",
            "DELETE FROM decision",
            "DELETE FROM person",
            "UPDATE alembic_version SET version_num = '0001'",
            "COPY event FROM PROGRAM 'true'",
        ],
    )
    def test_the_database_refuses_the_statement(self, statement: str) -> None:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be (owner|superuser)"):
            db.session.execute(text(statement))
        db.session.rollback()

    def test_it_cannot_grant_itself_more(self) -> None:
        db.session.execute(text("GRANT ALL ON event TO CURRENT_USER"))  # PostgreSQL warns and grants nothing
        db.session.commit()
        assert list_unsafe_roles() == []

    def test_triggers_still_refuse_changes_of_sealed_rows(self) -> None:
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(text("UPDATE signature SET comment = 'Otherwise'"))
        db.session.rollback()


@on_postgresql
class TestConfining:
    def test_confining_is_recorded_in_the_ledger(self, demonstration: Flask, role: str) -> None:
        confine(demonstration, role)
        last = db.session.scalars(text("SELECT act FROM event ORDER BY seq DESC LIMIT 1")).one()
        assert last == "database_confined"
        assert role.encode() not in b"".join(db.session.scalars(db.select(Event.body)))
        assert "checks: all passed" in verify(demonstration)

    def test_a_role_can_be_confined_again(self, demonstration: Flask, role: str) -> None:
        confine(demonstration, role)
        run_as_owner(f"GRANT DELETE ON claim TO {role}")
        confine(demonstration, role)
        query = text("SELECT has_table_privilege(:role, 'claim', 'DELETE')")
        assert db.session.scalar(query, {"role": role}) is False

    @pytest.mark.parametrize(
        ("statements", "sentence"),
        [
            ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
            ("ALTER ROLE {role} CREATEROLE", "can create roles"),
            ("GRANT pg_write_all_data TO {role}", "is a member of another role"),
            ("CREATE TABLE theirs (id integer); ALTER TABLE theirs OWNER TO {role}", "owns objects in this database"),
        ],
    )
    def test_a_role_that_cannot_be_confined_is_refused(
        self, demonstration: Flask, role: str, statements: str, sentence: str
    ) -> None:
        run_as_owner(*statements.format(role=role).split("; "))
        result = demonstration.test_cli_runner().invoke(args=["confine", role])
        assert result.exit_code == 1
        assert f"{role} {sentence}, so it cannot be restricted. Nothing was changed." in result.output

    def test_an_unknown_role_is_refused(self, demonstration: Flask) -> None:
        result = demonstration.test_cli_runner().invoke(args=["confine", "nobody"])
        assert result.exit_code == 1
        assert "There is no role nobody. Nothing was changed." in result.output

    @pytest.mark.parametrize("grant", ["UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "UPDATE (body)"])
    def test_a_role_that_can_change_the_ledger_afterwards_is_reported(
        self, demonstration: Flask, role: str, grant: str
    ) -> None:
        run_as_owner(f"GRANT {grant} ON event TO {role}")
        assert role in list_unsafe_roles()
        assert "checks: all passed" in verify(demonstration), "no role has been confined yet"
        confine(demonstration, role)
        run_as_owner(f"GRANT {grant} ON event TO {role}")
        result = demonstration.test_cli_runner().invoke(args=["verify"])
        assert result.exit_code == 1
        assert f"the role {role} can change the ledger" in result.output

    def test_verify_warns_where_the_server_runs_as_the_owner(self, demonstration: Flask, confined_app: Flask) -> None:
        assert "could change the ledger. Run the server" not in verify(confined_app)
        with demonstration.app_context():
            assert "could change the ledger. Run the server" in verify(demonstration)


def test_the_role_may_delete_from_every_table_that_the_product_deletes_from() -> None:
    """Find the tables by calls of `delete(Model)`; `session.delete` does not name its model."""
    tables = {each.class_.__name__: each.local_table.name for each in Base.registry.mappers}  # type: ignore[attr-defined]  # every mapped selectable is a table
    deleted = set()
    for path in Path(tracker.__file__).parent.rglob("*.py"):
        deleted |= set(re.findall(r"(?<![.\w])delete\((\w+)\)", path.read_text(encoding="utf-8"))) & set(tables)
    assert len(deleted) > 5
    assert {tables[each] for each in deleted} <= set(TABLES_WITH_DELETIONS)
    assert set(INSERT_ONLY_TABLES) <= set(Base.metadata.tables)


def test_confining_is_refused_on_sqlite(app: Flask) -> None:
    if server_url():
        pytest.skip("of SQLite")
    result = app.test_cli_runner().invoke(args=["confine", "tracker"])
    assert result.exit_code == 1
    assert "SQLite has no roles; this command needs PostgreSQL. Nothing was changed." in result.output


def test_confining_needs_a_signing_key(app: Flask) -> None:
    if not server_url():
        pytest.skip("of PostgreSQL")
    assert keys.find_current_key() is None
    result = app.test_cli_runner().invoke(args=["confine", "nobody"])
    assert result.exit_code == 1
    assert "There is no key yet." in result.output
