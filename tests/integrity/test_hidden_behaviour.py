"""What makes statements read or write something else than the tables hold is named, on both databases."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from tests.integrity.tampering import tampering_transaction
from tracker.extensions import db
from tracker.integrity.hidden_behaviour import find_hidden_behaviour
from tracker.integrity.ledger_snapshot import LedgerSnapshot

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("demonstration")]
SET_FOR_DATABASE = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {}', current_database()); END $$"
POSTGRESQL = [
    (
        ["ALTER TABLE decision ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON decision USING (id <> 1)"],
        "the table decision hides rows by a policy",
    ),
    (
        ["CREATE SCHEMA hidden", "CREATE TABLE hidden.more () INHERITS (signature)"],
        "the table signature has rows of another table, which inherits it",
    ),
    (
        ["ALTER TABLE portfolio_access SET UNLOGGED"],
        "the table portfolio_access is lost when the database server stops: it is UNLOGGED",
    ),
    (
        ["CREATE MATERIALIZED VIEW earlier AS SELECT * FROM decision"],
        "earlier was added: a materialized view, foreign table or partitioned table",
    ),
    (
        ["ALTER TABLE action_point_criterion DISABLE TRIGGER ALL"],
        "the foreign keys of action_point_criterion are not enforced",
    ),
    (
        ["CREATE AGGREGATE max(timestamptz) (SFUNC = timestamptz_smaller, STYPE = timestamptz)"],
        "the function max was added",
    ),
    (
        ["ALTER FUNCTION refuse_change() SET search_path = hidden"],
        "the function refuse_change of a trigger has settings of its own",
    ),
    (
        ["CREATE OPERATOR = (LEFTARG = integer, RIGHTARG = bigint, FUNCTION = int48ne)"],
        "the operator = was added",
    ),
    (
        ["CREATE CAST (text AS integer) WITH INOUT AS IMPLICIT"],
        "a cast from text was added",
    ),
    (
        [SET_FOR_DATABASE.format("session_replication_role = replica")],
        "a setting of the database or of a role changes what statements do: session_replication_role=replica",
    ),
    (
        ["SET LOCAL search_path = public, pg_catalog"],
        "names are looked up in public before those of the database itself",
    ),
    (
        ["ALTER TABLE signature ALTER COLUMN comment SET DEFAULT 'Well done'"],
        "the column signature.comment has a default that the code does not declare",
    ),
    (
        [
            "ALTER TABLE sample DROP COLUMN comment",
            "ALTER TABLE sample ADD COLUMN comment text GENERATED ALWAYS AS ('x') STORED NOT NULL",
        ],
        "the column sample.comment is computed, not stored",
    ),
    (
        [
            "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            "ALTER TABLE issued_form ALTER COLUMN number TYPE varchar(32) COLLATE any_case",
        ],
        "the column issued_form.number compares text in another way than the code declares",
    ),
    (
        ["ALTER TABLE sample_item DROP CONSTRAINT pk_sample_item CASCADE"],
        "the primary key of sample_item is not the one that the code declares",
    ),
]  # fmt: skip
FORM = "has 1 values in another form than the product writes"
SQLITE = [
    (["UPDATE visit SET ends_at = '2026-W52-1 10:00:00.000000' WHERE id = 1"], f"visit.ends_at {FORM}"),
    (["UPDATE visit SET ends_at = '2026-12-01T10:00:00.000000' WHERE id = 1"], f"visit.ends_at {FORM}"),
    (["UPDATE signature SET date_sampled = '20261201' WHERE role = 'internal_verifier'"], f"signature.date_sampled {FORM}"),
    (["UPDATE sample_item SET agrees = 2 WHERE id = 1"], f"sample_item.agrees {FORM}"),
    (["UPDATE decision SET comment = CAST('Well' AS BLOB) WHERE id = 1"], f"decision.comment {FORM}"),
    (["UPDATE unit_attempt SET round = 'one' WHERE id = 1"], f"unit_attempt.round {FORM}"),
    (["UPDATE event SET body = CAST(body AS TEXT) WHERE seq = 1"], f"event.body {FORM}"),
    (
        [
            "DROP TABLE installation",
            "CREATE TABLE installation (id INTEGER NOT NULL, is_demo BOOLEAN DEFAULT 1 NOT NULL)",
        ],
        "the primary key of installation is not the one that the code declares",
    ),
    (
        [
            "DROP TABLE installation",
            "CREATE TABLE installation (id INTEGER PRIMARY KEY, is_demo BOOLEAN AS (1) STORED)",
        ],
        "the column installation.is_demo is computed, not stored",
    ),
    (
        [
            "DROP TABLE installation",
            "CREATE TABLE installation (id INTEGER PRIMARY KEY, is_demo BOOLEAN COLLATE NOCASE)",
        ],
        "a column of installation compares text in another way than the code declares",
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def tampering(demonstration: Flask) -> Iterator[None]:
    with tampering_transaction():
        yield


def check_is_named(statements: list[str], fault: str) -> None:
    assert list(find_hidden_behaviour(LedgerSnapshot())) == []
    for statement in statements:
        db.session.execute(text(statement))
    assert fault in list(find_hidden_behaviour(LedgerSnapshot()))


@pytest.mark.parametrize(("statements", "fault"), POSTGRESQL)
def test_a_change_of_postgresql_is_named(statements: list[str], fault: str) -> None:
    if db.session.get_bind().dialect.name != "postgresql":
        pytest.skip("SQLite has none of these")
    check_is_named(statements, fault)


@pytest.mark.parametrize(("statements", "fault"), SQLITE)
def test_a_change_of_sqlite_is_named(statements: list[str], fault: str) -> None:
    if db.session.get_bind().dialect.name != "sqlite":
        pytest.skip("PostgreSQL compares the types of values itself")
    check_is_named(statements, fault)


def test_an_earlier_migration_is_named() -> None:
    """The next upgrade would run the later migrations again, which change rows."""
    assert list(find_hidden_behaviour(LedgerSnapshot())) == []
    db.session.execute(text("UPDATE alembic_version SET version_num = '0012_earlier'"))
    assert any("migration is not" in fault for fault in find_hidden_behaviour(LedgerSnapshot()))
