"""What the checks of the database find in one of a few tables, which has other columns, values or triggers."""

import hashlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from tests.integrity.given_records import build_snapshot
from tracker.integrity import database, hidden_behaviour
from tracker.integrity.database import find_database_faults
from tracker.integrity.hidden_behaviour import find_hidden_behaviour, find_other_migration
from tracker.ledger.canonical_json import canonical_json
from tracker.models.base import UtcDateTime

TABLES = MetaData()
Table(
    "person", TABLES, Column("id", Integer, primary_key=True), Column("name", Text), Column("at", UtcDateTime()),
    Column("day", Date), Column("is_open", Boolean), Column("photo", LargeBinary), Column("number", Integer),
    Column("kind", Text, server_default="app"),
)  # fmt: skip
Table(
    "grant", TABLES, Column("id", Integer, primary_key=True), Column("person_id", ForeignKey("person.id")),
    Column("other_id", Integer),
)  # fmt: skip
PERSON = (
    "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, at DATETIME, day DATE, is_open BOOLEAN, photo BLOB, "
    "number INTEGER, kind TEXT DEFAULT 'app')"
)
GRANT = 'CREATE TABLE "grant" (id INTEGER PRIMARY KEY, person_id INTEGER, other_id INTEGER)'
TRIGGERS = {
    act: f"CREATE TRIGGER person_no_{act} BEFORE {act} ON person BEGIN SELECT RAISE(ABORT, 'no'); END"
    for act in ("update", "delete")
}


def open_session(*statements: str) -> Session:
    """Return a session of a database in memory, after these statements."""
    session = Session(create_engine("sqlite://"))
    for statement in statements:
        session.execute(text(statement))
    return session


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Session]]:
    """`connect(statements…)` makes the checks read a database in memory, whose migration is the newest."""
    opened: list[Session] = []

    def run(*statements: str) -> Session:
        session = open_session(*statements)
        opened.append(session)
        for module in (database, hidden_behaviour):
            monkeypatch.setattr(module, "db", SimpleNamespace(session=session, metadata=TABLES))
        return session

    monkeypatch.setattr(hidden_behaviour, "find_other_migration", lambda: iter(()))
    database._build_orphan_query.cache_clear()
    yield run
    database._build_orphan_query.cache_clear()
    for session in opened:
        session.close()
        session.get_bind().dispose()  # type: ignore[union-attr]


Connect = Callable[..., Session]


class TestColumns:
    def find_faults(self, connect: Connect, *statements: str) -> list[str]:
        connect(*statements)
        return list(find_hidden_behaviour(build_snapshot()))

    def test_a_database_as_the_code_declares_has_no_fault(self, connect: Connect) -> None:
        assert self.find_faults(connect, PERSON, GRANT) == []

    def test_a_missing_table_is_named_by_another_check(self, connect: Connect) -> None:
        assert self.find_faults(connect, PERSON) == []

    def test_another_primary_key_is_named(self, connect: Connect) -> None:
        for key in ("PRIMARY KEY (id, number)", "PRIMARY KEY (number)"):
            columns = (
                "id INTEGER, name TEXT, at DATETIME, day DATE, is_open BOOLEAN, photo BLOB, number INTEGER, kind TEXT"
            )
            assert self.find_faults(connect, f"CREATE TABLE person ({columns}, {key})") == [
                "the primary key of person is not the one that the code declares"
            ]

    @pytest.mark.parametrize(
        ("before", "after", "fault"),
        [
            (
                "name TEXT",
                "name TEXT DEFAULT 'x'",
                "the column person.name has a default that the code does not declare",
            ),
            ("name TEXT", "name TEXT AS ('x')", "the column person.name is computed, not stored"),
            (
                "TEXT,",
                "TEXT COLLATE NOCASE,",
                "a column of person compares text in another way than the code declares",
            ),
        ],
    )
    def test_a_column_that_shows_something_else_is_named(
        self, connect: Connect, before: str, after: str, fault: str
    ) -> None:
        assert self.find_faults(connect, PERSON.replace(before, after)) == [fault]

    def test_a_default_of_a_key_of_a_declared_one_and_of_an_added_column_is_not_named_here(
        self, connect: Connect
    ) -> None:
        added = PERSON.replace("number INTEGER", "number INTEGER, more TEXT DEFAULT 'x'")
        assert self.find_faults(connect, added) == []
        assert self.find_faults(connect, PERSON.replace("PRIMARY KEY", "DEFAULT 7 PRIMARY KEY")) == []

    def test_a_collation_that_the_database_tells_is_named(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Inspector:
            def get_table_names(self) -> list[str]:
                return ["grant"]

            def get_pk_constraint(self, _: str) -> dict[str, list[str]]:
                return {"constrained_columns": ["id"]}

            def get_columns(self, _: str) -> list[dict[str, Any]]:
                kinds = {"id": Integer(), "person_id": Text(collation="C"), "other_id": Text()}
                return [{"name": name, "type": kind, "default": None} for name, kind in kinds.items()]

        connect(GRANT)
        monkeypatch.setattr(hidden_behaviour, "inspect", lambda _: Inspector())
        assert list(find_hidden_behaviour(build_snapshot())) == [
            "the column grant.person_id compares text in another way than the code declares"
        ]

    def test_postgresql_is_asked_what_sqlite_does_not_have(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = connect(PERSON.replace("TEXT,", "TEXT COLLATE NOCASE,"), "INSERT INTO person (number) VALUES ('x')")
        asked: list[str] = []

        def list_names(statement: Any) -> list[str]:
            asked.append(str(statement))
            return ["person"] if "relrowsecurity" in str(statement) else []

        session_of_postgresql = SimpleNamespace(
            connection=session.connection, scalars=list_names, execute=session.execute, scalar=session.scalar,
            get_bind=lambda: SimpleNamespace(dialect=postgresql.dialect()),
        )  # fmt: skip
        monkeypatch.setattr(hidden_behaviour, "db", SimpleNamespace(session=session_of_postgresql, metadata=TABLES))
        assert list(find_hidden_behaviour(build_snapshot())) == ["the table person hides rows by a policy"]
        assert len(asked) == len(hidden_behaviour.POSTGRESQL)


class TestForms:
    """SQLite stores any value in any column."""

    def find_faults(self, connect: Connect, column: str, *values: str) -> list[str]:
        connect(PERSON, *(f"INSERT INTO person ({column}) VALUES ({value})" for value in values))
        return list(find_hidden_behaviour(build_snapshot()))

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            ("name", ("'Alice'", "''", "NULL")),
            ("at", ("'2026-11-23 12:00:00.000000'", "NULL")),
            ("day", ("'2026-11-23'", "NULL")),
            ("is_open", ("0", "1", "NULL")),
            ("photo", ("X'00'", "NULL")),
            ("number", ("0", "7", "-7", "NULL")),
        ],
    )
    def test_values_as_the_product_writes_them_have_no_fault(
        self, connect: Connect, column: str, values: tuple[str, ...]
    ) -> None:
        assert self.find_faults(connect, column, *values) == []

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("name", "X'00'"),
            ("at", "'2026-W48-1'"),
            ("at", "'2026-11-23 12:00:00'"),
            ("at", "7"),
            ("day", "'2026-11-23 12:00:00.000000'"),
            ("day", "'today'"),
            ("is_open", "2"),
            ("is_open", "-1"),
            ("is_open", "'yes'"),
            ("photo", "'text'"),
            ("photo", "7"),
            ("number", "'x'"),
            ("number", "1.5"),
            ("number", "X'00'"),
        ],
    )
    def test_others_are_counted(self, connect: Connect, column: str, value: str) -> None:
        assert self.find_faults(connect, column, value, value, "NULL") == [
            f"person.{column} has 2 values in another form than the product writes"
        ]


class TestMigrations:
    def test_another_migration_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heads = SimpleNamespace(get_heads=lambda: ("0028",))
        monkeypatch.setattr(hidden_behaviour, "ScriptDirectory", lambda _: heads)
        for stored, faults in (
            ({"0028"}, []),
            ({"0027"}, ["the database's migration is not 0028"]),
            ({"0027", "0028"}, ["the database's migration is not 0028"]),
            (set(), ["the database's migration is not 0028"]),
        ):
            monkeypatch.setattr(hidden_behaviour, "read_migrations", lambda stored=stored: stored)
            assert list(find_other_migration()) == faults


def hash_triggers(*definitions: list[str]) -> str:
    return hashlib.sha256(canonical_json(sorted(definitions))).hexdigest()


CHANGED = "a trigger is not as the migrations made it, or one was added"


class TestTriggers:
    @pytest.fixture(autouse=True)
    def declared(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The table and its triggers, as the code declares them."""
        definitions = [[f"person_no_{act}", "person", sql] for act, sql in TRIGGERS.items()]
        of_postgresql = [[f"person_no_{act}", "definition"] for act in ("update", "delete", "truncate")]
        hashes = {"sqlite": hash_triggers(*definitions), "postgresql": hash_triggers(*of_postgresql)}
        monkeypatch.setattr(database, "APPEND_ONLY", ("person",))
        monkeypatch.setattr(database, "TRIGGERS", hashes)

    def find_faults(self, connect: Connect, *statements: str) -> list[str]:
        connect(PERSON, GRANT, *statements)
        return list(find_database_faults(build_snapshot()))

    def test_unchanged_ones_have_no_fault(self, connect: Connect) -> None:
        assert self.find_faults(connect, *TRIGGERS.values()) == []

    def test_a_missing_one_is_named(self, connect: Connect) -> None:
        assert self.find_faults(connect, TRIGGERS["update"]) == [
            "the trigger that refuses to delete person is missing",
            CHANGED,
        ]

    def test_a_changed_one_and_an_added_one_are_named(self, connect: Connect) -> None:
        other = TRIGGERS["delete"].replace("'no'", "'maybe'")
        assert self.find_faults(connect, TRIGGERS["update"], other) == [CHANGED]
        added = TRIGGERS["update"].replace("person_no_update", "person_hides_update")
        assert self.find_faults(connect, *TRIGGERS.values(), added) == [CHANGED]

    def test_rows_that_lead_nowhere_are_named(self, connect: Connect) -> None:
        rows = (
            "INSERT INTO person (id) VALUES (1)",
            'INSERT INTO "grant" (person_id, other_id) VALUES (1, 9), (NULL, 9)',
        )
        assert self.find_faults(connect, *TRIGGERS.values(), *rows) == []
        lost = 'INSERT INTO "grant" (person_id) VALUES (8), (7), (1)'
        assert self.find_faults(connect, *TRIGGERS.values(), *rows, lost) == [
            "a row of grant names person 7, which is not there"
        ]

    @pytest.mark.parametrize(("line", "faults"), [("ok", []), ("page 3", ["the database file is damaged: page 3"])])
    def test_a_damaged_file_is_named(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, line: str, faults: list[str]
    ) -> None:
        session = connect(PERSON, GRANT, *TRIGGERS.values())

        def execute(statement: Any, *others: Any) -> Any:
            return [(line,)] if "integrity_check" in str(statement) else session.execute(statement, *others)

        fake = SimpleNamespace(execute=execute, get_bind=session.get_bind, scalars=session.scalars)
        monkeypatch.setattr(database, "db", SimpleNamespace(session=fake, metadata=TABLES))
        assert list(find_database_faults(build_snapshot())) == faults

    def test_postgresql_refuses_to_truncate_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stored = ["update", "delete", "truncate"]

        def list_names(statement: Any) -> list[str]:
            query = str(statement)
            if "FROM pg_trigger" in query:
                return [f"person_no_{act}" for act in stored]
            return ["ix_person"] if "pg_index" in query else []

        def execute(statement: Any) -> list[tuple[str, ...]]:
            return [(f"person_no_{act}", "definition") for act in stored] if "pg_trigger" in str(statement) else []

        dialect = SimpleNamespace(dialect=SimpleNamespace(name="postgresql"))
        session = SimpleNamespace(scalars=list_names, execute=execute, get_bind=lambda: dialect)
        monkeypatch.setattr(database, "db", SimpleNamespace(session=session, metadata=TABLES))
        invalid = "the index ix_person is not valid"
        assert list(find_database_faults(build_snapshot())) == [invalid]
        stored.remove("truncate")
        assert list(find_database_faults(build_snapshot())) == [
            invalid, "the trigger that refuses to truncate person is missing", CHANGED,
        ]  # fmt: skip
