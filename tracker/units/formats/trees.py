"""Frameworks of others are trees of statements: which of their nodes are units, headings and criteria."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as fields_of

from tracker.errors import Invalid
from tracker.units.documents import CriterionDocument, Identifier, Paragraph, Provenance, UnitDocument, slug_of
from tracker.units.formats.differences import ABOUT, LISTS
from tracker.units.formats.exchanged import MAX_DEPTH, MAX_STATEMENTS
from tracker.units.schema import MetadataSchema
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

KNOWING = re.compile(r"\b(?:knowledge|know|understand(?:ing)?)\b", re.IGNORECASE)
UNITS = re.compile(r"\b(?:unit|standard|module|course|nos)\b", re.IGNORECASE)
OF_UNIT = re.compile(r"Unit (\S.{0,59}?), version (\S{1,20}?)\.(?:\s+|$)")
"""The sentence by which a unit of ours tells its code and version where a format has no place for them."""
UNTOLD = "The source prints no version number; 1 is assumed."
MAX_TEXT_LENGTH = 10_000
MAX_LABEL_LENGTH = 20
SILENT = frozenset({each.name for each in fields_of(UnitDocument)} - {"code", "version", "title", "slug", "revision"})
"""What trees of mere statements do not tell of a unit; of its criteria, the particulars."""
LEFT_OF_UNIT = {
    **{name: words for name, words in (ABOUT | LISTS).items() if name in SILENT},
    "revision": ABOUT["revision"],
}
LEFT_OF_STATEMENTS = {
    "label_origin": "which labels are assigned",
    "assessable": "which statements are assessed",
    "selection": "rules of choice",
    "simulation_allowed": "where simulation is allowed",
    "note": "notes on statements",
}
KIND_NAMES = frozenset(kind.label for kind in CriterionKind)
"""As groups are called that have no heading of their own."""


@dataclass
class Node:
    """One statement of a framework, with those below it, in order."""

    key: str
    """What the framework itself knows it by."""
    label: str
    text: str
    kind: str = ""
    """What the framework calls it: `Unit`, `Knowledge` …; often nothing."""
    description: str = ""
    """What it says beside its text."""
    points: tuple[str, ...] = ()
    children: list["Node"] = field(default_factory=list)

    @property
    def depth(self) -> int:
        deepest, waiting = 0, [(self, 1)]
        while waiting:
            node, depth = waiting.pop()
            deepest = max(deepest, depth)
            waiting.extend((child, depth + 1) for child in node.children)
        return deepest


@dataclass(frozen=True)
class Framework:
    """A whole framework: its name, and whose it is."""

    key: str
    name: str
    description: str
    scheme: str
    """Under which its keys are kept as identifiers: `CASE`, `Moodle`, `Mahara`."""
    source: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class FromTree:
    """The units that a framework comes to, and what was assumed, a sentence each."""

    units: list[UnitDocument] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of each statement, by the framework's own key, its unit's slug and its position there."""


def sentence_of(unit: UnitDocument) -> str:
    """What `OF_UNIT` reads back."""
    return f"Unit {unit.code}, version {unit.version}."


def is_told(unit: UnitDocument) -> bool:
    """Whether the file names the unit's code and version."""
    return UNTOLD not in unit.notes


def label_before(name: str, text: str) -> str:
    """The label in a name of ours, which is that and the text and may be cut; empty where the name is another."""
    cut = name.endswith("…")
    shown = name.removesuffix("…")
    for at in (at for at, sign in enumerate(shown[: MAX_LABEL_LENGTH + 1]) if sign == " "):
        said = shown[at + 1 :]
        if said and (text.startswith(said) if cut else text == said):
            return shown[:at]
    return ""


def left_behind(name: str, units: Sequence[UnitDocument]) -> Iterator[str]:
    """What these units say and a tree of mere statements does not, in one sentence."""
    words = [words for field, words in LEFT_OF_UNIT.items() if any(_says(unit, field) for unit in units)]
    statements = [each for unit in units for each in _as_a_tree_tells(unit)]
    words += [words for field, words in LEFT_OF_STATEMENTS.items() if any(each[field] for each in statements)]
    if words:
        yield f"{name} has no place for: {', '.join(words)}."


def _says(unit: UnitDocument, field: str) -> bool:
    """Whether a unit says in this field what would not come back."""
    value = getattr(unit, field)
    if field == "metadata":
        return any(value.values())
    if field == "overview":
        return value not in {(), *((Paragraph(each.text),) for each in value)}
    return value not in {DocumentType.NOS, Simulation.UNSTATED, 1, None, ()}


def _as_a_tree_tells(unit: UnitDocument) -> Iterator[dict[str, bool]]:
    """Of each statement, which of its particulars would not come back."""
    stems = {each.parent for each in unit.criteria}
    for each in unit.criteria:
        yield {
            "label_origin": each.label_origin is LabelOrigin.ASSIGNED,
            "assessable": each.assessable == (each.position in stems),
            "selection": each.selection is not None,
            "simulation_allowed": each.simulation_allowed is not None,
            "note": each.note is not None,
        }


def units_of(framework: Framework) -> FromTree:
    """The units that a framework comes to. Raises `Invalid` for one too large."""
    count = sum(1 for node in framework.nodes for _ in _all(node))
    if count > MAX_STATEMENTS or any(node.depth > MAX_DEPTH for node in framework.nodes):
        raise Invalid(
            f"The framework holds more than {MAX_STATEMENTS:,} statements, or more than {MAX_DEPTH} levels. "
            "Nothing was read. Split it.",
            "file",
        )
    if not framework.nodes:
        return FromTree()
    unsaid: list[str] = []
    if _holds_units(framework):
        made = [_unit(framework, node, node.children, unsaid) for node in framework.nodes if node.children]
        loose = [node.label or node.text[:40] for node in framework.nodes if not node.children]
        remarks = [f"“{framework.name}”: each of its {len(made)} topmost entries is taken as a unit."]
        if all(OF_UNIT.match(node.description) for node in framework.nodes):
            remarks = []
        if loose:
            remarks.append(f"“{framework.name}”: {len(loose)} topmost entries hold nothing and are left out.")
    else:
        whole = Node(framework.key, "", framework.name, description=framework.description)
        made = [_unit(framework, whole, framework.nodes, unsaid)]
        is_told = OF_UNIT.match(framework.description)
        remarks = [] if is_told else [f"“{framework.name}” is taken as one unit."]
    units = _distinct(unit for unit, _ in made)
    places = {
        key: (unit.slug, position)
        for unit, (_, keys) in zip(units, made, strict=True)
        for position, key in enumerate(keys, start=1)
    }
    return FromTree(units, remarks + _left_out(unsaid), places)


def _left_out(unsaid: list[str]) -> list[str]:
    if not unsaid:
        return []
    more = f" and {len(unsaid) - 1} more" if len(unsaid) > 1 else ""
    return [f"Left out, for want of a place beside a heading: “{_cut(unsaid[0], 60)}”{more}."]


def _distinct(units: Iterator[UnitDocument]) -> list[UnitDocument]:
    """Each with a code of its own, or in a version of its own: one that stands twice gets a number behind it."""
    found: dict[tuple[str, str], UnitDocument] = {}
    last: dict[str, int] = defaultdict(lambda: 1)
    slugs: set[str] = set()
    for unit in units:
        code = unit.code
        while (code, unit.version) in found:
            last[unit.code] += 1
            code = f"{unit.code[:50]}-{last[unit.code]}"
        tries = (slug_of(code), slug_of(f"{code} {unit.version}"), *(f"unit-{n}" for n in range(len(found) + 1)))
        slug = next(each for each in tries if each not in slugs)
        slugs.add(slug)
        found[code, unit.version] = replace(unit, code=code, slug=slug)
    return list(found.values())


def _all(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(each.children)


def _holds_units(framework: Framework) -> bool:
    with_children = [node for node in framework.nodes if node.children]
    if not with_children:
        return False
    if any(OF_UNIT.match(node.description) for node in with_children):
        return True
    if all(UNITS.search(node.kind) for node in with_children):
        return True
    return not any(node.kind for node in with_children) and any(node.depth > 2 for node in with_children)


def _unit(
    framework: Framework, top: Node, nodes: "list[Node] | tuple[Node, ...]", unsaid: list[str]
) -> tuple[UnitDocument, list[str]]:
    """One unit of the framework, with the keys of its statements in order.

    What it says and a unit has no place for is added to `unsaid`.
    """
    told = OF_UNIT.match(top.description)
    statements = _Criteria(unsaid, is_ours=bool(told))
    criteria = tuple(statements.of(nodes))
    code = told[1] if told else _cut(top.label or top.key or top.text, 60) or "Unit"
    about = _cut(top.description[told.end() :] if told else top.description, MAX_TEXT_LENGTH)
    unit = UnitDocument(
        code=code,
        slug=slug_of(code),
        title=_cut(top.text.removeprefix(f"{code} "), 200) or code,
        document_type=DocumentType.NOS,
        version=told[2] if told else "1",
        revision=1,
        identifiers=(Identifier(framework.scheme, _cut(top.key, 50)),) if top.key.strip() else (),
        overview=(Paragraph(about),) if about else (),
        metadata=MetadataSchema().load({}),
        simulation=Simulation.UNSTATED,
        scope=(),
        criteria=criteria,
        evidence_requirements_introduction=None,
        evidence_requirements=(),
        assessor_rules=(),
        skills=(),
        values=(),
        behaviours=(),
        glossary=(),
        links=(),
        external_links=(),
        empty_headings=(),
        provenance=Provenance(
            _cut(framework.source, MAX_TEXT_LENGTH), f"Imported from a framework ({framework.scheme})."
        ),
        notes=() if told else (UNTOLD,),
    )
    return unit, statements.keys


def _cut(text: str, longest: int) -> str:
    """Words as the schema takes them: of bounded length, no white space around them."""
    return text.strip()[:longest].strip()


class _Criteria:
    """The criteria under a unit: its nodes with children are headings, what is below them statements.

    A unit of ours has its groups there, and nothing is worked out.
    """

    def __init__(self, unsaid: list[str], *, is_ours: bool = False) -> None:
        self.unsaid, self.is_ours = unsaid, is_ours
        self.found: list[CriterionDocument] = []
        self.keys: list[str] = []
        self.taken: dict[tuple[CriterionKind, str | None, int | None], set[str]] = defaultdict(set)

    def of(self, nodes: "list[Node] | tuple[Node, ...]") -> list[CriterionDocument]:
        groups: list[tuple[CriterionKind, str | None, list[Node]]] = []
        for node in nodes:
            if node.children and (self.is_ours or not _is_stem(node)):
                groups.extend((_kind_of(node, inner), words, inner) for words, inner in self._headed(node))
            else:
                groups.append((_kind_of(node, [node]), None, [node]))
        for kind in CriterionKind:
            for group_kind, heading, inner in groups:
                if group_kind is kind:
                    self._add(inner, kind, heading, None)
        return self.found

    def _headed(self, node: Node) -> Iterator[tuple[str | None, list[Node]]]:
        """A heading with the statements below it; where all of these are headings again, each is one of its own."""
        if not self.is_ours and all(child.children and not _is_stem(child) for child in node.children):
            self.unsaid.extend({node.text} - KIND_NAMES)
            for child in node.children:
                yield self._heading(child), child.children
        else:
            yield self._heading(node), node.children

    def _heading(self, node: Node) -> str | None:
        if node.description.strip() and node.description.strip() not in KIND_NAMES | {node.text}:
            self.unsaid.append(node.description)
        return None if node.text in KIND_NAMES else _cut(node.text, MAX_TEXT_LENGTH) or None

    def _add(self, nodes: list[Node], kind: CriterionKind, heading: str | None, parent: int | None) -> None:
        for number, node in enumerate(nodes, start=1):
            position = len(self.found) + 1
            printed = _cut(node.label, MAX_LABEL_LENGTH)
            text = _cut(node.text, MAX_TEXT_LENGTH) or printed or "(no words)"
            note = _cut(node.description, MAX_TEXT_LENGTH)
            self.keys.append(node.key)
            self.found.append(
                CriterionDocument(
                    position=position,
                    kind=kind,
                    label=self._free(printed or str(number), kind, heading, parent),
                    label_origin=LabelOrigin.PUBLISHED if printed else LabelOrigin.ASSIGNED,
                    heading=heading,
                    parent=parent,
                    text=text,
                    assessable=not node.children,
                    points=tuple(filter(None, (_cut(each, MAX_TEXT_LENGTH) for each in node.points))),
                    note=note if note not in {"", text} else None,
                )
            )
            self._add(node.children, kind, heading, position)

    def _free(self, label: str, kind: CriterionKind, heading: str | None, parent: int | None) -> str:
        """A label that stands twice in one place gets a number behind it."""
        taken = self.taken[kind, heading, parent]
        free, number = label, len(taken)
        while free in taken:
            number += 1
            free = f"{label[: 19 - len(str(number))]}-{number}"
        taken.add(free)
        return free


def _is_stem(node: Node) -> bool:
    """A node that is a statement with sub-statements, by the labels: 1.3 over 1.3.1."""
    return bool(node.label) and all(child.label.startswith(f"{node.label}.") for child in node.children)


def _kind_of(node: Node, inner: list[Node]) -> CriterionKind:
    kinds = [each.kind for each in inner if each.kind]
    told = kinds[0] if kinds and len(set(kinds)) == 1 else node.kind
    if not told and re.match(r"(?:knowledge|know|understand)\b", node.text, re.IGNORECASE) and node.children:
        return CriterionKind.KNOWLEDGE
    return kind_called(told)


def kind_called(word: str) -> CriterionKind:
    """Of statements that a framework calls so: `Knowledge`; performance for everything else."""
    return CriterionKind.KNOWLEDGE if KNOWING.search(word) else CriterionKind.PERFORMANCE
