"""Files of the job that prints many forms: none is kept without a row, and a damaged one does not stop the job."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.job_runs.conftest import by_hand, reload_run
from tests.pausing import run_while_paused
from tests.recording_forms.test_print_cohort import (
    NOON,
    Freeze,
    ana,
    download,
    list_stored,
    mark_erased,
    print_one_step,
    read_contents,
    rendered,
    start,
)
from tests.stored_files import stored_path
from tracker.clock import now
from tracker.extensions import db
from tracker.job_runs import running, services
from tracker.job_runs.files import delete_expired_job_files, drop_files_of, save_file
from tracker.job_runs.kinds import read_facts
from tracker.job_runs.queries import STALLED_AFTER
from tracker.job_runs.running import MAX_ATTEMPTS, run_job
from tracker.ledger.transactions import reading, transaction
from tracker.models import Grant, JobStep, Person
from tracker.recording_forms import cohort_printing, form_steps
from tracker.recording_forms.cohort_printing import CohortPrinting
from tracker.registrations.services import withdraw_candidate
from tracker.storage import file_store
from tracker.storage.stores import StoreUnreachable
from tracker.vocabulary import FormOutcome, JobState, Role

__all__ = ["ana", "by_hand", "rendered"]

Browser = Callable[[Person], FlaskClient]


@pytest.fixture(autouse=True)
def empty_store(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test with an empty file store of its own."""
    monkeypatch.setitem(app.config, "ATTACHMENTS_PATH", tmp_path / "files")


@pytest.fixture
def nora(world: World) -> Person:
    """Nora Bell, another administrator of Northgate."""
    with transaction():
        return factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)


def list_in_store() -> set[str]:
    """Return the names of all files in the store."""
    return {entry.name for entry in file_store.list_files()}


def cancel(run_id: int, world: World) -> None:
    with transaction():
        services.cancel_run(reload_run(run_id), factories.make_actor(world.dan))


def end_role(_run_id: int, world: World) -> None:
    with transaction():
        query = select(Grant).where(Grant.person_id == world.dan.id, Grant.role == Role.ADMINISTRATOR)
        db.session.scalars(query).one().ends_at = now() - timedelta(seconds=1)
        factories.leave_unsealed()


def erase(_run_id: int, world: World) -> None:
    with transaction():
        mark_erased(world.registration.id, world.dan)
        drop_files_of(world.alice.id, world.northgate.id)


def retry(run_id: int, world: World) -> None:
    with transaction():
        services.retry_run(reload_run(run_id), factories.make_actor(world.dan))


def call_after_saves(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Call an act once, when so many files were saved and the last of them is not stored in a row yet."""
    save, saved = file_store.save, []

    def save_and_act(stream: Any) -> Any:
        saved.append(save(stream))
        if len(saved) == number:
            act()
        return saved[-1]

    monkeypatch.setattr(file_store, "save", save_and_act)


@pytest.mark.usefixtures("by_hand", "rendered")
class TestFilesWithoutARow:
    @pytest.mark.parametrize("number", [1, 2, 3], ids=["first form", "second form", "result"])
    @pytest.mark.parametrize("happens", [cancel, erase, end_role])
    def test_what_was_saved_and_not_stored_is_deleted(
        self, world: World, monkeypatch: pytest.MonkeyPatch, happens: Callable[[int, World], None], number: int
    ) -> None:
        run_id = start(world, world.alice)
        call_after_saves(monkeypatch, number, lambda: happens(run_id, world))
        run_job(run_id)
        assert list_in_store() == set(list_stored(run_id))
        assert reload_run(run_id).files_to_delete is None

    def test_a_form_that_makes_the_file_too_large_is_deleted(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(form_steps, "MAX_BYTES", 40)
        run_id = start(world, world.alice)
        run_job(run_id)
        assert len(list_in_store()) == 1
        assert list_in_store() == set(list_stored(run_id))

    def test_a_form_is_deleted_when_the_database_fails(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_run_id: int) -> int:
            raise OSError("the database cannot be reached")

        monkeypatch.setattr(form_steps, "_measure_steps", fail)
        run_job(start(world, world.alice))
        assert list_in_store() == set()

    def test_a_file_that_another_job_has_too_is_kept(
        self, world: World, nora: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other, run_id = start(world, world.alice), start(world, world.alice, who=nora)
        print_one_step(other)
        call_after_saves(monkeypatch, 1, lambda: cancel(run_id, world))
        run_job(run_id)
        assert list_in_store() == set(list_stored(other)) != set()

    def test_a_file_that_another_job_is_about_to_store_is_kept(
        self, world: World, nora: Person, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other, run_id = start(world, world.alice), start(world, world.alice, who=nora)
        print_one_step(other)
        call_after_saves(monkeypatch, 1, lambda: cancel(other, world))
        run_job(run_id)
        assert reload_run(run_id).state is JobState.FINISHED
        assert len(download(client(nora), run_id)) == 3
        assert list_in_store() == set(list_stored(run_id))
        assert reload_run(other).files_to_delete is None

    def test_a_file_that_two_jobs_have_saved_is_deleted_with_the_second(
        self, world: World, nora: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other, run_id = start(world, world.alice), start(world, world.alice, who=nora)

        def cancel_both() -> None:
            for each in (other, run_id):
                cancel(each, world)

        print_one_step(other)
        call_after_saves(monkeypatch, 1, cancel_both)
        run_job(run_id)
        assert list_in_store() == set()

    def test_a_file_that_is_being_deleted_is_saved_anew_by_another_job(
        self, app: Flask, world: World, nora: Person
    ) -> None:
        other, run_id = start(world, world.alice), start(world, world.alice, who=nora)
        print_one_step(other)
        (name,) = list_in_store()
        form, dan = file_store.read(name), world.dan

        def cancel_other() -> None:
            with transaction():
                services.cancel_run(reload_run(other), factories.make_actor(db.session.merge(dan)))

        def save() -> None:
            with reading():
                facts = read_facts(reload_run(run_id))
            save_file(facts, BytesIO(form))

        run_while_paused(app, (file_store, "remove"), cancel_other, save)
        assert list_in_store() == {name}

    @pytest.mark.parametrize("number", [1, 3], ids=["form", "result"])
    def test_the_worker_deletes_what_a_killed_one_saved(
        self, world: World, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        def die() -> None:
            monkeypatch.setattr(running, "delete_unstored_files", lambda _facts: None)
            raise KeyboardInterrupt

        run_id = start(world, world.alice)
        call_after_saves(monkeypatch, number, die)
        with pytest.raises(KeyboardInterrupt):
            run_job(run_id)
        assert len(list_in_store()) == number
        delete_expired_job_files()
        assert len(list_in_store()) == number, "a running job is about to store it"
        cancel(run_id, world)
        delete_expired_job_files()
        assert list_in_store() == set()

    def test_an_erasure_leaves_a_form_of_another_candidate_that_is_being_stored(
        self, world: World, ana: Person, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = start(world)
        call_after_saves(monkeypatch, 3, lambda: erase(run_id, world))
        run_job(run_id)
        rows = read_contents(download(client(world.dan), run_id))
        assert [row["Candidate"] for row in rows if row["File"]] == [ana.name]


@pytest.mark.usefixtures("by_hand")
class TestErasureWhilePacking:
    def test_the_file_does_not_name_a_withdrawn_candidate_who_is_erased_meanwhile(
        self, world: World, ana: Person, rendered: list[str], client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with transaction():
            withdraw_candidate(world.registration, "Left the employer.", factories.make_actor(world.dan))
        run_id = start(world)
        call_after_saves(monkeypatch, 2, lambda: erase(run_id, world))
        run_job(run_id)
        assert [each.split()[0] for each in rendered] == ["Ana"]
        rows = read_contents(download(client(world.dan), run_id))
        assert [row["Candidate"] for row in rows] == [ana.name]
        assert list_in_store() == set(list_stored(run_id))


def delete(path: Path) -> None:
    path.unlink()


def damage(path: Path) -> None:
    path.write_bytes(b"something else")


@pytest.mark.usefixtures("by_hand")
class TestDamagedFiles:
    @pytest.mark.parametrize("spoil", [delete, damage])
    def test_an_issued_form_that_is_missing_or_damaged_does_not_stop_the_others(
        self, world: World, rendered: list[str], monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
    ) -> None:
        issued = file_store.save(BytesIO(b"%PDF as issued"))
        spoil(stored_path(issued.sha256))
        self.say_is_issued(world.cfacc15.id, issued.sha256, monkeypatch)
        run_id = start(world, world.alice)
        run_job(run_id)
        assert reload_run(run_id).state is JobState.FINISHED
        query = select(JobStep.outcome).where(JobStep.run_id == run_id).order_by(JobStep.number)
        assert list(db.session.scalars(query)) == [FormOutcome.FAILED, FormOutcome.PRINTED]
        assert len(rendered) == 1

    def test_an_issued_form_is_tried_again_while_the_store_cannot_be_reached(
        self, world: World, rendered: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @contextmanager
        def fail(_sha256: str) -> Iterator[Path]:
            raise StoreUnreachable("the file store cannot be used")
            yield

        self.say_is_issued(world.cfacc15.id, "ab" * 32, monkeypatch)
        monkeypatch.setattr(file_store, "local", fail)
        run_id = start(world, world.alice)
        run_job(run_id)
        run = reload_run(run_id)
        assert (run.state, run.done, rendered) == (JobState.WAITING, 0, [])

    @pytest.mark.parametrize("spoil", [delete, damage])
    def test_a_retry_prints_again_when_a_printed_form_is_missing_or_damaged(
        self, world: World, rendered: list[str], client: Browser, spoil: Callable[[Path], None]
    ) -> None:
        run_id = start(world, world.alice)
        print_one_step(run_id)
        (form,) = list_stored(run_id)
        spoil(stored_path(form))
        run_job(run_id)
        run = reload_run(run_id)
        assert (run.state, run.done) == (JobState.FAILED, 0)
        assert "Retry this job to make all of them again." in client(world.dan).get(f"/jobs/{run_id}").text
        assert list_in_store() == set()
        retry(run_id, world)
        run_job(run_id)
        assert (reload_run(run_id).state, len(rendered)) == (JobState.FINISHED, 4)
        assert len(download(client(world.dan), run_id)) == 3

    def say_is_issued(self, attempt_id: int, sha256: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the form of an attempt be one that was issued with this file."""
        monkeypatch.setattr(
            form_steps,
            "find_current_form",
            lambda attempt: SimpleNamespace(sha256=sha256) if attempt.id == attempt_id else None,
        )


@pytest.mark.usefixtures("by_hand", "rendered")
class TestLongPacking:
    def test_a_worker_that_packs_for_long_does_not_look_dead(
        self, world: World, freeze_clock: Freeze, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        freeze_clock(NOON)
        run_id = start(world, world.alice)
        local, save, results = file_store.local, CohortPrinting.make_result, []

        def count(kind: CohortPrinting, run: Any) -> Any:
            results.append(run.id)
            return save(kind, run)

        def read_slowly(sha256: str) -> Any:
            freeze_clock(now() + STALLED_AFTER * 0.9)
            run_job(run_id)  # another worker
            return local(sha256)

        monkeypatch.setattr(cohort_printing, "FILES_BETWEEN_RENEWALS", 1)
        monkeypatch.setattr(CohortPrinting, "make_result", count)
        monkeypatch.setattr(file_store, "local", read_slowly)
        run_job(run_id)
        assert (reload_run(run_id).state, results) == (JobState.FINISHED, [run_id])

    def test_a_run_whose_result_no_worker_makes_names_no_step(
        self, world: World, freeze_clock: Freeze, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(_kind: CohortPrinting, _run: Any) -> None:
            raise KeyboardInterrupt

        freeze_clock(NOON)
        monkeypatch.setattr(CohortPrinting, "make_result", die)
        run_id = start(world, world.alice)
        for attempt in range(MAX_ATTEMPTS):
            freeze_clock(NOON + STALLED_AFTER * attempt)
            with pytest.raises(KeyboardInterrupt):
                run_job(run_id)
        freeze_clock(NOON + STALLED_AFTER * MAX_ATTEMPTS)
        run_job(run_id)
        assert reload_run(run_id).message == (
            "The worker stopped 3 times after the last step. Tell your system operator."
        )
