"""Units built from competency frameworks of other programs: which nodes are units, headings and criteria."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields

from tracker.errors import Invalid
from tracker.units.documents import CriterionDocument, Identifier, Paragraph, Provenance, UnitDocument, make_slug
from tracker.units.formats.differences import FIELD_NAMES, LIST_NAMES
from tracker.units.formats.files import MAX_DEPTH, MAX_STATEMENTS
from tracker.units.schema import MetadataSchema
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

KNOWLEDGE_WORD = re.compile(r"\b(?:knowledge|know|understand(?:ing)?)\b", re.IGNORECASE)
UNIT_WORD = re.compile(r"\b(?:unit|standard|module|course|nos)\b", re.IGNORECASE)
UNIT_SENTENCE = re.compile(r"Unit (\S.{0,59}?), version (\S{1,20}?)\.(?:\s+|$)")
"""The sentence that states code and version of an exported unit where the format has no field for them."""
VERSION_ASSUMED = "The source prints no version number; 1 is assumed."
MAX_TEXT_LENGTH = 10_000
MAX_LABEL_LENGTH = 20
UNSUPPORTED_FIELDS = frozenset(
    {each.name for each in dataclass_fields(UnitDocument)} - {"code", "version", "title", "slug", "revision"}
)
"""Fields of a unit that a tree of statements cannot hold; `criteria` stands for the details of criteria."""
OMITTED_UNIT_FIELDS = {
    **{name: words for name, words in (FIELD_NAMES | LIST_NAMES).items() if name in UNSUPPORTED_FIELDS},
    "revision": FIELD_NAMES["revision"],
}
OMITTED_CRITERION_FIELDS = {
    "label_origin": "which labels are assigned",
    "assessable": "which statements are assessed",
    "selection": "rules of choice",
    "simulation_allowed": "where simulation is allowed",
    "note": "notes on statements",
}
KIND_NAMES = frozenset(kind.label for kind in CriterionKind)
"""Names of groups without a heading of their own."""


@dataclass
class Node:
    """One statement of a framework with its children, in order."""

    key: str
    """The framework's own key."""
    label: str
    text: str
    kind: str = ""
    """The framework's name for this kind of node, such as `Unit` or `Knowledge`; often empty."""
    description: str = ""
    """The text besides the statement itself."""
    points: tuple[str, ...] = ()
    children: list["Node"] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """Return the number of levels, this node included."""
        deepest, pending = 0, [(self, 1)]
        while pending:
            node, depth = pending.pop()
            deepest = max(deepest, depth)
            pending.extend((child, depth + 1) for child in node.children)
        return deepest


@dataclass(frozen=True)
class Framework:
    """A whole framework with its name and source."""

    key: str
    name: str
    description: str
    scheme: str
    """The scheme under which its keys are kept as identifiers: `CASE`, `Moodle`, `Mahara`."""
    source: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class UnitsFromFramework:
    """The units built from a framework, and a sentence for everything that was assumed or ignored."""

    units: list[UnitDocument] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    """For each statement, by the framework's own key, its unit's slug and its position there."""


def format_unit_sentence(unit: UnitDocument) -> str:
    """Return the sentence that `UNIT_SENTENCE` parses."""
    return f"Unit {unit.code}, version {unit.version}."


def is_from_this_program(unit: UnitDocument) -> bool:
    """Return whether the file states the unit's code and version, as files written by this program do."""
    return VERSION_ASSUMED not in unit.notes


def find_label(name: str, text: str) -> str:
    """Return the label at the start of a name that this program wrote as label and text; empty for other names."""
    is_shortened = name.endswith("…")
    shown = name.removesuffix("…")
    for index in (index for index, sign in enumerate(shown[: MAX_LABEL_LENGTH + 1]) if sign == " "):
        rest = shown[index + 1 :]
        if rest and (text.startswith(rest) if is_shortened else text == rest):
            return shown[:index]
    return ""


def list_omissions(name: str, units: Sequence[UnitDocument]) -> Iterator[str]:
    """Yield one sentence that names what these units state and a tree of statements cannot hold."""
    words = [words for field, words in OMITTED_UNIT_FIELDS.items() if any(_has_value(unit, field) for unit in units)]
    statements = [each for unit in units for each in _list_lost_details(unit)]
    words += [words for field, words in OMITTED_CRITERION_FIELDS.items() if any(each[field] for each in statements)]
    if words:
        yield f"{name} files cannot contain: {', '.join(words)}."


def _has_value(unit: UnitDocument, field: str) -> bool:
    """Return whether the unit states something in this field that would be lost."""
    value = getattr(unit, field)
    if field == "metadata":
        return any(value.values())
    if field == "overview":
        return value not in {(), *((Paragraph(each.text),) for each in value)}
    return value not in {DocumentType.NOS, Simulation.UNSTATED, 1, None, ()}


def _list_lost_details(unit: UnitDocument) -> Iterator[dict[str, bool]]:
    """Yield for each criterion which of its details would be lost."""
    stems = {each.parent for each in unit.criteria}
    for each in unit.criteria:
        yield {
            "label_origin": each.label_origin is LabelOrigin.ASSIGNED,
            "assessable": each.assessable == (each.position in stems),
            "selection": each.selection is not None,
            "simulation_allowed": each.simulation_allowed is not None,
            "note": each.note is not None,
        }


def build_units(framework: Framework) -> UnitsFromFramework:
    """Build the units of a framework.

    Raises:
        Invalid: The framework has too many statements or levels.
    """
    count = sum(1 for node in framework.nodes for _ in _walk(node))
    if count > MAX_STATEMENTS or any(node.depth > MAX_DEPTH for node in framework.nodes):
        raise Invalid(
            f"The framework has more than {MAX_STATEMENTS:,} statements, or more than {MAX_DEPTH} levels. "
            "Nothing was read. Split it.",
            "file",
        )
    if not framework.nodes:
        return UnitsFromFramework()
    left_out: list[str] = []
    if _has_units(framework):
        built_units = [
            _build_unit(framework, node, node.children, left_out) for node in framework.nodes if node.children
        ]
        empty_entries = [node.label or node.text[:40] for node in framework.nodes if not node.children]
        remarks = [f"“{framework.name}”: each of its {len(built_units)} top entries is read as a unit."]
        if all(UNIT_SENTENCE.match(node.description) for node in framework.nodes):
            remarks = []
        if empty_entries:
            remarks.append(f"“{framework.name}”: {len(empty_entries)} top entries are empty and are not imported.")
    else:
        single_unit = Node(framework.key, "", framework.name, description=framework.description)
        built_units = [_build_unit(framework, single_unit, framework.nodes, left_out)]
        is_from_this_program = UNIT_SENTENCE.match(framework.description)
        remarks = [] if is_from_this_program else [f"“{framework.name}” is read as one unit."]
    units = _make_codes_unique(unit for unit, _ in built_units)
    places = {
        key: (unit.slug, position)
        for unit, (_, keys) in zip(units, built_units, strict=True)
        for position, key in enumerate(keys, start=1)
    }
    return UnitsFromFramework(units, remarks + _describe_left_out(left_out), places)


def _describe_left_out(left_out: list[str]) -> list[str]:
    if not left_out:
        return []
    more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
    return [f"Not imported, because a heading has no description here: “{_truncate(left_out[0], 60)}”{more}."]


def _make_codes_unique(units: Iterator[UnitDocument]) -> list[UnitDocument]:
    """Return units with unique codes and versions; a repeated code gets a number."""
    result: dict[tuple[str, str], UnitDocument] = {}
    last: dict[str, int] = defaultdict(lambda: 1)
    slugs: set[str] = set()
    for unit in units:
        code = unit.code
        while (code, unit.version) in result:
            last[unit.code] += 1
            code = f"{unit.code[:50]}-{last[unit.code]}"
        candidate_slugs = (
            make_slug(code),
            make_slug(f"{code} {unit.version}"),
            *(f"unit-{n}" for n in range(len(result) + 1)),
        )
        slug = next(each for each in candidate_slugs if each not in slugs)
        slugs.add(slug)
        result[code, unit.version] = replace(unit, code=code, slug=slug)
    return list(result.values())


def _walk(node: Node) -> Iterator[Node]:
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        pending.extend(each.children)


def _has_units(framework: Framework) -> bool:
    with_children = [node for node in framework.nodes if node.children]
    if not with_children:
        return False
    if any(UNIT_SENTENCE.match(node.description) for node in with_children):
        return True
    if all(UNIT_WORD.search(node.kind) for node in with_children):
        return True
    return not any(node.kind for node in with_children) and any(node.depth > 2 for node in with_children)


def _build_unit(
    framework: Framework, top: Node, nodes: "list[Node] | tuple[Node, ...]", left_out: list[str]
) -> tuple[UnitDocument, list[str]]:
    """Build one unit; return it with the keys of its statements, in order.

    Text that a unit cannot hold is added to `left_out`.
    """
    match = UNIT_SENTENCE.match(top.description)
    statements = _FrameworkCriteria(left_out, is_own_export=bool(match))
    criteria = tuple(statements.build(nodes))
    code = match[1] if match else _truncate(top.label or top.key or top.text, 60) or "Unit"
    overview = _truncate(top.description[match.end() :] if match else top.description, MAX_TEXT_LENGTH)
    unit = UnitDocument(
        code=code,
        slug=make_slug(code),
        title=_truncate(top.text.removeprefix(f"{code} "), 200) or code,
        document_type=DocumentType.NOS,
        version=match[2] if match else "1",
        revision=1,
        identifiers=(Identifier(framework.scheme, _truncate(top.key, 50)),) if top.key.strip() else (),
        overview=(Paragraph(overview),) if overview else (),
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
            _truncate(framework.source, MAX_TEXT_LENGTH), f"Imported from a framework ({framework.scheme})."
        ),
        notes=() if match else (VERSION_ASSUMED,),
    )
    return unit, statements.keys


def _truncate(text: str, max_length: int) -> str:
    """Return the text within the schema's limit and without white space around it."""
    return text.strip()[:max_length].strip()


class _FrameworkCriteria:
    """Builder of a unit's criteria: nodes with children become headings, the nodes below them criteria.

    In a unit exported by this program the groups are known and nothing is guessed.
    """

    def __init__(self, left_out: list[str], *, is_own_export: bool = False) -> None:
        self.left_out, self.is_own_export = left_out, is_own_export
        self.criteria: list[CriterionDocument] = []
        self.keys: list[str] = []
        self.taken_labels: dict[tuple[CriterionKind, str | None, int | None], set[str]] = defaultdict(set)

    def build(self, nodes: "list[Node] | tuple[Node, ...]") -> list[CriterionDocument]:
        groups: list[tuple[CriterionKind, str | None, list[Node]]] = []
        for node in nodes:
            if node.children and (self.is_own_export or not _is_stem(node)):
                groups.extend(
                    (_find_kind(node, inner), words, inner) for words, inner in self._split_by_heading(node)
                )
            else:
                groups.append((_find_kind(node, [node]), None, [node]))
        for kind in CriterionKind:
            for group_kind, heading, inner in groups:
                if group_kind is kind:
                    self._add(inner, kind, heading, None)
        return self.criteria

    def _split_by_heading(self, node: Node) -> Iterator[tuple[str | None, list[Node]]]:
        """Yield a heading with its statements; a heading that holds only headings is left out in favour of them."""
        if not self.is_own_export and all(child.children and not _is_stem(child) for child in node.children):
            self.left_out.extend({node.text} - KIND_NAMES)
            for child in node.children:
                yield self._get_heading(child), child.children
        else:
            yield self._get_heading(node), node.children

    def _get_heading(self, node: Node) -> str | None:
        if node.description.strip() and node.description.strip() not in KIND_NAMES | {node.text}:
            self.left_out.append(node.description)
        return None if node.text in KIND_NAMES else _truncate(node.text, MAX_TEXT_LENGTH) or None

    def _add(self, nodes: list[Node], kind: CriterionKind, heading: str | None, parent: int | None) -> None:
        for number, node in enumerate(nodes, start=1):
            position = len(self.criteria) + 1
            printed = _truncate(node.label, MAX_LABEL_LENGTH)
            text = _truncate(node.text, MAX_TEXT_LENGTH) or printed or "(no words)"
            note = _truncate(node.description, MAX_TEXT_LENGTH)
            self.keys.append(node.key)
            self.criteria.append(
                CriterionDocument(
                    position=position,
                    kind=kind,
                    label=self._make_label_unique(printed or str(number), kind, heading, parent),
                    label_origin=LabelOrigin.PUBLISHED if printed else LabelOrigin.ASSIGNED,
                    heading=heading,
                    parent=parent,
                    text=text,
                    assessable=not node.children,
                    points=tuple(filter(None, (_truncate(each, MAX_TEXT_LENGTH) for each in node.points))),
                    note=note if note not in {"", text} else None,
                )
            )
            self._add(node.children, kind, heading, position)

    def _make_label_unique(self, label: str, kind: CriterionKind, heading: str | None, parent: int | None) -> str:
        """Return a unique label by adding a number to a repeated one."""
        taken_labels = self.taken_labels[kind, heading, parent]
        unique_label, number = label, len(taken_labels)
        while unique_label in taken_labels:
            number += 1
            unique_label = f"{label[: 19 - len(str(number))]}-{number}"
        taken_labels.add(unique_label)
        return unique_label


def _is_stem(node: Node) -> bool:
    """Return whether the node is a criterion with sub-items, by its labels: 1.3 above 1.3.1."""
    return bool(node.label) and all(child.label.startswith(f"{node.label}.") for child in node.children)


def _find_kind(node: Node, inner: list[Node]) -> CriterionKind:
    kinds = [each.kind for each in inner if each.kind]
    kind_name = kinds[0] if kinds and len(set(kinds)) == 1 else node.kind
    if not kind_name and re.match(r"(?:knowledge|know|understand)\b", node.text, re.IGNORECASE) and node.children:
        return CriterionKind.KNOWLEDGE
    return get_kind_by_name(kind_name)


def get_kind_by_name(word: str) -> CriterionKind:
    """Return the kind of criteria that a framework calls by this name: knowledge, or else performance."""
    return CriterionKind.KNOWLEDGE if KNOWLEDGE_WORD.search(word) else CriterionKind.PERFORMANCE
