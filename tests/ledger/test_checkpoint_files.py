"""Checkpoints by themselves: their bytes, when one is due, and a file whose last line was cut."""

import fcntl
import io
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pytest
from flask import Flask

from tests import factories
from tests.factories import World
from tracker.extensions import db
from tracker.ledger import checkpoint_following, checkpoints, events, keys, read_only, transactions
from tracker.ledger.checkpoints import EVENTS_PER_CHECKPOINT, MAX_AGE, MAX_LINE_LENGTH, NO_PREVIOUS, Checkpoint
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.models import CheckpointCopy, RowSalt

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OLD = Checkpoint("https://tracker.example", 7, "0a" * 32, NOON, "0b" * 8, "0c" * 64)
NUMBERED = replace(OLD, number=3, previous="0d" * 32)
LINE = (
    '{"at": "2026-11-23T12:00:00.000000+00:00", "head": "' + "0a" * 32 + '", "key": "' + "0b" * 8 + '", '
    '"number": 3, "origin": "https://tracker.example", "previous": "' + "0d" * 32 + '", "signature": "' + "0c" * 64
    + '", "size": 7, "v": 2}'
)  # fmt: skip
LONGEST = replace(NUMBERED, origin=OLD.origin + "x" * (MAX_LINE_LENGTH - len(f"{LINE}\n")))
HASH = "fb59eec2afe458aa9489d5f6033365ba803d7e526bc4255510e9b3b89ca07a29"

Act = Callable[[], None]


@pytest.fixture
def act(app_with_signing_key: Flask, world: World) -> Act:
    """`act()` records an event."""

    def record_event() -> None:
        with transaction():
            record("data_exported", world.dan, factories.make_actor(world.dan))

    return record_event


def read_file() -> list[Checkpoint | None]:
    return [each for _, each in checkpoints.read_checkpoints()]


def sign_as(checkpoint: Checkpoint, **changes: Any) -> Checkpoint:
    """Return another checkpoint with the same key's signature."""
    unsigned = replace(checkpoint, **changes)
    return replace(unsigned, signature=keys.sign(checkpoint.key, unsigned.body))


class TestLine:
    def test_a_checkpoint_is_written_and_signed_in_one_way_for_ever(self) -> None:
        assert NUMBERED.line == LINE
        canonical = json.dumps(
            {name: value for name, value in json.loads(LINE).items() if name != "signature"},
            sort_keys=True,
            separators=(",", ":"),
        )
        assert NUMBERED.body == b"tracker.checkpoint.v2\0" + canonical.encode()
        assert OLD.body.startswith(b'tracker.checkpoint.v1\0{"at":"2026')
        assert OLD.body.endswith(b'"size":7,"v":1}')
        assert b"number" not in OLD.body
        assert NUMBERED.hash == HASH
        assert replace(NUMBERED, signature="0e" * 64).hash != HASH

    @pytest.mark.parametrize("checkpoint", [OLD, NUMBERED, replace(NUMBERED, number=1)])
    def test_a_line_is_read_as_it_was_written(self, checkpoint: Checkpoint) -> None:
        assert checkpoints.parse_line(checkpoint.line) == checkpoint

    @pytest.mark.parametrize(
        "change",
        [
            {"v": 3},
            {"v": None},
            {"size": "x"},
            {"size": 2**53},
            {"at": "2026-11-23T12:00:00"},
            {"at": 7},
            {"number": 0},
            {"number": -1},
            {"number": "x"},
        ],
    )
    def test_any_other_line_is_no_checkpoint(self, change: dict[str, Any]) -> None:
        assert checkpoints.parse_line(json.dumps(json.loads(LINE) | change)) is None

    @pytest.mark.parametrize("missing", list(json.loads(LINE)))
    def test_a_line_lacks_nothing(self, missing: str) -> None:
        values = {name: value for name, value in json.loads(LINE).items() if name != missing}
        assert checkpoints.parse_line(json.dumps(values)) is None

    @pytest.mark.parametrize("line", ["", "[]", "null", "{", "[" * 100_000])
    def test_what_is_no_object_is_no_checkpoint(self, line: str) -> None:
        assert checkpoints.parse_line(line) is None


class TestDue:
    @pytest.mark.parametrize(
        ("before", "after", "is_reached"),
        [(0, 99, False), (99, 100, True), (100, 199, False), (199, 201, True), (100, 100, False)],
    )
    def test_each_hundredth_event_reaches_the_next(self, before: int, after: int, is_reached: bool) -> None:
        assert checkpoints.reaches_next_checkpoint(before, after) is is_reached

    @pytest.mark.parametrize(
        ("last", "size", "is_due"),
        [
            (None, 0, False),
            (None, 1, True),
            ((7, timedelta(0)), 7 + EVENTS_PER_CHECKPOINT - 1, False),
            ((7, timedelta(0)), 7 + EVENTS_PER_CHECKPOINT, True),
            ((7, MAX_AGE), 7, False),
            ((7, MAX_AGE), 8, True),
            ((7, MAX_AGE - timedelta(microseconds=1)), 8, False),
        ],
    )
    def test_one_is_due_after_a_hundred_events_or_any_after_five_minutes(
        self, freeze_clock: Callable[..., None], last: tuple[int, timedelta] | None, size: int, is_due: bool
    ) -> None:
        freeze_clock(NOON)
        checkpoint = replace(NUMBERED, size=last[0], at=NOON - last[1]) if last else None
        assert checkpoints.is_due(checkpoint, size) is is_due


class TestLastLine:
    @pytest.mark.parametrize(
        ("content", "ended"),
        [
            (b"", b""),
            (b"whole\n", b"whole\n"),
            (b"whole\ncu", b"whole\n"),
            (b"cu", b""),
            (f"whole\n{LINE}".encode(), f"whole\n{LINE}\n".encode()),
            (f"whole\n{LINE[:-1]}".encode(), b"whole\n"),
            (b"x" * MAX_LINE_LENGTH, b"x" * MAX_LINE_LENGTH),
            (b"x" * (MAX_LINE_LENGTH - 1), b""),
            (b"\n" + b"x" * MAX_LINE_LENGTH, b"\n" + b"x" * MAX_LINE_LENGTH),
        ],
    )
    def test_a_line_that_was_cut_is_taken_out_and_a_whole_one_is_ended(self, content: bytes, ended: bytes) -> None:
        file = io.BytesIO(content)
        checkpoints._end_last_line(file)
        assert file.getvalue() == ended

    @pytest.mark.parametrize(
        ("content", "last"),
        [
            ("", None),
            (f"{OLD.line}\n{LINE}\n", NUMBERED),
            (f"{LINE}\n{OLD.line}\n", OLD),
            (f"{LINE}\nwords\n", None),
            (f"{LINE}\n", NUMBERED),
            ("x" * 5_000 + f"\n{LINE}\n", NUMBERED),
            (f"{LONGEST.line}\n", LONGEST),
        ],
    )
    def test_the_last_checkpoint_is_that_of_the_last_line(self, content: str, last: Checkpoint | None) -> None:
        assert checkpoints.read_last_checkpoint(io.BytesIO(content.encode())) == last


class TestWriting:
    def test_each_has_the_next_number_and_the_hash_of_the_one_before(self, act: Act) -> None:
        assert checkpoints.find_newest_copy() is None
        act()
        first, second = checkpoints.write_due(), checkpoints.write_due(at_once=True)
        assert first
        assert second
        assert (first.number, first.previous) == (1, NO_PREVIOUS)
        assert (second.number, second.previous) == (2, first.hash)
        assert (second.size, second.head) == events.get_head()
        assert read_file() == [first, second]
        assert (checkpoints.find_newest_number(), checkpoints.find_newest_copy()) == (2, second)

    def test_numbers_go_on_where_the_file_was_emptied_or_cut_or_replaced_by_an_older_one(self, act: Act) -> None:
        act()
        first, second = checkpoints.write_due(), checkpoints.write_due(at_once=True)
        assert first
        assert second
        for content in ("", f"{first.line}\n", f"{OLD.line}\n"):
            checkpoints.get_path().write_text(content)
            newest = checkpoints.find_newest_copy()
            following = checkpoints.write_due(at_once=True)
            assert newest
            assert following
            assert newest.number
            assert (following.number, following.previous) == (newest.number + 1, newest.hash)

    def test_the_second_follows_the_first_where_the_file_has_only_a_line_of_an_earlier_release(
        self, act: Act
    ) -> None:
        act()
        first = checkpoints.write_due()
        assert first
        checkpoints.get_path().write_text(f"{OLD.line}\n")
        second = checkpoints.write_due(at_once=True)
        assert second
        assert (second.number, second.previous) == (2, first.hash)

    def test_none_is_written_while_a_restore_waits(self, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
        act()
        monkeypatch.setattr(read_only, "is_read_only", lambda: True)
        assert checkpoints.write_due(at_once=True) is None
        assert read_file() == []

    def test_the_first_number_follows_the_lines_of_earlier_releases(self, act: Act) -> None:
        act()
        checkpoints.get_path().parent.mkdir(parents=True, exist_ok=True)
        checkpoints.get_path().write_text(f"{OLD.line}\n{OLD.line}\n")
        written = checkpoints.write_due(at_once=True)
        assert written
        assert (written.number, written.previous) == (3, OLD.hash)

    def test_a_checkpoint_that_only_the_file_has_is_copied_though_none_is_due(self, act: Act) -> None:
        act()
        first = checkpoints.write_due()
        assert first
        second = sign_as(first, number=2, previous=first.hash)
        with checkpoints.get_path().open("a") as file:
            file.write(f"{second.line}\n")
        assert checkpoints.write_due() is None
        assert checkpoints.find_newest_copy() == second

    def test_a_checkpoint_that_is_in_the_file_before_the_database_has_any_is_copied(self, act: Act) -> None:
        act()
        with checkpoints.locked_for_writing() as file:
            first = checkpoints.sign_next(None)
            checkpoints.append_lines(file, [first.line])
        assert checkpoints.find_newest_number() is None
        assert checkpoints.write_due() is None
        assert checkpoints.find_newest_copy() == first

    def test_nothing_is_written_where_none_is_due_and_each_is_copied(
        self, act: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        act()
        assert checkpoints.write_due()
        monkeypatch.setattr(transactions, "writing", pytest.fail)
        assert checkpoints.write_due() is None

    def test_copies_are_not_made_again_with_each_checkpoint(self, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
        act()
        assert checkpoints.write_due()
        monkeypatch.setattr(checkpoints, "copy_to_database", pytest.fail)
        assert checkpoints.write_due(at_once=True)

    def test_the_database_has_accepted_a_checkpoint_before_its_line_is_written_and_synced(
        self, act: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[int] = []
        append_lines, writing = checkpoints.append_lines, transactions.writing

        def write() -> AbstractContextManager[None]:
            assert not db.session().in_transaction()  # or the lock for writing would come too late
            return writing()

        def append(file: IO[bytes], lines: Iterable[str]) -> None:
            assert not db.session.new
            assert db.session().in_transaction()
            append_lines(file, lines)
            assert synced == [file.fileno()]

        monkeypatch.setattr(checkpoints, "append_lines", append)
        monkeypatch.setattr("os.fsync", synced.append)
        act()
        monkeypatch.setattr(transactions, "writing", write)
        assert checkpoints.write_due()
        assert len(synced) == 1

    def test_a_checkpoint_whose_line_is_not_written_is_not_in_the_database_either(
        self, act: Act, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_file: IO[bytes], _lines: Iterable[str]) -> None:
            raise OSError(28, "No space left on device")

        act()
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "append_lines", fail)
            assert checkpoints.write_due() is None
        assert not db.session().in_transaction()
        db.session.commit()
        assert checkpoints.find_newest_number() is None
        written = checkpoints.write_due()
        assert written
        assert written.number == 1

    def test_no_checkpoint_can_be_written_while_the_file_is_locked_for_reading(self, act: Act) -> None:
        act()
        assert checkpoints.write_due()
        with checkpoints.get_path().open("rb") as other:
            with checkpoints.locked_for_reading(), pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_a_line_that_was_cut_is_taken_out_before_the_next_is_written(self, act: Act) -> None:
        act()
        first = checkpoints.write_due()
        with checkpoints.get_path().open("a") as file:
            file.write(LINE[:-1])
        second = checkpoints.write_due(at_once=True)
        assert second
        assert read_file() == [first, second]

    def test_the_file_of_the_only_host_does_not_follow_the_database(self, act: Act) -> None:
        """`flask verify` names what it lost; it would be hidden otherwise."""
        act()
        assert checkpoints.write_due()
        checkpoints.get_path().write_text("")
        checkpoint_following.follow()
        assert read_file() == []

    def test_only_its_owner_may_read_the_file(self, act: Act) -> None:
        act()
        checkpoints.write_due()
        assert checkpoints.get_path().stat().st_mode & 0o777 == 0o600
        assert checkpoints.get_path().parent.stat().st_mode & 0o777 == 0o700

    def test_lines_are_appended_at_the_end_and_can_be_read_before_the_file_is_closed(self, tmp_path: Path) -> None:
        path = tmp_path / "checkpoints.jsonl"
        path.write_bytes(b"first\n")
        with path.open("r+b") as file:
            checkpoints.append_lines(file, ["second", "third"])
            assert path.read_bytes() == b"first\nsecond\nthird\n"

    def test_nobody_waits_for_a_transaction_while_it_waits_for_the_file(self, act: Act, app: Flask) -> None:
        act()
        app.config["CHECKPOINTS_PATH"] /= "of/this/host"
        db.session.get(RowSalt, "person:1")
        with checkpoints.locked_for_writing():
            assert not db.session().in_transaction()

    def test_a_checkpoint_leaves_no_transaction_open(self, act: Act) -> None:
        act()
        db.session.get(RowSalt, "person:1")
        assert checkpoints.write_due()
        assert not db.session().in_transaction()


class TestCopying:
    def test_only_new_checkpoints_that_the_ledger_and_a_key_confirm_are_copied(self, act: Act) -> None:
        act()
        first = checkpoints.write_due()
        assert first
        second = sign_as(first, number=2, previous=first.hash)
        lines = [
            sign_as(first, number=1, previous="f" * 64),
            second,
            sign_as(first, number=2, previous="0" * 64),
            replace(sign_as(first, number=3), signature="00" * 64),
            sign_as(first, number=4, head="0" * 64),
            sign_as(first, number=5, size=4_711),
            replace(sign_as(first, number=6), key="ff" * 8),
            sign_as(first, number=None, previous=None),
        ]
        checkpoints.get_path().write_text("".join(f"{each.line}\n" for each in lines) + "words\n")
        with transaction():
            checkpoints.copy_to_database()
        copies = {each.number: each.line for each in db.session.query(CheckpointCopy)}
        assert copies == {1: first.line, 2: second.line}


def test_without_a_file_there_is_nothing_to_read_or_to_lock(app: Flask, tmp_path: Path) -> None:
    app.config["CHECKPOINTS_PATH"] = tmp_path / "none"
    assert read_file() == []
    with checkpoints.locked_for_reading():
        pass
