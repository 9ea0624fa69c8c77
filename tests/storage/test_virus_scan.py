"""Virus scanning with a fake clamd, and every way in which the scanner may fail."""

import io
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tests.portfolio.test_upload_file import upload as send
from tracker.extensions import db
from tracker.models import Evidence, ImportRun, UnitDraft
from tracker.storage.virus_scan import scan

pytestmark = pytest.mark.one_database

BAD = b"X5O! a virus"
AWAY = "could not be checked for viruses just now and was not added"
Reply = Callable[[socket.socket, bytes], object]


def answer_as_clamd(connection: socket.socket, content: bytes) -> None:
    connection.sendall(b"stream: Test.Signature FOUND\0" if BAD in content else b"stream: OK\0")


class FakeClamd:
    """A server that reads INSTREAM as clamd does, keeps the content, and replies as `answer` does."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.answer: Reply = answer_as_clamd
        self.reads = True
        self.scanned: list[bytes] = []
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while not self.enough.is_set():
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection:
                try:
                    if self.reads:
                        self.scanned.append(self.receive(connection))
                    self.answer(connection, self.scanned[-1] if self.scanned else b"")
                except OSError:
                    continue

    @staticmethod
    def receive(connection: socket.socket) -> bytes:
        with connection.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            content = b""
            while length := struct.unpack("!L", stream.read(4))[0]:
                assert length <= 1024 * 1024
                content += stream.read(length)
        return content

    def stop(self) -> None:
        self.enough.set()
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(5)


@pytest.fixture
def clamd(app: Flask) -> Iterator[FakeClamd]:
    listening = socket.create_server(("127.0.0.1", 0))
    fake = FakeClamd(listening)
    configure(app, f"127.0.0.1:{listening.getsockname()[1]}")
    yield fake
    fake.stop()


def configure(app: Flask, address: str) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], clamav=address)
    app.config["SCAN_SECONDS"] = 0.5


def list_stored_files(store: Path) -> list[Path]:
    return [path for path in store.rglob("*") if path.is_file()]


def test_a_clean_file_is_added(alice: FlaskClient, complaint: Evidence, clamd: FakeClamd) -> None:
    assert send(alice, complaint, b"Notes of the call.", "n.txt").status_code == 201
    assert clamd.scanned == [b"Notes of the call."]


def test_a_large_file_arrives_whole(alice: FlaskClient, complaint: Evidence, clamd: FakeClamd) -> None:
    content = b"a line of notes\n" * 30_000
    assert send(alice, complaint, content, "n.txt").status_code == 201
    assert clamd.scanned == [content]


def test_a_file_with_a_virus_is_refused_and_not_stored(
    alice: FlaskClient, complaint: Evidence, clamd: FakeClamd, store: Path
) -> None:
    answer = send(alice, complaint, BAD, "call.txt")
    assert answer.status_code == 422
    assert (
        "“call.txt” was not added: the virus scanner found something in it (Test.Signature)."
        in answer.json["message"]
    )
    assert complaint.attachments == []
    assert list_stored_files(store) == []


def test_the_form_without_javascript_refuses_it_too(
    alice: FlaskClient, complaint: Evidence, clamd: FakeClamd
) -> None:
    body = {"title": "Typed", "version": complaint.version, "act": "draft", "files": (io.BytesIO(BAD), "call.txt")}
    page = alice.post(f"/evidence/{complaint.id}/edit", data=body, follow_redirects=True)
    assert "the virus scanner found something in it" in page.text
    assert complaint.title == "Typed"
    assert complaint.attachments == []


def answer_nothing(connection: socket.socket, _content: bytes) -> None:
    connection.settimeout(5)
    connection.recv(1)


def trickles(connection: socket.socket, _content: bytes) -> None:
    """Send one byte at a time and never end the reply."""
    pause = threading.Event()
    for letter in b"stream: OK" * 3:
        connection.sendall(bytes([letter]))
        pause.wait(0.05)


@pytest.mark.parametrize(
    "answer",
    [
        lambda connection, _: connection.sendall(b"PONG\0"),
        lambda connection, _: connection.sendall(b"INSTREAM size limit exceeded. ERROR\0"),
        lambda connection, _: connection.sendall(b"stream: Can't allocate memory ERROR\0"),
        lambda connection, _: connection.sendall(b"\xff\xfe\x00"),
        lambda connection, _: connection.sendall(b"stream: OK"),
        lambda connection, _: connection.sendall(b"not stream: OK\0"),
        lambda connection, _: connection.sendall(b"x" * 100_000),
        lambda *_: None,
        answer_nothing,
        trickles,
    ],
    ids=["another answer", "too large", "an error", "no text", "cut off", "other words", "endless", "hung up", "stalls", "trickles"],
)  # fmt: skip
def test_a_file_is_refused_without_a_clear_reply(
    alice: FlaskClient, complaint: Evidence, clamd: FakeClamd, store: Path, answer: Reply
) -> None:
    clamd.answer = answer
    response = send(alice, complaint, b"Notes.", "n.txt")
    assert response.status_code == 422
    assert AWAY in response.text
    assert complaint.attachments == []
    assert list_stored_files(store) == []


def test_a_scanner_that_does_not_read_is_not_waited_for(app: Flask, clamd: FakeClamd) -> None:
    clamd.reads, clamd.answer = False, lambda *_: clamd.enough.wait(5)
    with pytest.raises(TimeoutError):
        scan(io.BytesIO(b"a line of notes\n" * 2_000_000), app.config["SETTINGS"].clamav, 0.5)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "/nowhere/clamd.ctl", "no port"])
def test_a_file_is_refused_while_the_scanner_is_stopped(
    app: Flask, alice: FlaskClient, complaint: Evidence, store: Path, address: str
) -> None:
    configure(app, address)
    assert AWAY in send(alice, complaint, b"Notes.", "n.txt").text
    assert list_stored_files(store) == []


def test_the_scanner_may_listen_on_a_unix_socket(
    app: Flask, alice: FlaskClient, complaint: Evidence, tmp_path: Path
) -> None:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(tmp_path / "clamd"))
    listening.listen()
    fake = FakeClamd(listening)
    configure(app, str(tmp_path / "clamd"))
    try:
        assert send(alice, complaint, BAD, "call.txt").status_code == 422
        assert send(alice, complaint, b"Notes.", "n.txt").status_code == 201
    finally:
        fake.stop()


def test_nothing_is_scanned_without_a_scanner(alice: FlaskClient, complaint: Evidence) -> None:
    assert send(alice, complaint, BAD, "call.txt").status_code == 201


@pytest.mark.usefixtures("clamd")
class TestUnits:
    def test_a_document_of_a_unit_is_scanned(self, world: World, client: ClientFor, store: Path) -> None:
        path = f"/centres/{world.northgate.id}/units/add"
        page = client(world.dan).post(path, data={"document": (io.BytesIO(BAD), "unit.txt")})
        assert page.status_code == 422
        assert "the virus scanner found something in it" in page.text
        assert db.session.query(UnitDraft).count() == 0
        assert list_stored_files(store) == []

    def test_a_file_of_units_is_scanned(self, world: World, client: ClientFor, store: Path) -> None:
        path = f"/centres/{world.northgate.id}/units/import"
        page = client(world.dan).post(path, data={"file": (io.BytesIO(BAD), "units.yaml"), "format": "yaml"})
        assert page.status_code == 422
        assert "the virus scanner found something in it" in page.text
        assert db.session.query(ImportRun).count() == 0
        assert list_stored_files(store) == []

    def test_both_are_refused_while_the_scanner_is_stopped(
        self, app: Flask, world: World, client: ClientFor, store: Path
    ) -> None:
        configure(app, "127.0.0.1:1")
        for end, name in (("add", "document"), ("import", "file")):
            body = {name: (io.BytesIO(b"code: X"), "unit.txt"), "format": "yaml"}
            page = client(world.dan).post(f"/centres/{world.northgate.id}/units/{end}", data=body)
            assert page.status_code == 422
            assert AWAY in page.text
        assert list_stored_files(store) == []
