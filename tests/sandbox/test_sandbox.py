"""Sandboxed subprocesses: their limits, time-outs, slots and environment."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from tracker.sandbox import slots
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.messages import receive, send
from tracker.sandbox.persistent import PersistentSandbox
from tracker.sandbox.sandbox import Sandbox, SandboxBusy, SandboxFailed, SandboxTimeout
from tracker.sandbox.slots import Slots, share_slots

ROOT = Path(__file__).parents[2]
LIMITS = Limits(address_space=512 * MEGABYTE, cpu_seconds=5, file_size=MEGABYTE)


@pytest.fixture
def sandbox() -> Sandbox:
    """A sandbox of `timeit` of the standard library, which runs the script that it is passed."""
    return Sandbox("timeit", LIMITS, slots=Slots("timeit", 1, max_queued=2), timeout_seconds=10)


def run(sandbox: Sandbox, script: str) -> bytes:
    """Run a script in the sandbox, once."""
    return sandbox.run(["-n", "1", "-r", "1", script])


def test_standard_input_is_read_and_standard_output_returned(sandbox: Sandbox) -> None:
    sandbox.module = "base64"
    assert sandbox.run(["-e"], stdin=b"words") == b"d29yZHM=\n"


def test_limits_are_set_before_the_module_runs(sandbox: Sandbox) -> None:
    script = "import resource as r; print([r.getrlimit(k) for k in (r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_CORE)])"
    assert run(sandbox, script).startswith(f"[(5, 5), ({MEGABYTE}, {MEGABYTE}), (0, 0)]".encode())


def test_memory_beyond_the_limit_is_a_failure(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailed):
        run(sandbox, "bytes(600 * 1024 * 1024)")


def test_output_beyond_the_limit_on_file_size_is_a_failure(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailed):
        run(sandbox, "print('x' * 2_000_000)")


def test_work_beyond_the_cpu_time_is_a_failure(sandbox: Sandbox) -> None:
    sandbox.limits = Limits(cpu_seconds=1)
    with pytest.raises(SandboxFailed):
        run(sandbox, "while True: pass")


def test_a_subprocess_that_hangs_is_killed_after_its_timeout(sandbox: Sandbox) -> None:
    sandbox.timeout_seconds = 0.5
    with pytest.raises(SandboxTimeout):
        run(sandbox, "import time; time.sleep(30)")


def test_processes_that_a_subprocess_started_are_killed_with_it(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.timeout_seconds = 1
    noted = tmp_path / "pid"
    script = (
        "import pathlib, subprocess, time; started = subprocess.Popen(['/bin/sleep', '60']); "
        f"pathlib.Path({str(noted)!r}).write_text(str(started.pid)); time.sleep(30)"
    )
    with pytest.raises(SandboxTimeout):
        run(sandbox, script)
    assert wait_until_ended(int(noted.read_text()))


def wait_until_ended(pid: int) -> bool:
    """Return whether a process ends within some seconds; one that nobody has waited for counts as ended."""
    for _ in range(50):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


def test_a_program_keeps_the_limits_of_the_subprocess_that_it_replaces(sandbox: Sandbox) -> None:
    sandbox.module = "tracker.sandbox.execute"
    assert sandbox.run(["/bin/sh", "-c", "ulimit -t; cat"], stdin=b"words") == b"5\nwords"


def test_the_environment_is_empty(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    assert b"hush" not in run(sandbox, "import os; print(dict(os.environ))")


def test_a_request_without_a_free_slot_is_refused_after_its_timeout(sandbox: Sandbox) -> None:
    sandbox.timeout_seconds = 0.1
    with sandbox.slots.take(1), pytest.raises(SandboxBusy):
        run(sandbox, "pass")


def test_a_request_beyond_the_queue_is_refused_at_once(sandbox: Sandbox) -> None:
    assert sandbox.slots.queue
    with sandbox.slots.queue, sandbox.slots.queue, pytest.raises(SandboxBusy):
        run(sandbox, "pass")


def test_slots_and_queue_are_free_again_after_a_failure(sandbox: Sandbox) -> None:
    for _ in range(3):
        with pytest.raises(SandboxFailed):
            run(sandbox, "raise SystemExit(1)")
    assert b"fine" in run(sandbox, "print('fine')")


def test_slots_are_counted_over_all_processes_that_share_a_folder(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_folder", None)
    share_slots(tmp_path / "slots")
    sandbox.timeout_seconds = 0.1
    holds_the_slot = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; "
        "from tracker.sandbox.slots import Slots, share_slots; "
        f"share_slots(Path({str(tmp_path / 'slots')!r})); held = Slots('timeit', 1).take(1); held.__enter__(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds_the_slot], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(SandboxBusy):
            run(sandbox, "pass")
        other.kill()
    sandbox.timeout_seconds = 10
    assert run(sandbox, "pass"), "a process that was killed holds no slot"


def test_a_subprocess_leaves_the_processor_to_the_server(sandbox: Sandbox) -> None:
    niceness = int(run(sandbox, "import os; print(os.nice(0))").splitlines()[0])
    assert niceness == min(os.nice(0) + 3, 19)


@pytest.fixture
def persistent(tmp_path: Path) -> Iterator[PersistentSandbox]:
    """A subprocess that answers each request with its own process id, and sleeps when asked to."""
    script = tmp_path / "answering.py"
    script.write_text(
        f"import os, sys, time; sys.path.insert(0, {str(ROOT / 'tracker' / 'sandbox')!r})\n"
        "from messages import receive, send\n"
        "while True:\n"
        "    request = receive(sys.stdin.buffer)\n"
        "    time.sleep(30) if request == b'sleep' else None\n"
        "    os.abort() if request == b'die' else None\n"
        "    send(sys.stdout.buffer, str((os.getpid(), sorted(os.environ))).encode())\n"
    )
    sandbox = PersistentSandbox("", LIMITS, max_requests=3, passes_variable=lambda name: name == "LANG")
    sandbox.interpreter = [sys.executable, str(script)]
    yield sandbox
    sandbox.close()


def test_a_persistent_subprocess_serves_many_requests_and_is_then_replaced(persistent: PersistentSandbox) -> None:
    answers = [persistent.run(b"who", 10) for _ in range(4)]
    assert answers[0] == answers[1] == answers[2] != answers[3]


def test_a_persistent_subprocess_gets_the_named_variables_only(
    persistent: PersistentSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    monkeypatch.setenv("LANG", "C.UTF-8")
    answer = persistent.run(b"who", 10)
    assert b"LANG" in answer
    assert b"SECRET_KEY" not in answer


def test_a_persistent_subprocess_that_hangs_is_killed_and_replaced(persistent: PersistentSandbox) -> None:
    with pytest.raises(SandboxTimeout):
        persistent.run(b"sleep", 0.5)
    assert persistent.pid is None
    assert persistent.run(b"who", 10)


def test_a_persistent_subprocess_that_dies_is_a_failure_and_is_replaced(persistent: PersistentSandbox) -> None:
    with pytest.raises(SandboxFailed):
        persistent.run(b"die", 10)
    assert persistent.run(b"who", 10)


def test_closing_ends_a_request_that_a_persistent_subprocess_is_answering(persistent: PersistentSandbox) -> None:
    with ThreadPoolExecutor(1) as executor:
        answer = executor.submit(persistent.run, b"sleep", 3600)
        while not persistent.pid:
            time.sleep(0.01)
        persistent.close()
        with pytest.raises(SandboxFailed):
            answer.result(10)
    assert persistent.run(b"who", 10)


def test_one_request_at_a_time_reaches_a_persistent_subprocess(persistent: PersistentSandbox) -> None:
    with ThreadPoolExecutor(1) as executor:
        with persistent.lock:
            second = executor.submit(persistent.run, b"who", 10)
            assert wait([second], timeout=0.2).not_done
        assert second.result(10) == persistent.run(b"who", 10)


def test_a_message_cut_short_is_an_end_of_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    with path.open("wb") as pipe:
        send(pipe, b"words")
    path.write_bytes(path.read_bytes()[:-1])
    with path.open("rb") as pipe, pytest.raises(EOFError):
        receive(pipe)
    with pytest.raises(EOFError):
        receive(None)


def test_slots_bound_how_many_run_at_once(sandbox: Sandbox) -> None:
    spans: list[list[float]] = []

    def hold() -> None:
        answer = run(
            sandbox, "import time; start = time.monotonic(); time.sleep(0.2); print(start, time.monotonic())"
        )
        spans.append([float(each) for each in answer.splitlines()[0].split()])

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (_, first_ended), (second_started, _) = sorted(spans)
    assert second_started >= first_ended
