"""Expected reading of a corpus document: a YAML file beside it, with the keys of the unit format in short.

Only what a file states is compared, except that the criteria are always compared in full. Every scalar is text.
`corpus/README.md` describes how the files are written.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml

CORPUS = Path(__file__).parent / "corpus"
LISTS = ("assessor_rules", "skills", "values", "behaviours", "glossary", "links", "external_links", "empty_headings")
PLAIN = ("title", "code", "document_type", "version", "simulation", "evidence_requirements_introduction")
KEYS = {
    *PLAIN,
    *LISTS,
    *("identifiers", "metadata", "overview", "scope", "performance", "knowledge", "evidence_requirements"),
    *("warned", "unwarned", "unparsed", "no_unit", "guidance", "about", "variants"),
}


class Plain(yaml.BaseLoader):
    """YAML loader that reads every scalar as text, and refuses a repeated key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"{node.start_mark}: {twice} twice"
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class ExpectedCriterion:
    kind: str
    label: str
    text: str
    heading: str | None = None
    label_origin: str = "published"
    parent: int | None = None
    points: tuple[str, ...] = ()
    assessable: bool = True
    selection: str | None = None
    text_starts: bool = False

    def describe(self, text: str | None = None) -> str:
        """Return the criterion on a few lines, so that a difference between two is easy to read."""
        first = (
            f"{self.kind} [{self.label}] {self.label_origin}, under {self.parent or '-'}, heading {self.heading!r}"
        )
        choice = f" ({self.selection})" if self.selection else ""
        assessable = "" if self.assessable else " not assessable"
        points = "".join(f"\n      * {each}" for each in self.points)
        return f"{first}{assessable}{choice}\n    {text or self.text}{points}"


@dataclass
class Expectation:
    name: str
    stated: dict[str, Any]
    criteria: list[ExpectedCriterion] = field(default_factory=list)

    @property
    def no_unit(self) -> bool:
        return "no_unit" in self.stated


def read_expectation(path: Path) -> Expectation:
    stated = yaml.load(path.read_text("utf-8"), Loader=Plain)  # noqa: S506 - a safe loader, of text alone
    assert set(stated) <= KEYS, f"{path.name}: unknown {set(stated) - KEYS}"
    expected = Expectation(path.stem, stated)
    for kind in ("performance", "knowledge"):
        for group in stated.get(kind) or []:
            _add_items(expected.criteria, kind, group, group["items"], None)
    return expected


def _add_items(
    criteria: list[ExpectedCriterion], kind: str, group: dict[str, Any], items: Any, parent: int | None
) -> None:
    for label, value in pairs(items):
        item = {"text": value} if isinstance(value, str) else value
        nested = item.get("items")
        assigned = "assigned" in (item.get("origin"), group.get("labels"))
        criteria.append(
            ExpectedCriterion(
                kind=kind,
                label=label,
                text=item.get("text") or item["text_starts"],
                heading=group.get("heading"),
                label_origin="assigned" if assigned else "published",
                parent=parent,
                points=tuple(item.get("points", ())),
                assessable=not nested,
                selection=item.get("selection"),
                text_starts="text_starts" in item,
            )
        )
        if nested:
            _add_items(criteria, kind, {**group, "labels": ""}, nested, len(criteria))


def pairs(items: Any) -> Iterator[tuple[str, Any]]:
    """Yield label and value of a mapping, of a list of mappings if labels repeat, or of texts: 1, 2, 3 …."""
    if isinstance(items, dict):
        yield from items.items()
        return
    for number, each in enumerate(items, 1):
        if isinstance(each, dict) and not {"text", "text_starts"} & set(each):
            yield from each.items()
        else:
            yield str(number), each


def differences(expected: Expectation, reading: dict[str, Any], lines: dict[int, str] | None = None) -> list[str]:
    """Return what differs from the expectation, one entry each. `lines` are the document's lines by number."""
    return [
        *_plain_differences(expected.stated, reading),
        *_list_differences(expected.stated, reading),
        *_criteria_differences(expected.criteria, reading["criteria"]),
        *_doubt_differences(expected.stated, reading, lines or {}),
    ]


def _differs(key: str, expected: Any, actual: Any) -> list[str]:
    return [] if expected == actual else [f"{key}: expected {expected!r}\n{' ' * len(key)}  but read {actual!r}"]


def _plain_differences(stated: dict[str, Any], reading: dict[str, Any]) -> Iterator[str]:
    for key in PLAIN:
        if key not in stated:
            continue
        if stated[key]:
            yield from _differs(key, stated[key], reading[key])
        elif key in {"title", "code"} and not any(key in each["what"] for each in reading["warnings"]):
            yield f"{key}: none is printed, and no warning says so; read {reading[key]!r}"
    if "identifiers" in stated:
        values = {each["scheme"]: each["value"] for each in reading["identifiers"]}
        yield from _differs("identifiers", stated["identifiers"] or {}, values)
    if "metadata" in stated:
        values = {key: each for key, each in reading["metadata"].items() if each is not None}
        yield from _differs("metadata", stated["metadata"] or {}, values)


def _list_differences(stated: dict[str, Any], reading: dict[str, Any]) -> Iterator[str]:
    for key in LISTS:
        if key in stated:
            yield from _differs(key, stated[key] or [], reading[key])
    for key in ("overview", "scope"):
        if key in stated:
            yield from _differs(key, [_paragraph(each) for each in stated[key] or []], reading[key])
    if "evidence_requirements" in stated:
        requirements = [_requirement(*each) for each in enumerate(pairs(stated["evidence_requirements"] or {}), 1)]
        yield from _differs("evidence_requirements", requirements, reading["evidence_requirements"])


def _paragraph(value: Any) -> dict[str, Any]:
    plain = {"text": value} if isinstance(value, str) else value
    return {"text": plain.get("text", ""), "heading": plain.get("heading"), "points": plain.get("points", [])}


def _requirement(position: int, pair: tuple[str, Any]) -> dict[str, Any]:
    label, value = pair
    plain = {"text": value} if isinstance(value, str) else value
    return {"position": position, "label": label, "text": plain["text"], "points": plain.get("points", [])}


def as_expected(criterion: dict[str, Any]) -> ExpectedCriterion:
    """Return a criterion that was read, for comparison with an expected one."""
    keys = ("kind", "label", "text", "heading", "label_origin", "parent", "assessable", "selection")
    return ExpectedCriterion(**{key: criterion[key] for key in keys}, points=tuple(criterion["points"]))


def _criteria_differences(expected: list[ExpectedCriterion], read_criteria: list[dict[str, Any]]) -> Iterator[str]:
    expected_texts, read_texts = [], []
    for number in range(max(len(expected), len(read_criteria))):
        criterion = as_expected(read_criteria[number]) if number < len(read_criteria) else None
        if number < len(expected):
            expectation = expected[number]
            starts_the_same = criterion and (expectation.text_starts and criterion.text.startswith(expectation.text))
            expected_texts.append(
                f"{number + 1} {expectation.describe(criterion.text if criterion and starts_the_same else None)}"
            )
        if criterion:
            read_texts.append(f"{number + 1} {criterion.describe()}")
    if expected_texts != read_texts:
        diff = unified_diff(_lines(expected_texts), _lines(read_texts), "expected", "read", lineterm="", n=1)
        yield "criteria:\n" + "\n".join(diff)


def _lines(texts: list[str]) -> list[str]:
    return "\n".join(texts).split("\n")


def _doubt_differences(stated: dict[str, Any], reading: dict[str, Any], lines: dict[int, str]) -> Iterator[str]:
    numbers = {number for each in reading["warnings"] for number in each["lines"]}
    doubtful_lines = [f"{' '.join(lines.get(number, '').split())}" for number in sorted(numbers)]
    for part in stated.get("warned") or []:
        if not any(part in each for each in doubtful_lines):
            yield f"no warning names the line with {part!r}; named are {doubtful_lines}"
    for part in stated.get("unwarned") or []:
        if any(part in each for each in doubtful_lines):
            yield f"a warning names the line with {part!r}, in which nothing is doubtful"
    unparsed = "\n".join(each["text"] for each in reading["unparsed"])
    for part in stated.get("unparsed") or []:
        if part not in unparsed:
            yield f"{part!r} is not under unparsed, which is: {unparsed!r}"
    if stated.get("unparsed") == "" and unparsed:
        yield f"nothing is to be unparsed, but this is: {unparsed!r}"


@dataclass
class Score:
    """Count of criteria that are right in kind, label, heading and text, and of those that were invented."""

    right: int = 0
    expected: int = 0
    invented: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.right + other.right, self.expected + other.expected, self.invented + other.invented)

    @property
    def share(self) -> float:
        return self.right / self.expected if self.expected else 1.0


def score(expected: list[ExpectedCriterion], read_criteria: list[dict[str, Any]]) -> Score:
    remaining = list(expected)
    texts = [each.text for each in expected]
    result = Score(expected=len(expected))
    for each in map(as_expected, read_criteria):
        match = next((candidate for candidate in remaining if _same(candidate, each)), None)
        if match:
            remaining.remove(match)
            result.right += 1
        elif not any(each.text.startswith(text[:20]) or text.startswith(each.text[:20]) for text in texts):
            result.invented += 1
    return result


def _same(expected: ExpectedCriterion, actual: ExpectedCriterion) -> bool:
    text = actual.text.startswith(expected.text) if expected.text_starts else actual.text == expected.text
    return text and (expected.kind, expected.label, expected.heading) == (actual.kind, actual.label, actual.heading)
