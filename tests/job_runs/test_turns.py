"""Whose job run a worker does next, where several people have some."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.factories import World
from tests.job_runs.conftest import Counting, reload_run
from tracker.clock import LONDON
from tracker.job_runs.queries import find_next_run
from tracker.job_runs.running import run_job
from tracker.vocabulary import JobState

Start = Callable[..., int]
Freeze = Callable[[datetime], None]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=LONDON)


@pytest.fixture(autouse=True)
def minute(freeze_clock: Freeze) -> Callable[[int], None]:
    """Set the clock to so many minutes after noon."""
    freeze_clock(NOON)
    return lambda minutes: freeze_clock(NOON + timedelta(minutes=minutes))


def test_the_job_of_another_person_is_done_before_the_rest_of_a_long_one(
    world: World, start: Start, counting: Counting, by_hand: list[int], minute: Callable[[int], None]
) -> None:
    dans = start()
    runs = {dans: "Dan"}

    def let_heidi_ask(number: int) -> None:
        if number == 1 and len(runs) == 1:
            minute(1)
            runs[start(world.heidi, total=1)] = "Heidi"
            minute(2)

    counting.before_step = let_heidi_ask
    run_job(dans)
    assert (reload_run(dans).state, reload_run(dans).done) == (JobState.WAITING, 2)
    assert [runs[run_id] for run_id in by_hand] == ["Dan", "Heidi", "Dan"]
    run_job(dans)
    assert [reload_run(run_id).state for run_id in runs] == [JobState.WAITING, JobState.FINISHED]
    run_job(dans)
    assert reload_run(dans).state is JobState.FINISHED


def test_the_jobs_of_one_person_keep_their_order_and_take_one_place_in_the_queue(
    world: World, start: Start, by_hand: list[int], minute: Callable[[int], None]
) -> None:
    first, second, third = (start(total=1) for _ in range(3))
    minute(1)
    heidis = start(world.heidi, total=1)
    order = []
    for after in range(4):
        minute(2 + after)
        run_id = find_next_run()
        assert run_id is not None
        order.append(run_id)
        run_job(by_hand[0])
    assert order == [first, heidis, second, third]
    assert find_next_run() is None


def test_a_job_is_finished_in_the_turn_of_its_last_step(
    world: World, start: Start, counting: Counting, by_hand: list[int]
) -> None:
    counting.turn_seconds = 0
    run_id = start(total=1)
    start(world.heidi)
    run_job(run_id)
    assert reload_run(run_id).state is JobState.FINISHED


@pytest.mark.usefixtures("by_hand")
def test_a_person_whose_job_is_being_done_waits_for_others(world: World, start: Start, counting: Counting) -> None:
    dans, chosen = start(), list[int | None]()
    start()

    def note_next(number: int) -> None:
        if number == 0 and not chosen:
            chosen.append(find_next_run())
            heidis = start(world.heidi)
            chosen.append(find_next_run())
            assert chosen[1] == heidis

    counting.before_step = note_next
    run_job(dans)
    assert chosen[0] != dans


@pytest.mark.usefixtures("by_hand")
def test_a_kind_whose_turns_are_slow_to_begin_continues_to_the_end_of_its_turn(
    world: World, start: Start, counting: Counting
) -> None:
    counting.ends_turn_for_others = False
    dans = start()
    counting.before_step = lambda number: start(world.heidi) if number == 0 else None
    run_job(dans)
    assert reload_run(dans).state is JobState.FINISHED
