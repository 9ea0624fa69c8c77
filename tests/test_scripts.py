"""The scripts: they refuse an incomplete configuration before they start anything, and say why."""

import json
import logging
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
NOWHERE = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts/run"), *arguments]
    return subprocess.run(command, env=NOWHERE | environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"INSTANCE_PATH": "/nowhere"}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "long and random"}, "Neither DATABASE_URL nor INSTANCE_PATH is set"),
        ({"SECRET_KEY": "long and random", "INSTANCE_PATH": "/nowhere", "DEMO": "1"}, "DEMO=1 is set"),
    ],
)
def test_production_does_not_start_without_its_settings(environment: dict[str, str], reason: str) -> None:
    result = run("--production", **environment)
    assert result.returncode == 1
    assert reason in result.stderr
    assert "Nothing was started" in result.stderr
    assert not Path("/nowhere").exists()


def test_an_unknown_argument_starts_nothing() -> None:
    result = run("--prodcution", PORT="1")
    assert result.returncode == 1
    assert "Unknown option: '--prodcution'" in result.stderr


def test_an_unknown_option_sets_nothing_up() -> None:
    command = [str(ROOT / "scripts/setup"), "--ofice"]
    result = subprocess.run(command, env=NOWHERE, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert "The options are --office, --nginx and --engines" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("script", ["audit", "check", "run", "setup", "test", "try_container", "lib.sh"])
def test_every_script_is_plain_sh(script: str) -> None:
    shell = shutil.which("dash") or "sh"
    assert subprocess.run([shell, "-n", str(ROOT / "scripts" / script)], check=False).returncode == 0
    assert script == "lib.sh" or os.access(ROOT / "scripts" / script, os.X_OK)


@pytest.fixture
def gunicorn_settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("DEMO", "1")
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.20", "::"])  # noqa: S104 - what must be refused
def test_a_demonstration_is_not_shown_to_another_machine(gunicorn_settings: dict, host: str) -> None:
    server = SimpleNamespace(cfg=SimpleNamespace(address=[("127.0.0.1", 8000), (host, 8000)]))
    with pytest.raises(SystemExit, match="this machine only"):
        gunicorn_settings["on_starting"](server)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_demonstration_is_shown_to_this_machine(gunicorn_settings: dict, host: str) -> None:
    gunicorn_settings["on_starting"](make_server(host))


def make_server(host: str) -> SimpleNamespace:
    """Return gunicorn's first process as the settings see it, with an app that is prepared already."""
    app = SimpleNamespace(wsgi=lambda: SimpleNamespace(prepare_to_serve=lambda: None))
    return SimpleNamespace(cfg=SimpleNamespace(address=[(host, 8000)]), log=logging.getLogger("test"), app=app)


def test_the_app_that_server_processes_are_copied_from_has_no_threads_and_no_connections() -> None:
    """A thread does not survive the copy, and a connection to the database would be used by several processes."""
    program = """
import threading
from wsgi import app
from tracker.extensions import db
app.prepare_to_serve()
with app.app_context():
    print(threading.active_count(), db.engine.pool.checkedin() + db.engine.pool.checkedout())
    print("redis" in app.extensions, "portfolio.tick_cell" in app.view_functions, len(app.jinja_env.cache) > 100)
"""
    environment = NOWHERE | {"SECRET_KEY": "test", "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/none"}
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert output.split() == ["1", "0", "False", "True", "True"]


@pytest.mark.slow
def test_the_bill_of_materials_names_every_package_that_is_installed(tmp_path: Path) -> None:
    """With the arguments of `scripts/audit`."""
    script = (ROOT / "scripts/audit").read_text().replace("\\\n", " ")
    (command,) = re.findall(r'cyclonedx-py" (.+?) --output-file', script)
    target = tmp_path / "sbom.json"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", *command.split(), "--output-file", str(target)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    listed = {f"{each['name']}=={each['version']}" for each in json.loads(target.read_text())["components"]}
    assert listed == set(re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


def test_every_package_is_looked_up_for_vulnerabilities() -> None:
    """With the arguments of `scripts/audit`, and without asking the service."""
    (command,) = re.findall(r'pip-audit" (.+)', (ROOT / "scripts/audit").read_text())
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pip_audit", *command.split(), "--dry-run"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    lines = re.findall(r"^[\w.-]+==[^\\\n]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    packages = [each for each in map(Requirement, lines) if each.marker is None or each.marker.evaluate()]
    assert f"would have audited {len(packages)} packages" in result.stderr


def test_the_server_names_what_other_accounts_can_open(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with TemporaryDirectory() as name:  # pytest's own folders are private, so that nothing in them is exposed
        Path(name).chmod(0o755)
        monkeypatch.setenv("INSTANCE_PATH", name)
        settings = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
        umask = os.umask(0o022)
        settings["on_starting"](make_server("127.0.0.1"))
        assert os.umask(umask) == 0o077
    assert caplog.messages == [
        f"Other accounts of this machine can open {name}. To keep it private: chmod go= {name}"
    ]


@pytest.mark.parametrize(
    ("test", "is_passed"),
    [
        ("def test_it(): pass", True),
        ("import pytest\n@pytest.mark.skip\ndef test_it(): pass", False),
        ("def test_it(): assert False", False),
    ],
)
def test_a_part_of_the_proof_passes_only_if_a_test_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: str, is_passed: bool
) -> None:
    prove = runpy.run_path(str(ROOT / "scripts/prove.py"))
    (tmp_path / "test_part.py").write_text(test)
    path = os.path.relpath(tmp_path / "test_part.py", ROOT / "tests")
    monkeypatch.setitem(prove["PARTS"], "a part", prove["Part"]("an attempt", "a condition", path))
    assert prove["prove"](prove["Proof"]("a part", "SQLite"), tmp_path).passed is is_passed
