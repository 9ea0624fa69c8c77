"""docs/operations.md: every setting, script, file, unit and container that its commands name exists."""

import re
from pathlib import Path

import pytest
import yaml

from tests.deploy.test_files import SETTINGS

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/operations.md").read_text()
COMMANDS = re.findall(r"^ {4,}(\S.*)$", GUIDE, re.MULTILINE)
"""The indented lines: commands and their continuation lines."""
OF_OTHERS = {"AWS_SHARED_CREDENTIALS_FILE", "TMPDIR", "MAINPID", "POSTGRES_PASSWORD", "FLASK_APP"}
"""Variables of other programs."""
TOPICS = ("size", "deploy", "back up", "upgrade", "monitor", "recover")


def test_it_begins_with_the_six_topics() -> None:
    assert re.findall(r"^\| ([a-z ]+) \| \[", GUIDE.partition("\n## ")[0], re.MULTILINE) == list(TOPICS)


def test_every_setting_exists() -> None:
    quoted = re.findall(r"`([A-Z][A-Z_]+[A-Z])(?:=[^`]*)?`", GUIDE)
    assigned = [name for line in COMMANDS for name in re.findall(r"(?<![\w-])([A-Z][A-Z_]+)=", line)]
    cited = {each for each in [*quoted, *assigned] if "_" in each or each in SETTINGS}
    constants = set(re.findall(r"^([A-Z_]+)\b.*=", code(), re.MULTILINE))
    assert len(cited) > 20
    assert cited - SETTINGS - OF_OTHERS - constants - {"WORKERS", "THREADS"} == set()


def code() -> str:
    """Return the text of the product, whose constants the guide may cite, and of the migrations' test."""
    paths = [*(ROOT / "tracker").rglob("*.py"), ROOT / "tests/migrations/schema_changes.py"]
    return "\n".join(path.read_text() for path in paths) + "\nCOMPLETES = 'the name that marks a contract'"


def test_every_script_and_file_of_ours_exists() -> None:
    named = {
        path
        for line in [*COMMANDS, *re.findall(r"`([^`\n]+)`", GUIDE)]
        for path in re.findall(r"(?:^|[\s(])(?:\./)?((?:scripts|deploy)/[\w./*-]+)", line)
    }
    assert {"scripts/run", "scripts/setup", "deploy/systemd/tracker-*"} <= named
    assert [each for each in named if not list(ROOT.glob(each))] == []
    assert (ROOT / "deploy/compose/make-nginx-conf").exists()


def test_every_unit_exists() -> None:
    systemctl = [line for line in COMMANDS if line.startswith("systemctl ")]
    named = {each for line in systemctl for each in re.findall(r"tracker-[a-z]+(?:\.timer)?", line)}
    assert len(named) == 5
    units = ROOT / "deploy/systemd"
    assert [each for each in named if not (units / each).exists() and not (units / f"{each}.service").exists()] == []


def test_every_container_exists() -> None:
    services = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())["services"]
    text = [*COMMANDS, *re.findall(r"`(docker[^`]+)`", GUIDE)]
    named = {
        match
        for line in text
        for match in re.findall(r"docker compose (?:exec|run|up)(?: -\S+| /\S+:/\S+)* ([a-z][a-z0-9-]*)", line)
    }
    assert {"web-1", "store", "migrate", "worker-1"} <= named
    assert named - set(services) == set()
