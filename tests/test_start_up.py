"""Start-up: a command imports only what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import request

from tracker import COMMANDS, create_app
from tracker.config import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
HEAVY = {
    "PIL", "alembic", "argon2", "asn1crypto", "cryptography", "email_validator", "filetype", "flask_migrate", "huey",
    "lxml", "mako", "pdfplumber", "pillow_heif", "psycopg", "pydyf", "pyhanko", "pyotp", "redis", "segno",
    "weasyprint", "webauthn", "zxcvbn",
}  # fmt: skip
"""Libraries that few commands or pages need."""
PRINT_MODULES = """
import sys
from flask.cli import main
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
print("MODULES", *sys.modules)
"""


def list_modules(tmp_path: Path, *command: str) -> set[str]:
    """Run a command of `flask` in a process of its own and return the modules it imported."""
    result = subprocess.run(
        [sys.executable, "-c", PRINT_MODULES, *command],
        cwd=ROOT,
        env={**os.environ, "FLASK_APP": "wsgi:app", "INSTANCE_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.rpartition("MODULES ")[2].split())


def test_a_command_imports_no_library_and_no_view_that_it_does_not_need(tmp_path: Path) -> None:
    modules = list_modules(tmp_path, "standards", "list")
    assert {each.partition(".")[0] for each in modules} & HEAVY == set()
    assert [each for each in modules if each.startswith("tracker.") and ".views" in each] == []


def test_every_command_can_be_imported_and_says_what_it_does(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--help"],
        cwd=ROOT,
        env={**os.environ, "FLASK_APP": "wsgi:app", "INSTANCE_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    described = {line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ") and line.split()[1:]}
    assert set(COMMANDS) <= described


def test_the_routes_can_be_listed_before_the_first_request(tmp_path: Path) -> None:
    assert "tracker.home.views" in list_modules(tmp_path, "routes")


def test_the_first_request_finds_its_view(tmp_path: Path) -> None:
    settings = Settings.from_environment({"INSTANCE_PATH": str(tmp_path), "SECRET_KEY": "test"})
    app = create_app(settings, TESTING=True)
    assert not app.has_views
    with app.test_request_context("/units"):
        assert request.endpoint == "library.list_units"
