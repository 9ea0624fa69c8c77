"""Rendering of forms in the persistent sandboxed subprocess."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
import segno

from tests.recording_forms.example_form import build_filled_form
from tracker import clock
from tracker.errors import Busy, FormNotRendered, Refused
from tracker.job_runs.queries import STALLED_AFTER
from tracker.recording_forms import pdf_renderer as module
from tracker.recording_forms.form_content import FormContent, FormIssue
from tracker.recording_forms.pdf_renderer import PdfRenderer, hash_content, render_pdf
from tracker.recording_forms.rendering import render_form_pdf
from tracker.sandbox.pool import Room
from tracker.sandbox.sandbox import INTERPRETER

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/limits").exists(), reason="this system has no /proc to look into"
)


@pytest.fixture
def renderer() -> Iterator[PdfRenderer]:
    renderer = PdfRenderer(count_processes=lambda: 1)
    yield renderer
    renderer.close()


@pytest.fixture
def content() -> FormContent:
    return build_filled_form(rows=1)


def get_pid(renderer: PdfRenderer) -> int:
    sandbox = renderer.pool.sandboxes[0]
    assert sandbox.pid
    return sandbox.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_subprocess_renders_the_same_bytes_as_this_process(renderer: PdfRenderer, content: FormContent) -> None:
    assert renderer.render(content, 1) == render_form_pdf(content)


def test_the_server_does_not_load_weasyprint_nor_the_renderer_flask(tmp_path: Path) -> None:
    server = "import sys, wsgi; sys.exit('weasyprint' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", server], cwd=ROOT, env={"SECRET_KEY": "x"}, check=False).returncode == 0
    )
    command = [INTERPRETER[2], "{}", "tracker.recording_forms.pdf_renderer_subprocess"]
    subprocess_script = (
        f"import runpy, sys; sys.argv = {command!r}; runpy.run_path(sys.argv[0], run_name='__main__');"
        "sys.exit(bool({'flask', 'sqlalchemy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-I", "-c", subprocess_script], stdin=subprocess.DEVNULL, check=False)
    assert result.returncode == 0


def test_the_subprocess_starts_with_the_first_form_and_stays_for_the_next(
    renderer: PdfRenderer, content: FormContent
) -> None:
    assert renderer.pool.sandboxes == []
    renderer.render(content, 1)
    first = get_pid(renderer)
    renderer.render(content, 1)
    assert get_pid(renderer) == first


def test_rendering_that_takes_too_long_is_stopped_and_the_next_form_rendered(
    renderer: PdfRenderer, content: FormContent
) -> None:
    renderer.render(content, 1)
    renderer.timeout_seconds, renderer.timeout_seconds_per_row = 0.5, 0
    with pytest.raises(FormNotRendered, match="could not be printed"):
        renderer.render(build_filled_form("DELIVERCC", rows=300), 1)
    renderer.timeout_seconds = 20
    assert renderer.render(content, 1).startswith(b"%PDF")


def test_a_job_that_renders_a_long_form_does_not_look_dead(
    renderer: PdfRenderer, content: FormContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts: list[float] = []

    def submit(_content: bytes, timeout_seconds: float, **_options: object) -> "Future[bytes]":
        timeouts.append(timeout_seconds)
        answer: Future[bytes] = Future()
        answer.set_result(b"%PDF")
        return answer

    monkeypatch.setattr(renderer.pool, "submit", submit)
    renderer.render(content, 1)
    renderer.render(replace(content, rows=content.rows * 1000), 1)
    assert timeouts[0] < timeouts[1] < STALLED_AFTER.total_seconds()


def test_a_subprocess_that_died_is_replaced(renderer: PdfRenderer, content: FormContent) -> None:
    renderer.render(content, 1)
    os.kill(get_pid(renderer), signal.SIGKILL)
    time.sleep(0.1)
    assert renderer.render(content, 1).startswith(b"%PDF")


def test_a_form_that_cannot_be_rendered_raises_and_the_next_one_is_rendered(
    renderer: PdfRenderer, content: FormContent
) -> None:
    with pytest.raises(FormNotRendered):
        renderer.render(build_filled_form(rows=1, columns=None), 1)
    assert renderer.render(content, 1).startswith(b"%PDF")


@needs_proc
def test_the_subprocess_has_limits_of_memory_and_cpu_time(renderer: PdfRenderer, content: FormContent) -> None:
    renderer.render(content, 1)
    lines = Path(f"/proc/{get_pid(renderer)}/limits").read_text("ascii").splitlines()
    bounds = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert int(bounds["Max address space"]) == 1024**3
    assert int(bounds["Max cpu time"]) < 600


def test_a_form_of_four_hundred_rows_fits_the_memory_limit(renderer: PdfRenderer) -> None:
    assert renderer.render(build_filled_form(rows=400), 1).startswith(b"%PDF")


@needs_proc
def test_the_subprocess_never_sees_the_secrets_of_the_server(
    renderer: PdfRenderer, content: FormContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    monkeypatch.setenv("DATABASE_URL", "postgresql://hush@db/tracker")
    renderer.render(content, 1)
    assert b"hush" not in Path(f"/proc/{get_pid(renderer)}/environ").read_bytes()


def test_many_threads_each_get_their_own_form(renderer: PdfRenderer) -> None:
    contents = [build_filled_form(rows=rows) for rows in range(1, 7)]
    answers: dict[int, bytes] = {}

    def ask(number: int) -> None:
        answers[number] = renderer.render(contents[number], 1)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(contents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[number] for number in range(len(contents))] == [render_form_pdf(content) for content in contents]


def test_a_form_that_is_not_ready_in_time_is_kept_when_it_is(renderer: PdfRenderer, content: FormContent) -> None:
    kept: list[bytes] = []
    with pytest.raises(Busy, match="Many forms are being printed"):
        renderer.render(content, 1, 0, kept.append)
    assert renderer.render(content, 2) == render_form_pdf(content)
    assert kept == [render_form_pdf(content)]


def test_forms_beyond_those_that_may_wait_are_refused_at_once(
    renderer: PdfRenderer, content: FormContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM", Room(0, 0))
    with pytest.raises(Busy, match="Many forms are being printed"):
        renderer.render(content, 1, 3600)
    assert renderer.render(content, 1).startswith(b"%PDF")


def test_a_form_that_is_withdrawn_is_not_rendered(content: FormContent) -> None:
    renderer = PdfRenderer(count_processes=lambda: 0)
    answers: list[str] = []

    def ask() -> None:
        try:
            renderer.render(content, 1)
        except Busy as error:
            answers.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    while thread.is_alive():
        renderer.withdraw(content)
    assert answers == [module.BUSY]


def test_two_forms_are_rendered_at_once_by_two_subprocesses(content: FormContent) -> None:
    renderer = PdfRenderer(count_processes=lambda: 2)
    threads = [
        threading.Thread(target=renderer.render, args=(build_filled_form(rows=rows), rows)) for rows in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pids = {sandbox.pid for sandbox in renderer.pool.sandboxes}
    assert len(pids - {None}) == 2
    renderer.close()
    assert not any(is_running(pid) for pid in pids if pid)


def test_the_hash_of_content_is_of_all_that_is_printed_and_the_same_in_every_process(content: FormContent) -> None:
    script = (
        "from tests.recording_forms.example_form import build_filled_form;"
        "from tracker.recording_forms.pdf_renderer import hash_content;"
        "print(hash_content(build_filled_form(rows=1)).hex())"
    )
    printed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == hash_content(content).hex()
    for name, value in (("comments", "Other words"), ("round", 17), ("rows", content.rows * 2), ("state", "other")):
        assert hash_content(replace(content, **{name: value})) != hash_content(content)


def test_the_subprocess_is_replaced_after_many_forms(
    renderer: PdfRenderer, content: FormContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FORMS", 1)
    renderer.render(content, 1)
    first = get_pid(renderer)
    renderer.render(content, 1)
    assert get_pid(renderer) != first
    assert not is_running(first)


def test_closing_ends_the_subprocess(renderer: PdfRenderer, content: FormContent) -> None:
    renderer.render(content, 1)
    pid = get_pid(renderer)
    renderer.close()
    assert not is_running(pid)


def test_a_forked_server_has_a_subprocess_of_its_own(content: FormContent) -> None:
    expected = render_pdf(content, 1)
    parents = get_pid(module._renderer)
    child = os.fork()
    if child == 0:
        fine = render_pdf(content, 1) == expected and get_pid(module._renderer) != parents
        module._renderer.close()
        os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert render_pdf(content, 1) == expected
    assert get_pid(module._renderer) == parents


@pytest.fixture
def issue() -> FormIssue:
    qr_code = io.BytesIO()
    segno.make("x").save(qr_code, kind="png")
    return FormIssue("ab" * 16, "code", qr_code.getvalue(), "https://example.org/verify", clock.now(), "{}", 105, 3)


@pytest.mark.parametrize(
    "name",
    ["李小龍", "नरेन्द्र", "ਗੁਰਪ੍ਰੀਤ", "বাংলা নাম", "తెలుగు", "สมชาย", "አበበ", "محمد", "Ann 😀👍🎉🥰"],
)
def test_names_in_many_scripts_print_on_an_issued_form(
    renderer: PdfRenderer, content: FormContent, issue: FormIssue, name: str
) -> None:
    assert renderer.render(replace(content, candidate_name=name, issue=issue), 1).startswith(b"%PDF")


def test_a_form_with_a_character_that_no_font_has_is_not_issued(
    renderer: PdfRenderer, content: FormContent, issue: FormIssue
) -> None:
    row = replace(content.rows[0], description="A call \U000f1234")
    unprintable = replace(content, rows=(row,), issue=issue)
    with pytest.raises(Refused, match=r"U\+F1234.*evidence 1"):
        renderer.render(unprintable, 1)
    assert renderer.render(replace(unprintable, issue=None), 1).startswith(b"%PDF")
