"""Measurements of pages, forms, the library and the ledger; `scripts/bench` runs this module.

Without arguments it measures everything; `growth`, `cost`, `forms`, `standards` and `record` name the parts. With `--keep`
the databases of `growth` stay for the next run. The figures go to `build/bench.json` and into the tables and plots of
`docs/`; `tables` writes these again from the file.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import bench_cost
import bench_growth
import bench_record
import bench_standards
import bench_tables
from bench_databases import SERVER

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RESULTS = ROOT / "build/bench.json"
SIZE = "S"
PARTS = ("growth", "cost", "forms", "standards", "record")
ON_ONE_DATABASE = {"cost", "standards", "record"}
"""The parts that are measured on a new database of each engine, with the demonstration."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}, or tables alone")
    parser.add_argument("--keep", action="store_true", help="keep the databases of every size for the next run")
    options = parser.parse_args()
    if options.parts != ["tables"]:
        if unknown := set(options.parts) - set(PARTS):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
        measure(set(options.parts) or set(PARTS), keep=options.keep)
    bench_tables.write_tables(json.loads(RESULTS.read_text()))


def measure(parts: set[str], *, keep: bool) -> None:
    """Measure the parts, and write the figures to `build/bench.json` beside those of other parts."""
    run = begin_run()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results.setdefault("runs", {})

    def save(*measured: str) -> None:
        results["runs"].update({part: end_run(run) for part in measured if part in parts})
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2))

    if "growth" in parts:
        results["growth"] = bench_growth.measure_growth(keep=keep)
        save("growth")
    for name, url in create_databases() if parts & ON_ONE_DATABASE else []:
        if url is None:
            print(f"\n{name}: not measured, no server answered.")
            continue
        results.setdefault(name, {}).update(measure_database(name, url, parts))
    save(*ON_ONE_DATABASE)
    if "forms" in parts:
        import bench_forms

        results["forms"] = bench_forms.measure_forms()
    if "standards" in parts:
        results["reading"] = bench_standards.measure_reading()
    save("forms", "standards")
    print(f"\nWritten: {RESULTS}")


def begin_run() -> dict[str, Any]:
    """Return what a reader must know of the run: the last commit of the product, time, machine and other work."""
    product = ("tracker", "templates", "static", "migrations")
    commit = read_git("log", "-1", "--abbrev=8", "--format=%h", "--", *product)
    changes = read_git("status", "--porcelain", *product)
    run = {
        "commit": commit + (" with changes" if changes else ""),
        "command": " ".join(["./scripts/bench", *sys.argv[1:]]),
        "began": time.strftime("%-d %B %Y %H:%M"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": f"{os.getloadavg()[0]:.1f}",
    }
    print(f"Commit {run['commit']}, {run['machine']}, load {run['load']}")
    return run


def read_git(*arguments: str) -> str:
    """Return what a command of git prints about this checkout."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def end_run(run: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the run with the time now, and the load of the last minutes."""
    load = f"{run['load']} at the beginning, {os.getloadavg()[1]:.1f} at the end"
    return run | {"ended": time.strftime("%H:%M"), "load": load}


def create_databases() -> list[tuple[str, str | None]]:
    """Return the databases to measure by name and address: SQLite, and a new PostgreSQL database or None."""
    import psycopg

    databases: list[tuple[str, str | None]] = [("SQLite", "")]
    name = f"tracker_bench_{uuid.uuid4().hex[:8]}"
    try:
        with psycopg.connect(SERVER.replace("+psycopg", ""), autocommit=True, connect_timeout=3) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        databases.append(("PostgreSQL", SERVER.rpartition("/")[0] + f"/{name}"))
    except psycopg.OperationalError:
        databases.append(("PostgreSQL", None))
    return databases


def measure_database(name: str, url: str, parts: set[str]) -> dict[str, Any]:
    """Fill a database and return the measurements of the named parts on it."""
    measurements: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as instance:
        environment = {
            **os.environ,
            "INSTANCE_PATH": instance,
            "DEMO": "1",
            "SECRET_KEY": "bench",
            "FLASK_APP": "wsgi:app",
        }
        environment.pop("DATABASE_URL", None)
        if url:
            environment["DATABASE_URL"] = url
        os.environ.update(environment)
        for command in (["db", "upgrade"], ["standards", "load"], ["demo"]):
            subprocess.run(
                [sys.executable, "-m", "flask", *command], check=True, cwd=ROOT, env=environment, capture_output=True
            )
        if "standards" in parts:
            measurements["library"] = bench_standards.measure_library(name, environment)
        if "record" in parts:
            measurements["record"] = bench_record.measure_record(name, environment)
        if "cost" in parts:  # last: what is loaded in bulk has no seals, which `flask verify` would report
            measurements["cost"] = bench_cost.measure_cost(name, environment, list_pages(enlarge()))
    if url:
        drop_database(url)
    return measurements


def drop_database(url: str) -> None:
    import psycopg

    with psycopg.connect(SERVER.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


def enlarge() -> dict[str, Any]:
    """Load candidates in bulk. Return ids and sessions for the pages."""
    import bench_data

    from tracker import create_app

    app = create_app()
    with app.app_context():
        return bench_data.enlarge(SIZE)


def list_pages(ids: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the name, path and session token of the pages whose cost is measured."""
    attempt, wide, evidence, submitted_id = ids["attempt"], ids["wide_attempt"], ids["evidence"], ids["submitted"]
    candidate, assessor = ids["candidate_token"], ids["assessor_token"]
    return [
        ("unit page, matrix, 24 columns", f"/attempts/{attempt}?view=matrix", candidate),
        ("unit page, matrix, 53 columns", f"/attempts/{wide}?view=matrix", candidate),
        ("evidence page", f"/evidence/{evidence}", candidate),
        ("assessing screen", f"/attempts/{attempt}/evidence/{submitted_id}/assess", assessor),
        ("candidate's home", "/", candidate),
    ]


def summarise_times(times: list[float]) -> dict[str, float]:
    """Return the median, the 95th percentile, the least and the most of the times."""
    ordered = sorted(times)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(len(ordered) * 0.95) - 1], 1),
        "least": round(ordered[0], 1),
        "most": round(ordered[-1], 1),
    }


if __name__ == "__main__":
    main()
