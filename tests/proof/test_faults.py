"""Faults around the product: an act is done or not done, never half; people read a message; no check fails afterwards."""

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
from flask import Flask, current_app
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from werkzeug.test import TestResponse

from tests.conftest import server_url
from tests.database_snapshot import release_connections
from tests.factories import PASSWORD
from tests.integrity.tampering import list_violations
from tests.proof.proof_size import choose_size, record_figures
from tests.proof.stages import Act, Stage, fill_form, fill_signing_form, make_post
from tests.proof.test_races import read_sentence
from tests.web.test_routes import count_rows_and_events
from tracker import clock
from tracker.background import outbox
from tracker.background.waiting_emails import get_outbox_path, list_waiting
from tracker.extensions import db
from tracker.models import Evidence
from tracker.storage import file_store

DONE = {200, 201, 303}
TOLD = {409, 422, 503, 507}


@dataclass(frozen=True)
class PreparedAct:
    """A person's act whose page is open already, and the request that does it."""

    browser: FlaskClient
    act: Act


@pytest.fixture
def stage(app: Flask, reach_stage: Callable[[str], Stage]) -> Iterator[Stage]:
    new_stage = reach_stage("met")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield new_stage
    clock.frozen = None


def prepare_signing(stage: Stage) -> PreparedAct:
    bob = stage.browser("Bob")
    return PreparedAct(bob, make_post(f"{stage.path}/sign", fill_signing_form(bob, stage)))


def prepare_upload(stage: Stage) -> PreparedAct:
    chloe, content = stage.browser("Chloe"), os.urandom(64).hex().encode()
    path = f"/evidence/{stage.evidence_ids[0]}/files"

    def send(browser: FlaskClient) -> TestResponse:
        headers = {"Accept": "application/json"}
        return browser.post(path, data={"file": (io.BytesIO(content), "call.txt")}, headers=headers)

    return PreparedAct(chloe, send)


def prepare_voiding(stage: Stage) -> PreparedAct:
    return PreparedAct(stage.browser("Dan"), make_post(f"{stage.path}/void", {"reason": "Entered twice."}))


ACTS: dict[str, Callable[[Stage], PreparedAct]] = {
    "sign": prepare_signing,
    "upload": prepare_upload,
    "void": prepare_voiding,
}


def list_file_names() -> set[str]:
    return {entry.name for entry in file_store.list_files()}


def run_with_fault(stage: Stage, prepared: PreparedAct, fault: Any) -> TestResponse:
    """Do the act under a fault. Check that it is done, or refused with a message and nothing written."""
    before, files_before = count_rows_and_events(), list_file_names()
    with fault:
        answer = stage.run_concurrently((prepared.browser, prepared.act))[0]
    if answer.status_code in DONE:
        return answer
    assert answer.status_code in TOLD, (answer.status_code, answer.text[:1500])
    assert read_sentence(answer).count(".") >= 2, answer.text[:1500]
    assert "Traceback" not in answer.text
    assert count_rows_and_events() == before
    assert not {name for name in list_file_names() - files_before if name.endswith(".tmp")}
    return answer


def run(stage: Stage, act: str, faults: list[Any]) -> tuple[int, int]:
    """Try each fault, then the same act without it. Return how many were refused and how many done."""
    refused = done = 0
    for fault in faults:
        prepared = ACTS[act](stage)
        if run_with_fault(stage, prepared, fault).status_code in DONE:
            done += 1
        else:
            refused += 1
            response = stage.run_concurrently((prepared.browser, prepared.act))[0]
            assert response.status_code in DONE, response.text[:1500]
        assert list_violations() == []
        stage.restore()
    return refused, done


# --- the disk ----------------------------------------------------------------------------------------------


@contextmanager
def refuse_storage_step(number: int, function_name: str, after: int) -> Iterator[None]:
    """Let one function of the operating system fail when a file is stored, from its nth call on."""
    owner: Any = Path if function_name in {"replace", "mkdir"} else os
    real, calls = getattr(owner, function_name), [0]

    def step(*args: Any, **kwargs: Any) -> Any:
        if str(current_app.config["ATTACHMENTS_PATH"]) in str(args[0]) or isinstance(args[0], int):
            calls[0] += 1
            if calls[0] > after:
                raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, function_name, step)
        yield


@pytest.mark.parametrize(("name", "number"), [("full", errno.ENOSPC), ("read-only", errno.EROFS)])
def test_acts_are_complete_or_refused_on_a_full_disk(stage: Stage, name: str, number: int) -> None:
    steps = [("open", 0), ("fsync", 0), ("fsync", 1), ("fsync", 2), ("replace", 0), ("mkdir", 0), ("mkdir", 1)]
    faults = [refuse_storage_step(number, *steps[each % len(steps)]) for each in range(choose_size(7, 20))]
    refused, done = run(stage, "upload", faults)
    assert refused > done
    record_figures(faults=len(faults), refused=refused, done=done, half_done=0)


# --- the database ------------------------------------------------------------------------------------------

GROWING = ("event", "event_text", "signature", "attachment", "idempotency_key", "unit_attempt", "notification")
FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$
"""


@contextmanager
def fill_database(place: int) -> Iterator[None]:
    """Limit the growth of SQLite to a number of pages; on PostgreSQL let one table, or the commit, fail as if the disk were full."""
    if not server_url():
        release_connections()
        with db.engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS filler (bytes BLOB)"))
        with run_on_each_connection(lambda pages: limit_sqlite_file(pages + place % 4)):
            yield
        return
    table, at_commit = GROWING[place % len(GROWING)], place % 3 == 0
    kind = "CONSTRAINT TRIGGER full_disk AFTER" if at_commit else "TRIGGER full_disk BEFORE"
    deferral = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""
    with db.engine.begin() as connection:
        connection.execute(text(FULL))
        connection.execute(
            text(f'CREATE {kind} INSERT OR UPDATE ON "{table}" {deferral} FOR EACH ROW EXECUTE FUNCTION full_disk()')
        )
    try:
        yield
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("DROP FUNCTION full_disk CASCADE"))


def limit_sqlite_file(most_pages: int) -> str:
    """Limit the number of pages of SQLite's file, and let every inserted row need five."""
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
        with run_on_each_connection(lambda _: "SET default_transaction_read_only = on"):
            yield
    else:
        with run_on_each_connection(lambda _: "PRAGMA query_only = ON"):
            yield


@contextmanager
def run_on_each_connection(statement: Callable[[int], str]) -> Iterator[None]:
    """Run a statement on every new connection; the function gets the number of pages of SQLite's file."""

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
def lose_database(place: int) -> Iterator[None]:
    """Let connections end or be refused from the nth statement on."""
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


@pytest.mark.parametrize("fault", [fill_database, read_only_database], ids=lambda fault: str(fault.__name__))
@pytest.mark.parametrize("act", ACTS)
def test_acts_are_complete_or_refused_with_a_database_that_refuses_writes(
    stage: Stage, act: str, fault: Callable[[int], Any]
) -> None:
    faults = [fault(place) for place in range(choose_size(len(GROWING), 20))]
    refused, done = run(stage, act, faults)
    assert refused
    record_figures(faults=len(faults), refused=refused, done=done, half_done=0)


@pytest.mark.skipif("not server_url()", reason="SQLite's file does not go away")
@pytest.mark.parametrize("act", ACTS)
def test_acts_are_complete_or_refused_when_the_database_is_lost(stage: Stage, act: str) -> None:
    places = range(0, 40, 2) if choose_size(0, 1) else (0, 9)
    refused, done = run(stage, act, [lose_database(place) for place in places])
    assert refused
    record_figures(faults=len(places), refused=refused, done=done, half_done=0)


# --- the mail server ---------------------------------------------------------------------------------------


@contextmanager
def mail_server(kind: str) -> Iterator[int]:
    """A port where nothing listens, or a server closes the connection, answers nonsense or never answers."""
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


def test_an_email_that_cannot_be_sent_waits(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Signing succeeds, and the email is sent when the mail server works again."""
    monkeypatch.setattr(outbox, "SMTP_TIMEOUT_SECONDS", 0.3)
    stage.app.config["OUTBOX_PATH"] = tmp_path / "outbox"
    times = choose_size(4, 20)
    for number in range(times):
        with mail_server(KINDS[number % len(KINDS)]) as port:
            stage.app.config["SETTINGS"] = replace(
                stage.app.config["SETTINGS"], mail_host="127.0.0.1", mail_port=port, mail_tls=False
            )
            prepared = prepare_signing(stage)
            assert stage.run_concurrently((prepared.browser, prepared.act))[0].status_code == 303
            outbox.executor.submit(int).result()
        paths = list_waiting()
        assert len(paths) == 1
        os.utime(get_outbox_path() / f"{paths[0].name}.eml", (0, 0))  # it has waited for more than a minute
        assert send_waiting_emails(monkeypatch) == ["chloe@example.org"]
        assert list_waiting() == []
        assert list_violations() == []
        stage.restore()
    record_figures(faults=times, lost=0)


def send_waiting_emails(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Send the waiting emails with a mail server that works. Return their recipients."""
    recipients: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(smtplib.SMTP, "__init__", lambda *_, **__: None)
        patch.setattr(smtplib.SMTP, "__exit__", lambda *_: None)
        patch.setattr(smtplib.SMTP, "send_message", lambda _, message: recipients.append(message["To"]))
        assert outbox.send_waiting_emails() == [True]
    return recipients


# --- the clock ---------------------------------------------------------------------------------------------


def test_acts_are_refused_while_the_clock_is_an_hour_behind(stage: Stage) -> None:
    """Bob signs and the clock goes back: Chloe's confirmation is refused, and accepted later."""
    times = choose_size(2, 20)
    for number in range(times):
        prepared = prepare_signing(stage)
        assert stage.run_concurrently((prepared.browser, prepared.act))[0].status_code == 303
        chloe = stage.browser("Chloe")
        body = fill_form(chloe, f"{stage.path}/confirm", "/confirm", password=PASSWORD)
        confirming = PreparedAct(chloe, make_post(f"{stage.path}/confirm", body))
        back = clock.frozen_at(clock.now() - timedelta(hours=1, minutes=number))
        answer = run_with_fault(stage, confirming, back)
        assert answer.status_code == 503
        assert "clock" in read_sentence(answer)
        assert stage.run_concurrently((chloe, confirming.act))[0].status_code == 303
        assert list_violations() == []
        stage.restore()
    record_figures(faults=times, refused=times, half_done=0)


def test_acts_without_an_event_continue_while_the_clock_is_wrong(stage: Stage) -> None:
    prepared = prepare_signing(stage)
    assert stage.run_concurrently((prepared.browser, prepared.act))[0].status_code == 303
    chloe = stage.browser("Chloe")
    with clock.frozen_at(clock.now() - timedelta(hours=1)):
        assert chloe.get("/").status_code == 200
        assert chloe.get(stage.path).status_code == 200
    item = db.session.scalars(select(Evidence)).first()
    assert item
