"""Databases of every size for `scripts/bench`: made, migrated, filled in bulk, kept for another run, and dropped.

With `--keep` a run leaves its databases where the next one finds them: SQLite in a folder below `build/bench`, PostgreSQL
as a database of the same name, so that size L is loaded once.
"""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build/bench"
SERVER = os.environ.get("TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


@dataclass(frozen=True)
class BenchDatabase:
    """A database of one engine, size and number of centres."""

    engine: str
    size: str
    centres: int

    @property
    def key(self) -> str:
        """What the results and `BENCH_DATABASES` call it, such as `postgresql-L-1`."""
        return f"{self.engine}-{self.size}-{self.centres}"

    @property
    def name(self) -> str:
        """The name of the PostgreSQL database and of the folder of the installation."""
        return f"tracker_bench_{self.key.lower().replace('-', '_')}"

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def url(self) -> str:
        if self.engine == "sqlite":
            return f"sqlite:///{self.folder / 'tracker.sqlite'}"
        return SERVER.rpartition("/")[0] + f"/{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that serves it.

        Queries of PostgreSQL get no parallel workers, so that the time of the backend is the whole time.
        """
        environment = {
            **os.environ,
            "DATABASE_URL": self.url,
            "INSTANCE_PATH": str(self.folder),
            "SECRET_KEY": "bench",
            "FLASK_APP": "wsgi:app",
            "PYTHONPATH": str(ROOT),
            "PGAPPNAME": self.name,
            "PGOPTIONS": "-c max_parallel_workers_per_gather=0",
        }
        environment.pop("DEMO", None)
        return environment


def parse_key(key: str) -> BenchDatabase:
    """Return the database that a key names."""
    engine, size, centres = key.split("-")
    return BenchDatabase(engine, size, int(centres))


def has_postgresql() -> bool:
    """Return whether a PostgreSQL server answers."""
    import psycopg

    try:
        psycopg.connect(SERVER.replace("+psycopg", ""), connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def prepare(database: BenchDatabase) -> dict[str, Any]:
    """Load a database unless it is there, migrate it, and return how long loading and migrating took."""
    note = database.folder / "loaded.json"
    if not (note.exists() and _exists(database)):
        drop(database)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(_load(database)))
    start, before = time.perf_counter(), _read_revision(database)
    _run(database, "-m", "flask", "db", "upgrade")
    loaded: dict[str, Any] = json.loads(note.read_text())
    if _read_revision(database) != before:
        _query(database, "ANALYZE")
        loaded["migrated"] = {"from": before, "seconds": round(time.perf_counter() - start, 1)}
    loaded["megabytes"] = measure_megabytes(database)
    print(f"  {database.key:<18}{loaded['seconds']:>6} s, {loaded['megabytes']:>6} MB", flush=True)
    return loaded


def drop(database: BenchDatabase) -> None:
    """Remove a database and the folder of its installation, if they are there."""
    import shutil

    shutil.rmtree(database.folder, ignore_errors=True)
    if database.engine == "postgresql":
        _run_on_server(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")


def measure_megabytes(database: BenchDatabase) -> int:
    """Return the size of a database in megabytes."""
    if database.engine == "sqlite":
        return round((database.folder / "tracker.sqlite").stat().st_size / 1e6)
    return round(_run_on_server(f"SELECT pg_database_size('{database.name}')")[0][0] / 1e6)


def load_in_this_process(engine: str, size: str, centres: int) -> None:
    """Fill a database in bulk, and print its figures as JSON; run in a process of its own, to measure its memory."""
    sys.path.insert(0, str(ROOT))
    from tests.bulk.loading import load_in_bulk
    from tests.bulk.sizes import SIZES

    database = BenchDatabase(engine, size, centres)
    start = time.perf_counter()
    load_in_bulk(database.url, dataclasses.replace(SIZES[size], centres=centres))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "seconds": round(time.perf_counter() - start),
        "loader_seconds": round(usage.ru_utime + usage.ru_stime),
        "loader_megabytes": usage.ru_maxrss // 1024,
    }
    print(json.dumps(figures))


def _read_commit() -> str:
    command = ["git", "-C", str(ROOT), "log", "-1", "--abbrev=8", "--format=%h"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _load(database: BenchDatabase) -> dict[str, Any]:
    load = os.getloadavg()[0]
    if database.engine == "postgresql":
        _run_on_server(f"CREATE DATABASE {database.name}")
    _run(database, "-m", "flask", "db", "upgrade")
    _run(database, "-m", "flask", "standards", "load")
    figures: dict[str, Any] = json.loads(
        _run(database, __file__, database.engine, database.size, str(database.centres)).splitlines()[-1]
    )
    return {**figures, "at": time.strftime("%Y-%m-%d %H:%M"), "commit": _read_commit(), "load": round(load, 1)}


def _exists(database: BenchDatabase) -> bool:
    if database.engine == "sqlite":
        return (database.folder / "tracker.sqlite").exists()
    return bool(_run_on_server(f"SELECT 1 FROM pg_database WHERE datname = '{database.name}'"))


def _run(database: BenchDatabase, *arguments: str) -> str:
    """Run Python on a database; return what it printed, and stop if it failed."""
    completed = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=database.environment, capture_output=True, text=True, check=False
    )
    if completed.returncode:
        raise SystemExit(f"{database.key}: {' '.join(arguments)}\n{completed.stdout}\n{completed.stderr}")
    return completed.stdout


def _run_on_server(statement: str, url: str = SERVER) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _read_revision(database: BenchDatabase) -> str:
    return str(_query(database, "SELECT version_num FROM alembic_version")[0][0])


def _query(database: BenchDatabase, statement: str) -> list[tuple[Any, ...]]:
    import sqlite3

    if database.engine == "postgresql":
        return _run_on_server(statement, database.url)
    connection = sqlite3.connect(database.folder / "tracker.sqlite")
    rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


if __name__ == "__main__":
    engine, size, centres = sys.argv[1:]
    load_in_this_process(engine, size, int(centres))
