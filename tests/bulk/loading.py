"""A made-up installation of any size, loaded in bulk: PostgreSQL by COPY, SQLite by inserts in one transaction.

The same seed and the same database before give the same rows. What is loaded has the shape of real rows, and the
chain of events holds. It is not what `flask verify` passes: no event seals a row, the hashes of versions are those of
nothing, and attached files and issued forms have no bytes in storage. A load adds to what is there, so that a test can
ask for the same page before and after others have come.
"""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from tests.bulk.ledger import Ledger
from tests.bulk.people import CANDIDATES_PER_INVITATION, LoadedCentre, add_centre, add_member
from tests.bulk.portfolios import BulkUnit, PortfolioMaker
from tests.bulk.rows import COLUMNS, Rows
from tests.bulk.signing import Signer
from tests.bulk.sizes import Size
from tracker.ledger.events import GENESIS
from tracker.portfolio.storage_counters import recount
from tracker.registrations.derived_rows import DERIVED, derive_again

PERIOD = timedelta(days=730)
"""Over which the candidates have registered."""
WEEK = timedelta(days=7)
BATCH = 250
"""Candidates whose rows are in memory at once."""
WITHOUT_ID = frozenset({"event", "portfolio_access", "version_attachment", "visit_attempt"})
FIRST_UNIT = "CFACC15"
"""Every candidate attempts it, with 24 criteria; the second unit is one of the others in turn."""


class Target(Protocol):
    """A database in the middle of one transaction that skips foreign keys, and triggers on PostgreSQL."""

    def select(self, query: str) -> list[tuple[Any, ...]]: ...
    def insert(self, table: str, rows: Iterable[tuple[object, ...]]) -> None: ...
    def finish(self) -> None: ...


class SqliteTarget:
    def __init__(self, url: URL) -> None:
        self.connection = sqlite3.connect(url.database or "", isolation_level=None)
        for pragma in ("foreign_keys = OFF", "synchronous = OFF", "cache_size = -200000"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute("BEGIN IMMEDIATE")

    def select(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def insert(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        columns = COLUMNS[table]
        names, places = ", ".join(columns), ", ".join("?" * len(columns))
        self.connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows)

    def finish(self) -> None:
        self.connection.execute("COMMIT")
        self.connection.execute("ANALYZE")
        self.connection.close()


class PostgresTarget:
    def __init__(self, url: URL) -> None:
        import psycopg

        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.connection = psycopg.connect(plain)
        self.connection.execute("SET LOCAL session_replication_role = replica")
        self.connection.execute("SET LOCAL TimeZone = 'UTC'")

    def select(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def insert(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        statement = f'COPY "{table}" ({", ".join(COLUMNS[table])}) FROM STDIN'
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def finish(self) -> None:
        for table in COLUMNS.keys() - WITHOUT_ID:
            self.connection.execute(
                f"SELECT setval(pg_get_serial_sequence('\"{table}\"', 'id'), (SELECT coalesce(max(id), 1) FROM \"{table}\"))"
            )
        self.connection.commit()
        self.connection.autocommit = True
        self.connection.execute("VACUUM ANALYZE")
        self.connection.close()


def load_in_bulk(
    url: str, size: Size, *, seed: int = 1, centre_id: int | None = None, now: datetime | None = None
) -> list[LoadedCentre]:
    """Load candidates into a migrated database with the standards, at new centres or at one that is there.

    Args:
        url: the address of the database.
        size: how much to load.
        seed: chooses paces, outcomes and ends.
        centre_id: the centre to which the candidates and further staff come; None for new centres.
        now: the present moment in UTC, without a zone.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    address = make_url(url)
    target: Target = SqliteTarget(address) if address.get_backend_name() == "sqlite" else PostgresTarget(address)
    rows, random = Rows(_read_next_ids(target)), Random(seed)  # noqa: S311 - a seeded mix, no secret
    last = target.select("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")
    ledger = Ledger(*last[0]) if last else Ledger(0, GENESIS)
    share = -(-size.candidates // size.centres)
    centres = [
        add_centre(rows, ledger, share, now - PERIOD - timedelta(days=1), centre_id) for _ in range(size.centres)
    ]
    maker, signer = PortfolioMaker(rows, ledger, _read_units(target), size, now), Signer(rows, ledger, random, now)
    for index in range(size.candidates):
        centre = centres[index % size.centres]
        started = now - PERIOD + PERIOD * index / size.candidates
        candidate, _, attempts = maker.add_candidate(centre, index // size.centres, started, random)
        centre.candidates.append(candidate)
        for attempt in attempts:
            if attempt.is_finished:
                signer.end_attempt(centre, candidate, attempt)
        if index % BATCH == BATCH - 1:
            _write(target, rows, ledger, started)
    for centre in centres:
        signer.add_visits(centre)
        for _ in range(-(-share // CANDIDATES_PER_INVITATION)):
            add_member(rows, ledger, centre.id, "candidate", centre.administrator, now - WEEK, invited=True)
    _write(target, rows, ledger, now + timedelta(days=1))
    target.finish()
    _derive(url)
    return centres


def _derive(url: str) -> None:
    """Fill what triggers count and derive, which the transaction skipped on PostgreSQL."""
    engine = create_engine(url)
    with engine.begin() as connection:
        recount(connection)
        for table in DERIVED:
            derive_again(connection, table)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in DERIVED:
                connection.execute(text(f"VACUUM ANALYZE {table.name}"))
    engine.dispose()


def _write(target: Target, rows: Rows, ledger: Ledger, before: datetime) -> None:
    for table, waiting in rows.by_table.items():
        if waiting:
            target.insert(table, waiting)
    target.insert("event", ledger.write(before))
    rows.clear()


def _read_next_ids(target: Target) -> dict[str, int]:
    tables = COLUMNS.keys() - WITHOUT_ID
    return {table: target.select(f'SELECT coalesce(max(id), 0) + 1 FROM "{table}"')[0][0] for table in tables}


def _read_units(target: Target) -> list[BulkUnit]:
    """Read the installation's units, `FIRST_UNIT` first."""
    units = [
        BulkUnit(
            key, code, version, revision, content_hash,
            target.select(f"SELECT id, position, label FROM criterion WHERE unit_id = {key} AND assessable ORDER BY position"),
            [row[0] for row in target.select(f"SELECT id FROM evidence_requirement WHERE unit_id = {key} ORDER BY position")],
        )
        for key, code, version, revision, content_hash in target.select(
            "SELECT id, code, version, revision, content_hash FROM unit WHERE owner_centre_id IS NULL ORDER BY id"
        )
    ]  # fmt: skip
    return sorted(units, key=lambda unit: unit.code != FIRST_UNIT)
