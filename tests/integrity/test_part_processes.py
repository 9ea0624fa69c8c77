"""Parts that are checked in several processes: the same report, of one moment, and an end when a process dies."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import active_children

import pytest
from flask import Flask

from tests import factories
from tests.factories import World
from tracker.errors import TrackerError
from tracker.extensions import db
from tracker.integrity import check_parts, nightly_check, verify
from tracker.integrity.check_parts import Observe, PartFaults, PartWork, Progress, ignore
from tracker.integrity.ledger_events import MAX_COUNTED
from tracker.integrity.owners import People
from tracker.integrity.part_processes import PartProcesses
from tracker.integrity.parts import plan_parts
from tracker.integrity.verify import choose_processes, run_all_checks
from tracker.ledger.transactions import transaction
from tracker.models import Centre
from tracker.vocabulary import Role

pytestmark = pytest.mark.slow
PEOPLE_IN_A_PART = 1


@pytest.fixture
def record(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The people of `world`, whose rows have no events and so are faults, in a part for each person."""
    monkeypatch.setattr(check_parts, "plan_parts", lambda _size: plan_parts(PEOPLE_IN_A_PART))
    yield app
    db.session.rollback()
    assert active_children() == []


def list_faults(processes: int, observe: Observe = ignore) -> list[tuple[int, str, int, str | None]]:
    results = run_all_checks(processes=processes, observe=observe)
    return [(each.check.number, each.check.name, each.count, each.first) for each in results]


def test_the_report_is_that_of_one_process(record: Flask) -> None:
    alone = list_faults(1)
    assert sum(count > 1 for _, _, count, _ in alone) > 1, "of several people"
    assert list_faults(2) == alone


def test_all_processes_see_the_moment_at_which_the_check_began(record: Flask, world: World) -> None:
    """Somebody adds a person while parts are checked. On SQLite they would have to wait."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("with journal_mode=DELETE nobody can save while the checks run")
    before, done = list_faults(1), []

    def add_person(progress: Progress) -> None:
        if progress.done == 1:
            with record.app_context(), transaction():
                factories.make_person("Ivy Okafor", db.session.get_one(Centre, northgate_id), Role.CANDIDATE)
        done.append(progress.done)

    northgate_id = world.northgate.id
    assert list_faults(2, add_person) == before
    assert done == list(range(1, len(done) + 1))
    assert list_faults(1) != before, "the next check sees it"


def test_a_process_that_dies_ends_the_check(record: Flask) -> None:
    def kill(_progress: Progress) -> None:
        for process in active_children():
            os.kill(process.pid or 0, signal.SIGKILL)

    with pytest.raises(TrackerError, match="A process that checked the record has ended"):
        list(run_all_checks(processes=2, observe=kill))


def test_the_command_takes_the_number_of_processes(record: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MIN_SIZE_OF_PROCESSES", 0)
    monkeypatch.setattr(verify, "count_processors", lambda: 3)
    assert choose_processes() == 3
    monkeypatch.setattr(verify, "MIN_SIZE_OF_PROCESSES", 1_000_000)
    assert choose_processes() == 1, "of a small record"
    numbers = []
    monkeypatch.setattr(verify, "run_all_checks", lambda *_, processes, **__: numbers.append(processes) or [])
    for arguments in (["--processes", "2"], []):
        record.test_cli_runner().invoke(args=["verify", *arguments])
    assert numbers == [2, 1]


def test_the_worker_uses_as_many_as_the_setting_says(record: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = []

    def run(**options: object) -> Iterator[object]:
        numbers.append(options["processes"])
        observe: Callable[[Progress], None] = options["observe"]  # type: ignore[assignment]
        observe(Progress(1, 1, None, None))  # type: ignore[arg-type]  # what was read is not asked for
        return iter(())

    monkeypatch.setattr(verify, "run_all_checks", run)
    settings = record.config["SETTINGS"]
    for processes in (1, 4):
        monkeypatch.setitem(record.config, "SETTINGS", replace(settings, verify_processes=processes))
        nightly_check._run_checks(0)
    assert numbers == [1, 4]


class Echo:
    """Stands for the connection to a process; it answers with the number of the part, the last part first."""

    def __init__(self) -> None:
        self.sent: list[PartWork] = []

    def send(self, work: PartWork) -> None:
        self.sent.append(work)

    def recv(self) -> PartFaults:
        return PartFaults([[str(self.sent[-1].seqs[0])]], 0)


@pytest.mark.one_database
def test_faults_come_in_the_order_of_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a later part is checked first, and where a part has nobody to be read."""
    from tracker.integrity import part_processes

    connections = [Echo(), Echo(), Echo()]
    monkeypatch.setattr(part_processes, "wait", lambda waiting: waiting[-1:])  # the one that was given work last
    empty = People(named=())
    works = [PartWork(empty if number % 7 == 3 else People(), [number], frozenset()) for number in range(40)]
    processes = PartProcesses(connections)  # type: ignore[arg-type]
    found = [list(faults.by_check) for faults in processes.check(works)]
    assert found == [[] if number % 7 == 3 else [[str(number)]] for number in range(40)]
    assert [work.people for each in connections for work in each.sent].count(empty) == 0


@pytest.mark.one_database
def test_no_more_faults_are_counted_than_in_one_process() -> None:
    check = check_parts.PartCheck([None, None], None, None)  # type: ignore[list-item, arg-type]
    check._add(PartFaults([[str(number) for number in range(MAX_COUNTED - 1)], []], 0))
    check._add(PartFaults([["a", "b"], ["c"]], 0))
    assert [len(found) for found in check.found] == [MAX_COUNTED, 1]
    assert list(check.found[0])[-1] == "a"
