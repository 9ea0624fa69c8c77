"""Documentation: links lead somewhere, and cited files, rules, invariants, names and commands exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from flask import Flask

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parent.parent
FOLDERS = ("deploy", "docs", "scripts", "standards", "static", "templates", "tests", "tracker", "migrations")
PAGES = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
CODE = (".py", ".html", ".css", ".js", ".toml", ".yaml", ".sh", "")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+)`")
OUR_FILE = re.compile(rf"(?:\./)?((?:{'|'.join(FOLDERS)})/[\w./*-]*)")
CITED_RULE = re.compile(r"docs/rules\.md, (?=(.{0,60}))")
RULE_NUMBERS = re.compile(r", rules? (\d+)(?:(?:,| and|–|-) ?(\d+))?")
INVARIANT = re.compile(r"docs/integrity\.md, invariants? (\d+)(?:(?:,| and|–|-) ?(\d+))?")
IDENTIFIER = re.compile(r"@?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(.*\))?")
FORMER_NAMES = "CHANGELOG.md"
"""The page that also holds names which are no longer in the code."""
FLASKS_OWN = {"routes", "run", "shell"}
OUTSIDE = {
    "proxy_connect_timeout",
    "rowspan",
    "journal_mode",
    "foreign_keys",
    "recursive_triggers",
    "batch_alter_table",
    "pg_dump",
}
"""Names that pages mention and that belong to other programs."""


def read_page(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get where it is shown."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def sections() -> dict[str, set[int]]:
    """Return the numbers of the rules in each section of docs/rules.md."""
    parts = re.split(r"^## (.+)$", read_page("docs/rules.md"), flags=re.MULTILINE)
    return {
        name: {int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)}
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def code_files() -> Iterator[Path]:
    for folder in ("tracker", "tests", "scripts", "templates", "static", "migrations"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in CODE and "__pycache__" not in path.parts and path != Path(__file__):
                yield path
    yield from (ROOT / name for name in ("pyproject.toml", "gunicorn.conf.py", "wsgi.py"))


@cache
def code() -> str:
    """Return the text of all our code, with paths, so that a module's name counts as a name."""
    return "\n".join(f"{path}\n{path.read_text(encoding='utf-8', errors='replace')}" for path in code_files())


@cache
def words_of_the_code() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", code()))


def join_lines(text: str) -> str:
    """Return text in which a citation that was wrapped over two lines is on one."""
    return re.sub(r"\s*\n\s*(?:#\s*|\*\s*)?", " ", text)


@pytest.mark.parametrize("page", NAMES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    broken_links = []
    for link in (target or alternative for target, alternative in LINK.findall(FENCE.sub("", read_page(page)))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        is_wrong_anchor = anchor and target.suffix == ".md" and target.exists() and anchor not in anchors(target)
        if not target.exists() or is_wrong_anchor:
            broken_links.append(link)
    assert broken_links == []


@pytest.mark.parametrize("page", NAMES)
def test_every_file_of_ours_that_is_named_exists(page: str) -> None:
    names = {match[1] for quoted in QUOTED.findall(read_page(page)) if (match := OUR_FILE.fullmatch(quoted))}
    missing = {each for each in names if not (list(ROOT.glob(each)) if "*" in each else (ROOT / each).exists())}
    assert missing == set()


@pytest.mark.parametrize("page", [name for name in NAMES if name != FORMER_NAMES])
def test_every_name_of_the_code_that_is_cited_exists(page: str) -> None:
    """A cited identifier has an underscore or a capital inside; other words in code type are not looked up."""
    cited = set()
    for quoted in QUOTED.findall(FENCE.sub("", read_page(page))):
        if match := IDENTIFIER.fullmatch(quoted):
            cited |= {part for part in match[1].split(".") if re.search(r"[a-zA-Z]_[a-zA-Z]|[a-z][A-Z]", part)}
    assert cited - words_of_the_code() - OUTSIDE == set()


def test_every_rule_that_is_cited_exists() -> None:
    cited = CITED_RULE.findall(join_lines(code()))
    assert [each for each in cited if not is_known_rule(each)] == []


def is_known_rule(cited: str) -> bool:
    """Return whether a citation begins with a section of docs/rules.md and the rules it numbers are in it."""
    for name, numbers in sections().items():
        if cited.startswith(name):
            match = RULE_NUMBERS.match(cited.removeprefix(name))
            return not match or {int(number) for number in match.groups() if number} <= numbers
    return False


def test_the_rules_of_each_section_are_numbered_without_a_gap() -> None:
    numbered = {name: numbers for name, numbers in sections().items() if name != "Sources"}
    assert len(numbered) > 10
    assert {name for name, numbers in numbered.items() if numbers != set(range(1, len(numbers) + 1))} == set()


def test_every_invariant_that_is_cited_exists_and_every_check_is_described() -> None:
    described = {int(number) for number in re.findall(r"^\| (\d+) \|", read_page("docs/integrity.md"), re.MULTILINE)}
    checked = {int(number) for number in re.findall(r"@invariant\(\s*(\d+)", code())}
    cited = {int(number) for pair in INVARIANT.findall(join_lines(code())) for number in pair if number}
    assert checked == described
    assert cited - described == set()


def test_the_table_of_unit_states_is_that_of_the_code() -> None:
    from tracker.assessment.transitions import TRANSITIONS

    table = read_page("docs/rules.md").partition("## Unit states")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+) \| ([\w ]+) \| `(\w+)`", table, re.MULTILINE)
    described = {
        (state, action, role.replace("centre administrator", "administrator").replace(" ", "_"), to)
        for states, action, role, to in rows
        for state in re.findall(r"\w+", states)
    }
    assert described == {
        (state.value, action.value, transition.role.value, transition.new_state.value)
        for (state, action), transition in TRANSITIONS.items()
    }


@pytest.mark.parametrize("page", [name for name in NAMES if name != FORMER_NAMES])
def test_every_command_that_is_named_exists(page: str, app: Flask) -> None:
    """A command is given in code type or on a line of its own; words after the command's name are its arguments."""
    text = join_lines(FENCE.sub("", read_page(page)))
    lines = re.findall(r"^ {4,}(?:\S+=\S+ )?flask ([a-z][a-z -]*)", read_page(page), re.MULTILINE)
    cited = re.findall(r"`(?:\S+/)?flask ([a-z][a-z -]*)", text)
    assert [each for each in [*lines, *cited] if not is_command(app, each.split())] == []


@pytest.mark.parametrize("page", [name for name in NAMES if name != FORMER_NAMES])
def test_every_address_that_is_named_exists(page: str, app: Flask) -> None:
    """An address is given in code type; an ellipsis stands for an id."""
    paths = {each for each in QUOTED.findall(read_page(page)) if re.fullmatch(r"/[a-z][\w/…-]*", each)}
    addresses = app.url_map.bind("localhost")
    assert {each for each in paths if not addresses.allowed_methods(each.replace("…", "1"))} == set()


def is_command(app: Flask, words: list[str]) -> bool:
    if words[0] in FLASKS_OWN:
        return True
    command: click.Command | None = app.cli
    for word in words:
        if not isinstance(command, click.Group):
            return True
        command = command.get_command(click.Context(command), word)
        if command is None:
            return False
    return True
