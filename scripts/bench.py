"""Measurements of pages, forms, the library and the ledger; `scripts/bench` runs this module.

Candidates are loaded in bulk beside the demonstration, which is served with one worker. Each page is requested many times after a warm-up, and its
SQL statements and bytes are counted.

Without arguments it measures everything; `pages`, `cost`, `forms`, `standards` and `record` name the parts.
"""

import gzip
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bench_cost
import bench_record
import bench_standards

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SERVER = os.environ.get("TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
SIZE = "S"
REQUESTS, WARM_UP_REQUESTS = 60, 8
PARTS = ("pages", "cost", "forms", "standards", "record")


def main() -> None:
    parts = set(sys.argv[1:]) or set(PARTS)
    if parts - set(PARTS):
        raise SystemExit(f"Unknown: {', '.join(sorted(parts - set(PARTS)))}. The parts are {', '.join(PARTS)}.")
    results: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    }
    print(f"Size {SIZE}; one worker, warm, {REQUESTS} requests each.")
    print(results["machine"])
    for name, url in create_databases() if parts != {"forms"} else []:
        if url is None:
            print(f"\n{name}: not measured, no server answered.")
            continue
        results[name] = measure_database(name, url, parts)
    if "forms" in parts:
        import bench_forms

        results["forms"] = bench_forms.measure_forms()
    if "standards" in parts:
        results["reading"] = bench_standards.measure_reading()
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(results, indent=2))
    print(f"\nWritten: {folder / 'bench.json'}")


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
        # What is loaded in bulk comes last: it has no seals, which `flask verify` would report.
        ids = enlarge() if parts & {"pages", "cost"} else {}
        if "cost" in parts:
            measurements["cost"] = bench_cost.measure_cost(name, environment, list_pages(ids))
        if "pages" in parts:
            counts = count_statements(ids)
            with serve(environment) as port:
                times = {page: time_page(port, path, token) for page, path, token in list_pages(ids)}
                times["tick saved"] = time_tick(port, ids)
            pages = {page: {**times[page], **counts.get(page, {})} for page in times}
            print_table(name, pages)
            measurements |= pages
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
    """Return the name, path and session token of each page that is measured."""
    attempt, wide, evidence, submitted_id = ids["attempt"], ids["wide_attempt"], ids["evidence"], ids["submitted"]
    candidate, assessor = ids["candidate_token"], ids["assessor_token"]
    return [
        ("unit page, matrix, 24 columns", f"/attempts/{attempt}?view=matrix", candidate),
        ("unit page, matrix, 53 columns", f"/attempts/{wide}?view=matrix", candidate),
        ("unit page, list", f"/attempts/{attempt}", candidate),
        ("evidence page", f"/evidence/{evidence}", candidate),
        ("assessing screen", f"/attempts/{attempt}/evidence/{submitted_id}/assess", assessor),
        ("index of evidence", "/evidence", candidate),
        ("queue", "/queue", assessor),
        ("candidate's home", "/", candidate),
    ]


def count_statements(ids: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return by page the number of its SQL statements and its size in kilobytes, as it is and compressed."""
    from flask import g
    from sqlalchemy import event

    from tracker import create_app
    from tracker.accounts.sessions import COOKIE_NAME
    from tracker.extensions import db

    app = create_app()
    measurements = {}
    with app.app_context():
        statements: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))
        for page, path, token in list_pages(ids):
            client = app.test_client()
            client.set_cookie(COOKIE_NAME, token)
            client.get("/sign-in")  # so that work done once per process is not counted
            for name in list(g):
                g.pop(name)  # all requests share one application context, so remove the signed-in person
            statements.clear()
            response = client.get(path)
            for name in list(g):
                g.pop(name)
            if response.status_code != 200:
                raise SystemExit(f"{path} answered {response.status_code}")
            body = response.data
            measured_statements = [each for each in statements if not each.startswith(("BEGIN", "PRAGMA"))]
            measurements[page] = {
                "statements": len(measured_statements),
                "kilobytes": round(len(body) / 1024, 1),
                "gzipped": round(len(gzip.compress(body, 6)) / 1024, 1),
            }
    return measurements


@contextmanager
def serve(environment: dict[str, str]) -> Any:
    """Serve the app with one gunicorn worker and yield its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "/dev/null",
        "--workers",
        "1",
        "--threads",
        "4",
        "--worker-class",
        "tracker.web.gunicorn_worker.BufferingWorker",
        "--bind",
        f"127.0.0.1:{port}",
        "wsgi:app",
    ]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=5).read()
                break
            except OSError:
                time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def time_request(
    port: int, path: str, token: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> float:
    """Return the milliseconds from sending a request to the last byte of the response."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=body, headers={"Cookie": f"tracker_session={token}", **(headers or {})}
    )
    start = time.perf_counter()
    with urllib.request.urlopen(request, timeout=30) as response:
        response.read()
    return (time.perf_counter() - start) * 1000


def time_page(port: int, path: str, token: str) -> dict[str, float]:
    """Return the times of a page in milliseconds, after requests that warm it up."""
    for _ in range(WARM_UP_REQUESTS):
        time_request(port, path, token)
    return summarise_times([time_request(port, path, token) for _ in range(REQUESTS)])


def time_tick(port: int, ids: dict[str, Any]) -> dict[str, float]:
    """Return the times of ticking and unticking one cell, in milliseconds."""
    import http.cookiejar
    import re

    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.addheaders = [("Cookie", f"tracker_session={ids['candidate_token']}")]
    page = opener.open(f"http://127.0.0.1:{port}/attempts/{ids['attempt']}?view=matrix").read().decode()
    token = re.search(r'name="csrf-token" content="([^"]+)"', page)
    cookies = "; ".join(f"{each.name}={each.value}" for each in jar)
    headers = {
        "X-CSRFToken": token[1] if token else "",
        "Accept": "application/json",
        "Cookie": f"tracker_session={ids['candidate_token']}; {cookies}",
    }
    times = []
    for number in range(REQUESTS):
        body = urllib.parse.urlencode(
            {"evidence": ids["draft"], "criterion": ids["criterion"], "on": number % 2}
        ).encode()
        times.append(time_request(port, f"/attempts/{ids['attempt']}/tick", ids["candidate_token"], body, headers))
    return summarise_times(times)


def summarise_times(times: list[float]) -> dict[str, float]:
    """Return the median, the 95th percentile, the least and the most of the times."""
    ordered = sorted(times)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(len(ordered) * 0.95) - 1], 1),
        "least": round(ordered[0], 1),
        "most": round(ordered[-1], 1),
    }


def print_table(title: str, measurements: dict[str, dict[str, Any]]) -> None:
    """Print the measurements of pages or forms as a table."""
    print(f"\n{title}")
    print(f"  {'':<34}{'median':>8}{'p95':>8}{'most':>8}{'SQL':>6}{'KB':>8}{'gz KB':>8}")
    for page, each in measurements.items():
        print(
            f"  {page:<34}{each['median']:>8}{each['p95']:>8}{each['most']:>8}{each.get('statements', ''):>6}"
            f"{each.get('kilobytes', ''):>8}{each.get('gzipped', ''):>8}"
        )


if __name__ == "__main__":
    main()
