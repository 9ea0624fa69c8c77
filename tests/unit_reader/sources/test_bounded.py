"""The process that documents are taken apart in."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit_reader.sources.reading import refusal
from tracker.unit_reader.sources import bounded, process


def test_the_process_is_bounded_in_time_memory_and_files() -> None:
    assert bounded.WORK < 5
    assert process.LIMITS[resource.RLIMIT_AS] <= 1024 * process.MEGABYTE
    assert process.LIMITS[resource.RLIMIT_FSIZE] <= bounded.MAX_ANSWER
    assert bounded.SECONDS <= 15


def test_the_process_loads_nothing_of_the_server() -> None:
    script = (
        "import runpy, sys, io\n"
        f"sys.argv = {[*bounded.PROCESS[2:], 'html', '4']!r}\n"
        "sys.stdin = io.TextIOWrapper(io.BytesIO(b'<p>1. greet</p>'))\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "assert not {'flask', 'sqlalchemy', 'weasyprint'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, check=True)
    assert json.loads(done.stdout)["lines"][0][0] == "1. greet"


def _instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    path = tmp_path / "process.py"
    path.write_text(script)
    monkeypatch.setattr(bounded, "PROCESS", [sys.executable, str(path)])


@pytest.mark.parametrize("script", ["import os; os.abort()", "print('no JSON')", "import time; time.sleep(60)"])
def test_a_process_that_dies_or_hangs_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 1)
    _instead(monkeypatch, tmp_path, script)
    assert "reading it was stopped" in refusal(b"<p>1. greet</p>")


def test_the_process_is_told_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    _instead(
        monkeypatch,
        tmp_path,
        "import json, os; print(json.dumps({'lines': [[os.environ.get('SECRET_KEY', 'none'), None, 0, [], '']],"
        " 'doubts': [], 'title': ''}))",
    )
    assert bounded.read_bounded(bounded.Kind.HTML, "unit", b"<p>").lines[0].text == "none"


def test_only_so_many_documents_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 0)
    with bounded.at_once, bounded.at_once:
        assert "Try again in a minute" in refusal(b"<p>1. greet</p>")
