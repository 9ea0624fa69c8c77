"""Schema of a freshly migrated database, on SQLite and on PostgreSQL."""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from baseline_app import running_app
from sqlalchemy import text

from tracker.extensions import db

SERVER = os.environ.get("TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
CONSTRAINT = re.compile(r"(CONSTRAINT|PRIMARY|UNIQUE|FOREIGN|CHECK)\b")
CLAUSE = re.compile(r" (?=(?:WHEN|BEGIN|AND|END)\b)")
IN_PUBLIC = "WHERE n.nspname = 'public'"
POSTGRESQL = {
    "columns": """
        SELECT table_name || '.' || column_name || ' ' || udt_name
            || COALESCE('(' || character_maximum_length || ')', '')
            || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END || COALESCE(' DEFAULT ' || column_default, '')
            || CASE is_identity WHEN 'YES' THEN ' IDENTITY ' || identity_generation ELSE '' END
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": f"""
        SELECT c.conrelid::regclass || ' ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
        FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace {IN_PUBLIC} AND c.contype NOT IN ('n', 't')""",
    "indexes": "SELECT tablename || ' ' || indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": f"""
        SELECT t.tgrelid::regclass || ' ' || pg_get_triggerdef(t.oid) FROM pg_trigger t
        JOIN pg_class r ON r.oid = t.tgrelid JOIN pg_namespace n ON n.oid = r.relnamespace
        {IN_PUBLIC} AND NOT t.tgisinternal""",
    "functions": f"""
        SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace {IN_PUBLIC}""",
}
"""Queries of one text column each, sorted here: the server's order depends on its collation."""


def describe_schemas() -> dict[str, str]:
    """Return schema.txt, and schema-postgresql.txt where a server answers."""
    files = {"schema.txt": describe_sqlite()}
    with temporary_database() as url:
        if url:
            files["schema-postgresql.txt"] = describe_postgresql(url)
        else:
            print("No PostgreSQL server answered; schema-postgresql.txt was left as it is.")
    return files


def describe_sqlite() -> str:
    query = text("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    with running_app() as app, app.app_context():
        rows = [tuple(row) for row in db.session.execute(query)]
    objects = [f"{kind} {name} on {table}\n{split_statement(sql)}\n" for kind, name, table, sql in sorted(rows)]
    return "\n".join(objects)


def split_statement(sql: str) -> str:
    """Return a statement with single spaces and a line for each clause, column and constraint, constraints sorted."""
    statement = " ".join(sql.split())
    if not statement.startswith("CREATE TABLE"):
        return "\n".join(f"  {line}" for line in CLAUSE.split(statement))
    start, _, rest = statement.partition("(")
    inside, _, end = rest.rpartition(")")
    parts = split_at_commas(inside)
    columns = [part for part in parts if not CONSTRAINT.match(part)]
    constraints = sorted(part for part in parts if CONSTRAINT.match(part))
    return "\n".join(f"  {line}" for line in (f"{start}(", *columns, *constraints, f"){end}"))


def split_at_commas(inside: str) -> list[str]:
    """Split at the commas that stand in no parentheses and no quotation marks."""
    parts, depth, quoted = [""], 0, False
    for letter in inside:
        quoted ^= letter == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def describe_postgresql(url: str) -> str:
    sections = []
    with running_app(url) as app, app.app_context():
        for name, query in POSTGRESQL.items():
            rows = sorted(str(each) for each in db.session.scalars(text(query)))
            sections += [f"--- {name}", *rows, ""]
    return "\n".join(sections)


@contextmanager
def temporary_database() -> Iterator[str | None]:
    """Yield the address of a new PostgreSQL database, dropped afterwards; None where no server answers."""
    try:
        server = psycopg.connect(SERVER.replace("+psycopg", ""), autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        yield None
        return
    name = f"tracker_baseline_{uuid.uuid4().hex[:8]}"
    with server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{SERVER.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
