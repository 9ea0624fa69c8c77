"""The README: its settings, commands, links and paths exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
FLASKS_OWN = {"run", "shell", "routes", "db"}


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if not before and name in FLASKS_OWN:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            assert command
            yield f"{before}{name}"


def test_every_setting_is_in_the_table() -> None:
    settings = set(re.findall(r'environ\.get\("(\w+)"', (ROOT / "tracker/config.py").read_text()))
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    documented = set(
        re.findall(r"`([A-Z_]+)`", "".join(line.split("|")[1] for line in table.splitlines() if line[:3] == "| `"))
    )
    assert documented == settings | {"HOST", "PORT", "WORKERS", "THREADS"}


def test_every_command_is_in_the_list(app: Flask) -> None:
    section = README.partition("## Commands")[2].partition("\n## ")[0]
    documented = re.findall(r"^    flask ((?:[a-z][a-z-]* ?)+)", section, re.MULTILINE)
    assert {each.strip() for each in documented} - {"db upgrade"} == set(commands(app.cli))


@pytest.mark.parametrize("page", ["README.md", "tests/README.md", "standards/README.md", "docs/operations.md"])
def test_every_link_leads_to_a_file(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    assert {link for link in links if not (path.parent / link).exists()} == set()


def test_every_named_path_exists() -> None:
    paths = re.findall(r"`((?:tracker|tests|scripts|standards|templates|migrations|docs)/[\w/.]*)`", README)
    assert paths
    assert {each for each in paths if not (ROOT / each).exists()} == set()
