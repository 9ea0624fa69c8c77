"""Checks that rely on an earlier one: what they trust, what they read again, and what they do not see."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from tests.integrity.tampering import FAST_CHECKS, tampering_transaction
from tests.proof.sample_evidence import submit_sample_evidence
from tracker import clock
from tracker.accounts.sessions import start_session
from tracker.extensions import db
from tracker.integrity import check_parts, nightly_check
from tracker.integrity.check_parts import Extent, Progress, check_in_parts
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.nightly_check import check_nightly
from tracker.integrity.verified import LAST, UNFINISHED, Verified, find_verified, read_verified, save_verified
from tracker.ledger import checkpoints
from tracker.ledger.transactions import transaction
from tracker.models import Person

ONE_PERSON = 1


class Interrupted(Exception):
    """The check was ended."""


@pytest.fixture
def checked(demonstration: Flask) -> Iterator[Flask]:
    """The demonstration after a check of everything that found nothing and was kept."""
    submit_sample_evidence("Before the check")
    checkpoints.write_due(at_once=True)
    assert list_faults(Extent.WHOLE, saves=True) == []
    yield demonstration
    db.session.rollback()


def get_path(name: str = LAST) -> Path:
    return checkpoints.get_path().parent / name


def list_faults(extent: Extent, **options: Any) -> list[str]:
    db.session.expire_all()
    results = check_in_parts(LedgerSnapshot(), FAST_CHECKS, extent=extent, **options)
    faults = [f"{result.check.number}: {result.first}" for result in results if not result.holds]
    return [each for each in faults if "trigger" not in each]


def list_read_people(extent: Extent) -> list[set[int]]:
    """List the people whose records a check reads, part by part."""
    read: list[set[int]] = []

    def note(progress: Progress) -> None:
        if progress.part.people and progress.part.people.named != ():
            read.append(set(progress.part.rows("person")))

    list(check_in_parts(LedgerSnapshot(), FAST_CHECKS, ONE_PERSON, note, extent=extent))
    return [people for people in read if people]


def find_person(name: str) -> Person:
    return db.session.scalars(select(Person).where(Person.name == name)).one()


def rewrite(person: str) -> None:
    """Change the first narrative of a candidate, without an event."""
    query = text(
        "UPDATE evidence_version SET narrative = 'I did it.' WHERE id = (SELECT min(evidence_version.id) "
        "FROM evidence_version JOIN evidence ON evidence.id = evidence_id WHERE candidate_id = :person)"
    )
    db.session.execute(query, {"person": find_person(person).id})


def find_base() -> Verified | None:
    return find_verified(LAST, LedgerSnapshot(), FAST_CHECKS)


@pytest.mark.usefixtures("checked")
class TestWhatIsRead:
    def test_without_new_events_no_persons_record_is_read(self) -> None:
        assert list_read_people(Extent.SINCE_LAST) == []
        assert len(list_read_people(Extent.WHOLE)) > 5

    def test_the_whole_record_of_a_person_whom_a_new_event_names_is_read(self) -> None:
        submit_sample_evidence("After the check")
        assert list_read_people(Extent.SINCE_LAST) == [{find_person("Alice Moran").id}]
        assert list_faults(Extent.SINCE_LAST) == []
        with tampering_transaction():
            rewrite("Alice Moran")  # an item of before the check
            assert any(each.startswith("14: evidence version") for each in list_faults(Extent.SINCE_LAST))

    def test_a_change_without_an_event_elsewhere_is_found_by_the_next_whole_check_only(self) -> None:
        """As docs/security.md says."""
        submit_sample_evidence("After the check")
        with tampering_transaction():
            rewrite("Chloe Hart")
            assert list_faults(Extent.SINCE_LAST) == []
            assert any(each.startswith("14: evidence version") for each in list_faults(Extent.WHOLE))

    def test_every_event_is_read(self) -> None:
        with tampering_transaction():
            db.session.execute(text("UPDATE event SET body = :body WHERE seq = 9"), {"body": b"{}"})
            faults = list_faults(Extent.SINCE_LAST)
        assert any(each.startswith("1: event 9") for each in faults), faults

    def test_the_record_of_a_person_who_is_signed_in_is_read(self) -> None:
        """No event names a session that was planted."""
        with transaction():
            start_session(find_person("Gwen Parry"), "127.0.0.1", "test", proven=True)
        assert list_read_people(Extent.SINCE_LAST) == [{find_person("Gwen Parry").id}]


@pytest.mark.usefixtures("checked")
class TestTrust:
    def test_the_result_is_signed_and_bound_to_a_checkpoint(self) -> None:
        base = find_base()
        newest = checkpoints.find_newest_copy()
        assert base is not None
        assert newest is not None
        assert (base.checkpoint, base.size, base.until) == (newest.hash, newest.size, None)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("size", 1),
            *(
                pytest.param(*change, marks=pytest.mark.slow)
                for change in (
                    ("until", 1),
                    ("whole_at", "2030-01-01T00:00:00+00:00"),
                    ("checkpoint", "0" * 64),
                    ("key", "0" * 16),
                    ("key", []),
                    ("signature", 5),
                    ("until", "1"),
                )
            ),
        ],
    )
    def test_a_result_that_was_changed_is_not_relied_on(self, name: str, value: object) -> None:
        get_path().write_text(json.dumps({**json.loads(get_path().read_text()), name: value}))
        assert find_base() is None
        assert len(list_read_people(Extent.SINCE_LAST)) > 5

    @pytest.mark.parametrize(
        "content",
        [
            "",
            *(
                pytest.param(each, marks=pytest.mark.slow)
                for each in ("[]", "{}", "null", '{"size": 1}', "x" * 20_000)
            ),
        ],
    )
    def test_a_file_that_is_not_a_result_is_not_relied_on(self, content: str) -> None:
        get_path().write_text(content)
        assert find_base() is None

    @pytest.mark.parametrize("kind", ["pipe", "link"])
    def test_what_is_no_file_is_not_read(self, kind: str) -> None:
        content = get_path().with_suffix(".other")
        get_path().rename(content)
        if kind == "pipe":
            os.mkfifo(get_path())
        else:
            get_path().symlink_to(content)
        assert find_base() is None

    def test_a_finished_check_is_not_taken_for_an_interrupted_one(self) -> None:
        get_path(UNFINISHED).write_bytes(get_path().read_bytes())
        assert list_read_people(Extent.REST) == list_read_people(Extent.WHOLE)

    def test_a_fault_ends_the_reliance_on_earlier_results(self) -> None:
        """Otherwise the next check might leave out the record that has it, and call the record clean."""
        with tampering_transaction():
            rewrite("Chloe Hart")
            assert list_faults(Extent.WHOLE) != []
        assert not get_path().exists()

    def test_a_result_without_its_checkpoint_is_not_relied_on(self) -> None:
        checkpoints.get_path().write_text("")
        assert find_base() is None

    def test_a_result_of_another_ledger_is_not_relied_on(self) -> None:
        base = find_base()
        assert base
        with tampering_transaction():
            values = {"hash": "0" * 64, "seq": base.size}
            db.session.execute(text("UPDATE event SET hash = :hash WHERE seq = :seq"), values)
            assert find_base() is None

    def test_a_result_of_other_checks_is_not_relied_on(self) -> None:
        assert find_verified(LAST, LedgerSnapshot(), FAST_CHECKS[1:]) is None

    def test_a_check_with_a_fault_is_not_kept(self) -> None:
        get_path().unlink()
        with tampering_transaction():
            rewrite("Chloe Hart")
            assert list_faults(Extent.WHOLE, saves=True) != []
        assert not get_path().exists()

    def test_a_host_without_the_private_key_keeps_nothing(self, checked: Flask) -> None:
        get_path().unlink()
        for path in checked.config["KEYS_PATH"].glob("*.key"):
            path.unlink()
        assert list_faults(Extent.WHOLE, saves=True) == []
        assert not get_path().exists()


@pytest.mark.usefixtures("interrupted")
class TestInterruption:
    @pytest.fixture
    def interrupted(self, checked: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
        """The demonstration after a check of everything that was interrupted after four people."""
        monkeypatch.setattr(check_parts, "PARTS_BETWEEN_SAVES", 1)

        def end(progress: Progress) -> None:
            if progress.done == 4:
                raise Interrupted

        with pytest.raises(Interrupted):
            list(check_in_parts(LedgerSnapshot(), FAST_CHECKS, ONE_PERSON, end, saves=True))
        return checked

    def test_it_is_resumed_where_it_was_interrupted(self) -> None:
        everybody = list_read_people(Extent.WHOLE)
        assert list_read_people(Extent.REST) == everybody[4:]

    def test_what_a_later_event_names_is_read_again(self) -> None:
        alice, unfinished = find_person("Alice Moran").id, read_verified(UNFINISHED)
        assert unfinished
        assert unfinished.until
        assert save_verified(UNFINISHED, replace(unfinished, until=max(alice, unfinished.until)))
        assert {alice} not in list_read_people(Extent.REST)
        submit_sample_evidence("Meanwhile")
        assert {alice} in list_read_people(Extent.REST)

    def test_it_is_forgotten_once_a_check_of_everything_has_ended(self) -> None:
        assert list_faults(Extent.SINCE_LAST, saves=True) == []
        assert get_path(UNFINISHED).exists()
        assert list_faults(Extent.REST, saves=True) == []
        assert not get_path(UNFINISHED).exists()
        base = find_base()
        assert base
        assert base.until is None

    @pytest.mark.parametrize("later", [timedelta(days=1, minutes=1), timedelta(hours=-1)])
    def test_after_a_day_or_before_its_time_it_begins_anew(
        self, later: timedelta, freeze_clock: Callable[..., None]
    ) -> None:
        everybody = list_read_people(Extent.WHOLE)
        freeze_clock(clock.now() + later)
        assert list_read_people(Extent.REST) == everybody


@pytest.mark.usefixtures("demonstration")
class TestNights:
    @pytest.mark.slow
    def test_everything_is_checked_once_a_week_and_what_is_new_every_night(
        self, monkeypatch: pytest.MonkeyPatch, freeze_clock: Callable[..., None]
    ) -> None:
        monkeypatch.setattr(nightly_check, "SMALL_LEDGER", 0)
        moment, is_whole = clock.now(), []
        checkpoints.write_due(at_once=True)
        for day in range(8):
            freeze_clock(moment + timedelta(hours=27 * day))
            run = check_nightly()
            assert run
            is_whole.append(run.results[0]["since"] is None)
            if result := read_verified(
                LAST
            ):  # as if somebody had run `flask verify` too: it counts for the file only
                assert save_verified(LAST, replace(result, whole_at=clock.now().isoformat()))
        assert is_whole == [True, False, False, False, False, False, True, False]

    def test_a_small_record_is_checked_whole_every_night(self, freeze_clock: Callable[..., None]) -> None:
        checkpoints.write_due(at_once=True)
        for _ in range(2):
            freeze_clock(clock.now() + timedelta(hours=27))
            run = check_nightly()
            assert run
            assert run.results[0]["since"] is None


def test_the_command_says_what_it_did_not_read(checked: Flask) -> None:
    run = checked.test_cli_runner().invoke
    assert "everything was checked" in run(args=["verify", "--since-last"]).output  # the file is of fewer checks
    result = run(args=["verify", "--since-last", "--progress"])
    assert "only a check of everything" in result.stdout
    assert "parts checked" in result.stderr
    assert result.exit_code == 0


def test_one_of_resume_and_since_last_is_chosen(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["verify", "--resume", "--since-last"])
    assert result.exit_code == 2
    assert "choose one" in result.stderr
