"""When the newest checkpoint is emailed, on one host or on several, and what is remembered of it."""

import fcntl
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrity.given_records import NOON
from tracker.integrity import checkpoint_emails
from tracker.integrity.checkpoint_emails import EMAILED, email_checkpoint
from tracker.ledger.checkpoints import Checkpoint

ADDRESSES = ("carol@example.org", "eve@example.org")
TODAY = date(2026, 11, 23)


def build_checkpoint(size: int, number: int | None = 3) -> Checkpoint:
    return Checkpoint("https://example.org", size, "0a" * 32, NOON, "k", number=number)


class Host:
    """A host with checkpoints, a folder, and a mail server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.addresses: tuple[str, ...] = ADDRESSES
        self.can_deliver, self.redis = True, None
        self.checkpoints: list[Checkpoint | None] = [build_checkpoint(5, 2), build_checkpoint(9)]
        self.sent: list[tuple[str, ...]] = []
        self.rollbacks = 0

    def roll_back(self) -> None:
        self.rollbacks += 1

    def read_marker(self) -> str:
        return (self.folder / "mailed").read_text()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, freeze_clock: Callable[[datetime], None]) -> Host:
    host = Host(tmp_path)
    freeze_clock(NOON)
    replaced: dict[str, Any] = {
        "outbox": SimpleNamespace(get_settings=lambda: SimpleNamespace(checkpoints_mail=host.addresses)),
        "emails": SimpleNamespace(can_deliver=lambda: host.can_deliver, send=lambda *email: host.sent.append(email)),
        "find_redis": lambda: host.redis,
        "naming_faults": nullcontext,
        "checkpoints": SimpleNamespace(read_checkpoints=lambda: enumerate(host.checkpoints, start=1)),
        "current_app": SimpleNamespace(config={"CHECKPOINTS_PATH": tmp_path}),
        "db": SimpleNamespace(session=SimpleNamespace(rollback=host.roll_back)),
        "transaction": contextmanager(lambda: iter([None])),
    }
    for name, value in replaced.items():
        monkeypatch.setattr(checkpoint_emails, name, value)
    return host


class TestEmails:
    def test_everybody_gets_the_line_of_the_newest(self, host: Host) -> None:
        newest = host.checkpoints[-1]
        assert newest
        assert email_checkpoint() == newest
        assert [(address, subject) for address, subject, _ in host.sent] == [
            (address, "Ledger checkpoint of https://example.org, 23 November 2026") for address in ADDRESSES
        ]
        assert all(newest.line in body and "checkpoint 3" in body for _, _, body in host.sent)
        assert host.rollbacks == 1

    def test_the_newest_is_the_last_that_has_a_number(self, host: Host) -> None:
        host.checkpoints += [build_checkpoint(11, None), None]
        assert email_checkpoint() == build_checkpoint(9)
        host.checkpoints = [build_checkpoint(11, None), None]
        assert email_checkpoint() is None

    @pytest.mark.parametrize("change", [{"addresses": ()}, {"can_deliver": False}, {"checkpoints": []}])
    def test_without_recipients_a_mail_server_or_checkpoints_nothing_is_sent(
        self, host: Host, change: dict[str, Any]
    ) -> None:
        vars(host).update(change)
        assert email_checkpoint() is None
        assert host.sent == []
        assert not (host.folder / "mailed").exists()


class TestOneHost:
    def test_a_new_one_is_sent_once_a_day(self, host: Host, freeze_clock: Callable[[datetime], None]) -> None:
        assert email_checkpoint()
        assert host.read_marker() == f"{TODAY} 9"
        host.checkpoints.append(build_checkpoint(12))
        assert email_checkpoint() is None
        freeze_clock(datetime(2026, 11, 24, 9, 0, tzinfo=UTC))
        assert email_checkpoint() == build_checkpoint(12)
        assert host.read_marker() == "2026-11-24 12"
        freeze_clock(datetime(2026, 11, 25, 9, 0, tzinfo=UTC))
        assert email_checkpoint() is None
        assert len(host.sent) == 4

    def test_a_shorter_mark_replaces_a_longer_one(self, host: Host) -> None:
        (host.folder / "mailed").write_text("2026-11-20 4 and more than that")
        assert email_checkpoint()
        assert host.read_marker() == f"{TODAY} 9"

    def test_the_mark_is_private_and_locked_meanwhile(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        def send(*_: Any) -> None:
            with (host.folder / "mailed").open() as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

        monkeypatch.setattr(checkpoint_emails, "emails", SimpleNamespace(can_deliver=lambda: True, send=send))
        assert email_checkpoint()
        assert (host.folder / "mailed").stat().st_mode & 0o777 == 0o600


class TestSeveralHosts:
    """Redis remembers what was emailed."""

    @pytest.mark.parametrize(
        ("remembered", "is_sent"),
        [
            (None, True),
            (b"2026-11-22 5", True),
            (b"2026-11-22 9", False),
            (b"2026-11-23 5", False),
        ],
    )
    def test_a_new_one_is_sent_once_a_day_by_one_of_them(
        self, host: Host, remembered: bytes | None, is_sent: bool
    ) -> None:
        kept: dict[str, Any] = {EMAILED: remembered}
        host.redis = SimpleNamespace(get=kept.get, set=kept.__setitem__)  # type: ignore[assignment]
        assert email_checkpoint() == (host.checkpoints[-1] if is_sent else None)
        assert len(host.sent) == (2 if is_sent else 0)
        assert kept[EMAILED] == (f"{TODAY} 9" if is_sent else remembered)
        assert not (host.folder / "mailed").exists()
