"""Lists of a web page: the marker that a browser shows before each item."""

import re
from collections.abc import Callable
from typing import Any

from tracker.unit_reader.sources import counting

Element = Any
BULLET = "•"
NUMBER = re.compile(r"\s*[+-]?\d{1,6}\s*")
STYLE = re.compile(r"list-style(?:-type)?\s*:[^;]*?([a-z]+(?:-[a-z]+)*)\s*(?:!important\s*)?(?:;|$)", re.IGNORECASE)
COUNTED: dict[str, Callable[[int], str]] = {
    "1": str,
    "decimal": str,
    "decimal-leading-zero": counting.two_digits,
    "a": counting.letters,
    "lower-alpha": counting.letters,
    "lower-latin": counting.letters,
    "A": counting.upper(counting.letters),
    "upper-alpha": counting.upper(counting.letters),
    "upper-latin": counting.upper(counting.letters),
    "i": counting.roman,
    "lower-roman": counting.roman,
    "I": counting.upper(counting.roman),
    "upper-roman": counting.upper(counting.roman),
}
SIGNS = {"disc", "circle", "square"}


def markers_of(element: Element) -> dict[Element, str]:
    """The marker of each item of a list, in order; empty where it shows none."""
    items = [child for child in element if child.tag == "li"]
    step = -1 if element.get("reversed") is not None else 1
    first = _number(element.get("start"), len(items) if step < 0 else 1)
    usual = _type(element) or ("1" if element.tag == "ol" else "disc")
    found, number = {}, first
    for item in items:
        number = _number(item.get("value"), number)
        kind = _type(item) or usual
        found[item] = _marker(kind, number)
        if kind != "none" or element.tag == "ol":
            number += step
    return found


def _marker(kind: str, number: int) -> str:
    if kind == "none":
        return ""
    return f"{COUNTED[kind](number)}." if kind in COUNTED else BULLET


def _type(element: Element) -> str:
    """As its style or its attribute says; empty where it says nothing that we know."""
    style = STYLE.search(element.get("style") or "")
    named = style[1].lower() if style else (element.get("type") or "")
    return named if named in COUNTED or named in SIGNS or named == "none" else ""


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and NUMBER.fullmatch(text) else otherwise
