"""The files of what was checked: what is written, and which are relied on."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.integrity.given_records import NOON, GivenSnapshot, build_snapshot
from tracker.integrity import verified
from tracker.integrity.invariants import Check
from tracker.integrity.verified import (
    LAST,
    MAX_SIZE,
    UNFINISHED,
    Verified,
    build_verified,
    find_verified,
    hash_checks,
    read_verified,
    remove_verified,
    save_verified,
)
from tracker.ledger import keys
from tracker.ledger.checkpoints import Checkpoint

PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw().hex()
HEADS = {size: f"{size:064x}" for size in range(10)}
CHECKS = [Check(1, "nothing is wrong", lambda _: ()), Check(2, "nothing is missing", lambda _: ())]


def build_checkpoint(size: int, **changes: Any) -> Checkpoint:
    return Checkpoint("https://example.org", size, **({"head": HEADS[size], "at": NOON, "key": "k"} | changes))


CHECKPOINT = build_checkpoint(5)
Write = Callable[..., Path]
Find = Callable[..., Verified | None]


def build_record(*checkpoints: Checkpoint | None) -> GivenSnapshot:
    """Return a record with these checkpoints, and a trusted key."""
    record = build_snapshot()
    record.checkpoints = list(enumerate(checkpoints or (CHECKPOINT,), start=1))
    record.hashes = {size: head for size, head in HEADS.items() if size}
    key: Any = SimpleNamespace(public_key=PUBLIC)
    record.trusted_keys = {"k": key}
    return record


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, freeze_clock: Callable[[datetime], None]) -> Any:
    """A host with the current key, at noon."""
    freeze_clock(NOON)
    host = SimpleNamespace(
        find_current_key=lambda: SimpleNamespace(name="k"),
        has_private_key=lambda _: True,
        sign=lambda _, body: PRIVATE.sign(body).hex(),
        is_signed=keys.is_signed,
    )
    monkeypatch.setattr(verified, "keys", host)
    return host


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: Any) -> Path:
    """The folder of the host's checkpoints."""
    assert host
    monkeypatch.setattr(verified, "current_app", SimpleNamespace(config={"CHECKPOINTS_PATH": tmp_path}))
    return tmp_path


def build(**changes: Any) -> Verified:
    """Return what a check covered, with some fields changed."""
    whole = Verified(5, CHECKPOINT.hash, None, NOON.isoformat(), hash_checks(CHECKS), "k")
    return replace(whole, **changes)


@pytest.fixture
def write(folder: Path) -> Write:
    """`write(result)` writes a signed result, whatever it says, and returns the path of its file."""

    def run(result: Verified, name: str = LAST) -> Path:
        signed = replace(result, signature=result.signature or PRIVATE.sign(result.body).hex())
        (folder / name).write_text(json.dumps(asdict(signed)))
        return folder / name

    return run


class TestReliance:
    @pytest.fixture
    def find(self, write: Write) -> Find:
        """`find(result)` writes a result and returns it if it is relied on."""

        def run(result: Verified, name: str = LAST, record: GivenSnapshot | None = None) -> Verified | None:
            write(result, name)
            return find_verified(name, record or build_record(), CHECKS)

        return run

    def test_a_signed_result_is_relied_on(self, find: Find) -> None:
        found = find(build())
        assert found
        assert (found.size, found.checkpoint, found.until, found.began_at) == (5, CHECKPOINT.hash, None, NOON)

    def test_without_a_file_nothing_is(self) -> None:
        assert find_verified(LAST, build_record(), CHECKS) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"size": 4},
            {"checkpoint": "0a" * 32},
            {"checks": "0a" * 32},
            {"key": "x"},
            {"signature": "0a" * 64},
        ],
    )
    def test_another_is_not(self, find: Find, changes: dict[str, Any]) -> None:
        assert find(build(**changes)) is None

    def test_a_result_of_other_checks_is_not(self, write: Write) -> None:
        write(build())
        assert find_verified(LAST, build_record(), CHECKS[:1]) is None
        assert find_verified(LAST, build_record(), reversed(CHECKS))

    def test_an_unfinished_one_is_not_a_finished_one(self, find: Find) -> None:
        assert find(build(until=3)) is None
        assert find(build(), UNFINISHED) is None
        assert find(build(until=3), UNFINISHED)

    def test_the_file_has_its_checkpoint_and_the_ledger_agrees(self, find: Find) -> None:
        assert find(build(), record=build_record(None, build_checkpoint(4), CHECKPOINT))
        assert find(build(), record=build_record(None, build_checkpoint(4))) is None
        other = build_checkpoint(5, head="0a" * 32)
        assert find(build(checkpoint=other.hash), record=build_record(other)) is None


class TestReading:
    def test_a_file_is_read(self, write: Write) -> None:
        write(build(until=3), UNFINISHED)
        found = read_verified(UNFINISHED)
        assert found
        assert found.until == 3

    @pytest.mark.parametrize("content", ["", "no JSON", "[]", "7", "{}", '{"size": 1}', "[" * 9_000])
    def test_what_is_no_result_is_not(self, folder: Path, content: str) -> None:
        (folder / LAST).write_text(content)
        assert read_verified(LAST) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"size": "5"}, {"size": True}, {"checkpoint": 7}, {"until": "3"}, {"whole_at": 7}, {"whole_at": "never"},
            {"whole_at": "2026-11-23T12:00:00"}, {"checks": None}, {"key": 7}, {"signature": 7}, {"size": 2**60},
            {"more": 1},
        ],
    )  # fmt: skip
    def test_what_has_values_of_other_types_is_not(self, folder: Path, changes: dict[str, Any]) -> None:
        (folder / LAST).write_text(json.dumps(asdict(build(signature="0a")) | changes))
        assert read_verified(LAST) is None

    def test_the_beginning_of_a_long_file_is_not_enough(self, write: Write) -> None:
        path = write(build())
        text = path.read_text()
        path.write_text(text + " " * (MAX_SIZE - len(text)))
        assert read_verified(LAST)
        path.write_text(text[:-1] + " " * MAX_SIZE + "}")
        assert read_verified(LAST) is None

    def test_a_link_a_folder_and_a_pipe_are_not_read(self, folder: Path, write: Write) -> None:
        path = write(build())
        path.rename(folder / "other")
        path.symlink_to(folder / "other")
        assert read_verified(LAST) is None
        path.unlink()
        path.mkdir()
        assert read_verified(LAST) is None
        path.rmdir()
        os.mkfifo(path)
        assert read_verified(LAST) is None


class TestWriting:
    def test_a_check_covers_the_newest_checkpoint_with_which_the_ledger_agrees(self) -> None:
        other = build_checkpoint(7, head="0a" * 32)
        record = build_record(build_checkpoint(4), CHECKPOINT, None, other)
        assert build_verified(record, CHECKS) == build(key="")
        assert build_verified(build_record(None, other), CHECKS) is None
        one, none = build_checkpoint(1), build_checkpoint(0)
        assert build_verified(build_record(one), CHECKS) == build(size=1, checkpoint=one.hash, key="")
        assert build_verified(build_record(none), CHECKS) is None

    def test_it_is_signed_and_relied_on(self, folder: Path) -> None:
        assert save_verified(LAST, build(key="", signature="older"))
        assert find_verified(LAST, build_record(), CHECKS)
        assert [path.name for path in folder.iterdir()] == [LAST]
        assert list(json.loads((folder / LAST).read_text())) == sorted(asdict(build()))

    def test_it_is_on_the_disk_before_it_replaces_the_former(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[str] = []

        def fsync(number: int) -> None:
            partial = Path(f"/proc/self/fd/{number}").resolve()
            assert partial.parent == folder.resolve()
            written.append(partial.read_text())

        monkeypatch.setattr(os, "fsync", fsync)
        assert save_verified(LAST, build())
        assert written == [(folder / LAST).read_text()]

    def test_a_host_without_the_key_writes_none(self, folder: Path, host: Any) -> None:
        host.has_private_key = lambda _: False
        assert not save_verified(LAST, build())
        host.find_current_key = lambda: None
        assert not save_verified(LAST, build())
        assert list(folder.iterdir()) == []

    def test_a_folder_that_is_gone_is_logged(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        folder.rmdir()
        assert not save_verified(LAST, build())
        assert "could not be saved" in caplog.text

    def test_one_is_deleted_if_it_is_there(self, folder: Path, write: Write) -> None:
        remove_verified(LAST)
        write(build())
        remove_verified(LAST)
        assert list(folder.iterdir()) == []


def test_the_hash_of_checks_does_not_depend_on_their_order() -> None:
    assert hash_checks(CHECKS) == hash_checks(reversed(CHECKS))
    assert hash_checks(CHECKS) != hash_checks(CHECKS[:1])
    assert hash_checks(CHECKS) != hash_checks([replace(CHECKS[0], number=3), CHECKS[1]])
