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
    found: dict[str, Any]
    criteria: list[ExpectedCriterion] = field(default_factory=list)

    @property
    def no_unit(self) -> bool:
        return "no_unit" in self.found


def read_expectation(path: Path) -> Expectation:
    found = yaml.load(path.read_text("utf-8"), Loader=Plain)  # noqa: S506  a safe loader, of text alone
    assert set(found) <= KEYS, f"{path.name}: unknown {set(found) - KEYS}"
    expected = Expectation(path.stem, found)
    for kind in ("performance", "knowledge"):
        for group in found.get(kind) or []:
            _add_items(expected.criteria, kind, group, group["items"], None)
    return expected


def _add_items(
    criteria: list[ExpectedCriterion], kind: str, group: dict[str, Any], items: Any, under: int | None
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
                parent=under,
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
        *_plain_differences(expected.found, reading),
        *_list_differences(expected.found, reading),
        *_criteria_differences(expected.criteria, reading["criteria"]),
        *_doubt_differences(expected.found, reading, lines or {}),
    ]


def _differs(key: str, wanted: Any, got: Any) -> list[str]:
    return [] if wanted == got else [f"{key}: expected {wanted!r}\n{' ' * len(key)}  but read {got!r}"]


def _plain_differences(found: dict[str, Any], reading: dict[str, Any]) -> Iterator[str]:
    for key in PLAIN:
        if key not in found:
            continue
        if found[key]:
            yield from _differs(key, found[key], reading[key])
        elif key in {"title", "code"} and not any(key in each["what"] for each in reading["warnings"]):
            yield f"{key}: none is printed, and no warning says so; read {reading[key]!r}"
    if "identifiers" in found:
        got = {each["scheme"]: each["value"] for each in reading["identifiers"]}
        yield from _differs("identifiers", found["identifiers"] or {}, got)
    if "metadata" in found:
        got = {key: each for key, each in reading["metadata"].items() if each is not None}
        yield from _differs("metadata", found["metadata"] or {}, got)


def _list_differences(found: dict[str, Any], reading: dict[str, Any]) -> Iterator[str]:
    for key in LISTS:
        if key in found:
            yield from _differs(key, found[key] or [], reading[key])
    for key in ("overview", "scope"):
        if key in found:
            yield from _differs(key, [_paragraph(each) for each in found[key] or []], reading[key])
    if "evidence_requirements" in found:
        wanted = [_requirement(*each) for each in enumerate(pairs(found["evidence_requirements"] or {}), 1)]
        yield from _differs("evidence_requirements", wanted, reading["evidence_requirements"])


def _paragraph(found: Any) -> dict[str, Any]:
    plain = {"text": found} if isinstance(found, str) else found
    return {"text": plain.get("text", ""), "heading": plain.get("heading"), "points": plain.get("points", [])}


def _requirement(position: int, pair: tuple[str, Any]) -> dict[str, Any]:
    label, value = pair
    plain = {"text": value} if isinstance(value, str) else value
    return {"position": position, "label": label, "text": plain["text"], "points": plain.get("points", [])}


def as_expected(found: dict[str, Any]) -> ExpectedCriterion:
    """Return a criterion that was read, for comparison with an expected one."""
    keys = ("kind", "label", "text", "heading", "label_origin", "parent", "assessable", "selection")
    return ExpectedCriterion(**{key: found[key] for key in keys}, points=tuple(found["points"]))


def _criteria_differences(expected: list[ExpectedCriterion], found: list[dict[str, Any]]) -> Iterator[str]:
    wanted, got = [], []
    for number in range(max(len(expected), len(found))):
        right = as_expected(found[number]) if number < len(found) else None
        if number < len(expected):
            left = expected[number]
            loose = right and (left.text_starts and right.text.startswith(left.text))
            wanted.append(f"{number + 1} {left.describe(right.text if right and loose else None)}")
        if right:
            got.append(f"{number + 1} {right.describe()}")
    if wanted != got:
        listed = unified_diff(_lines(wanted), _lines(got), "expected", "read", lineterm="", n=1)
        yield "criteria:\n" + "\n".join(listed)


def _lines(told: list[str]) -> list[str]:
    return "\n".join(told).split("\n")


def _doubt_differences(found: dict[str, Any], reading: dict[str, Any], lines: dict[int, str]) -> Iterator[str]:
    named = {number for each in reading["warnings"] for number in each["lines"]}
    told = [f"{' '.join(lines.get(number, '').split())}" for number in sorted(named)]
    for part in found.get("warned") or []:
        if not any(part in each for each in told):
            yield f"no warning names the line with {part!r}; named are {told}"
    for part in found.get("unwarned") or []:
        if any(part in each for each in told):
            yield f"a warning names the line with {part!r}, in which nothing is doubtful"
    left = "\n".join(each["text"] for each in reading["unparsed"])
    for part in found.get("unparsed") or []:
        if part not in left:
            yield f"{part!r} is not under unparsed, which is: {left!r}"
    if found.get("unparsed") == "" and left:
        yield f"nothing is to be unparsed, but this is: {left!r}"


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


def score(expected: list[ExpectedCriterion], found: list[dict[str, Any]]) -> Score:
    left = list(expected)
    texts = [each.text for each in expected]
    result = Score(expected=len(expected))
    for each in map(as_expected, found):
        match = next((one for one in left if _same(one, each)), None)
        if match:
            left.remove(match)
            result.right += 1
        elif not any(each.text.startswith(text[:20]) or text.startswith(each.text[:20]) for text in texts):
            result.invented += 1
    return result


def _same(wanted: ExpectedCriterion, got: ExpectedCriterion) -> bool:
    text = got.text.startswith(wanted.text) if wanted.text_starts else got.text == wanted.text
    return text and (wanted.kind, wanted.label, wanted.heading) == (got.kind, got.label, got.heading)
