"""The bounded process that prints for the server."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recording_forms.alices_form import filled
from tracker.errors import FormNotRendered
from tracker.recording_forms import worker as module
from tracker.recording_forms.facts import FormFacts
from tracker.recording_forms.rendering import render_form
from tracker.recording_forms.worker import Worker, render_in_worker

ROOT = Path(__file__).parents[2]
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/limits").exists(), reason="this system has no /proc to look into"
)


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture
def facts() -> FormFacts:
    return filled(rows=1)


def process_of(worker: Worker) -> int:
    assert worker._process
    return worker._process.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_prints_what_would_be_printed_here(worker: Worker, facts: FormFacts) -> None:
    assert worker.render(facts) == render_form(facts)


def test_the_server_does_not_load_what_prints_nor_the_printer_the_server(tmp_path: Path) -> None:
    server = "import sys, wsgi; sys.exit('weasyprint' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", server], cwd=ROOT, env={"SECRET_KEY": "x"}, check=False).returncode == 0
    )
    printer = (
        f"import runpy, sys; sys.argv = {module.PROCESS[2:]!r}; runpy.run_path(sys.argv[0], run_name='__main__');"
        "sys.exit(bool({'flask', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", printer], stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0


def test_it_starts_with_the_first_sheet_and_stays_for_the_next(worker: Worker, facts: FormFacts) -> None:
    assert worker._process is None
    worker.render(facts)
    first = process_of(worker)
    worker.render(facts)
    assert process_of(worker) == first


def test_a_sheet_that_takes_too_long_is_given_up_and_the_next_one_printed(worker: Worker, facts: FormFacts) -> None:
    worker.render(facts)
    worker.patience, worker.patience_a_row = 0.5, 0
    with pytest.raises(FormNotRendered, match="could not be made just now"):
        worker.render(filled("DELIVERCC", rows=300))
    worker.patience = 20
    assert worker.render(facts).startswith(b"%PDF")


def test_a_process_that_died_is_replaced(worker: Worker, facts: FormFacts) -> None:
    worker.render(facts)
    os.kill(process_of(worker), signal.SIGKILL)
    time.sleep(0.1)
    assert worker.render(facts).startswith(b"%PDF")


def test_a_sheet_that_cannot_be_made_says_so_and_spoils_nothing(worker: Worker, facts: FormFacts) -> None:
    with pytest.raises(FormNotRendered):
        worker.render(filled(rows=1, columns=None))
    assert worker.render(facts).startswith(b"%PDF")


@needs_proc
def test_it_is_bounded_in_memory(worker: Worker, facts: FormFacts) -> None:
    worker.render(facts)
    lines = Path(f"/proc/{process_of(worker)}/limits").read_text("ascii").splitlines()
    bounds = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert int(bounds["Max address space"]) == 1024**3
    assert int(bounds["Max cpu time"]) < 600


def test_a_form_of_two_hundred_rows_fits_its_memory(worker: Worker) -> None:
    assert worker.render(filled(rows=200)).startswith(b"%PDF")


@needs_proc
def test_it_never_sees_the_secrets_of_the_server(
    worker: Worker, facts: FormFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    monkeypatch.setenv("DATABASE_URL", "postgresql://hush@db/tracker")
    worker.render(facts)
    assert b"hush" not in Path(f"/proc/{process_of(worker)}/environ").read_bytes()


def test_many_threads_each_get_their_own_sheet(worker: Worker) -> None:
    asked = [filled(rows=rows) for rows in range(1, 7)]
    answers: dict[int, bytes] = {}

    def ask(number: int) -> None:
        answers[number] = worker.render(asked[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[number] for number in range(len(asked))] == [render_form(facts) for facts in asked]


def test_who_waits_too_long_for_a_turn_is_told(worker: Worker, facts: FormFacts) -> None:
    worker.patience = 0.1
    with worker._lock, pytest.raises(FormNotRendered):
        worker.render(facts)


def test_it_is_replaced_after_many_sheets(worker: Worker, facts: FormFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHEETS_OF_A_PROCESS", 1)
    worker.render(facts)
    first = process_of(worker)
    worker.render(facts)
    assert process_of(worker) != first
    assert not is_running(first)


def test_closing_ends_the_process(worker: Worker, facts: FormFacts) -> None:
    worker.render(facts)
    pid = process_of(worker)
    worker.close()
    assert not is_running(pid)


def test_a_forked_server_has_a_process_of_its_own(facts: FormFacts) -> None:
    expected = render_in_worker(facts)
    parents = process_of(module._worker)
    child = os.fork()
    if child == 0:
        fine = render_in_worker(facts) == expected and process_of(module._worker) != parents
        module._worker.close()
        os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert render_in_worker(facts) == expected
    assert process_of(module._worker) == parents
