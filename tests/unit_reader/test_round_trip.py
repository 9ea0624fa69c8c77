"""Units of invented words, printed in every style of numbering: reading gives the unit back."""

import random
import textwrap
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit_reader.expectation import Expectation, ExpectedCriterion, differences
from tests.unit_reader.reader import read_html_here, text_source
from tests.unit_reader.rendering import OPENERS, SECTIONS, Node, Printed, as_html
from tracker.unit_reader.assembly import read_unit

SYLLABLES = [f"{first}{vowel}{last}" for first in "bdfgklmnprtz" for vowel in "aou" for last in ("", "n", "rt")]
OUTCOMES = {
    "performance": ["Be able to", "Carry out"],
    "knowledge": ["Know", "Understand", "Be able to explain"],
}
LABELLED = {"numbers", "brackets", "letters", "p_and_k", "restart"}


@dataclass(frozen=True)
class Style:
    """How labels are printed; and `labels(kind, group, number, above)` says what they are read as."""

    name: str
    printed: str
    origin: str = "published"

    def label(self, kind: str, group: int, within: int, overall: int) -> str:
        if self.name == "p_and_k":
            return f"{'P' if kind == 'performance' else 'K'}{overall}"
        if self.name == "outcomes":
            return f"{group}.{within}"
        if self.name == "letters":
            return "abcdefghijklmnopqrstuvwxyz"[overall - 1]
        return str(within if self.name == "restart" else overall)


STYLES = {
    each.name: each
    for each in (
        Style("numbers", "{}. "),
        Style("brackets", "({}) "),
        Style("letters", "{}) "),
        Style("p_and_k", "{} "),
        Style("outcomes", "{} "),
        Style("bullets", "• ", "assigned"),
        Style("bare", "", "assigned"),
        Style("ones", "1. ", "assigned"),
        Style("restart", "{}. "),
    )
}


class Words:
    """Invented words. No text stands twice in a unit: a text printed twice may be a page header."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  nothing here is secret
        self.used: set[str] = set()

    def text(self, fewest: int, most: int) -> str:
        words = ["".join(self.chance.choices(SYLLABLES, k=self.chance.randint(2, 3))) for _ in range(fewest)]
        while len(words) < most and self.chance.random() < 0.9:
            words.append("".join(self.chance.choices(SYLLABLES, k=2)))
        found = " ".join(words)
        return found if found not in self.used and not self.used.add(found) else self.text(fewest, most)

    def statement(self) -> str:
        return self.text(3, self.chance.choice([5, 12, 24]))

    def short(self) -> str:
        return self.text(3, 5)

    def heading(self) -> str:
        return self.short().capitalize()


def invent(draw: st.DrawFn, style: Style) -> Printed:
    """A unit with criteria in groups, some of them with sub-items or with points where labels leave no doubt."""
    words = Words(draw(st.integers(0, 10_000)))
    criteria: list[ExpectedCriterion] = []
    title, outcomes = words.heading(), 0
    for kind in OPENERS:
        headed = style.name != "bare" and (style.name in {"outcomes", "restart"} or draw(st.booleans()))
        overall = 0
        for _ in range(draw(st.integers(1, 3)) if headed else 1):
            outcomes += 1
            heading = words.heading() if headed else None
            if style.name == "outcomes":
                heading = f"{words.chance.choice(OUTCOMES[kind])} {words.short()}"
            below = st.sampled_from(["", "", "", "points", "items"] if style.name in LABELLED else [""])
            for within, under in enumerate(draw(st.lists(below, min_size=2, max_size=6)), 1):
                overall += 1
                label = style.label(kind, outcomes, within, overall)
                found = ExpectedCriterion(kind, label, words.statement(), heading, style.origin)
                criteria += _with(found, words, style, under, len(criteria) + 1)
    document_type = "learning_outcomes" if style.name == "outcomes" else "nos"
    code = "T/504/7731" if style.name == "outcomes" else "BRKTN7"
    return Printed(title, code, document_type, criteria, overview=f"{words.statement().capitalize()}.")


units = st.composite(invent)


def _with(found: ExpectedCriterion, words: Words, style: Style, below: str, position: int) -> list[ExpectedCriterion]:
    """The statement, with its points or followed by its sub-items."""
    texts = [words.short() for _ in range(words.chance.randint(2, 4))]
    if below == "points":
        return [replace(found, text=f"{found.text}:", points=tuple(texts))]
    if below != "items" or style.name == "letters":
        return [found]
    labels = [f"{found.label}.{n}" if style.name == "p_and_k" else "abcd"[n - 1] for n in range(1, len(texts) + 1)]
    under = [
        ExpectedCriterion(found.kind, label, text, found.heading, parent=position)
        for label, text in zip(labels, texts, strict=True)
    ]
    return [replace(found, text=f"{found.text}:", assessable=False), *under]


@dataclass(frozen=True)
class Layout:
    """How the lines of a page are set: wrapped or not, close together or not, and with what between them."""

    width: int = 0
    spaced: bool = False
    hanging: bool = True
    lines_per_page: int = 0


LAYOUTS = st.builds(
    Layout,
    width=st.sampled_from([0, 60, 72, 90]),
    spaced=st.booleans(),
    hanging=st.booleans(),
    lines_per_page=st.sampled_from([0, 9, 17]),
)


def as_text(unit: Printed, style: Style, layout: Layout) -> str:
    lines = [*unit.first_lines, "", "Overview", "", *_wrapped("", unit.overview, layout), ""]
    if style.name == "outcomes":
        lines += ["Learning outcomes and assessment criteria", ""]
        for number, (heading, nodes) in enumerate(unit.outcomes(), 1):
            lines += [f"{number}. {heading}", "", *_items(nodes, style, layout), ""]
        return _paged(unit, lines, layout, style)
    for kind, name in SECTIONS.items():
        lines += [name, "", OPENERS[kind], ""]
        for heading, nodes in unit.groups(kind):
            lines += [heading, ""] if heading else []
            lines += [*_items(nodes, style, layout), ""]
    return _paged(unit, lines, layout, style)


def _items(nodes: list[Node], style: Style, layout: Layout) -> list[str]:
    lines: list[str] = []
    spaced = layout.spaced or style.name == "bare"  # without a blank line, nothing says where a bare statement ends
    for node in nodes:
        lines += _wrapped(style.printed.format(node.printed), node.criterion.text, layout)
        for point in node.criterion.points:
            lines += _wrapped("- ", point, layout, indent=3)
        for below in node.under:
            printed = f"{below.printed} " if style.name == "p_and_k" else f"{below.printed}) "
            lines += _wrapped(printed, below.criterion.text, layout, indent=3)
        lines += [""] if spaced else []
    return lines


def _wrapped(label: str, text: str, layout: Layout, indent: int = 0) -> list[str]:
    first = f"{' ' * indent}{label}"
    if not layout.width:
        return [f"{first}{text}"]
    hang = " " * len(first) if layout.hanging else ""
    return textwrap.wrap(text, layout.width, initial_indent=first, subsequent_indent=hang)


def _paged(unit: Printed, lines: list[str], layout: Layout, style: Style) -> str:
    """With the running title and the number of the page after so many lines, as a PDF's text has them."""
    if (
        not layout.lines_per_page or style.name == "bare"
    ):  # nothing would say that a bare statement goes on over the page
        return "\n".join(lines)
    pages = [lines[start : start + layout.lines_per_page] for start in range(0, len(lines), layout.lines_per_page)]
    head = f"{unit.code} {unit.title}"
    return "\n".join(
        line
        for number, page in enumerate(pages, 1)
        for line in ([] if number == 1 else [head, "", *page, "", f"Page {number} of {len(pages)}", ""])
        or [*page, ""]
    )


def compared(unit: Printed, reading: dict[str, Any], text: str) -> None:
    stated = {"title": unit.title, "code": unit.code, "document_type": unit.document_type}
    found = differences(Expectation("generated", stated, unit.criteria), reading)
    assert not found, "\n".join([*found, text])


THOROUGH = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("name", STYLES)
@THOROUGH
@given(data=st.data())
def test_a_unit_printed_as_text_is_read_back(name: str, data: st.DataObject) -> None:
    unit, layout = data.draw(units(STYLES[name])), data.draw(LAYOUTS)
    text = as_text(unit, STYLES[name], layout)
    compared(unit, read_unit(text_source(text)).as_json(), f"{layout}\n{text}")


@pytest.mark.parametrize("name", [each for each in STYLES if each != "ones"])
@THOROUGH
@given(data=st.data())
def test_a_unit_printed_as_html_is_read_back(name: str, data: st.DataObject) -> None:
    unit, lists = data.draw(units(STYLES[name])), data.draw(st.booleans())
    html = as_html(unit, lists=lists, marker=STYLES[name].printed.strip() or "{}")
    compared(unit, read_html_here(html.encode()), html)
