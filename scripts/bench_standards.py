"""Reading documents, importing and searching a large library.

Each row is measured in a process of its own, so that the peak of its memory is its own too: `scripts/bench.py` calls
the first two functions; run with a row's name, this file is such a process and prints JSON.
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
    """Milliseconds for a page of the same invented unit in each kind of document."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("txt", "html", "docx", "pdf"):
            path = f"{folder}/unit.{kind}"
            pages = _row("make", kind, path)["pages"]  # not in the same process: making it needs memory too
            found[f"reading, {kind}"] = _row("reading", path, str(pages))
    print("\nReading a document, per page")
    print(f"  {'':<34}{'ms/page':>8}{'most':>8}{'pages':>7}{'KB':>7}{'criteria':>10}{'peak MB':>9}")
    for name, each in found.items():
        print(
            f"  {name:<34}{each['median']:>8}{each['most']:>8}{each['pages']:>7}{each['kilobytes']:>7}"
            f"{each['criteria']:>10}{each['peak_mb']:>9}"
        )
    return found


def measure_library(name: str, environment: dict[str, str]) -> dict[str, Any]:
    """A thousand units taken in each way, and then looked for; in the database that the environment names."""
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder))
        loaded = _row("load", folder, environment=environment)
    searches = _row("search", environment=environment)
    imported = _row("import", environment=environment)
    found = {f"flask standards load, {UNITS:,} units": loaded, f"import on screen, {UNITS:,} units": imported}
    print(f"\n{name}: the library")
    print(f"  {'':<40}{'seconds':>9}{'units/s':>9}{'longest slice ms':>18}{'peak MB':>9}")
    for row, each in found.items():
        print(
            f"  {row:<40}{each['seconds']:>9}{round(UNITS / each['seconds']):>9}{each.get('slice_ms', ''):>18}"
            f"{each['peak_mb']:>9}"
        )
    peak = searches.pop("peak_mb")
    print(f"  {f'over {UNITS:,} units':<40}{'median':>9}{'most':>9}{'SQL':>6}{'peak MB':>9}")
    for row, each in searches.items():
        print(f"  {row:<40}{each['median']:>9}{each['most']:>9}{each['statements']:>6}{peak:>9}")
    return {**found, **searches, "search peak MB": peak}


def write_folder(folder: Path) -> None:
    import yaml
    from bench_units import invent_unit

    for name in ("units", "guidance"):
        (folder / name).mkdir()
    for number in range(UNITS):
        unit = yaml.dump(invent_unit(number), Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
        (folder / "units" / f"bench{number:04}.yaml").write_text(unit, encoding="utf-8")


def _row(*arguments: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__)), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# --- in the process of a row -----------------------------------------------------------------------------


def read(path: str, pages: str) -> dict[str, Any]:
    from bench import spread

    from tracker.unit_reader.sandboxed_reader import read_document

    name, body = Path(path).name, Path(path).read_bytes()
    reading = read_document(name, body).reading
    taken = []
    for _ in range(7):
        start = time.perf_counter()
        read_document(name, body)
        taken.append((time.perf_counter() - start) * 1000 / int(pages))
    facts = {"pages": int(pages), "kilobytes": round(len(body) / 1024), "criteria": len(reading.document.criteria)}
    return {**spread(taken), **facts}


def make(kind: str, path: str) -> dict[str, Any]:
    """One invented unit as a document; its pages are those of the PDF of the same unit."""
    import bench_units
    import pypdf

    unit = bench_units.invent_unit(1, STATEMENTS // 2, STATEMENTS // 2)
    pdf = bench_units.as_pdf(unit)
    Path(path).write_bytes(pdf if kind == "pdf" else getattr(bench_units, f"as_{kind}")(unit))
    return {"pages": len(pypdf.PdfReader(io.BytesIO(pdf)).pages)}


def load(folder: str) -> dict[str, Any]:
    start = time.perf_counter()
    command = [sys.executable, "-m", "flask", "standards", "load", "--folder", folder]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return {"seconds": round(time.perf_counter() - start, 1)}


def import_on_screen() -> dict[str, Any]:
    """As an administrator does it, without the browser: read, laid beside the library, taken in slice by slice."""
    from bench_units import invent_unit
    from sqlalchemy import select

    from tracker import create_app
    from tracker.extensions import db
    from tracker.ledger import events
    from tracker.ledger.transactions import reading, transaction
    from tracker.library.services import import_job, imports, unit_files
    from tracker.models import Centre, Grant, ImportRun
    from tracker.vocabulary import ImportState, Role

    app, slices = create_app(JOBS_IMMEDIATE=True), []
    body = unit_files.write_documents(
        "yaml", [_document(invent_unit(UNITS + number)) for number in range(UNITS)]
    ).body
    take_slice = import_job.import_slice

    def timed(*arguments: Any) -> bool:
        start = time.perf_counter()
        try:
            return take_slice(*arguments)
        finally:
            slices.append((time.perf_counter() - start) * 1000)

    import_job.import_slice = timed
    with app.app_context():
        centre = db.session.scalars(select(Centre)).first()
        query = select(Grant).where(Grant.role == Role.ADMINISTRATOR, Grant.centre_id == centre.id)
        grant = db.session.scalars(query).first()
        actor = events.Actor(grant.person_id, grant.id)
        start = time.perf_counter()
        with reading():
            found = imports.preview_file("yaml", "bench.yaml", body, centre.id)
        looked = time.perf_counter() - start
        with transaction():
            run = imports.start_preview(found, centre.id, actor)
        with transaction():
            imports.start_import(db.session.get(ImportRun, run.id), [], actor)
        seconds = time.perf_counter() - start
        db.session.rollback()
        ended = db.session.get(ImportRun, run.id, populate_existing=True)
        assert (ended.state, ended.done) == (ImportState.DONE, UNITS), ended.message
    return {
        "seconds": round(seconds, 1),
        "preview_seconds": round(looked, 1),
        "slices": len(slices),
        "slice_ms": round(max(slices)),
    }


def search() -> dict[str, Any]:
    """The page of the library, asked for as a signed-in administrator."""
    from bench import spread
    from flask import g
    from sqlalchemy import event, select

    from tracker import create_app
    from tracker.accounts.sessions import COOKIE_NAME, start_session
    from tracker.extensions import db
    from tracker.ledger.transactions import transaction
    from tracker.models import Grant, Person
    from tracker.vocabulary import Role

    app, found = create_app(), {}
    with app.app_context():
        query = select(Person).join(Grant, Grant.person_id == Person.id).where(Grant.role == Role.ADMINISTRATOR)
        with transaction():
            token = start_session(db.session.scalars(query).first(), "127.0.0.1", "bench", proven=True)
        statements: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))
        for name, words in SEARCHES.items():
            taken = []
            for _ in range(23):
                for key in list(g):
                    g.pop(key)
                browser = app.test_client()
                browser.set_cookie(COOKIE_NAME, token)
                statements.clear()
                start = time.perf_counter()
                answer = browser.get("/units", query_string={"q": words})
                taken.append((time.perf_counter() - start) * 1000)
                assert answer.status_code == 200, answer.status_code
            counted = [each for each in statements if not each.startswith(("BEGIN", "PRAGMA"))]
            found[name] = {**spread(taken[3:]), "statements": len(counted)}
        for key in list(g):
            g.pop(key)
    return found


def _document(unit: dict[str, Any]) -> Any:
    import yaml

    from tracker.units.schema import UnitSchema
    from tracker.units.standards_folder import parse_document

    return parse_document(yaml.dump(unit, Dumper=yaml.CSafeDumper, allow_unicode=True), UnitSchema())


def peak_mb() -> int:
    """The most memory this process, or one that it started and waited for, held at once."""
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return round(
        max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / unit
    )


if __name__ == "__main__":
    row, *rest = sys.argv[1:]
    rows = {"make": make, "reading": read, "load": load, "import": import_on_screen, "search": search}
    print(json.dumps({**rows[row](*rest), "peak_mb": peak_mb()}))
