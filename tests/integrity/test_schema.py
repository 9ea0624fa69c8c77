"""The schema is compared with the models: what was dropped, added or loosened in the database is named."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from tests.integrity.tampering import tampering_transaction
from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.schema import find_schema_faults

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def tampering(app: Flask) -> Iterator[None]:
    with tampering_transaction():
        yield


def list_faults() -> list[str]:
    return list(find_schema_faults(LedgerSnapshot()))


def test_the_migrated_schema_has_no_fault() -> None:
    assert list_faults() == []


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["DROP INDEX uq_signature_live"], "the index uq_signature_live is missing"),
        (["CREATE TABLE shadow (id INTEGER PRIMARY KEY)"], "the table shadow was added"),
        (["DROP TABLE criterion_link"], "the table criterion_link is missing"),
        (["ALTER TABLE evidence DROP COLUMN occasion"], "the column evidence.occasion is missing"),
        (["CREATE VIEW live AS SELECT 1 AS one"], "the view live was added"),
        (["ALTER TABLE visit ADD COLUMN note TEXT"], "the column visit.note was added"),
        (["CREATE INDEX ix_more ON person (name)"], "the index ix_more was added"),
        (
            [
                "DROP INDEX uq_signature_live",
                "CREATE UNIQUE INDEX uq_signature_live ON signature (attempt_id, round, role) WHERE id < 0",
            ],
            "the index uq_signature_live covers other rows than the code declares",
        ),
        (
            [
                "DROP INDEX uq_signature_live",
                "CREATE INDEX uq_signature_live ON signature (attempt_id, round, role) WHERE superseded_at IS NULL",
            ],
            "the index uq_signature_live is missing",
        ),
    ],
)
def test_a_change_is_named(statements: list[str], fault: str) -> None:
    for statement in statements:
        db.session.execute(text(statement))
    assert fault in list_faults()


def test_a_dropped_check_is_named() -> None:
    if db.session.get_bind().dialect.name == "sqlite":
        db.session.execute(text("PRAGMA writable_schema = ON"))
        db.session.execute(
            text(
                "UPDATE sqlite_master SET sql = replace(sql, 'CONSTRAINT ck_decision_one_origin CHECK', "
                "'CONSTRAINT ck_decision_other CHECK') WHERE name = 'decision'"
            )
        )
    else:
        db.session.execute(text("ALTER TABLE decision DROP CONSTRAINT ck_decision_one_origin"))
    assert "the check ck_decision_one_origin of decision is missing" in list_faults()


@pytest.mark.parametrize(
    ("declared", "weaker", "statement", "fault"),
    [
        (
            r"name VARCHAR\(200\) NOT NULL",
            "name VARCHAR(200)",
            "ALTER TABLE centre ALTER COLUMN name DROP NOT NULL",
            "the column centre.name is not as the code declares it (nullable)",
        ),
        (
            r"name VARCHAR\(200\) NOT NULL",
            "name INTEGER NOT NULL",
            "ALTER TABLE centre ALTER COLUMN name TYPE INTEGER USING 1",
            "the column centre.name is not as the code declares it (type)",
        ),
    ],
)
def test_a_changed_column_is_named(declared: str, weaker: str, statement: str, fault: str) -> None:
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text(statement))
    else:
        rewrite_table("centre", declared, weaker)
    assert fault in list_faults()


def test_a_dropped_unique_constraint_is_named() -> None:
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("ALTER TABLE unit_code DROP CONSTRAINT uq_unit_code_unit_id_scheme_value"))
    else:
        rewrite_table("unit_code", r",\s*CONSTRAINT uq_unit_code_unit_id_scheme_value UNIQUE \([^)]*\)", "")
    assert "the constraint uq_unit_code_unit_id_scheme_value is missing" in list_faults()


def rewrite_table(name: str, pattern: str, replacement: str) -> None:
    """Make a table of SQLite again, with another declaration and without its rows."""
    (declaration,) = db.session.scalars(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": name})
    changed, count = re.subn(pattern, replacement, declaration)
    assert count == 1, declaration
    db.session.execute(text("PRAGMA legacy_alter_table = ON"))  # other tables refer to the new one
    db.session.execute(text(f"ALTER TABLE {name} RENAME TO former"))
    db.session.execute(text("PRAGMA legacy_alter_table = OFF"))
    db.session.execute(text(changed))
    db.session.execute(text("DROP TABLE former"))
