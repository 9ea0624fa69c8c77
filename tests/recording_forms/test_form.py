"""`flask form CODE -o FILE.pdf`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from tests.factories import World
from tests.recording_forms.tagged_pdf import Sheet

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parents[2]


def flask_form(*arguments: str, instance: Path) -> subprocess.CompletedProcess[str]:
    """Run the command without a database and a secret key."""
    environment = {name: value for name, value in os.environ.items() if name not in {"SECRET_KEY", "DEMO"}}
    environment |= {"INSTANCE_PATH": str(instance), "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi:app", "form", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("code", "expected"), [("cfacc15", "H128 04 (CFACC15)"), ("cfam&lfd3", "CFAM&LFD3")])
def test_the_blank_form_needs_no_database_and_no_secret_key(code: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "form.pdf"
    result = flask_form(code, "-o", str(file), instance=tmp_path / "instance")
    assert result.returncode == 0, result.stderr
    assert f"Unit title {expected}" in Sheet(file.read_bytes()).text.replace("\n", " ")


def test_an_unknown_unit_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "form.pdf"
    result = flask_form("NOPE", "-o", str(file), instance=tmp_path / "instance")
    assert result.returncode == 1
    assert "There is no unit NOPE" in result.stderr
    assert not file.exists()


def test_an_unknown_folder_is_named(app: Flask, tmp_path: Path) -> None:
    result = app.test_cli_runner().invoke(args=["form", "CFACC15", "-o", str(tmp_path / "gone" / "form.pdf")])
    assert result.exit_code == 1
    assert "could not be written" in result.output


def test_a_filled_form_has_the_candidates_name(app: Flask, world: World, tmp_path: Path) -> None:
    file = tmp_path / "form.pdf"
    arguments = ["form", "CFACC15", "--candidate", world.alice.email.upper(), "-o", str(file)]
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0, result.output
    assert "Alice Moran" in Sheet(file.read_bytes()).text


def test_a_candidate_without_an_attempt_at_the_unit_is_refused(app: Flask, world: World, tmp_path: Path) -> None:
    file = tmp_path / "form.pdf"
    arguments = ["form", "DELIVERCC", "--candidate", world.alice.email, "-o", str(file)]
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 1
    assert "is not registered for DELIVERCC" in result.output
    assert not file.exists()
