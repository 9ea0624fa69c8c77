"""When the authority is asked for a timestamp of the newest checkpoint, and what the check of timestamps finds."""

import fcntl
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrity.given_records import NOON, build_snapshot
from tracker.integrity import timestamping
from tracker.integrity.timestamping import INTERVAL, MAX_AGE, find_timestamp_faults, timestamp_newest_checkpoint
from tracker.integrity.timestamps import MAX_LATENESS, TimestampError
from tracker.ledger.checkpoints import Checkpoint

Freeze = Callable[[datetime], None]
TICK, MINUTE = timedelta(microseconds=1), timedelta(minutes=1)


def build_checkpoint(number: int | None, at: datetime = NOON) -> Checkpoint:
    return Checkpoint("https://example.org", 9, "0a" * 32, at, "k", number=number)


class Host:
    """A host with checkpoints, a folder for timestamps, and an authority that answers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url, self.is_read_only = folder / "deep" / "timestamps", "https://tsa.example", False
        self.settings = SimpleNamespace(timestamp_url=self.url)
        self.newest: Checkpoint | None = build_checkpoint(3)
        self.written: Checkpoint | None = None
        self.asked: list[Any] = []
        self.rollbacks = 0
        self.is_genuine = True

    def request_token(self, url: str, checkpoint: Checkpoint) -> bytes:
        self.asked.append((url, checkpoint.number))
        return f"token of {checkpoint.number}".encode()

    def validate_token(self, token: bytes, checkpoint: Checkpoint, certificates: str) -> None:
        assert certificates == "certificates"
        if not self.is_genuine or token != f"token of {checkpoint.number}".encode():
            raise TimestampError("is not genuine")

    def write_due(self, *, at_once: bool) -> Checkpoint | None:
        assert at_once
        return self.written

    def roll_back(self) -> None:
        self.rollbacks += 1

    def list_files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.glob("*.tst"))}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, freeze_clock: Freeze) -> Host:
    host = Host(tmp_path)
    freeze_clock(NOON)
    checkpoints = SimpleNamespace(
        find_newest_copy=lambda: host.newest, write_due=host.write_due, Checkpoint=Checkpoint
    )
    replaced: dict[str, Any] = {
        "current_app": SimpleNamespace(config={"SETTINGS": host.settings}),
        "checkpoints": checkpoints,
        "read_only": SimpleNamespace(is_read_only=lambda: host.is_read_only),
        "db": SimpleNamespace(session=SimpleNamespace(rollback=host.roll_back)),
        "request_token": host.request_token,
        "validate_token": host.validate_token,
        "load_certificates": lambda: "certificates",
        "get_folder": lambda: host.folder,
        "get_token_path": lambda number: host.folder / f"{number}.tst",
    }
    for name, value in replaced.items():
        monkeypatch.setattr(timestamping, name, value)
    return host


class TestAsking:
    def test_the_newest_checkpoint_is_timestamped(self, host: Host) -> None:
        assert timestamp_newest_checkpoint() == 3
        assert host.asked == [("https://tsa.example", 3)]
        assert host.list_files() == {"3.tst": b"token of 3"}
        assert host.rollbacks == 1

    def test_folder_and_files_are_private(self, host: Host) -> None:
        before = os.umask(0)
        try:
            timestamp_newest_checkpoint()
        finally:
            os.umask(before)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (host.folder, *host.folder.iterdir())}
        assert modes == {"timestamps": 0o700, "3.tst": 0o600, "progress.json": 0o600}

    def test_without_an_authority_a_checkpoint_or_the_right_to_write_nobody_is_asked(self, host: Host) -> None:
        host.settings.timestamp_url = ""
        assert timestamp_newest_checkpoint() is None
        host.settings.timestamp_url = host.url
        host.is_read_only = True
        assert timestamp_newest_checkpoint() is None
        host.is_read_only = False
        for host.newest in (None, build_checkpoint(None)):
            assert timestamp_newest_checkpoint() is None
        assert host.asked == []
        assert not host.folder.exists()

    def test_each_is_timestamped_once_and_at_most_one_an_hour(self, host: Host, freeze_clock: Freeze) -> None:
        assert timestamp_newest_checkpoint() == 3
        freeze_clock(NOON + 2 * INTERVAL)
        assert timestamp_newest_checkpoint() is None
        freeze_clock(NOON + INTERVAL - TICK)
        host.newest = build_checkpoint(4)
        assert timestamp_newest_checkpoint() is None
        freeze_clock(NOON + INTERVAL)
        assert timestamp_newest_checkpoint() == 4
        assert list(host.list_files()) == ["3.tst", "4.tst"]

    def test_only_one_worker_asks(self, host: Host) -> None:
        host.folder.mkdir(parents=True)
        with (host.folder / "progress.json").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert timestamp_newest_checkpoint() is None
        assert timestamp_newest_checkpoint() == 3

    def test_others_wait_until_one_has_asked(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        def ask(url: str, checkpoint: Checkpoint) -> bytes:
            with (host.folder / "progress.json").open("r+") as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return host.request_token(url, checkpoint)

        monkeypatch.setattr(timestamping, "request_token", ask)
        assert timestamp_newest_checkpoint() == 3

    @pytest.mark.parametrize(
        "content", ["", "no JSON", "[]", '{"other": 1}', '{"next_at": "never"}', '{"next_at": 7}']
    )
    def test_what_is_no_progress_is_forgotten(self, host: Host, content: str) -> None:
        host.folder.mkdir(parents=True)
        (host.folder / "progress.json").write_text(content)
        assert timestamp_newest_checkpoint() == 3

    def test_shorter_progress_replaces_longer(self, host: Host) -> None:
        host.folder.mkdir(parents=True)
        (host.folder / "progress.json").write_text(json.dumps({"number": 2}) + " " * 500)
        assert timestamp_newest_checkpoint() == 3
        progress = json.loads((host.folder / "progress.json").read_text())
        assert progress == {"number": 3, "next_at": (NOON + INTERVAL).isoformat(), "failures": 0}


class TestOldCheckpoints:
    """A timestamp of an old checkpoint would be late, so another checkpoint is written."""

    @pytest.mark.parametrize(("age", "number"), [(MAX_AGE, 3), (MAX_AGE + TICK, 4)])
    def test_another_is_written_instead(self, host: Host, age: timedelta, number: int) -> None:
        host.newest, host.written = build_checkpoint(3, NOON - age), build_checkpoint(4)
        assert timestamp_newest_checkpoint() == number
        assert list(host.list_files()) == [f"{number}.tst"]

    def test_where_none_can_be_written_the_old_one_is_used(self, host: Host) -> None:
        host.newest = build_checkpoint(3, NOON - 2 * MAX_AGE)
        assert timestamp_newest_checkpoint() == 3


class TestFailures:
    def test_an_answer_that_is_not_genuine_is_not_kept(self, host: Host, caplog: pytest.LogCaptureFixture) -> None:
        host.is_genuine = False
        assert timestamp_newest_checkpoint() is None
        assert host.list_files() == {}
        assert [record.levelno for record in caplog.records] == [logging.WARNING]

    def test_each_attempt_waits_twice_as_long_until_an_hour(self, host: Host, freeze_clock: Freeze) -> None:
        host.is_genuine, moment = False, NOON
        for minutes in (2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60):
            assert timestamp_newest_checkpoint() is None
            asked = len(host.asked)
            freeze_clock(moment + minutes * MINUTE - TICK)
            assert timestamp_newest_checkpoint() is None
            assert len(host.asked) == asked
            moment += minutes * MINUTE
            freeze_clock(moment)
        host.is_genuine = True
        assert timestamp_newest_checkpoint() == 3
        progress = json.loads((host.folder / "progress.json").read_text())
        assert progress["failures"] == 0

    def test_the_last_one_is_not_forgotten(self, host: Host, freeze_clock: Freeze) -> None:
        assert timestamp_newest_checkpoint() == 3
        freeze_clock(NOON + INTERVAL)
        host.newest, host.is_genuine = build_checkpoint(4), False
        assert timestamp_newest_checkpoint() is None
        progress = json.loads((host.folder / "progress.json").read_text())
        assert (progress["number"], progress["failures"]) == (3, 1)

    @pytest.mark.parametrize("error", [OSError("no network"), ValueError("no certificate")])
    def test_any_other_failure_is_logged_too(
        self, host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
    ) -> None:
        def fail(*_: Any) -> bytes:
            raise error

        assert host
        monkeypatch.setattr(timestamping, "request_token", fail)
        assert timestamp_newest_checkpoint() is None
        assert str(error) in caplog.text

    def test_a_timestamp_is_on_the_disk_before_it_is_there(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        written: list[bytes] = []

        def fsync(number: int) -> None:
            written.append(Path(f"/proc/self/fd/{number}").read_bytes())
            assert host.list_files() == {}

        monkeypatch.setattr(os, "fsync", fsync)
        assert timestamp_newest_checkpoint() == 3
        assert written == [b"token of 3"]

    def test_what_an_interrupted_attempt_left_is_replaced(self, host: Host) -> None:
        host.folder.mkdir(parents=True)
        (host.folder / "3.partial").write_bytes(b"a longer token of something else")
        assert timestamp_newest_checkpoint() == 3
        assert host.list_files() == {"3.tst": b"token of 3"}


class TestCheck:
    def find_faults(self, *in_file: Checkpoint | None) -> list[str]:
        record = build_snapshot()
        record.checkpoints = list(enumerate(in_file, start=1))
        return list(find_timestamp_faults(record))

    @pytest.fixture(autouse=True)
    def timestamps(self, host: Host) -> None:
        """The timestamps of checkpoints 1 and 2."""
        host.folder.mkdir(parents=True)
        for number in (1, 2):
            (host.folder / f"{number}.tst").write_bytes(f"token of {number}".encode())

    def test_genuine_timestamps_of_known_checkpoints_have_no_fault(self, host: Host) -> None:
        assert host
        assert self.find_faults(None, build_checkpoint(None), build_checkpoint(1), build_checkpoint(2)) == []

    def test_one_that_is_not_genuine_is_named(self, host: Host) -> None:
        (host.folder / "1.tst").write_bytes(b"token of 2")
        assert self.find_faults(build_checkpoint(1), build_checkpoint(2)) == [
            "the timestamp of checkpoint 1 is not genuine"
        ]

    @pytest.mark.parametrize("name", ["3.tst", "x.tst"])
    def test_one_of_no_known_checkpoint_is_named(self, host: Host, name: str) -> None:
        (host.folder / name).write_bytes(b"token of 2")
        assert self.find_faults(build_checkpoint(1), build_checkpoint(2)) == [
            f"the timestamp {name} is of a checkpoint that the file does not have"
        ]

    @pytest.mark.parametrize("error", [OSError(), ValueError()])
    def test_certificates_that_cannot_be_read_are_named(
        self, host: Host, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def fail() -> str:
            raise error

        assert host
        monkeypatch.setattr(timestamping, "load_certificates", fail)
        assert self.find_faults() == ["the file of TIMESTAMP_CERTIFICATES cannot be read"]

    @pytest.mark.parametrize(("age", "is_late"), [(MAX_LATENESS, False), (MAX_LATENESS + TICK, True)])
    def test_a_checkpoint_without_one_is_named_after_a_day(self, host: Host, age: timedelta, is_late: bool) -> None:
        fault = "no timestamp was received for checkpoint 3 or a later one within a day"
        in_file = [build_checkpoint(1), build_checkpoint(2), build_checkpoint(3, NOON - age)]
        assert self.find_faults(*in_file) == ([fault] if is_late else [])
        host.settings.timestamp_url = ""
        assert self.find_faults(*in_file) == []

    def test_of_those_before_the_last_one_none_is_late(self) -> None:
        old = datetime(2026, 1, 1, tzinfo=UTC)
        assert self.find_faults(build_checkpoint(1, old), build_checkpoint(2, old)) == []

    def test_without_any_the_first_is_late_too(self, host: Host) -> None:
        for path in host.folder.iterdir():
            path.unlink()
        assert self.find_faults(build_checkpoint(1, NOON - 2 * MAX_LATENESS)) == [
            "no timestamp was received for checkpoint 1 or a later one within a day"
        ]
