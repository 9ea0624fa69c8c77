"""Timestamps of checkpoints by a timestamping authority, which is a small server on this machine here."""

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import pem, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from flask import Flask
from pyhanko.sign.timestamps import DummyTimeStamper

from tests.factories import World
from tests.integrity.tampering import list_violations
from tracker import clock
from tracker.config import Settings
from tracker.integrity import timestamps
from tracker.integrity.timestamping import timestamp_newest_checkpoint
from tracker.integrity.timestamps import TimestampError, get_folder, get_token_path
from tracker.ledger import checkpoints, keys
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction

FreezeClock = Callable[[datetime], None]


class Authority:
    """A timestamping authority with a certificate of its own. A test can make it answer something else."""

    def __init__(self) -> None:
        private_key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Timestamping authority")])
        day = timedelta(days=1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - 1_000 * day)
            .not_valid_after(datetime.now(UTC) + 1_000 * day)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .sign(private_key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(Encoding.PEM)
        der = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self.stamper = DummyTimeStamper(
            asn1_x509.Certificate.load(pem.unarmor(self.certificate)[2]), asn1_keys.PrivateKeyInfo.load(der)
        )
        self.status = 200
        self.answer: Callable[[bytes], bytes] = self.stamp
        self.requests = 0

    def stamp(self, request: bytes) -> bytes:
        self.stamper.fixed_dt = clock.now()
        response = asyncio.run(self.stamper.async_request_tsa_response(tsp.TimeStampReq.load(request)))
        return bytes(response.dump())


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Authority]]:
    """The address of the authority, and the authority."""
    authority = Authority()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authority.requests += 1
            request = self.rfile.read(int(self.headers["Content-Length"]))
            content = authority.answer(request)
            self.send_response(authority.status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that has had enough
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}/", authority
        http.shutdown()


@pytest.fixture
def authority(server: tuple[str, Authority], app_with_signing_key: Flask, world: World, tmp_path: Path) -> Authority:
    """The authority of the app, which has a checkpoint."""
    url, authority = server
    authority.status, authority.answer, authority.requests = 200, authority.stamp, 0
    (tmp_path / "authority.pem").write_bytes(authority.certificate)
    app_with_signing_key.config["SETTINGS"] = replace(
        app_with_signing_key.config["SETTINGS"],
        timestamp_url=url,
        timestamp_certificates=tmp_path / "authority.pem",
    )
    write_checkpoint(world)
    return authority


def write_checkpoint(world: World) -> int:
    """Record an event, write a checkpoint, and return its number."""
    with transaction():
        record("centre_created", world.northgate, OPERATOR)
    checkpoint = checkpoints.write_due(at_once=True)
    assert checkpoint
    assert checkpoint.number
    return checkpoint.number


def list_faults() -> list[str]:
    """Return the violations of invariant 2, without its number."""
    return [each.removeprefix("2: ") for each in list_violations() if each.startswith("2: ")]


@pytest.mark.usefixtures("authority")
class TestReceiving:
    def test_the_newest_checkpoint_is_timestamped(self) -> None:
        assert timestamp_newest_checkpoint() == 1
        assert get_token_path(1).exists()
        assert list_faults() == []

    def test_at_most_once_an_hour_and_each_once(self, world: World, freeze_clock: FreezeClock) -> None:
        freeze_clock(clock.now())
        assert timestamp_newest_checkpoint() == 1
        assert write_checkpoint(world) == 2
        assert timestamp_newest_checkpoint() is None
        freeze_clock(clock.now() + timedelta(hours=1))
        assert timestamp_newest_checkpoint() == 2
        freeze_clock(clock.now() + timedelta(hours=2))
        assert timestamp_newest_checkpoint() is None
        assert list_faults() == []

    def test_a_fresh_checkpoint_is_written_where_the_newest_is_old(
        self, authority: Authority, freeze_clock: FreezeClock
    ) -> None:
        freeze_clock(clock.now() + timedelta(days=3))
        assert timestamp_newest_checkpoint() == 2
        assert authority.requests == 1
        assert list_faults() == []

    @pytest.mark.parametrize(
        ("status", "content"),
        [(500, b""), (200, b""), (200, b"no answer"), (200, b"x" * 200_000), (302, b"")],
        ids=["an error", "nothing", "something else", "too much", "a redirect"],
    )
    def test_a_failure_is_logged_and_tried_again_with_longer_waits(
        self,
        authority: Authority,
        freeze_clock: FreezeClock,
        caplog: pytest.LogCaptureFixture,
        status: int,
        content: bytes,
    ) -> None:
        start = clock.now()
        authority.status, authority.answer = status, lambda _: content
        for minutes, requests in ((0, 1), (1, 1), (2, 2), (5, 2), (6, 3)):
            freeze_clock(start + timedelta(minutes=minutes))
            assert timestamp_newest_checkpoint() is None
            assert authority.requests == requests
        assert "The timestamp of checkpoint 1 " in caplog.text
        assert list(get_folder().glob("*.tst")) == []
        authority.status, authority.answer = 200, authority.stamp
        freeze_clock(start + timedelta(minutes=14))
        assert timestamp_newest_checkpoint() == 1

    def test_a_slow_authority_is_given_up(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timestamps, "TIMEOUT", 0.2)
        released = threading.Event()

        def wait(_request: bytes) -> bytes:
            released.wait(10)
            return b""

        authority.answer = wait
        begun = time.monotonic()
        assert timestamp_newest_checkpoint() is None
        released.set()
        assert time.monotonic() - begun < 9

    def test_an_answer_about_something_else_is_not_kept(
        self, authority: Authority, caplog: pytest.LogCaptureFixture
    ) -> None:
        def stamp_another(request: bytes) -> bytes:
            other = tsp.TimeStampReq.load(request)
            other["message_imprint"]["hashed_message"] = b"\0" * 32
            return authority.stamp(other.dump(force=True))

        authority.answer = stamp_another
        caplog.set_level(logging.WARNING)
        assert timestamp_newest_checkpoint() is None
        assert "is of something else, or was changed" in caplog.text
        assert not get_token_path(1).exists()

    def test_another_authority_is_not_trusted(
        self, app_with_signing_key: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "other.pem").write_bytes(Authority().certificate)
        settings = app_with_signing_key.config["SETTINGS"]
        app_with_signing_key.config["SETTINGS"] = replace(settings, timestamp_certificates=tmp_path / "other.pem")
        assert timestamp_newest_checkpoint() is None
        assert "is not by an authority of TIMESTAMP_CERTIFICATES" in caplog.text

    def test_without_an_authority_nobody_is_asked(self, app_with_signing_key: Flask, authority: Authority) -> None:
        settings = app_with_signing_key.config["SETTINGS"]
        app_with_signing_key.config["SETTINGS"] = replace(settings, timestamp_url=None)
        assert timestamp_newest_checkpoint() is None
        assert authority.requests == 0

    def test_the_worker_asks(self, app: Flask) -> None:
        assert "timestamp_newest_checkpoint" in app.extensions["jobs"].every_minute

    def test_an_authority_needs_certificates(self) -> None:
        with pytest.raises(ValueError, match="TIMESTAMP_URL needs TIMESTAMP_CERTIFICATES"):
            Settings.from_environment({"TIMESTAMP_URL": "https://tsa.example.org"})


class TestToken:
    """The token of the first checkpoint."""

    @pytest.fixture
    def checkpoint(self, authority: Authority) -> Checkpoint:  # noqa: ARG002 - writes it
        [(_, checkpoint)] = checkpoints.read_checkpoints()
        assert checkpoint
        return checkpoint

    def test_an_answer_that_is_too_long_is_named(self, authority: Authority, checkpoint: Checkpoint) -> None:
        authority.answer = lambda _: b"x" * (timestamps.MAX_ANSWER_SIZE + 1)
        with pytest.raises(TimestampError, match="was answered with too much"):
            timestamps.request_token(get_url(), checkpoint)

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (TimestampError("was answered with too much"), "^was answered with too much$"),
            (OSError("no route"), "^was not received: OSError no route$"),
        ],
    )
    def test_why_no_answer_was_received_is_named(
        self, monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint, error: Exception, message: str
    ) -> None:
        async def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(timestamps.Authority, "async_timestamp", fail)
        with pytest.raises(TimestampError, match=message):
            timestamps.request_token(get_url(), checkpoint)

    def test_nothing_may_follow_the_token(self, checkpoint: Checkpoint) -> None:
        token, certificates = timestamps.request_token(get_url(), checkpoint), timestamps.load_certificates()
        assert timestamps.validate_token(token, checkpoint, certificates)
        with pytest.raises(TimestampError, match="cannot be read"):
            timestamps.validate_token(token + b"\0", checkpoint, certificates)


@pytest.mark.usefixtures("authority")
class TestVerifying:
    def test_a_changed_timestamp_is_named(self) -> None:
        assert timestamp_newest_checkpoint() == 1
        token = bytearray(get_token_path(1).read_bytes())
        token[-10] ^= 1
        get_token_path(1).write_bytes(token)
        assert list_faults() == ["the timestamp of checkpoint 1 is of something else, or was changed"]
        get_token_path(1).write_bytes(b"nothing")
        assert "the timestamp of checkpoint 1 cannot be read" in list_faults()[0]

    def test_a_checkpoint_written_anew_with_the_key_is_named(self) -> None:
        assert timestamp_newest_checkpoint() == 1
        (checkpoint,) = (each for _, each in checkpoints.read_checkpoints() if each)
        other = replace(checkpoint, at=checkpoint.at + timedelta(seconds=1), signature="")
        line = replace(other, signature=keys.sign(other.key, other.body)).line
        checkpoints.get_path().write_text(f"{line}\n")
        assert "the timestamp of checkpoint 1 is of something else, or was changed" in list_faults()

    def test_a_checkpoint_dated_back_is_named(self, authority: Authority, world: World) -> None:
        """Somebody with the keys writes the past anew: the authority gives the time at which they do it."""
        with clock.frozen_at(clock.now() - timedelta(days=30)):
            (checkpoint,) = (each for _, each in checkpoints.read_checkpoints() if each)
            other = replace(checkpoint, at=clock.now(), signature="")
        signed = replace(other, signature=keys.sign(other.key, other.body))
        get_folder().mkdir(parents=True)
        get_token_path(1).write_bytes(timestamps.request_token(get_url(), signed))
        checkpoints.get_path().write_text(f"{signed.line}\n")
        assert any(each.startswith("the timestamp of checkpoint 1 is of 20") for each in list_faults())
        assert authority
        assert world

    def test_a_timestamp_of_a_checkpoint_that_is_gone_is_named(self) -> None:
        assert timestamp_newest_checkpoint() == 1
        shutil.copy(get_token_path(1), get_token_path(7))
        assert list_faults() == ["the timestamp 00000007.tst is of a checkpoint that the file does not have"]

    def test_a_day_without_a_timestamp_is_named(self, freeze_clock: FreezeClock) -> None:
        freeze_clock(clock.now() + timedelta(hours=23))
        assert list_faults() == []
        freeze_clock(clock.now() + timedelta(hours=2))
        assert list_faults() == ["no timestamp was received for checkpoint 1 or a later one within a day"]

    def test_missing_certificates_are_named(self, app_with_signing_key: Flask, tmp_path: Path) -> None:
        assert timestamp_newest_checkpoint() == 1
        (tmp_path / "authority.pem").unlink()
        assert list_faults() == ["the file of TIMESTAMP_CERTIFICATES cannot be read"]
        settings = app_with_signing_key.config["SETTINGS"]
        app_with_signing_key.config["SETTINGS"] = replace(settings, timestamp_certificates=None)
        assert list_faults() == ["the timestamp of checkpoint 1 is not by an authority of TIMESTAMP_CERTIFICATES"]


def get_url() -> str:
    from flask import current_app

    return str(current_app.config["SETTINGS"].timestamp_url)
