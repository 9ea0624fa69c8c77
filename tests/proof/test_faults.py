"""What fails around the product: an act is done or not done, never half; people read why; afterwards all is clean."""

import errno
import io
import os
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from werkzeug.test import TestResponse

from tests.conftest import server_url
from tests.database_snapshot import release_connections
from tests.factories import PASSWORD
from tests.integrity.tampering import list_violations
from tests.proof.proof_size import choose_size, record_figures
from tests.proof.stages import Act, Stage, fill_form, fill_signing_form, make_post
from tests.proof.test_races import sentence_in
from tests.web.test_routes import count_rows_and_events
from tracker import clock
from tracker.background import outbox
from tracker.extensions import db
from tracker.models import Evidence
from tracker.storage import file_store

DONE = {200, 201, 303}
TOLD = {409, 422, 503, 507}


@dataclass(frozen=True)
class Attempted:
    """Somebody's act with its page open already, and where it is sent."""

    browser: FlaskClient
    act: Act


@pytest.fixture
def stage(app: Flask, tmp_path: Path) -> Iterator[Stage]:
    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    made = Stage(app, "met")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield made
    clock.frozen = None
    made.drop()


def signing(stage: Stage) -> Attempted:
    bob = stage.browser("Bob")
    return Attempted(bob, make_post(f"{stage.path}/sign", fill_signing_form(bob, stage)))


def uploading(stage: Stage) -> Attempted:
    chloe, content = stage.browser("Chloe"), os.urandom(64).hex().encode()
    path = f"/evidence/{stage.evidence_ids[0]}/files"

    def send(browser: FlaskClient) -> TestResponse:
        headers = {"Accept": "application/json"}
        return browser.post(path, data={"file": (io.BytesIO(content), "call.txt")}, headers=headers)

    return Attempted(chloe, send)


def voiding(stage: Stage) -> Attempted:
    return Attempted(stage.browser("Dan"), make_post(f"{stage.path}/void", {"reason": "Entered twice."}))


ACTS: dict[str, Callable[[Stage], Attempted]] = {"sign": signing, "upload": uploading, "void": voiding}


def files() -> set[str]:
    return {path.name for path in file_store.list_files()}


def half_done(stage: Stage, attempted: Attempted, fault: Any) -> TestResponse:
    """The act under a fault: done, or refused in words with nothing written."""
    before, kept = count_rows_and_events(), files()
    with fault:
        answer = stage.run_concurrently((attempted.browser, attempted.act))[0]
    if answer.status_code in DONE:
        return answer
    assert answer.status_code in TOLD, (answer.status_code, answer.text[:1500])
    assert sentence_in(answer).count(".") >= 2, answer.text[:1500]
    assert "Traceback" not in answer.text
    assert count_rows_and_events() == before
    assert not {name for name in files() - kept if name.endswith(".tmp")}
    return answer


def run(stage: Stage, act: str, faults: list[Any]) -> tuple[int, int]:
    """Try each fault, then the same act without it. Return how many were refused and how many done."""
    refused = done = 0
    for fault in faults:
        attempted = ACTS[act](stage)
        if half_done(stage, attempted, fault).status_code in DONE:
            done += 1
        else:
            refused += 1
            again = stage.run_concurrently((attempted.browser, attempted.act))[0]
            assert again.status_code in DONE, again.text[:1500]
        assert list_violations() == []
        stage.restore()
    return refused, done


# --- the disk ----------------------------------------------------------------------------------------------


@contextmanager
def refusing(number: int, what: str, after: int) -> Iterator[None]:
    """The operating system refuses one kind of step of storing a file, from the so-manieth time on."""
    owner: Any = Path if what in {"replace", "mkdir"} else os
    real, calls = getattr(owner, what), [0]

    def step(*given: Any, **named: Any) -> Any:
        if str(file_store._get_folder()) in str(given[0]) or isinstance(given[0], int):
            calls[0] += 1
            if calls[0] > after:
                raise OSError(number, os.strerror(number))
        return real(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, what, step)
        yield


@pytest.mark.parametrize(("name", "number"), [("full", errno.ENOSPC), ("read-only", errno.EROFS)])
def test_a_disk_that_takes_no_file(stage: Stage, name: str, number: int) -> None:
    steps = [("open", 0), ("fsync", 0), ("fsync", 1), ("fsync", 2), ("replace", 0), ("mkdir", 0), ("mkdir", 1)]
    chosen = [refusing(number, *steps[each % len(steps)]) for each in range(choose_size(7, 20))]
    refused, done = run(stage, "upload", chosen)
    assert refused > done
    record_figures(faults=len(chosen), refused=refused, done=done, half_done=0)


# --- the database ------------------------------------------------------------------------------------------

GROWING = ("event", "event_text", "signature", "attachment", "idempotency_key", "unit_attempt", "notification")
FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$
"""


@contextmanager
def full_database(place: int) -> Iterator[None]:
    """SQLite may not grow by more than so many pages; in PostgreSQL one table, or the commit, finds no room."""
    if not server_url():
        release_connections()
        with db.engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS filler (bytes BLOB)"))
        with each_connection(lambda pages: full_file(pages + place % 4)):
            yield
        return
    table, at_commit = GROWING[place % len(GROWING)], place % 3 == 0
    kind = "CONSTRAINT TRIGGER full_disk AFTER" if at_commit else "TRIGGER full_disk BEFORE"
    late = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""
    with db.engine.begin() as connection:
        connection.execute(text(FULL))
        connection.execute(
            text(f'CREATE {kind} INSERT OR UPDATE ON "{table}" {late} FOR EACH ROW EXECUTE FUNCTION full_disk()')
        )
    try:
        yield
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("DROP FUNCTION full_disk CASCADE"))


def full_file(most_pages: int) -> str:
    """SQLite's file may have so many pages, and whatever writes needs more than lie half empty: five for every row."""
    triggers = [
        f"CREATE TEMP TRIGGER full_{act}_{table} AFTER {act} ON main.{table} "
        "BEGIN INSERT INTO filler VALUES (zeroblob(20000)); END"
        for table in GROWING
        for act in ("INSERT", "UPDATE")
    ]
    return ";".join([f"PRAGMA max_page_count = {most_pages}", *triggers])


@contextmanager
def read_only_database(_place: int) -> Iterator[None]:
    if server_url():
        with each_connection(lambda _: "SET default_transaction_read_only = on"):
            yield
    else:
        with each_connection(lambda _: "PRAGMA query_only = ON"):
            yield


@contextmanager
def each_connection(statement: Callable[[int], str]) -> Iterator[None]:
    """Every connection made inside begins with a statement, which is told how many pages SQLite's file has."""

    def begin(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        pages = 0 if server_url() else cursor.execute("PRAGMA page_count").fetchone()[0]
        if server_url():
            cursor.execute(statement(pages))
            connection.commit()
        else:
            cursor.executescript(statement(pages))
        cursor.close()

    db.session.remove()
    db.engine.dispose()
    event.listen(db.engine, "connect", begin)
    try:
        yield
    finally:
        event.remove(db.engine, "connect", begin)
        db.session.remove()
        db.engine.dispose()


@contextmanager
def lost_database(place: int) -> Iterator[None]:
    """Its connections end, or are refused, from the so-manieth statement on."""
    calls = [0]

    def before(_connection: Any, cursor: Any, *_rest: Any) -> None:
        calls[0] += 1
        if calls[0] > place:
            cursor.connection.close()

    db.session.remove()
    db.engine.dispose()
    event.listen(db.engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", before)
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("fault", [full_database, read_only_database], ids=lambda fault: str(fault.__name__))
@pytest.mark.parametrize("act", ACTS)
def test_a_database_that_takes_nothing(stage: Stage, act: str, fault: Callable[[int], Any]) -> None:
    chosen = [fault(place) for place in range(choose_size(len(GROWING), 20))]
    refused, done = run(stage, act, chosen)
    assert refused
    record_figures(faults=len(chosen), refused=refused, done=done, half_done=0)


@pytest.mark.skipif("not server_url()", reason="SQLite's file does not go away")
@pytest.mark.parametrize("act", ACTS)
def test_a_database_that_goes_away(stage: Stage, act: str) -> None:
    places = range(0, 40, 2) if choose_size(0, 1) else (0, 9)
    refused, done = run(stage, act, [lost_database(place) for place in places])
    assert refused
    record_figures(faults=len(places), refused=refused, done=done, half_done=0)


# --- the mail server ---------------------------------------------------------------------------------------


@contextmanager
def mail_server(kind: str) -> Iterator[int]:
    """A port where nobody listens, somebody hangs up, talks nonsense or says nothing."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = int(listening.getsockname()[1])
        if kind == "refuses":
            listening.close()
            yield port
            return

        def answer() -> None:
            while True:
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                with line:
                    if kind == "talks nonsense":
                        line.sendall(b"250 What?\r\n421 Go away\r\n")
                    elif kind == "says nothing":
                        line.settimeout(2)
                        with suppress(OSError):
                            line.recv(1)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield port
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


KINDS = ("refuses", "hangs up", "talks nonsense", "says nothing")


def test_mail_that_cannot_be_sent_waits(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Signing succeeds; the mail goes when there is somebody to take it."""
    monkeypatch.setattr(outbox, "SMTP_TIMEOUT_SECONDS", 0.3)
    stage.app.config["OUTBOX_PATH"] = tmp_path / "outbox"
    times = choose_size(4, 20)
    for number in range(times):
        with mail_server(KINDS[number % len(KINDS)]) as port:
            stage.app.config["SETTINGS"] = replace(
                stage.app.config["SETTINGS"], mail_host="127.0.0.1", mail_port=port, mail_tls=False
            )
            attempted = signing(stage)
            assert stage.run_concurrently((attempted.browser, attempted.act))[0].status_code == 303
            outbox.executor.submit(int).result()
        waiting = outbox.list_outbox_paths()
        assert len(waiting) == 1
        os.utime(waiting[0], (0, 0))  # it has waited for more than a minute
        assert sent_with_a_server_back(monkeypatch) == ["chloe@example.org"]
        assert outbox.list_outbox_paths() == []
        assert list_violations() == []
        stage.restore()
    record_figures(faults=times, lost=0)


def sent_with_a_server_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """To whom what waits is mailed, once there is a server that takes it."""
    sent: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(smtplib.SMTP, "__init__", lambda *_, **__: None)
        patch.setattr(smtplib.SMTP, "__exit__", lambda *_: None)
        patch.setattr(smtplib.SMTP, "send_message", lambda _, message: sent.append(message["To"]))
        assert outbox.send_waiting_emails() == [True]
    return sent


# --- the clock ---------------------------------------------------------------------------------------------


def test_a_clock_that_goes_back_an_hour(stage: Stage) -> None:
    """Bob signs, the clock goes back, Chloe would confirm: she is told, nothing is written, and later she can."""
    times = choose_size(2, 20)
    for number in range(times):
        attempted = signing(stage)
        assert stage.run_concurrently((attempted.browser, attempted.act))[0].status_code == 303
        chloe = stage.browser("Chloe")
        body = fill_form(chloe, f"{stage.path}/confirm", "/confirm", password=PASSWORD)
        confirming = Attempted(chloe, make_post(f"{stage.path}/confirm", body))
        back = clock.frozen_at(clock.now() - timedelta(hours=1, minutes=number))
        answer = half_done(stage, confirming, back)
        assert answer.status_code == 503
        assert "clock" in sentence_in(answer)
        assert stage.run_concurrently((chloe, confirming.act))[0].status_code == 303
        assert list_violations() == []
        stage.restore()
    record_figures(faults=times, refused=times, half_done=0)


def test_what_is_no_entry_of_the_record_goes_on_while_the_clock_is_wrong(stage: Stage) -> None:
    attempted = signing(stage)
    assert stage.run_concurrently((attempted.browser, attempted.act))[0].status_code == 303
    chloe = stage.browser("Chloe")
    with clock.frozen_at(clock.now() - timedelta(hours=1)):
        assert chloe.get("/").status_code == 200
        assert chloe.get(stage.path).status_code == 200
    item = db.session.scalars(select(Evidence)).first()
    assert item
