"""Units of invented words, printed in every style of numbering, are read back as the same units."""

import random
import textwrap
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit_reader.expectation import Expectation, ExpectedCriterion, differences
from tests.unit_reader.reader import read_html_here, text_source
from tests.unit_reader.rendering import OPENERS, SECTIONS, Node, PrintedUnit, as_html
from tracker.unit_reader.assembly import read_unit

SYLLABLES = [f"{first}{vowel}{last}" for first in "bdfgklmnprtz" for vowel in "aou" for last in ("", "n", "rt")]
OUTCOMES = {
    "performance": ["Be able to", "Carry out"],
    "knowledge": ["Know", "Understand", "Be able to explain"],
}
LABELLED = {"numbers", "brackets", "letters", "p_and_k", "restart"}


@dataclass(frozen=True)
class Style:
    """A style of printing labels; `label(kind, group, position, overall)` returns the label that is to be read."""

    name: str
    label_format: str
    origin: str = "published"

    def label(self, kind: str, group: int, position: int, overall: int) -> str:
        if self.name == "p_and_k":
            return f"{'P' if kind == 'performance' else 'K'}{overall}"
        if self.name == "outcomes":
            return f"{group}.{position}"
        if self.name == "letters":
            return "abcdefghijklmnopqrstuvwxyz"[overall - 1]
        return str(position if self.name == "restart" else overall)


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
    """A source of invented words. No text is used twice in a unit, as a text printed twice may be a page header."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - nothing here is secret
        self.used: set[str] = set()

    def text(self, min_words: int, max_words: int) -> str:
        words = ["".join(self.chance.choices(SYLLABLES, k=self.chance.randint(2, 3))) for _ in range(min_words)]
        while len(words) < max_words and self.chance.random() < 0.9:
            words.append("".join(self.chance.choices(SYLLABLES, k=2)))
        text = " ".join(words)
        return text if text not in self.used and not self.used.add(text) else self.text(min_words, max_words)

    def statement(self) -> str:
        return self.text(3, self.chance.choice([5, 12, 24]))

    def short(self) -> str:
        return self.text(3, 5)

    def heading(self) -> str:
        return self.short().capitalize()


def invent(draw: st.DrawFn, style: Style) -> PrintedUnit:
    """Draw a unit with criteria in groups, some with sub-items or points where the labels are unambiguous."""
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
            details = st.sampled_from(["", "", "", "points", "items"] if style.name in LABELLED else [""])
            for position, detail in enumerate(draw(st.lists(details, min_size=2, max_size=6)), 1):
                overall += 1
                label = style.label(kind, outcomes, position, overall)
                criterion = ExpectedCriterion(kind, label, words.statement(), heading, style.origin)
                criteria += _with(criterion, words, style, detail, len(criteria) + 1)
    document_type = "learning_outcomes" if style.name == "outcomes" else "nos"
    code = "T/504/7731" if style.name == "outcomes" else "BRKTN7"
    return PrintedUnit(title, code, document_type, criteria, overview=f"{words.statement().capitalize()}.")


units = st.composite(invent)


def _with(
    criterion: ExpectedCriterion, words: Words, style: Style, detail: str, position: int
) -> list[ExpectedCriterion]:
    """Return the statement with its points, or followed by its sub-items."""
    texts = [words.short() for _ in range(words.chance.randint(2, 4))]
    if detail == "points":
        return [replace(criterion, text=f"{criterion.text}:", points=tuple(texts))]
    if detail != "items" or style.name == "letters":
        return [criterion]
    labels = [
        f"{criterion.label}.{n}" if style.name == "p_and_k" else "abcd"[n - 1] for n in range(1, len(texts) + 1)
    ]
    items = [
        ExpectedCriterion(criterion.kind, label, text, criterion.heading, parent=position)
        for label, text in zip(labels, texts, strict=True)
    ]
    return [replace(criterion, text=f"{criterion.text}:", assessable=False), *items]


@dataclass(frozen=True)
class Layout:
    """Layout of a page: line width, blank lines between items, hanging indents and lines a page."""

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


def as_text(unit: PrintedUnit, style: Style, layout: Layout) -> str:
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
    spaced = (
        layout.spaced or style.name == "bare"
    )  # the end of an unlabelled statement is marked by a blank line only
    for node in nodes:
        lines += _wrapped(style.label_format.format(node.printed_label), node.criterion.text, layout)
        for point in node.criterion.points:
            lines += _wrapped("- ", point, layout, indent=3)
        for child in node.children:
            label = f"{child.printed_label} " if style.name == "p_and_k" else f"{child.printed_label}) "
            lines += _wrapped(label, child.criterion.text, layout, indent=3)
        lines += [""] if spaced else []
    return lines


def _wrapped(label: str, text: str, layout: Layout, indent: int = 0) -> list[str]:
    first = f"{' ' * indent}{label}"
    if not layout.width:
        return [f"{first}{text}"]
    subsequent_indent = " " * len(first) if layout.hanging else ""
    return textwrap.wrap(text, layout.width, initial_indent=first, subsequent_indent=subsequent_indent)


def _paged(unit: PrintedUnit, lines: list[str], layout: Layout, style: Style) -> str:
    """Return the text with the running title and page number after each page, as in a PDF."""
    if (
        not layout.lines_per_page or style.name == "bare"
    ):  # an unlabelled statement cannot be continued on the next page
        return "\n".join(lines)
    pages = [lines[start : start + layout.lines_per_page] for start in range(0, len(lines), layout.lines_per_page)]
    head = f"{unit.code} {unit.title}"
    return "\n".join(
        line
        for number, page in enumerate(pages, 1)
        for line in ([] if number == 1 else [head, "", *page, "", f"Page {number} of {len(pages)}", ""])
        or [*page, ""]
    )


def check_reading(unit: PrintedUnit, reading: dict[str, Any], text: str) -> None:
    fields = {"title": unit.title, "code": unit.code, "document_type": unit.document_type}
    problems = differences(Expectation("generated", fields, unit.criteria), reading)
    assert not problems, "\n".join([*problems, text])


THOROUGH = settings(
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("name", STYLES)
@THOROUGH
@given(data=st.data())
def test_a_unit_printed_as_text_is_read_back(name: str, data: st.DataObject) -> None:
    unit, layout = data.draw(units(STYLES[name])), data.draw(LAYOUTS)
    text = as_text(unit, STYLES[name], layout)
    check_reading(unit, read_unit(text_source(text)).as_json(), f"{layout}\n{text}")


@pytest.mark.parametrize("name", [each for each in STYLES if each != "ones"])
@THOROUGH
@given(data=st.data())
def test_a_unit_printed_as_html_is_read_back(name: str, data: st.DataObject) -> None:
    unit, lists = data.draw(units(STYLES[name])), data.draw(st.booleans())
    html = as_html(unit, lists=lists, marker=STYLES[name].label_format.strip() or "{}")
    check_reading(unit, read_html_here(html.encode()), html)
