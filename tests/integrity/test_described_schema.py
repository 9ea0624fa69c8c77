"""The sentences for differences of the schema, as Alembic and SQLAlchemy report them."""

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table, text

from tests.integrity.given_records import build_snapshot
from tracker.integrity import schema
from tracker.integrity.schema import find_schema_faults

TABLES = MetaData()
VISIT = Table(
    "visit", TABLES, Column("id", Integer, primary_key=True), Column("note", Integer),
    CheckConstraint("id > 0", name="ck_visit_id"), CheckConstraint("note > 0"),
)  # fmt: skip
Index("ix_live", VISIT.c.note, sqlite_where=text("note IS NOT NULL"), postgresql_where=text("note IS NOT NULL"))
Index("ix_all", VISIT.c.id)


class Inspector:
    """What a database holds: the table, its checks and its indexes."""

    def __init__(self) -> None:
        self.views: list[str] = []
        self.tables = ["visit"]
        self.checks: list[dict[str, Any]] = [{"name": "ck_visit_id"}]
        where = {"sqlite_where": "note IS NOT NULL", "postgresql_where": '("visit".note IS NOT NULL)'}
        self.indexes: list[dict[str, Any]] = [{"name": "ix_live", "dialect_options": where}, {"name": "ix_all"}]

    def get_view_names(self) -> list[str]:
        return self.views

    def get_table_names(self) -> list[str]:
        return self.tables

    def get_check_constraints(self, table: str) -> list[dict[str, Any]]:
        assert table in self.tables
        return self.checks

    def get_indexes(self, table: str) -> list[dict[str, Any]]:
        assert table in self.tables
        return self.indexes


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Inspector:
    """The database, which is as the code declares."""
    stored = Inspector()
    options: list[Any] = []
    session = SimpleNamespace(
        connection=lambda: "a connection", get_bind=lambda: SimpleNamespace(dialect=SimpleNamespace(name="sqlite"))
    )
    monkeypatch.setattr(schema, "db", SimpleNamespace(session=session, metadata=TABLES))
    monkeypatch.setattr(schema, "inspect", lambda _: stored)
    monkeypatch.setattr(schema, "compare_metadata", lambda *_: [])

    def configure(connection: Any, opts: Any) -> None:
        options.append((connection, opts))

    monkeypatch.setattr(schema, "MigrationContext", SimpleNamespace(configure=configure))
    return stored


def list_faults() -> list[str]:
    return list(find_schema_faults(build_snapshot()))


class TestDifferences:
    @pytest.mark.parametrize(
        ("difference", "faults"),
        [
            (("add_table", SimpleNamespace(name="visit")), ["the table visit is missing"]),
            (("remove_table", SimpleNamespace(name="shadow")), ["the table shadow was added"]),
            (("remove_table", SimpleNamespace(name="alembic_version")), []),
            (("remove_index", SimpleNamespace(name="alembic_version")), ["the index alembic_version was added"]),
            (("add_column", None, "visit", VISIT.c.note), ["the column visit.note is missing"]),
            (("remove_column", None, "visit", VISIT.c.note), ["the column visit.note was added"]),
            (("remove_index", SimpleNamespace(name="ix_more")), ["the index ix_more was added"]),
            (("add_unique_constraint", SimpleNamespace(name="uq_a")), ["the unique constraint uq_a is missing"]),
            (
                [("modify_type", None, "visit", "note", {}), ("modify_nullable", None, "visit", "id", {})],
                [
                    "the column visit.note is not as the code declares it (type)",
                    "the column visit.id is not as the code declares it (nullable)",
                ],
            ),
        ],
    )
    def test_each_is_described(
        self, stored: Inspector, monkeypatch: pytest.MonkeyPatch, difference: Any, faults: list[str]
    ) -> None:
        assert stored
        monkeypatch.setattr(schema, "compare_metadata", lambda *_: [difference])
        assert list_faults() == faults

    def test_types_are_compared_and_no_warning_is_shown(
        self, stored: Inspector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert stored
        options: list[dict[str, Any]] = []

        def configure(_: Any, opts: dict[str, Any]) -> None:
            options.append(opts)
            warnings.warn("autogenerate skipping expression-based index", stacklevel=1)

        monkeypatch.setattr(schema, "MigrationContext", SimpleNamespace(configure=configure))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert list_faults() == []
        assert options == [{"compare_type": True}]


class TestChecksAndConditions:
    def test_what_is_as_declared_is_not_named(self, stored: Inspector) -> None:
        assert stored
        assert list_faults() == []

    def test_an_added_view_is_named(self, stored: Inspector) -> None:
        stored.views = ["live"]
        assert list_faults() == ["the view live was added"]

    def test_of_a_missing_table_nothing_more_is_asked(self, stored: Inspector) -> None:
        stored.tables = []
        assert list_faults() == []

    def test_checks_are_compared_by_name(self, stored: Inspector) -> None:
        stored.checks = [{"name": "ck_other"}]
        assert list_faults() == ["the check ck_visit_id of visit is missing", "the check ck_other of visit was added"]

    @pytest.mark.parametrize("name", ["sqlite", "postgresql"])
    def test_an_index_of_other_rows_is_named(
        self, stored: Inspector, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        dialect = SimpleNamespace(dialect=SimpleNamespace(name=name))
        session = SimpleNamespace(connection=lambda: "a connection", get_bind=lambda: dialect)
        monkeypatch.setattr(schema, "db", SimpleNamespace(session=session, metadata=TABLES))
        fault = ["the index ix_live covers other rows than the code declares"]
        for where in ("note IS NULL", None):
            stored.indexes[0]["dialect_options"] = {f"{name}_where": where}
            assert list_faults() == fault
        stored.indexes[0]["dialect_options"] = {f"{name}_where": '(("note" IS NOT  NULL)::boolean)'}
        assert list_faults() == []
        stored.indexes[1]["dialect_options"] = {f"{name}_where": "id > 4"}
        assert list_faults() == ["the index ix_all covers other rows than the code declares"]

    def test_an_index_that_is_missing_is_named_by_another_comparison(self, stored: Inspector) -> None:
        stored.indexes = []
        assert list_faults() == []
