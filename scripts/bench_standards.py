"""Measurements of reading documents and of loading, importing and searching a large library.

Each row of the tables is measured in a process of its own, to measure its peak memory. `scripts/bench.py` calls the
first two functions. Run with a row's name, this file is such a process and prints JSON.
"""

import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
UNITS, STATEMENTS = 1000, 400
SEARCHES = {
    "search by code": "bench0500",
    "search by title": "plan van’s route",
    "search by words in criteria": "handover sheet ask twice",
    "search that finds nothing": "zeppelin",
}


def measure_reading() -> dict[str, Any]:
    """Return the milliseconds per page of reading the same invented unit in each document format."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("txt", "html", "docx", "pdf"):
            path = f"{folder}/unit.{kind}"
            # Made in another process, because that needs memory too.
            pages = _measure_row("make", kind, path)["pages"]
            results[f"reading, {kind}"] = _measure_row("reading", path, str(pages))
    print("\nReading a document, per page")
    print(f"  {'':<34}{'ms/page':>8}{'most':>8}{'pages':>7}{'KB':>7}{'criteria':>10}{'peak MB':>9}")
    for name, each in results.items():
        print(
            f"  {name:<34}{each['median']:>8}{each['most']:>8}{each['pages']:>7}{each['kilobytes']:>7}"
            f"{each['criteria']:>10}{each['peak_mb']:>9}"
        )
    return results


def measure_library(name: str, environment: dict[str, str]) -> dict[str, Any]:
    """Return the times of loading, importing and searching 1,000 units in the database that the environment names."""
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder))
        loaded = _measure_row("load", folder, environment=environment)
    searches = _measure_row("search", environment=environment)
    imported = _measure_row("import", environment=environment)
    results = {f"flask standards load, {UNITS:,} units": loaded, f"import on screen, {UNITS:,} units": imported}
    print(f"\n{name}: the library")
    print(f"  {'':<40}{'seconds':>9}{'units/s':>9}{'longest slice ms':>18}{'peak MB':>9}")
    for row, each in results.items():
        print(
            f"  {row:<40}{each['seconds']:>9}{round(UNITS / each['seconds']):>9}{each.get('slice_ms', ''):>18}"
            f"{each['peak_mb']:>9}"
        )
    peak = searches.pop("peak_mb")
    print(f"  {f'over {UNITS:,} units':<40}{'median':>9}{'most':>9}{'SQL':>6}{'peak MB':>9}")
    for row, each in searches.items():
        print(f"  {row:<40}{each['median']:>9}{each['most']:>9}{each['statements']:>6}{peak:>9}")
    return {**results, **searches, "search peak MB": peak}


def write_folder(folder: Path) -> None:
    """Write a standards folder with 1,000 invented units."""
    import yaml
    from bench_units import invent_unit

    for name in ("units", "guidance"):
        (folder / name).mkdir()
    for number in range(UNITS):
        unit = yaml.dump(invent_unit(number), Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
        (folder / "units" / f"bench{number:04}.yaml").write_text(unit, encoding="utf-8")


def _measure_row(*arguments: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__)), *arguments]
    completed = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    results: dict[str, Any] = json.loads(completed.stdout.splitlines()[-1])
    return results


# --- in the process of a row -----------------------------------------------------------------------------


def time_reading(path: str, pages: str) -> dict[str, Any]:
    """Return the milliseconds per page of reading a document."""
    from bench import summarise_times

    from tracker.unit_reader.sandboxed_reader import read_document

    name, body = Path(path).name, Path(path).read_bytes()
    reading = read_document(name, body).reading
    times = []
    for _ in range(7):
        start = time.perf_counter()
        read_document(name, body)
        times.append((time.perf_counter() - start) * 1000 / int(pages))
    measurement = {
        "pages": int(pages),
        "kilobytes": round(len(body) / 1024),
        "criteria": len(reading.document.criteria),
    }
    return {**summarise_times(times), **measurement}


def make(kind: str, path: str) -> dict[str, Any]:
    """Write an invented unit as a document, and return its number of pages: that of a PDF of the same unit."""
    import bench_units
    import pypdf

    unit = bench_units.invent_unit(1, STATEMENTS // 2, STATEMENTS // 2)
    pdf = bench_units.as_pdf(unit)
    Path(path).write_bytes(pdf if kind == "pdf" else getattr(bench_units, f"as_{kind}")(unit))
    return {"pages": len(pypdf.PdfReader(io.BytesIO(pdf)).pages)}


def load(folder: str) -> dict[str, Any]:
    """Return the seconds that `flask standards load` takes."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "flask", "standards", "load", "--folder", folder]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return {"seconds": round(time.perf_counter() - start, 1)}


def import_on_screen() -> dict[str, Any]:
    """Preview and import a file of 1,000 units as an administrator does, without the browser."""
    from bench_units import invent_unit
    from sqlalchemy import select

    from tracker import create_app
    from tracker.extensions import db
    from tracker.job_runs import running
    from tracker.ledger import events
    from tracker.ledger.transactions import reading, transaction
    from tracker.library.services import imports, unit_files
    from tracker.models import Centre, Grant, ImportRun
    from tracker.vocabulary import ImportState, Role

    app, slices = create_app(JOBS_IMMEDIATE=True), []
    body = unit_files.write_documents(
        "yaml", [_document(invent_unit(UNITS + number)) for number in range(UNITS)]
    ).body
    store_step = running.store_step

    def time_slice(*arguments: Any) -> None:
        start = time.perf_counter()
        try:
            store_step(*arguments)
        finally:
            slices.append((time.perf_counter() - start) * 1000)

    running.store_step = time_slice  # type: ignore[assignment]  # replaced to measure it
    with app.app_context():
        centre = db.session.scalars(select(Centre)).first()
        query = select(Grant).where(Grant.role == Role.ADMINISTRATOR, Grant.centre_id == centre.id)
        grant = db.session.scalars(query).first()
        actor = events.Actor(grant.person_id, grant.id)
        start = time.perf_counter()
        with reading():
            preview = imports.preview_file("yaml", "bench.yaml", body, centre.id)
        preview_seconds = time.perf_counter() - start
        with transaction():
            run = imports.start_preview(preview, centre.id, actor)
        with transaction():
            imports.start_import(db.session.get(ImportRun, run.id), [], actor)
        seconds = time.perf_counter() - start
        db.session.rollback()
        finished_run = db.session.get(ImportRun, run.id, populate_existing=True)
        assert (finished_run.state, finished_run.done) == (ImportState.DONE, UNITS), finished_run.message
    return {
        "seconds": round(seconds, 1),
        "preview_seconds": round(preview_seconds, 1),
        "slices": len(slices),
        "slice_ms": round(max(slices)),
    }


def search() -> dict[str, Any]:
    """Return the times of searches on the library page, requested as a signed-in administrator."""
    from bench import summarise_times
    from flask import g
    from sqlalchemy import event, select

    from tracker import create_app
    from tracker.accounts.sessions import COOKIE_NAME, start_session
    from tracker.extensions import db
    from tracker.ledger.transactions import transaction
    from tracker.models import Grant, Person
    from tracker.vocabulary import Role

    app, results = create_app(), {}
    with app.app_context():
        query = select(Person).join(Grant, Grant.person_id == Person.id).where(Grant.role == Role.ADMINISTRATOR)
        with transaction():
            token = start_session(db.session.scalars(query).first(), "127.0.0.1", "bench", proven=True)
        statements: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))
        for name, words in SEARCHES.items():
            times = []
            for _ in range(23):
                for key in list(g):
                    g.pop(key)
                client = app.test_client()
                client.set_cookie(COOKIE_NAME, token)
                statements.clear()
                start = time.perf_counter()
                response = client.get("/units", query_string={"q": words})
                times.append((time.perf_counter() - start) * 1000)
                assert response.status_code == 200, response.status_code
            measured_statements = [each for each in statements if not each.startswith(("BEGIN", "PRAGMA"))]
            results[name] = {**summarise_times(times[3:]), "statements": len(measured_statements)}
        for key in list(g):
            g.pop(key)
    return results


def _document(unit: dict[str, Any]) -> Any:
    import yaml

    from tracker.units.schema import UnitSchema
    from tracker.units.standards_folder import parse_document

    return parse_document(yaml.dump(unit, Dumper=yaml.CSafeDumper, allow_unicode=True), UnitSchema())


def get_peak_mb() -> int:
    """Return the peak memory of this process or of one that it started, in megabytes."""
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return round(
        max(resource.getrusage(target).ru_maxrss for target in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        / unit
    )


if __name__ == "__main__":
    row, *rest = sys.argv[1:]
    rows = {"make": make, "reading": time_reading, "load": load, "import": import_on_screen, "search": search}
    print(json.dumps({**rows[row](*rest), "peak_mb": get_peak_mb()}))
