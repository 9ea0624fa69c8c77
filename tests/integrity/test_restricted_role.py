"""The statements that restrict the server's role on PostgreSQL, without a server; test_database_role.py runs them."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrity.given_records import build_event, build_snapshot
from tracker.errors import Refused
from tracker.extensions import db
from tracker.integrity import database, database_role
from tracker.integrity.database import find_roles_that_can_change_ledger
from tracker.integrity.database_role import (
    DATABASE_CONFINED,
    FORBIDDEN_ATTRIBUTES,
    INSERT_ONLY_TABLES,
    TABLES_WITH_DELETIONS,
    confine,
    find_own_unsafe_role,
)


class Session:
    """A session of PostgreSQL in which one role exists, without any forbidden attribute."""

    def __init__(self, dialect: str = "postgresql") -> None:
        preparer = SimpleNamespace(quote_identifier=lambda name: f'"{name}"')
        self.bind = SimpleNamespace(dialect=SimpleNamespace(name=dialect, identifier_preparer=preparer))
        self.attributes: dict[str, bool] | None = dict.fromkeys(FORBIDDEN_ATTRIBUTES, False)
        self.unsafe: list[str] = []
        self.statements: list[str] = []

    def get_bind(self) -> Any:
        return self.bind

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        if parameters is None:
            self.statements.append(str(statement))
        return SimpleNamespace(mappings=lambda: SimpleNamespace(first=lambda: self.attributes))

    def scalar(self, statement: Any) -> str:
        return {"SELECT current_schema()": "public", "SELECT current_database()": "records"}.get(
            str(statement), "server"
        )

    def scalars(self, _: Any) -> list[str]:
        return self.unsafe


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """The session, with a key and the events that are recorded."""
    session = Session()
    monkeypatch.setattr(database_role, "db", SimpleNamespace(session=session, metadata=db.metadata))
    monkeypatch.setattr(database_role, "keys", SimpleNamespace(find_current_key=lambda: "a key"))
    monkeypatch.setattr(
        database_role, "record", lambda *facts: session.statements.append(f"EVENT {facts[0]}, {facts[1]}")
    )
    return session


class TestStatements:
    def test_everything_is_revoked_and_what_the_server_needs_is_granted(self, session: Session) -> None:
        confine("server")
        assert session.statements[:7] == [
            'REVOKE ALL ON ALL TABLES IN SCHEMA "public" FROM "server", PUBLIC',
            'REVOKE ALL ON ALL SEQUENCES IN SCHEMA "public" FROM "server", PUBLIC',
            'REVOKE CREATE ON SCHEMA "public" FROM "server", PUBLIC',
            'REVOKE CREATE, TEMPORARY ON DATABASE "records" FROM "server", PUBLIC',
            'GRANT CONNECT ON DATABASE "records" TO "server"',
            'GRANT USAGE ON SCHEMA "public" TO "server"',
            'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "public" TO "server"',
        ]
        assert session.statements[7] == 'GRANT SELECT ON "public"."alembic_version" TO "server"'
        assert session.statements[-1] == f"EVENT {DATABASE_CONFINED}, a key"

    def test_no_row_of_the_ledger_may_be_changed_and_only_expired_rows_deleted(self, session: Session) -> None:
        confine("server")
        privileges = {
            statement.split('"')[3]: statement.removeprefix("GRANT ").partition(" ON ")[0]
            for statement in session.statements[8:-1]
        }
        assert set(privileges) == set(db.metadata.tables)
        for table, granted in privileges.items():
            changes = [] if table in INSERT_ONLY_TABLES else ["UPDATE"]
            deletions = ["DELETE"] if table in TABLES_WITH_DELETIONS else []
            assert granted.split(", ") == ["SELECT", "INSERT", *changes, *deletions], table
        assert privileges["event"] == "SELECT, INSERT"


class TestRefusals:
    def find_refusal(self, session: Session) -> str:
        with pytest.raises(Refused) as refused:
            confine("server")
        assert not any(each.startswith("EVENT") for each in session.statements)
        return str(refused.value)

    def test_sqlite_has_no_roles(self, session: Session) -> None:
        session.bind.dialect.name = "sqlite"
        assert "SQLite has no roles" in self.find_refusal(session)
        assert session.statements == []

    def test_a_key_signs_the_event(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database_role, "keys", SimpleNamespace(find_current_key=lambda: None))
        assert "There is no key yet" in self.find_refusal(session)
        assert session.statements == []

    def test_the_role_exists(self, session: Session) -> None:
        session.attributes = None
        assert "There is no role server" in self.find_refusal(session)

    @pytest.mark.parametrize(("attribute", "sentence"), list(FORBIDDEN_ATTRIBUTES.items()))
    def test_it_has_no_other_rights(self, session: Session, attribute: str, sentence: str) -> None:
        assert session.attributes
        session.attributes[attribute] = True
        assert f"server {sentence}, so it cannot be restricted" in self.find_refusal(session)
        assert session.statements == []

    def test_no_other_role_can_change_the_ledger(self, session: Session) -> None:
        session.unsafe = ["older", "web"]
        assert "older, web could still change the ledger" in self.find_refusal(session)


class TestOwnRole:
    @pytest.mark.usefixtures("session")
    def test_it_is_named_if_it_could_change_the_ledger(self) -> None:
        assert find_own_unsafe_role() == "server"

    def test_sqlite_has_none(self, session: Session) -> None:
        session.bind.dialect.name = "sqlite"
        assert find_own_unsafe_role() is None


@pytest.mark.parametrize(
    ("dialect", "act", "is_named"),
    [
        ("postgresql", DATABASE_CONFINED, True),
        ("postgresql", "key_made", False),
        ("sqlite", DATABASE_CONFINED, False),
    ],
)
def test_once_a_role_was_restricted_others_that_can_change_the_ledger_are_named(
    monkeypatch: pytest.MonkeyPatch, dialect: str, act: str, is_named: bool
) -> None:
    monkeypatch.setattr(database, "db", SimpleNamespace(session=Session(dialect)))
    monkeypatch.setattr(database, "list_unsafe_roles", lambda: ["web"])
    record = build_snapshot(build_event(act, ("signing_key", 1)))
    assert list(find_roles_that_can_change_ledger(record)) == (
        ["the role web can change the ledger"] if is_named else []
    )
