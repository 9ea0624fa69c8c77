"""The job of an import of units: stopped, continued, retried, and done by another worker."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests import factories
from tests.factories import World
from tests.job_runs.conftest import by_hand
from tests.library.unit_imports import (
    NOON,
    do_job,
    get_job,
    import_one_slice,
    import_units,
    own_units,
    parse_files_here,
    preview,
    reload_run,
    start,
    units,
)
from tests.stored_files import stored_path
from tracker.background import jobs
from tracker.clock import now
from tracker.errors import Conflict, Refused
from tracker.extensions import db
from tracker.job_runs import services as job_services
from tracker.job_runs.queries import STALLED_AFTER
from tracker.job_runs.running import MAX_ATTEMPTS, resume_job_runs
from tracker.ledger.transactions import transaction
from tracker.library.services import import_job
from tracker.library.services import imports as services
from tracker.library.services.import_job import UNIT_IMPORT
from tracker.models import Event, ImportRun, JobRun, Unit
from tracker.units.documents import UnitDocument
from tracker.vocabulary import ImportState, JobState, Role

__all__ = ["by_hand", "parse_files_here"]


class TestStopping:
    def test_killed_import_continues_without_duplicates(
        self,
        world: World,
        by_hand: list[int],
        freeze_clock: Callable[[datetime], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(import_job, "MAX_UNITS_IN_SLICE", 2)
        freeze_clock(NOON)
        run = preview(world, units(5))
        start(run, factories.make_actor(world.dan))
        store_unit, codes = import_job.store_unit, []  # type: ignore[attr-defined]  # the name that the job calls

        def killed(unit: Unit, document: UnitDocument) -> None:
            store_unit(unit, document)
            codes.append(unit.code)
            if len(codes) == 4:
                raise KeyboardInterrupt

        monkeypatch.setattr(import_job, "store_unit", killed)
        with pytest.raises(KeyboardInterrupt):
            do_job(run)
        assert (reload_run(run).state, run.done) == (ImportState.RUNNING, 2)
        assert [len(own_units(f"LOCAL{number}")) for number in range(5)] == [1, 1, 0, 0, 0]
        monkeypatch.setattr(import_job, "store_unit", store_unit)
        by_hand.clear()
        freeze_clock(NOON + STALLED_AFTER)
        resume_job_runs()
        assert by_hand == [get_job(run).id]
        do_job(run)
        do_job(run)  # the job may run twice
        assert (reload_run(run).state, run.done) == (ImportState.DONE, 5)
        assert [len(own_units(f"LOCAL{number}")) for number in range(5)] == [1] * 5

    @pytest.mark.usefixtures("by_hand")
    def test_stopping_worker_ends_after_the_slice(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(import_job, "MAX_UNITS_IN_SLICE", 1)
        run = preview(world, units(3))
        start(run, factories.make_actor(world.dan))
        import_one_slice(run)
        assert (reload_run(run).state, run.done) == (ImportState.RUNNING, 1)

    @pytest.mark.usefixtures("by_hand")
    def test_slice_ends_when_its_time_is_up(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(import_job, "MAX_SLICE_SECONDS", 0.0)
        run = preview(world, units(3))
        start(run, factories.make_actor(world.dan))
        import_one_slice(run)
        assert reload_run(run).done == 1

    def test_failed_import_says_what_happened_and_what_to_do(
        self, world: World, monkeypatch: pytest.MonkeyPatch, recorded_acts: Callable[[], list[str]]
    ) -> None:
        store_unit = import_job.store_unit  # type: ignore[attr-defined]  # the name that the job calls
        monkeypatch.setattr(import_job, "MAX_UNITS_IN_SLICE", 1)

        def broken(unit: Unit, document: UnitDocument) -> None:
            if unit.code == "LOCAL2":
                raise OSError(28, "No space left on device")
            store_unit(unit, document)

        monkeypatch.setattr(import_job, "store_unit", broken)
        run = import_units(world, units(4))
        for _ in range(MAX_ATTEMPTS - 1):
            assert run.state is ImportState.RUNNING
            resume_job_runs()
            reload_run(run)
        assert (run.state, run.done) == (ImportState.FAILED, 2)
        assert run.message == (
            "Something went wrong on the server (OSError). 2 units of 4 were processed; imported units are "
            "kept. Continue from there, or stop the import."
        )
        assert recorded_acts()[-1] == "import_failed"
        monkeypatch.setattr(import_job, "store_unit", store_unit)
        with transaction():
            services.resume_import(db.session.get_one(ImportRun, run.id), factories.make_actor(world.dan))
        assert (reload_run(run).state, run.message) == (ImportState.DONE, "")
        assert [len(own_units(f"LOCAL{number}")) for number in range(4)] == [1] * 4

    def test_operator_continues_a_failed_import(
        self, app: Flask, world: World, monkeypatch: pytest.MonkeyPatch, recorded_acts: Callable[[], list[str]]
    ) -> None:
        store_unit = import_job.store_unit  # type: ignore[attr-defined]  # the name that the job calls
        monkeypatch.setattr(import_job, "store_unit", lambda *_: 1 / 0)
        run = import_units(world, units(1))
        for _ in range(MAX_ATTEMPTS - 1):
            resume_job_runs()
        assert reload_run(run).state is ImportState.FAILED
        monkeypatch.setattr(import_job, "store_unit", store_unit)
        app.test_cli_runner().invoke(args=["job-runs", "retry", str(get_job(run).id)])
        assert (reload_run(run).state, run.message) == (ImportState.DONE, "")
        assert "import_resumed" not in recorded_acts(), "the operator has no role under which to continue it"

    @pytest.mark.parametrize(
        ("state", "job_state"),
        [
            (ImportState.CANCELLED, JobState.CANCELLED),
            (ImportState.FAILED, JobState.FAILED),
            (ImportState.DONE, JobState.FINISHED),
        ],
    )
    @pytest.mark.usefixtures("by_hand")
    def test_job_of_an_import_that_was_ended_by_other_means_ends_as_the_import_did(
        self, world: World, state: ImportState, job_state: JobState
    ) -> None:
        run = preview(world, units(3))
        start(run, factories.make_actor(world.dan))
        with transaction():
            reload_run(run).state, run.message = state, "The disk was full."
        do_job(run)
        job = get_job(run)
        assert (job.state, reload_run(run).state) == (job_state, state)
        assert job.message == ("The disk was full." if state is ImportState.FAILED else "")
        assert own_units("LOCAL0") == []

    @pytest.mark.usefixtures("by_hand")
    def test_import_that_is_cancelled_after_its_last_unit_is_not_set_done(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(import_job, "MAX_UNITS_IN_SLICE", 1)
        run = preview(world, units(1))
        start(run, factories.make_actor(world.dan))
        import_one_slice(run)
        with transaction():
            reload_run(run).state = ImportState.CANCELLED
        do_job(run)
        assert (get_job(run).state, reload_run(run).state) == (JobState.CANCELLED, ImportState.CANCELLED)

    @pytest.mark.usefixtures("by_hand")
    def test_job_that_fails_leaves_a_cancelled_import_cancelled(
        self, world: World, recorded_acts: Callable[[], list[str]]
    ) -> None:
        run = preview(world, units(1))
        start(run, factories.make_actor(world.dan))
        stored_path(run.sha256).unlink()
        with transaction():
            reload_run(run).state = ImportState.CANCELLED
        do_job(run)
        assert (get_job(run).state, reload_run(run).state) == (JobState.FAILED, ImportState.CANCELLED)
        assert "import_failed" not in recorded_acts()

    @pytest.mark.usefixtures("by_hand")
    def test_job_cannot_continue_or_stop_an_import_that_is_done(self, world: World) -> None:
        run = preview(world, units(1))
        start(run, factories.make_actor(world.dan))
        with transaction():
            reload_run(run).state, get_job(run).state = ImportState.DONE, JobState.FAILED
        with pytest.raises(Refused, match="This import is done"), transaction():
            job_services.retry_run(get_job(run), factories.make_actor(world.dan))
        with transaction():
            job_services.cancel_run(get_job(run), factories.make_actor(world.dan))
        assert (reload_run(run).state, get_job(run).state) == (ImportState.DONE, JobState.CANCELLED)

    @pytest.mark.parametrize("state", [ImportState.RUNNING, ImportState.FAILED])
    def test_import_that_the_previous_release_started_is_continued(
        self, world: World, by_hand: list[int], state: ImportState, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(import_job, "MAX_UNITS_IN_SLICE", 1)
        run = preview(world, units(3))
        start(run, factories.make_actor(world.dan))
        import_one_slice(run)
        with transaction():
            reload_run(run).state, run.message = state, "The disk was full."
            db.session.delete(get_job(run))  # that release makes none
        assert services.find_job(run) is None
        services.add_missing_jobs()
        services.add_missing_jobs()
        assert db.session.scalar(select(func.count(JobRun.id))) == 1
        if state is ImportState.FAILED:
            assert (get_job(run).state, get_job(run).message) == (JobState.FAILED, "The disk was full.")
            with transaction():
                services.resume_import(reload_run(run), factories.make_actor(world.dan))
        assert UNIT_IMPORT.describe_progress(get_job(run)) == "1 of 3 units"
        by_hand.clear()
        resume_job_runs()
        assert by_hand == [get_job(run).id]
        do_job(run)
        assert (reload_run(run).state, get_job(run).state) == (ImportState.DONE, JobState.FINISHED)
        assert [len(own_units(f"LOCAL{number}")) for number in range(3)] == [1, 1, 1]

    def test_import_that_the_previous_release_continued_gets_a_new_job(
        self, world: World, by_hand: list[int]
    ) -> None:
        run = preview(world, units(1))
        start(run, factories.make_actor(world.dan))
        with transaction():
            get_job(run).state = JobState.FAILED
        assert "add_missing_jobs" in jobs.get_jobs().every_minute
        services.add_missing_jobs()
        assert get_job(run).id != by_hand[0]
        do_job(run)
        assert reload_run(run).state is ImportState.DONE

    @pytest.mark.usefixtures("by_hand")
    def test_another_administrator_continues_the_import_of_a_person_whose_role_has_ended(
        self, world: World, recorded_acts: Callable[[], list[str]]
    ) -> None:
        run = preview(world, units(2))
        start(run, factories.make_actor(world.dan))
        with transaction():
            for grant in world.dan.grants:
                grant.ends_at = now()
            factories.leave_unsealed()
        do_job(run)
        assert reload_run(run).message == (
            "The person who started this job no longer has the role for it, or their account is closed. An "
            "administrator of the centre can continue it in their own name. 0 units of 2 were processed; imported "
            "units are kept."
        )
        with transaction():
            nora = factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)
        with transaction():
            services.resume_import(reload_run(run), factories.make_actor(nora))
        do_job(run)
        assert reload_run(run).state is ImportState.DONE
        events = db.session.scalars(select(Event).where(Event.act == "unit_published")).all()
        assert [event.actor_id for event in events] == [nora.id] * 2
        assert recorded_acts()[-4:] == ["import_resumed", "unit_published", "unit_published", "units_imported"]

    @pytest.mark.usefixtures("by_hand")
    def test_missing_file_is_reported(self, world: World) -> None:
        run = preview(world, units(1))
        start(run, factories.make_actor(world.dan))
        stored_path(run.sha256).unlink()
        do_job(run)
        assert reload_run(run).state is ImportState.FAILED
        assert run.message.startswith("The file is missing from the store.")

    @pytest.mark.usefixtures("by_hand")
    def test_cancelled_import_keeps_imported_units(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(import_job, "MAX_UNITS_IN_SLICE", 1)
        run = preview(world, units(3))
        start(run, factories.make_actor(world.dan))
        import_one_slice(run)
        with transaction():
            services.cancel_import(reload_run(run), factories.make_actor(world.dan))
        do_job(run)
        assert (reload_run(run).state, run.done) == (ImportState.CANCELLED, 1)
        assert [len(own_units(f"LOCAL{number}")) for number in range(3)] == [1, 0, 0]

    def test_import_starts_and_ends_once(self, world: World) -> None:
        run, actor = import_units(world, units(1)), factories.make_actor(world.dan)
        with pytest.raises(Conflict, match="already done"):
            start(run, actor)
        for act in (services.cancel_import, services.resume_import):
            with pytest.raises(Refused, match="Nothing was changed"), transaction():
                act(reload_run(run), actor)
