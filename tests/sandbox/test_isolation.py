"""Programs run by Bubblewrap, where it is installed: without network, files of the machine or its environment."""

import shutil
from pathlib import Path

import pytest

from tracker.sandbox.isolation import isolate_command
from tracker.sandbox.limits import Limits
from tracker.sandbox.sandbox import Sandbox, SandboxFailed
from tracker.sandbox.slots import Slots

BWRAP = shutil.which("bwrap")
pytestmark = pytest.mark.skipif(BWRAP is None, reason="Bubblewrap is not installed")


def run(script: str, **readable: Path) -> str:
    sandbox = Sandbox("tracker.sandbox.execute", Limits(), slots=Slots("isolated", 1), timeout_seconds=30)
    return sandbox.run(isolate_command(BWRAP, ["/bin/sh", "-e", "-c", script], readable)).decode()


def test_a_file_that_was_named_is_read_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_text("words")
    assert run("cat note", note=path) == "words"
    with pytest.raises(SandboxFailed):
        run("echo other > note", note=path)
    assert path.read_text() == "words"


def test_other_files_of_the_machine_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush")
    script = (
        f"for path in {tmp_path}/secret /etc/passwd /root /home /srv /var/lib; do [ ! -e $path ] || echo $path; done"
    )
    assert run(script) == ""


def test_what_is_written_is_gone_afterwards() -> None:
    assert run("echo words > kept; cat kept") == "words\n"
    assert run("ls") == ""
    with pytest.raises(SandboxFailed):
        run("echo words > /usr/kept")


def test_there_is_no_network() -> None:
    lines = run("cat /proc/net/dev").splitlines()
    assert [line.partition(":")[0].strip() for line in lines if ":" in line] == ["lo"]


def test_the_environment_names_only_folder_and_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    names = {line.partition("=")[0] for line in run("env").splitlines()}
    assert names <= {"HOME", "PATH", "PWD", "SHLVL", "_"}
