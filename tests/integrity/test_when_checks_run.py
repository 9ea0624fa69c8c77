"""When the nightly check runs, what it reads, and what is shown of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tracker.integrity import nightly_check, verify
from tracker.integrity.check_parts import Extent
from tracker.integrity.invariants import Check, Result
from tracker.integrity.nightly_check import (
    MAX_INTERVAL,
    SMALL_LEDGER,
    WHOLE_INTERVAL,
    check_nightly,
    find_last_check,
    group_results,
)
from tracker.ledger import events
from tracker.ledger.transactions import transaction
from tracker.models import IntegrityCheckRun

TICK = timedelta(microseconds=1)
NIGHT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
"""Three in the morning, in London too."""
CHECK = Check(1, "nothing is wrong", lambda _: ())
Freeze = Callable[[datetime], None]


def add_run(at: datetime, **result: Any) -> None:
    """Add the run of an earlier night, which read everything unless the result names another since when."""
    results = [{"invariant": 1, "name": "nothing is wrong", "offences": 0, "first": None, "since": None} | result]
    from tracker.extensions import db

    with transaction():
        db.session.add(IntegrityCheckRun(checked_at=at, finished_at=at, events=0, violated=0, results=results))


@pytest.fixture
def runs(app: Any, monkeypatch: pytest.MonkeyPatch, freeze_clock: Freeze) -> SimpleNamespace:
    """What was asked of the checks, and what they answer: that nothing is wrong."""
    assert app
    runs = SimpleNamespace(extents=[], progress=[None], results=[Result(CHECK, 0, None)], size=0)

    def run_all_checks(*, observe: Any, extent: Extent, saves: bool, processes: int) -> list[Result]:
        assert saves
        assert processes == 1
        runs.extents.append(extent)
        for base in runs.progress:
            observe(SimpleNamespace(base=base))
        return list(runs.results)

    monkeypatch.setattr(verify, "run_all_checks", run_all_checks)
    monkeypatch.setattr(events, "get_head", lambda: (runs.size, ""))
    freeze_clock(NIGHT)
    return runs


class TestWhen:
    def is_due(self, freeze_clock: Freeze, last: datetime, moment: datetime) -> bool:
        add_run(last)
        freeze_clock(moment)
        return check_nightly() is not None

    @pytest.mark.parametrize(("hour", "is_due"), [(1, False), (2, True), (4, True), (5, False), (12, False)])
    def test_it_runs_in_the_early_morning(
        self, runs: SimpleNamespace, freeze_clock: Freeze, hour: int, is_due: bool
    ) -> None:
        last = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        assert self.is_due(freeze_clock, last, NIGHT.replace(hour=hour)) is is_due
        assert bool(runs.extents) is is_due

    def test_it_runs_once_a_night(self, runs: SimpleNamespace, freeze_clock: Freeze) -> None:
        assert runs
        assert not self.is_due(freeze_clock, NIGHT.replace(hour=2), NIGHT)

    @pytest.mark.parametrize(("since", "is_due"), [(MAX_INTERVAL, True), (MAX_INTERVAL - TICK, False)])
    def test_it_runs_by_day_if_it_was_missed(
        self, runs: SimpleNamespace, freeze_clock: Freeze, since: timedelta, is_due: bool
    ) -> None:
        assert runs
        noon = NIGHT.replace(hour=12)
        assert self.is_due(freeze_clock, noon - since, noon) is is_due

    def test_it_runs_if_it_never_ran(self, runs: SimpleNamespace) -> None:
        assert check_nightly()
        assert runs.extents == [Extent.REST]


class TestWhatItReads:
    def find_extent(self, runs: SimpleNamespace, size: int) -> Extent:
        runs.size = size
        assert check_nightly()
        extent: Extent = runs.extents[-1]
        return extent

    def test_a_small_ledger_is_read_every_night(self, runs: SimpleNamespace) -> None:
        add_run(NIGHT - timedelta(days=1))
        assert self.find_extent(runs, SMALL_LEDGER) is Extent.REST

    def test_of_a_large_one_what_is_new(self, runs: SimpleNamespace) -> None:
        add_run(NIGHT - timedelta(days=1))
        assert self.find_extent(runs, SMALL_LEDGER + 1) is Extent.SINCE_LAST

    @pytest.mark.parametrize(
        ("since", "extent"),
        [(WHOLE_INTERVAL - TICK, Extent.SINCE_LAST), (WHOLE_INTERVAL, Extent.REST)],
    )
    def test_a_large_one_is_read_once_a_week(self, runs: SimpleNamespace, since: timedelta, extent: Extent) -> None:
        add_run(NIGHT - since)
        add_run(NIGHT - timedelta(days=1), since=7)
        assert self.find_extent(runs, SMALL_LEDGER + 1) is extent

    def test_a_run_of_the_future_does_not_count(self, runs: SimpleNamespace, freeze_clock: Freeze) -> None:
        add_run(NIGHT + timedelta(days=3))
        add_run(NIGHT - timedelta(days=2), since=7)
        freeze_clock(NIGHT)
        assert self.find_extent(runs, SMALL_LEDGER + 1) is Extent.REST

    def test_a_large_one_that_was_never_read_is_read(self, runs: SimpleNamespace) -> None:
        add_run(NIGHT - timedelta(days=1), since=7)
        assert self.find_extent(runs, SMALL_LEDGER + 1) is Extent.REST

    def test_few_earlier_runs_are_looked_at(self, runs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nightly_check, "MAX_RUNS_SINCE_WHOLE", 2)
        add_run(NIGHT - timedelta(days=3))
        for days in (2, 1):
            add_run(NIGHT - timedelta(days=days), since=7)
        assert self.find_extent(runs, SMALL_LEDGER + 1) is Extent.REST


class TestResults:
    @pytest.mark.parametrize(
        ("base", "since"),
        [
            (None, None),
            (SimpleNamespace(size=7, until=None), 7),
            (SimpleNamespace(size=7, until=3), None),
        ],
    )
    def test_they_say_since_which_event_records_were_read(
        self, runs: SimpleNamespace, base: Any, since: int | None
    ) -> None:
        runs.progress = [base, SimpleNamespace(size=99, until=None)]
        runs.results = [Result(CHECK, 0, None), Result(Check(2, "other", lambda _: ()), 1, "a fault")]
        run = check_nightly()
        assert run
        assert run.results == [
            {"invariant": 1, "name": "nothing is wrong", "offences": 0, "first": None, "since": since},
            {"invariant": 2, "name": "other", "offences": 1, "first": "a fault", "since": since},
        ]
        assert (run.checked_at, run.events, run.violated) == (NIGHT, 0, 1)

    def test_the_last_run_is_kept(self, runs: SimpleNamespace) -> None:
        assert find_last_check() is None
        add_run(NIGHT - timedelta(days=1))
        assert runs
        run = check_nightly()
        assert run
        last = find_last_check()
        assert last
        assert last.id == run.id

    def test_they_stand_under_headings(self) -> None:
        results = [{"invariant": number} for number in (28, 1, 27, 3)]
        assert group_results(results) == [
            ("Ledger of events", [{"invariant": 1}, {"invariant": 3}]),
            ("Retention and erasure", [{"invariant": 27}]),
            ("Database", [{"invariant": 28}]),
        ]
