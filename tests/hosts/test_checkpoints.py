"""Checkpoints of two hosts: numbered without a gap, in the file of each, and left to the one that has the key."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select, text

from tests import factories
from tests.factories import World
from tests.hosts.conftest import Browser
from tracker import clock
from tracker.accounts.services.centres import change_form_annex
from tracker.background import emails
from tracker.extensions import db
from tracker.integrity.checkpoint_emails import email_checkpoint
from tracker.integrity.invariants import run_checks
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.verify import CHECKS, run_all_checks
from tracker.ledger import checkpoint_following, checkpoints, events, keys
from tracker.ledger.checkpoints import MAX_AGE, Checkpoint
from tracker.ledger.transactions import transaction
from tracker.models import CheckpointCopy

pytestmark = pytest.mark.slow


def record_event(world: World) -> None:
    with transaction():
        change_form_annex(
            world.northgate, factories.make_actor(world.dan), is_printed=not world.northgate.prints_annex
        )


def write_on(app: Flask) -> Checkpoint | None:
    with app.app_context():
        return checkpoints.write_due()


def read_numbers(app: Flask) -> list[int | None]:
    with app.app_context():
        return [each.number if each else None for _, each in checkpoints.read_checkpoints()]


def list_faults(app: Flask) -> list[str]:
    with app.app_context():
        checkpoint_following.follow()
        results = run_checks(LedgerSnapshot(), [each for each in CHECKS if each.number == 2])
        faults = [each.first for each in results if each.first]
        db.session.rollback()
        return faults


def follow_on(app: Flask) -> None:
    with app.app_context():
        checkpoint_following.follow()


def write_as_earlier_release(app: Flask) -> str:
    """Return a line without a number."""
    with app.app_context():
        key = keys.find_current_key()
        assert key
        unsigned = Checkpoint("http://127.0.0.1:8000", *events.get_head(), clock.now(), key.name)
        return replace(unsigned, signature=keys.sign(key.name, unsigned.body)).line


@pytest.fixture
def three_written(
    host: Flask, other_host: Flask, world: World, freeze_clock: Callable[..., None]
) -> tuple[Flask, Flask]:
    """Checkpoints 1 and 3 were written on the first host, and 2 on the other."""
    moment = clock.now()
    for app in (host, other_host, host):
        moment += MAX_AGE
        freeze_clock(moment)
        record_event(world)
        assert write_on(app)
    return host, other_host


def test_hosts_number_their_checkpoints_together(three_written: tuple[Flask, Flask]) -> None:
    first, other = three_written
    assert read_numbers(first) == [1, 2, 3]
    assert read_numbers(other) == [1, 2]
    assert db.session.scalars(select(CheckpointCopy.number).order_by(CheckpointCopy.number)).all() == [1, 2, 3]


def test_verify_finds_no_fault_on_either_host(three_written: tuple[Flask, Flask]) -> None:
    first, other = three_written
    assert list_faults(first) == list_faults(other) == []
    assert read_numbers(other) == [1, 2, 3], "its file follows when it is checked"


def test_the_checks_read_one_moment_on_a_host_of_several(three_written: tuple[Flask, Flask]) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite reads one moment in any transaction")
    levels: list[str] = []
    with three_written[1].app_context():
        list(run_all_checks(observe=lambda _: levels.append(db.session.scalar(text("SHOW transaction_isolation")))))
    assert set(levels) == {"repeatable read"}
    assert read_numbers(three_written[1]) == [1, 2, 3], "its file follows before the checks begin"


def test_a_host_without_the_key_leaves_checkpoints_to_one_that_has_it(
    host: Flask, other_host: Flask, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    record_event(world)
    for path in other_host.config["KEYS_PATH"].glob("*.key"):
        path.unlink()
    caplog.set_level(logging.INFO)
    assert write_on(other_host) is None
    assert caplog.text == ""
    assert write_on(host)
    assert write_on(other_host) is None
    assert read_numbers(other_host) == [1], "its file follows all the same"
    assert list_faults(other_host) == []


def test_two_hosts_at_once_write_one_checkpoint(
    host: Flask, other_host: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_event(world)
    real, written = checkpoints.sign_next, []

    def sign(last: Checkpoint | None) -> Checkpoint:
        checkpoint = real(last)
        if not written:
            written.append(checkpoint)
            assert write_on(other_host)
        return checkpoint

    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite serves one host")
    monkeypatch.setattr(checkpoints, "sign_next", sign)
    assert write_on(host) is None
    assert read_numbers(other_host) == [1]
    assert list_faults(host) == list_faults(other_host) == []


def test_a_copy_that_no_trusted_key_signed_is_not_followed(three_written: tuple[Flask, Flask]) -> None:
    _, other = three_written
    with transaction():
        last = checkpoints.parse_line(db.session.get_one(CheckpointCopy, 3).line)
        assert last
        forged = replace(last, number=4, previous=last.hash)
        db.session.add(CheckpointCopy(number=4, line=forged.line))
    list_faults(other)
    assert read_numbers(other) == [1, 2, 3]


@pytest.mark.parametrize("line", ["words", "signed, and names another before it"])
def test_a_copy_that_does_not_follow_is_left_out_with_all_after_it(
    three_written: tuple[Flask, Flask], line: str
) -> None:
    first, other = three_written
    with first.app_context(), transaction():
        last = checkpoints.find_newest_copy()
        assert last
        unsigned = replace(last, number=4, previous="0" * 64)
        signed = replace(unsigned, signature=keys.sign(last.key, unsigned.body))
        db.session.add(CheckpointCopy(number=4, line=line if line == "words" else signed.line))
    follow_on(other)
    assert read_numbers(other) == [1, 2, 3]


def test_files_go_on_after_lines_of_earlier_releases(host: Flask, other_host: Flask, world: World) -> None:
    record_event(world)
    line = write_as_earlier_release(host)
    for app in (host, other_host):
        with app.app_context():
            checkpoints.get_path().parent.mkdir(parents=True, exist_ok=True)
            checkpoints.get_path().write_text(f"{line}\n")
    record_event(world)
    with host.app_context():
        assert checkpoints.write_due(at_once=True)
    follow_on(other_host)
    assert read_numbers(host) == read_numbers(other_host) == [None, 2]


def test_a_checkpoint_is_written_where_it_is_due_or_asked_for(three_written: tuple[Flask, Flask]) -> None:
    first, other = three_written
    assert write_on(first) is None
    with other.app_context():
        written = checkpoints.write_due(at_once=True)
    assert written
    assert written.number == 4


def test_a_file_that_has_all_is_not_written_and_no_transaction_is_left_open(
    three_written: tuple[Flask, Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = three_written
    monkeypatch.setattr(checkpoints, "append_lines", pytest.fail)
    with first.app_context():
        checkpoint_following.follow()
        assert not db.session().in_transaction()


def test_a_checkpoint_that_the_file_lacks_for_long_is_named(
    three_written: tuple[Flask, Flask], freeze_clock: Callable[..., None]
) -> None:
    first, _ = three_written
    with first.app_context():
        lines = checkpoints.get_path().read_text().splitlines(keepends=True)
        checkpoints.get_path().write_text("".join([lines[0], lines[2]]))
    freeze_clock(clock.now() + 4 * MAX_AGE)
    assert "checkpoint 2 is missing from the file; the database has a copy of it" in list_faults(first)


def test_the_newest_checkpoint_is_emailed_once_for_all_hosts(
    three_written: tuple[Flask, Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(emails, "can_deliver", lambda: True)
    monkeypatch.setattr(emails, "send", lambda address, _subject, _body: sent.append(address))
    for app in three_written:
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], checkpoints_mail=("eve@awarding.example",))
        with app.app_context():
            email_checkpoint()
    assert sent == ["eve@awarding.example"]


def test_a_form_is_not_issued_on_a_host_without_the_key(
    host: Flask, other_host: Flask, world: World, there: Browser
) -> None:
    from tests.assessment import workflow
    from tests.recording_forms.test_issue_form import verify

    workflow.sign(world, world.cfacc15, "A steady record.")
    workflow.confirm(world.cfacc15)
    verify(world)
    for path in other_host.config["KEYS_PATH"].glob("*.key"):
        path.unlink()
    answer = there(world.dan).post(f"/attempts/{world.cfacc15.id}/form/issue")
    assert answer.status_code == 409
    assert "cannot be read. Nothing was signed." in answer.text
