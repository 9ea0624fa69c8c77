"""How a worker does a job run: steps, killed workers, errors, cancelling and retrying."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.job_runs.conftest import Counting, end_role, reload_run
from tracker.background import jobs
from tracker.clock import LONDON
from tracker.errors import Invalid, Refused
from tracker.job_runs import services
from tracker.job_runs.queries import STALLED_AFTER
from tracker.job_runs.running import MAX_ATTEMPTS, MAX_REPEATS, resume_job_runs, run_job
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.vocabulary import JobState, Role

Start = Callable[..., int]
Freeze = Callable[[datetime], None]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=LONDON)


def die(number: int) -> Callable[[int], None]:
    """Return what ends the worker as a kill does, at the step with this number."""

    def end_worker(step: int) -> None:
        if step == number:
            raise KeyboardInterrupt

    return end_worker


def break_step(number: int) -> Callable[[int], None]:
    """Return what fails at the step with this number."""

    def fail(step: int) -> None:
        if step == number:
            raise OSError(28, "No space left on device")

    return fail


def cancel(run_id: int, world: World) -> None:
    with transaction():
        services.cancel_run(reload_run(run_id), factories.make_actor(world.dan))


def retry(run_id: int, world: World) -> None:
    with transaction():
        services.retry_run(reload_run(run_id), factories.make_actor(world.dan))


class TestSteps:
    def test_each_step_is_done_once_and_the_run_finishes(
        self, world: World, start: Start, counting: Counting
    ) -> None:
        run = reload_run(start())
        assert (run.state, run.done, run.message) == (JobState.FINISHED, 3, "")
        assert counting.counted == [0, 1, 2]
        assert counting.notes == [f"finished at 3 for {world.dan.id}"]
        assert run.ended_at is not None

    def test_a_run_that_is_queued_twice_is_done_once(
        self, start: Start, counting: Counting, by_hand: list[int]
    ) -> None:
        run_id = start()
        assert by_hand == [run_id]
        run_job(run_id)
        run_job(run_id)
        assert counting.counted == [0, 1, 2]

    @pytest.mark.usefixtures("by_hand")
    def test_a_second_worker_leaves_a_running_run_alone(self, start: Start, counting: Counting) -> None:
        run_id = start()
        counting.before_step = lambda _number: run_job(run_id)
        run_job(run_id)
        assert counting.counted == [0, 1, 2]

    @pytest.mark.usefixtures("by_hand")
    def test_a_step_that_another_worker_stored_first_is_not_stored_again(
        self, start: Start, counting: Counting, freeze_clock: Freeze
    ) -> None:
        run_id = start()
        freeze_clock(NOON)

        def let_another_worker_do_it(step: int) -> None:
            counting.before_step = lambda _number: None
            freeze_clock(NOON + STALLED_AFTER * (step + 1))  # this worker seems to have died
            run_job(run_id)

        counting.before_step = let_another_worker_do_it
        run_job(run_id)
        assert counting.counted == [0, 1, 2]
        assert reload_run(run_id).state is JobState.FINISHED

    def test_a_long_run_lets_other_jobs_run(self, start: Start, counting: Counting, by_hand: list[int]) -> None:
        counting.turn_seconds = 0.0
        run_id = start()
        by_hand.clear()
        run_job(run_id)
        assert (reload_run(run_id).state, counting.counted, by_hand) == (JobState.WAITING, [0], [run_id])

    def test_a_worker_that_is_told_to_stop_ends_after_the_step(
        self, app: Flask, start: Start, counting: Counting, by_hand: list[int]
    ) -> None:
        run_id = start()
        stopping = app.extensions["jobs"].stopping
        stopping.set()
        try:
            run_job(run_id)
        finally:
            stopping.clear()
        assert (reload_run(run_id).state, counting.counted) == (JobState.WAITING, [0])
        by_hand.clear()
        resume_job_runs()
        assert by_hand == [run_id]


class TestRunsThatCannotBeTakenUp:
    """One of them does not keep the job runs of others from being done."""

    def test_a_run_of_a_kind_that_this_release_does_not_have_waits_for_a_newer_worker(
        self, start: Start, by_hand: list[int]
    ) -> None:
        unknown, known = start(), start()
        with transaction():
            reload_run(unknown).kind = "of a newer release"
        run_job(by_hand[0])
        assert (reload_run(unknown).state, reload_run(known).state) == (JobState.WAITING, JobState.FINISHED)

    def test_a_run_whose_failure_cannot_be_stored_is_left_out(
        self, start: Start, by_hand: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken, other = start(), start()
        with transaction():
            reload_run(broken).attempts = MAX_ATTEMPTS

        def fail(run: object, actor: object) -> None:
            raise KeyError("a part of the parameters")

        monkeypatch.setattr(Counting, "on_fail", fail)
        run_job(by_hand[0])
        assert (reload_run(broken).state, reload_run(other).state) == (JobState.WAITING, JobState.FINISHED)


class TestKilledWorkers:
    def test_a_killed_run_continues_at_its_step_when_it_has_stalled(
        self, start: Start, counting: Counting, by_hand: list[int], freeze_clock: Freeze
    ) -> None:
        freeze_clock(NOON)
        run_id, counting.before_step = start(), die(1)
        with pytest.raises(KeyboardInterrupt):
            run_job(run_id)
        assert (reload_run(run_id).state, counting.counted) == (JobState.RUNNING, [0])
        by_hand.clear()
        resume_job_runs()
        assert by_hand == [], "another worker may be doing it"
        freeze_clock(NOON + STALLED_AFTER)
        resume_job_runs()
        assert by_hand == [run_id]
        counting.before_step = lambda _number: None
        run_job(run_id)
        assert (reload_run(run_id).state, counting.counted) == (JobState.FINISHED, [0, 1, 2])

    def test_a_run_whose_place_in_the_queue_was_lost_is_queued_again(self, start: Start, by_hand: list[int]) -> None:
        run_id = start()
        by_hand.clear()
        resume_job_runs()
        assert by_hand == [run_id]

    def test_a_run_that_is_queued_is_not_queued_again(
        self, start: Start, by_hand: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = start()
        by_hand.clear()
        monkeypatch.setattr(jobs.Jobs, "has_waiting", lambda _self, _job, waiting: waiting == run_id)
        resume_job_runs()
        assert by_hand == []

    @pytest.mark.usefixtures("by_hand")
    def test_a_run_at_whose_step_every_worker_dies_is_given_up(
        self, world: World, start: Start, counting: Counting, freeze_clock: Freeze
    ) -> None:
        freeze_clock(NOON)
        run_id, counting.before_step = start(), die(1)
        for attempt in range(MAX_ATTEMPTS):
            freeze_clock(NOON + STALLED_AFTER * attempt)
            with pytest.raises(KeyboardInterrupt):
                run_job(run_id)
        freeze_clock(NOON + STALLED_AFTER * MAX_ATTEMPTS)
        run_job(run_id)
        run = reload_run(run_id)
        assert (run.state, run.done) == (JobState.FAILED, 1)
        assert run.message == "The worker stopped 3 times at step 2. Tell your system operator."
        assert counting.notes == [f"failed at 1 for {world.dan.id}"]


class TestErrors:
    def test_a_refusal_fails_at_once_with_its_sentence(self, start: Start, counting: Counting) -> None:
        def refuse(_number: int) -> None:
            raise Refused("The forms are too large.")

        counting.before_step = refuse
        run = reload_run(start())
        assert (run.state, run.message, run.done) == (JobState.FAILED, "The forms are too large.", 0)

    def test_an_error_of_the_server_is_tried_again_and_then_fails(self, start: Start, counting: Counting) -> None:
        counting.before_step = break_step(1)
        run_id = start()
        for _ in range(MAX_ATTEMPTS - 1):
            assert reload_run(run_id).state is JobState.WAITING
            resume_job_runs()
        run = reload_run(run_id)
        assert (run.state, run.done) == (JobState.FAILED, 1)
        assert run.message == "Something went wrong on the server (OSError)."
        assert counting.counted == [0]

    def test_a_failed_run_continues_at_its_step_when_it_is_retried(
        self, world: World, start: Start, counting: Counting
    ) -> None:
        counting.before_step = break_step(1)
        run_id = start()
        for _ in range(MAX_ATTEMPTS - 1):
            resume_job_runs()
        counting.before_step = lambda _number: None
        retry(run_id, world)
        run = reload_run(run_id)
        assert (run.state, run.message, counting.counted) == (JobState.FINISHED, "", [0, 1, 2])
        assert counting.notes[1] == f"retried at 1 by {world.dan.id}"

    @pytest.mark.usefixtures("by_hand")
    def test_a_run_of_a_person_whose_role_has_ended_stops(
        self, world: World, start: Start, counting: Counting
    ) -> None:
        run_id = start()

        counting.before_step = lambda number: end_role(world) if number == 1 else None
        run_job(run_id)
        run = reload_run(run_id)
        assert (run.state, counting.counted) == (JobState.FAILED, [0])
        assert run.message.startswith("The person who started this job no longer has the role for it")
        assert counting.notes == ["failed at 1 for nobody"], "no event may name a role that has ended"


class TestStepsThatStoreNothing:
    @pytest.mark.parametrize("turn_seconds", [0.0, 5.0])
    @pytest.mark.usefixtures("by_hand")
    def test_a_step_that_never_stores_anything_is_given_up(
        self, start: Start, counting: Counting, turn_seconds: float
    ) -> None:
        counting.turn_seconds = turn_seconds
        counting.stores_nothing = lambda _number, tries: tries < 100
        run_id = start()
        run_job(run_id)
        run = reload_run(run_id)
        assert (run.state, run.done, counting.counted) == (JobState.FAILED, 0, [0] * MAX_REPEATS)
        assert run.message == "Step 1 was done 10 times without storing anything. Tell your system operator."

    def test_a_step_that_stores_something_at_last_continues(self, start: Start, counting: Counting) -> None:
        counting.stores_nothing = lambda _number, tries: tries < MAX_REPEATS
        assert reload_run(start()).state is JobState.FINISHED
        assert len(counting.counted) == 3 * MAX_REPEATS


class TestRolesThatEnded:
    @pytest.fixture
    def stopped(self, world: World, start: Start, counting: Counting, by_hand: list[int]) -> int:
        """Dan's job run, which failed because Dan is no administrator any more."""
        run_id = start()
        assert by_hand == [run_id]
        end_role(world)
        run_job(run_id)
        assert reload_run(run_id).message.startswith("The person who started this job no longer has the role for it")
        assert counting.counted == []
        return run_id

    def test_another_administrator_continues_the_job_in_their_own_name(
        self, world: World, stopped: int, counting: Counting
    ) -> None:
        with transaction():
            nora = factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)
        with transaction():
            services.retry_run(reload_run(stopped), factories.make_actor(nora))
        run_job(stopped)
        run = reload_run(stopped)
        assert (run.state, counting.counted, run.started_by_id) == (JobState.FINISHED, [0, 1, 2], nora.id)
        assert counting.notes[1:] == [f"retried at 0 by {nora.id}", f"finished at 3 for {nora.id}"]

    def test_the_operator_cannot_continue_it(self, stopped: int) -> None:
        with pytest.raises(Refused, match=r"no longer has the role .* Nothing was changed"), transaction():
            services.retry_run(reload_run(stopped), None)
        assert reload_run(stopped).state is JobState.FAILED


class TestActs:
    @pytest.mark.usefixtures("by_hand")
    def test_cancelling_takes_effect_between_steps(self, world: World, start: Start, counting: Counting) -> None:
        run_id = start()
        counting.before_step = lambda number: cancel(run_id, world) if number == 1 else None
        run_job(run_id)
        run = reload_run(run_id)
        assert (run.state, run.done, counting.counted) == (JobState.CANCELLED, 1, [0])
        assert counting.notes == [f"cancelled at 1 by {world.dan.id}"]

    def test_a_run_whose_work_is_done_is_not_cancelled(
        self, world: World, start: Start, by_hand: list[int], client: Callable[[Person], FlaskClient]
    ) -> None:
        run_id = start()
        with transaction():
            reload_run(run_id).done = 3
        assert "Cancel job" not in client(world.dan).get(f"/jobs/{run_id}").text
        with pytest.raises(Refused, match="The work of this job is done already"):
            cancel(run_id, world)
        run_job(by_hand[0])
        assert reload_run(run_id).state is JobState.FINISHED

    def test_an_ended_run_is_neither_cancelled_nor_retried(self, world: World, start: Start) -> None:
        run_id = start()
        for act in (cancel, retry):
            with pytest.raises(Refused, match="finished"):
                act(run_id, world)
        assert reload_run(run_id).state is JobState.FINISHED

    @pytest.mark.usefixtures("by_hand")
    def test_a_waiting_run_is_not_retried(self, world: World, start: Start) -> None:
        run_id = start()
        with pytest.raises(Refused, match="waiting"):
            retry(run_id, world)

    def test_a_person_has_three_open_runs_of_a_kind_at_most(
        self, world: World, start: Start, by_hand: list[int]
    ) -> None:
        for _ in range(services.MAX_OPEN_RUNS):
            start()
        with pytest.raises(Refused, match="waiting or running for you already"):
            start()
        start(world.heidi)
        cancel(by_hand[0], world)
        start()

    def test_too_many_parameters_are_refused(self, world: World, counting: Counting) -> None:
        with pytest.raises(Invalid, match="too much"), transaction():
            services.start_run(
                counting,
                factories.make_actor(world.dan),
                centre_id=world.northgate.id,
                title="Too many",
                total=1,
                parameters={"ids": list(range(10_000))},
            )
