"""The numbers of checkpoints, the database's copies of them, and copies kept outside the installation."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.factories import World
from tests.integrity.tampering import FAST_CHECKS, list_violations, tampering_transaction
from tests.integrity.test_checkpoints import rewrite_from
from tracker import clock
from tracker.extensions import db
from tracker.integrity.invariants import run_checks
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.outside_checkpoints import read_outside_checkpoints
from tracker.ledger import checkpoints, events, keys, read_only
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.models import CheckpointCopy

Verify = Callable[..., tuple[int, str]]
AGREES = "✓  2 the ledger agrees with the checkpoints from outside"


@pytest.fixture
def numbered(app_with_signing_key: Flask, world: World) -> Flask:
    """The app with three checkpoints, each of one event more."""
    for _ in range(3):
        record_event(world)
        assert checkpoints.write_due(at_once=True)
    return app_with_signing_key


@pytest.fixture
def verify(app_with_signing_key: Flask) -> Verify:
    """`verify(options…)` runs `flask verify` and returns its exit code and output."""

    def run(*options: str) -> tuple[int, str]:
        result = app_with_signing_key.test_cli_runner().invoke(args=["verify", *options])
        return result.exit_code, result.output

    return run


def record_event(world: World) -> None:
    with transaction():
        record("centre_created", world.northgate, OPERATOR)


def read_lines() -> list[str]:
    return checkpoints.get_path().read_text().splitlines()


def write_lines(*lines: str) -> None:
    checkpoints.get_path().write_text("".join(f"{line}\n" for line in lines))


def read_all() -> list[Checkpoint]:
    return [each for _, each in checkpoints.read_checkpoints() if each]


def list_faults() -> list[str]:
    """Return the violations of invariant 2, without its number."""
    return [each.removeprefix("2: ") for each in list_violations() if each.startswith("2: ")]


def write_as_earlier_release() -> str:
    """Return a line as earlier releases wrote it, without a number."""
    key = keys.find_current_key()
    assert key
    unsigned = Checkpoint("http://127.0.0.1:8000", *events.get_head(), clock.now(), key.name)
    return replace(unsigned, signature=keys.sign(key.name, unsigned.body)).line


class TestWriting:
    @pytest.mark.usefixtures("numbered")
    def test_each_has_its_number_and_the_hash_of_the_one_before(self) -> None:
        first, second, third = read_all()
        assert [each.number for each in (first, second, third)] == [1, 2, 3]
        assert first.previous == "0" * 64
        assert (second.previous, third.previous) == (first.hash, second.hash)
        assert list_faults() == []

    @pytest.mark.usefixtures("numbered")
    def test_the_database_has_a_copy_of_each(self) -> None:
        copies = db.session.query(CheckpointCopy).order_by(CheckpointCopy.number).all()
        assert [each.line for each in copies] == read_lines()

    @pytest.mark.usefixtures("numbered")
    @pytest.mark.parametrize("statement", ["UPDATE checkpoint_copy SET line = ''", "DELETE FROM checkpoint_copy"])
    def test_copies_cannot_be_changed_or_deleted(self, statement: str) -> None:
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(text(statement))
        db.session.rollback()

    @pytest.mark.usefixtures("app_with_signing_key")
    def test_numbers_go_on_after_checkpoints_of_earlier_releases(self, world: World) -> None:
        record_event(world)
        checkpoints.get_path().parent.mkdir()
        write_lines(write_as_earlier_release(), write_as_earlier_release())
        assert list_faults() == []
        record_event(world)
        checkpoint = checkpoints.write_due(at_once=True)
        assert checkpoint
        assert checkpoint.number == 3
        assert checkpoint.previous == read_all()[1].hash
        assert list_faults() == []

    def test_what_the_file_has_after_the_newest_copy_is_copied(self, numbered: Flask) -> None:
        """The server was ended after it wrote to the file and before the commit."""
        last = read_all()[-1]
        key = keys.find_current_key()
        assert key
        unsigned = replace(last, number=4, previous=last.hash, at=clock.now(), signature="")
        signed = replace(unsigned, signature=keys.sign(key.name, unsigned.body))
        write_lines(*read_lines(), signed.line)
        assert list_faults() == []
        assert checkpoints.write_due() is None
        assert checkpoints.find_newest_number() == 4
        assert numbered

    @pytest.mark.usefixtures("numbered")
    def test_a_forged_line_is_not_copied(self) -> None:
        last = read_all()[-1]
        write_lines(*read_lines(), replace(last, number=4, previous=last.hash).line)
        checkpoints.write_due()
        assert checkpoints.find_newest_number() == 3
        assert "checkpoint 4 was changed: its signature is not valid" in list_faults()

    def test_none_is_written_while_a_restore_is_not_accepted(self, numbered: Flask, world: World) -> None:
        record_event(world)
        read_only.get_marker_path().write_text("{}")
        try:
            assert checkpoints.write_due(at_once=True) is None
        finally:
            read_only.get_marker_path().unlink()
        assert len(read_lines()) == 3
        assert numbered


@pytest.mark.usefixtures("numbered")
class TestFile:
    def test_an_emptied_file_is_named(self) -> None:
        write_lines()
        assert "checkpoint 1 is missing from the file; the database has a copy of it" in list_faults()

    def test_an_emptied_file_is_named_after_the_next_checkpoint(self) -> None:
        write_lines()
        checkpoint = checkpoints.write_due(at_once=True)
        assert checkpoint
        assert checkpoint.number == 4
        assert "the file lacks the checkpoints 1 to 3" in list_faults()

    def test_a_deleted_file_is_named(self) -> None:
        checkpoints.get_path().unlink()
        assert "checkpoint 1 is missing from the file; the database has a copy of it" in list_faults()

    def test_a_shortened_file_is_named(self) -> None:
        write_lines(*read_lines()[:-1])
        assert list_faults() == ["checkpoint 3 is missing from the file; the database has a copy of it"]

    def test_a_shortened_file_is_named_after_the_next_checkpoint(self) -> None:
        write_lines(*read_lines()[:-1])
        assert checkpoints.write_due(at_once=True)
        assert "the file lacks the checkpoints 3 to 3" in list_faults()

    def test_a_line_taken_out_is_named(self) -> None:
        first, _, third = read_lines()
        write_lines(first, third)
        assert "the file lacks the checkpoints 2 to 2" in list_faults()

    def test_a_repeated_line_is_named(self) -> None:
        first, second, third = read_lines()
        write_lines(first, second, second, third)
        assert "checkpoint 2 is on line 3, where number 3 should be" in list_faults()

    def test_a_file_replaced_by_one_of_an_earlier_release_is_named(self) -> None:
        write_lines(*read_lines(), write_as_earlier_release())
        assert "the checkpoint on line 4 has no number; the one before it has number 3" in list_faults()

    def test_a_line_signed_by_somebody_with_the_key_in_place_of_another_is_named(self) -> None:
        first, second, third = read_all()
        other = replace(second, at=second.at + timedelta(seconds=1), signature="")
        signed = replace(other, signature=keys.sign(other.key, other.body))
        write_lines(first.line, signed.line, third.line)
        assert list_faults() == [
            "checkpoint 3 does not name the one before it, which was replaced",
            "checkpoint 2 in the file differs from the database’s copy",
        ]


class TestIncompleteLine:
    def test_a_line_that_was_not_written_completely_is_taken_out(self, numbered: Flask) -> None:
        """The disk was full, or the power failed: the database has no copy of it."""
        complete = checkpoints.get_path().read_text()
        checkpoints.get_path().write_text(complete + read_lines()[-1][:200])
        assert "checkpoint 4 cannot be read" in list_faults()
        checkpoints.write_due()
        assert checkpoints.get_path().read_text() == complete
        assert list_faults() == []
        assert numbered

    @pytest.mark.usefixtures("numbered")
    def test_a_complete_line_without_its_end_is_kept(self) -> None:
        checkpoints.get_path().write_text("\n".join(read_lines()))
        assert checkpoints.write_due(at_once=True)
        assert len(read_lines()) == 4
        assert list_faults() == []


def test_a_checkpoint_written_during_the_checks_is_not_named(numbered: Flask, world: World) -> None:
    """The file and the database are read as they were at one moment, when the checks began."""
    ledger = LedgerSnapshot()
    with checkpoints.get_path().open("a") as file:
        file.write(f"{write_as_earlier_release()}\n")
    checks = [each for each in FAST_CHECKS if each.number == 2]
    assert [result.first for result in run_checks(ledger, checks) if not result.holds] == []
    assert [result.first for result in run_checks(LedgerSnapshot(), checks) if not result.holds] != []
    assert numbered
    assert world


@pytest.mark.usefixtures("numbered")
class TestRepair:
    @pytest.fixture
    def repair(self, app_with_signing_key: Flask) -> Callable[..., tuple[int, str]]:
        def run(*options: str) -> tuple[int, str]:
            result = app_with_signing_key.test_cli_runner().invoke(args=["checkpoints", "repair", *options])
            return result.exit_code, result.output

        return run

    @pytest.mark.parametrize("left", [(), (0,), (0, 2), (2,)])
    def test_lost_lines_are_put_back_and_the_repair_is_recorded(
        self, repair: Verify, left: tuple[int, ...], recorded_acts: Callable[[], list[str]]
    ) -> None:
        before = read_lines()
        write_lines(*(before[at] for at in left))
        code, output = repair()
        assert code == 0, output
        assert read_lines() == before
        assert recorded_acts()[-1] == "checkpoints_repaired"
        assert list_faults() == []
        (kept,) = checkpoints.get_path().parent.glob("checkpoints-*.jsonl")
        assert kept.read_text().splitlines() == [before[at] for at in left]
        assert not any("checkpoints_repaired" in each for each in list_violations())

    def test_numbers_go_on_after_a_repair(self, repair: Verify) -> None:
        write_lines()
        assert checkpoints.write_due(at_once=True)
        assert repair()[0] == 0
        assert [each.number for each in read_all()] == [1, 2, 3, 4]
        assert list_faults() == []

    def test_a_complete_file_is_left_alone(self, repair: Verify) -> None:
        code, output = repair()
        assert code == 1
        assert "lacks no checkpoint that the database has. Nothing was changed." in output

    def test_a_line_that_differs_from_its_copy_is_not_replaced(self, repair: Verify) -> None:
        first, second, _ = read_all()
        other = replace(second, at=second.at + timedelta(seconds=1))
        write_lines(first.line, other.line)
        before = read_lines()
        code, output = repair()
        assert code == 1
        assert "Checkpoint 2 in the file differs from the database’s copy. Nothing was changed." in output
        assert read_lines() == before

    def test_a_copy_without_a_trusted_signature_is_not_put_back(self, repair: Verify) -> None:
        write_lines()
        code, output = repair("--fingerprint", "ab" * 32)
        assert code == 1
        assert "is not signed with a trusted key. Nothing was changed." in output
        assert read_lines() == []


@pytest.mark.usefixtures("numbered")
class TestDatabase:
    def test_a_copy_taken_out_is_named(self) -> None:
        with tampering_transaction():
            db.session.execute(text("DELETE FROM checkpoint_copy WHERE number = 2"))
            assert list_faults() == ["checkpoint 2 is in the file, but the database’s copy of it is missing"]

    def test_the_newest_copy_taken_out_is_named_once_the_worker_should_have_copied_it(
        self, freeze_clock: Callable[..., None]
    ) -> None:
        with tampering_transaction():
            db.session.execute(text("DELETE FROM checkpoint_copy"))
            assert list_faults() == []
            freeze_clock(clock.now() + timedelta(minutes=16))
            assert list_faults() == ["checkpoint 1 is in the file, but the database’s copy of it is missing"]

    def test_a_changed_copy_is_named(self) -> None:
        with tampering_transaction():
            db.session.execute(text("UPDATE checkpoint_copy SET line = replace(line, '127', '128') WHERE number = 2"))
            assert list_faults() == ["checkpoint 2 in the file differs from the database’s copy"]


@pytest.mark.usefixtures("numbered")
class TestOutside:
    """Eve keeps the checkpoints she is sent. The database and the file go back together to an earlier state."""

    def roll_back(self) -> None:
        """Take the last event and everything about it out of the database and the file."""
        write_lines(*read_lines()[:-1])
        for statement in (
            "DELETE FROM checkpoint_copy WHERE number = 3",
            "DELETE FROM event_text WHERE event_seq = 4",
            "DELETE FROM event WHERE seq = 4",
        ):
            db.session.execute(text(statement))

    def list_faults_with(self, path: Path) -> list[str]:
        ledger = LedgerSnapshot(outside=read_outside_checkpoints([path]))
        checks = [each for each in FAST_CHECKS if each.number == 2]
        return [result.first or "" for result in run_checks(ledger, checks) if not result.holds]

    def test_a_rollback_of_both_is_named_by_an_outside_copy(self, tmp_path: Path) -> None:
        (tmp_path / "kept.jsonl").write_text(f"{read_lines()[-1]}\n")
        with tampering_transaction():
            self.roll_back()
            assert list_faults() == []
            assert self.list_faults_with(tmp_path / "kept.jsonl") == [
                "kept.jsonl: checkpoint 1 records 4 events, but the ledger has 3"
            ]

    def test_a_ledger_that_was_written_anew_and_signed_with_the_key_is_named(self, tmp_path: Path) -> None:
        """Somebody has the database and the keys."""
        kept = read_lines()[-1]
        (tmp_path / "kept.jsonl").write_text(kept)
        with tampering_transaction():
            rewrite_from(4)
            forged = replace(read_all()[-1], head=events.get_head()[1], signature="")
            forged = replace(forged, signature=keys.sign(forged.key, forged.body))
            write_lines(*read_lines()[:-1], forged.line)
            db.session.execute(
                text("UPDATE checkpoint_copy SET line = :line WHERE number = 3"), {"line": forged.line}
            )
            assert list_faults() == []
            (fault,) = self.list_faults_with(tmp_path / "kept.jsonl")
            assert fault == "kept.jsonl: checkpoint 1 has another hash of event 4 than the ledger"

    def test_another_checkpoint_of_the_same_number_is_named(self, tmp_path: Path) -> None:
        last = read_all()[-1]
        other = replace(last, at=last.at + timedelta(seconds=1), signature="")
        (tmp_path / "kept.jsonl").write_text(replace(other, signature=keys.sign(other.key, other.body)).line)
        assert self.list_faults_with(tmp_path / "kept.jsonl") == [
            "kept.jsonl: checkpoint 1 differs from number 3 in the file of checkpoints"
        ]

    def test_copies_that_agree(self, verify: Verify, tmp_path: Path) -> None:
        (tmp_path / "kept.jsonl").write_text("\n".join(read_lines()))
        (tmp_path / "more.jsonl").write_text(read_lines()[0])
        _, output = verify(
            "--checkpoints", str(tmp_path / "kept.jsonl"), "--checkpoints", str(tmp_path / "more.jsonl")
        )
        assert AGREES in output
        assert "Compared with 4 checkpoints from outside." in output

    @pytest.mark.parametrize("quoted", [False, True])
    def test_a_saved_email_is_read(self, verify: Verify, tmp_path: Path, quoted: bool) -> None:
        message = EmailMessage()
        message["Subject"] = "Ledger checkpoint"
        line = read_lines()[-1]
        broken = line.replace(", ", ",\n> ") if quoted else line
        message.set_content(f"Hello,\n\n{broken}\n\nKeep this email.\n")
        (tmp_path / "saved.eml").write_bytes(bytes(message))
        _, output = verify("--checkpoints", str(tmp_path / "saved.eml"))
        assert AGREES in output
        assert "Compared with 1 checkpoint from outside." in output
        forged = json.dumps({**json.loads(line), "head": "0" * 64})
        message.set_content(f"> {forged}\n")
        (tmp_path / "saved.eml").write_bytes(bytes(message))
        code, output = verify("--checkpoints", str(tmp_path / "saved.eml"))
        assert code == 1
        assert "saved.eml: checkpoint 1 was changed: its signature is not valid" in output

    def test_a_cut_line_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "kept.jsonl").write_text(f"{read_lines()[0]}\n{read_lines()[1][:300]}")
        assert self.list_faults_with(tmp_path / "kept.jsonl") == ["kept.jsonl: checkpoint 2 cannot be read"]

    def test_a_file_without_a_checkpoint_is_refused(self, verify: Verify, tmp_path: Path) -> None:
        (tmp_path / "kept.txt").write_text("nothing")
        code, output = verify("--checkpoints", str(tmp_path / "kept.txt"))
        assert code == 2
        assert "contains no checkpoint. Nothing was checked." in output
