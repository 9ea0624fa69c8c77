"""What the README says is what there is."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

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
    read = set(re.findall(r'environ\.get\("(\w+)"', (ROOT / "tracker/config.py").read_text()))
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    told = set(
        re.findall(r"`([A-Z_]+)`", "".join(line.split("|")[1] for line in table.splitlines() if line[:3] == "| `"))
    )
    assert told == read | {"HOST", "PORT", "WORKERS", "THREADS"}


def test_the_commands_are_the_list(app: Flask) -> None:
    section = README.partition("## Commands")[2].partition("\n## ")[0]
    listed = re.findall(r"^    flask ((?:[a-z][a-z-]* ?)+)", section, re.MULTILINE)
    assert {each.strip() for each in listed} - {"db upgrade"} == set(commands(app.cli))


@pytest.mark.parametrize("page", ["README.md", "tests/README.md", "standards/README.md", "docs/operations.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    here = ROOT / page
    links = re.findall(r"\]\((?!https?:)([^)#]+)", here.read_text())
    assert {link for link in links if not (here.parent / link).exists()} == set()


def test_everything_named_is_there() -> None:
    named = re.findall(r"`((?:tracker|tests|scripts|standards|templates|migrations|docs)/[\w/.]*)`", README)
    assert named
    assert {each for each in named if not (ROOT / each).exists()} == set()
