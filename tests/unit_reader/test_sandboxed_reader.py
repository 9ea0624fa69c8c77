"""Reading a document in its sandboxed subprocess: the same result as without, and refusal if it takes too long."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit_reader.extraction.reading import refusal
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.unit_reader import sandboxed_reader
from tracker.unit_reader.assembly import read_unit
from tracker.unit_reader.document_model import NoUnit, Unreadable
from tracker.unit_reader.extraction import extract_lines
from tracker.unit_reader.sandboxed_reader import read_document

SEEDS = Path(__file__).parents[1] / "seeds"
UNIT = b"<p>Performance criteria<p>You must be able to:<ol><li>greet each customer<li>listen to them</ol>"


@pytest.mark.parametrize("name", ["CFACC15.txt", "CFAMLFD3.txt"])
def test_the_subprocess_returns_the_unit_as_read(name: str) -> None:
    body = (SEEDS / name).read_bytes()
    source = extract_lines(name, body)
    document = read_document(name, body)
    assert document.reading == read_unit(source)
    assert document.source == source


def test_the_subprocess_returns_guidance() -> None:
    name = "guidance-customer-service-procedures.txt"
    body = (SEEDS / name).read_bytes()
    with pytest.raises(NoUnit) as direct:
        read_unit(extract_lines(name, body))
    with pytest.raises(NoUnit) as sandboxed:
        read_document(name, body)
    assert direct.value.guidance
    assert (str(sandboxed.value), sandboxed.value.guidance) == (str(direct.value), direct.value.guidance)


def test_text_that_takes_too_long_is_stopped_with_a_message(one_second_limit: None) -> None:
    rows = "\n".join(f"{each} | Answer | call {each}" for each in range(100_000))
    with pytest.raises(Unreadable, match="more time or memory than any unit should"):
        read_document("unit.txt", f"Performance criteria\n{rows}\n".encode())


def test_a_document_has_limits_of_time_memory_and_output() -> None:
    assert sandboxed_reader.READER.limits == Limits(
        address_space=1024 * MEGABYTE, cpu_seconds=4, file_size=64 * MEGABYTE
    )
    assert sandboxed_reader.READER.timeout_seconds <= 15


def test_the_subprocess_loads_nothing_of_the_server() -> None:
    script = (
        "import runpy, sys, io\n"
        f"sys.argv = {[sandboxed_reader.READER.interpreter[2], '{}', sandboxed_reader.READER.module]!r}\n"
        f"sys.stdin = io.TextIOWrapper(io.BytesIO({json.dumps('unit').encode() + bytes([10]) + UNIT!r}))\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "assert not {'flask', 'sqlalchemy', 'weasyprint'} & set(sys.modules), sorted(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, check=True)
    assert [each["text"] for each in json.loads(result.stdout)["reading"]["criteria"]] == [
        "greet each customer",
        "listen to them",
    ]


def _run_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    path = tmp_path / "process.py"
    path.write_text(script)
    monkeypatch.setattr(sandboxed_reader.READER, "interpreter", [sys.executable, str(path)])


@pytest.mark.parametrize("script", ["import os; os.abort()", "print('no JSON')", "import time; time.sleep(60)"])
def test_a_subprocess_that_dies_or_hangs_refuses_the_document(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    monkeypatch.setattr(sandboxed_reader.READER, "timeout_seconds", 1)
    _run_instead(monkeypatch, tmp_path, script)
    assert "reading was stopped" in refusal(UNIT)


def test_the_subprocess_gets_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    assert os.environ["SECRET_KEY"] == "hush"
    _run_instead(
        monkeypatch,
        tmp_path,
        "import json, os; print(json.dumps({'unreadable': os.environ.get('SECRET_KEY', 'none')}))",
    )
    assert refusal(UNIT) == "none"


def test_one_document_starts_one_subprocess(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **kwargs: started.append(args) or start(*args, **kwargs))
    read_document("unit.html", UNIT)
    assert len(started) == 1


def test_documents_read_at_once_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxed_reader.READER, "timeout_seconds", 0)
    with sandboxed_reader.READER.slots.take(1), sandboxed_reader.READER.slots.take(1):
        assert "Try again in a minute" in refusal(UNIT)
