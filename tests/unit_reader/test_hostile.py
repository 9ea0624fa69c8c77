"""Hostile text: reading ends with a reading or `NoUnit`, and its work grows no faster than the length."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from tests.unit_reader.reader import NoUnit, read_document, text_source
from tracker.unit_reader.assembly import read_unit
from tracker.unit_reader.document_model import Unreadable

pytestmark = pytest.mark.slow

HEAD = "Sweep chimneys\nURN: CHMSW1\n\nPerformance criteria\n\nYou must be able to:\n\n"
ITEMS = "1. sheet the hearth\n2. choose the brush\n3. sweep to the pot\n"
UNITS: dict[str, Callable[[int], str]] = {
    "digits in one line": lambda size: f"{HEAD}{ITEMS}{'1' * size}",
    "digits alone": lambda size: "7" * size,
    "digits and points": lambda size: f"{HEAD}{'1.' * size}",
    "one long line": lambda size: f"{HEAD}1. {'sweep the flue ' * (size // 15)}",
    "one long line of items": lambda size: HEAD + " ".join(f"{n}. sweep flue {n}" for n in range(1, size // 20)),
    "one word without end": lambda size: f"{HEAD}1. {'a' * size}",
    "spaces without end": lambda size: f"{HEAD}1.{' ' * size}sweep\n2. brush{' ' * size}",
    "bullets": lambda size: HEAD + "• sweep the flue\n" * (size // 20),
    "empty bullets": lambda size: HEAD + "•\n" * (size // 2),
    "numbered items": lambda size: HEAD + "".join(f"{n}. sweep flue {n}\n" for n in range(1, size // 20)),
    "the same number": lambda size: HEAD + "1. sweep the flue\n" * (size // 20),
    "nesting by indentation": lambda size: (
        HEAD + "".join(f"{' ' * (n % 400)}• sweep {n}:\n" for n in range(size // 200))
    ),
    "nesting by labels": lambda size: (
        HEAD + "".join(f"{'.'.join('1' * (n % 60 + 1))} sweep {n}\n" for n in range(size // 60))
    ),
    "colons": lambda size: HEAD + "sweep the following:\n" * (size // 20),
    "headings alone": lambda size: "Performance criteria\n\nKnowledge and understanding\n\n" * (size // 50),
    "page headers": lambda size: HEAD + "CHMSW1 Sweep chimneys 1\n\n1. sweep\n\n" * (size // 40),
    "page numbers": lambda size: HEAD + "".join(f"{n % 900}\n" for n in range(size // 4)),
    "blank lines": lambda size: HEAD + "\n" * size + ITEMS,
    "outcomes": lambda size: "Learning outcomes\n" + "".join(f"{n} Know\n{n}.1 Name\n" for n in range(1, size // 15)),
    "wrapped line": lambda size: f"{HEAD}1. sweep\n" + "and sweep the next flue\n" * (size // 24),
    "brackets": lambda size: f"{HEAD}1. {'(' * size}",
    "quotes and stars": lambda size: f"{HEAD}1. {'>' * size}\n2. {'**' * size}\n3. {chr(34) * size}",
    "table cells": lambda size: HEAD + " | " * size,
    "dashes": lambda size: f"{HEAD}1. {'- ' * size}",
    "ranges": lambda size: HEAD + "".join(f"criteria {n}–{n + 10**6}: sweep\n" for n in range(size // 30)) + ITEMS,
}
SMALL = {
    "nothing": "",
    "a blank": " \n\t\n ",
    "control characters": HEAD + "1. sweep\x01\x02 the\x1b[31m flue\x7f\n2.\x0b brush\x0c\n3. pot\x85\u2028end\n",
    "only labels": HEAD + "1.\n2.\n3.\n",
    "only openers": "You must be able to:\nYou need to know and understand:\n",
    "surrogates and marks": HEAD + "1. sweep \ud800 the flue\n2. brush\u202e backwards\u200b\ufeff\n",
    "digits of other scripts": HEAD + "١. sweep\n²) brush\n①  pot\n1२. cowl\n",
    "a number beyond all": f"{HEAD}{'9' * 5000}. sweep\n{'9' * 5001}. brush\n",
    "a range beyond all": HEAD + "criteria 1–999999999999: all of it\n1. sweep\n2. brush\n",
    "a range that runs back": HEAD + "criteria 9–1: all of it\n1. sweep\n2. brush\n",
    "one letter a line": HEAD + "\n".join("sweep the flue"),
    "the same heading for ever": "Overview\n" * 500,
}


def outcome(text: str) -> dict[str, Any] | None:
    try:
        return read_unit(text_source(text)).as_json()
    except NoUnit:
        return None


@pytest.mark.parametrize("name", SMALL)
def test_odd_text_ends_with_a_reading_or_no_unit(name: str) -> None:
    reading = outcome(SMALL[name])
    assert reading is None or reading["criteria"]


@pytest.mark.parametrize("name", ["nothing", "a blank", "only openers", "the same heading for ever"])
def test_text_without_criteria_makes_no_unit(name: str) -> None:
    assert outcome(SMALL[name]) is None


def test_control_characters_are_removed() -> None:
    """A few are removed; a file with a NUL or many of them is not text."""
    reading, _ = read_document("unit.txt", SMALL["control characters"].encode())
    assert not any(
        ord(character) < 32 or ord(character) == 127 for each in reading["criteria"] for character in each["text"]
    )


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(Unreadable, match="is not text"):
        read_document("unit.txt", (HEAD + "1. sweep\0 the flue\n").encode())


@contextmanager
def count_calls() -> Iterator[list[int]]:
    """Count the function calls within the block, as a measure of work without a clock."""
    calls = [0]

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        if event in {"call", "c_call"}:
            calls[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("name", UNITS)
def test_the_work_grows_no_faster_than_the_length(name: str) -> None:
    work = []
    for size in (4_000, 32_000):
        text = UNITS[name](size)
        with count_calls() as calls:
            outcome(text)
        work.append(calls[0])
    assert work[1] <= 12 * work[0] + 20_000


LONG = {
    "digits in one line": 100_000,
    "digits alone": 100_000,
    "digits and points": 100_000,
    "one long line": 1_000_000,
    "one long line of items": 1_000_000,
    "one word without end": 1_000_000,
    "spaces without end": 1_000_000,
    "brackets": 1_000_000,
    "quotes and stars": 1_000_000,
    "dashes": 1_000_000,
    "table cells": 300_000,
    "bullets": 1_000_000,  # 50,000 of them
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_document_ends(name: str) -> None:
    reading = outcome(UNITS[name](LONG[name]))
    assert reading is None or reading["criteria"]
