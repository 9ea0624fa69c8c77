"""Mahara's SmartEvidence framework, a `.matrix` file: standards and, below them, elements."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.formats.exchanged import MAX_DEPTH, ExchangedLink, Read, Written, json_of, left_links
from tracker.units.formats.trees import OF_UNIT, Framework, Node, is_told, left_behind, sentence_of, units_of
from tracker.units.standards_folder import fault_lines
from tracker.vocabulary import CriterionKind

STATUSES = [
    {"begun": "Ready for assessment"},
    {"incomplete": "Does not meet the criterion yet"},
    {"partialcomplete": "Partly meets the criterion"},
    {"completed": "Meets the criterion"},
]
MAX_NAME_LENGTH = 255
BULLET = "\n• "
LABEL = re.compile(r"(?=.*\d)[\w.()&/-]{1,20}|[A-Za-z]{1,2}|[ivx]{1,5}")
"""What is a label before a statement, and not its first word: `P3`, `1.2`, `a`."""


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> Written:
    """One framework: of a single unit its groups are the standards, of several the units are."""
    framework = _one(units[0]) if len(units) == 1 else _several(units)
    sentences = (*left_behind("Mahara", units), *left_links(links))
    return Written(json.dumps({"framework": framework}, ensure_ascii=False, indent=1).encode(), sentences)


def _one(unit: UnitDocument) -> dict[str, Any]:
    standards: list[dict[str, Any]] = []
    elements: list[dict[str, Any]] = []
    last: tuple[CriterionKind, str | None] | None = None
    ids: dict[int, str] = {}
    for each in unit.criteria:
        if each.parent is None and (each.kind, each.heading) != last:
            last = (each.kind, each.heading)
            name = each.heading or each.kind.label
            standards.append(_standard(len(standards) + 1, f"{each.kind.label} {len(standards) + 1}", name, name))
        ids[each.position] = f"{len(standards)}.{each.position}"
        name = f"{each.label} {each.text}"
        elements.append(
            _element(len(standards), ids[each.position], each.label, name, _words(each.text, each.points))
            | _below(ids[each.parent] if each.parent else None)
        )
    return _framework(f"{unit.code} {unit.title}", _about(unit), standards, elements)


def _about(unit: UnitDocument) -> str:
    return " ".join([sentence_of(unit), *(each.text for each in unit.overview)])


def _several(units: Sequence[UnitDocument]) -> dict[str, Any]:
    standards: list[dict[str, Any]] = []
    elements: list[dict[str, Any]] = []
    for number, unit in enumerate(units, start=1):
        standards.append(_standard(number, unit.code, unit.title, _about(unit)))
        elements.extend(_grouped(unit, number))
    codes = ", ".join(unit.code for unit in units)
    return _framework(f"{len(units)} units", codes, standards, elements)


def _grouped(unit: UnitDocument, number: int) -> Iterator[dict[str, Any]]:
    ids: dict[int, str] = {}
    group, last = "", None
    for each in unit.criteria:
        if each.parent is None and (each.kind, each.heading) != last:
            last, group = (each.kind, each.heading), f"{number}.{each.position}.0"
            name = each.heading or each.kind.label
            yield _element(number, group, each.kind.label, name, name) | _below(None)
        ids[each.position] = f"{number}.{each.position}"
        above = ids[each.parent] if each.parent else group
        name = f"{each.label} {each.text}"
        yield _element(number, ids[each.position], each.label, name, _words(each.text, each.points)) | _below(above)


def _words(text: str, points: Sequence[str]) -> str:
    return "".join([text, *(f"{BULLET}{point}" for point in points)])


def _framework(name: str, description: str, standards: Any, elements: Any) -> dict[str, Any]:
    return {
        "institution": "all",
        "name": _short(name),
        "description": description,
        "selfassess": False,
        "evidencestatuses": STATUSES,
        "standards": standards,
        "standardelements": elements,
    }


def _standard(number: int, shortname: str, name: str, description: str) -> dict[str, Any]:
    return {"shortname": shortname, "name": _short(name), "description": description, "standardid": number}


def _element(standard: int, own: str, shortname: str, name: str, description: str) -> dict[str, Any]:
    return {**_standard(standard, shortname, name, description), "elementid": own}


def _below(parent: str | None) -> dict[str, str]:
    """Mahara's releases differ in the name of the key: both are written."""
    return {"parentid": parent, "parentelementid": parent} if parent else {}


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1].rstrip()}…"


# --- in ----------------------------------------------------------------------------------------------------


class _Loose(Schema):
    class Meta:
        unknown = EXCLUDE


class _Key(fields.Field[str]):
    """A number or a text; Mahara's own files hold both."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | str) or str(value).strip() == "":
            raise ValidationError("write a number or a text")
        return str(value).strip()


class _StandardSchema(_Loose):
    shortname = fields.String(load_default="")
    name = fields.String(required=True, validate=validate.Length(min=1))
    description = fields.String(load_default="", allow_none=True)
    standardid = _Key(required=True)


class _ElementSchema(_StandardSchema):
    elementid = _Key(required=True)
    parentid = _Key(load_default=None, allow_none=True)
    parentelementid = _Key(load_default=None, allow_none=True)


class _FrameworkSchema(_Loose):
    name = fields.String(required=True, validate=validate.Length(min=1))
    description = fields.String(load_default="", allow_none=True)
    standards = fields.List(fields.Nested(_StandardSchema), required=True)
    standardelements = fields.List(fields.Nested(_ElementSchema), load_default=list)


class _MatrixSchema(_Loose):
    framework = fields.Nested(_FrameworkSchema, required=True)


def read(body: bytes) -> Read:
    """The units of a framework. Raises `Invalid` with what is wrong."""
    try:
        given: dict[str, Any] = _MatrixSchema().load(json_of(body))
    except ValidationError as error:
        faults = list(fault_lines(error.messages))[:30]
        raise Invalid("The file is not a SmartEvidence framework:\n" + "\n".join(faults), "file") from error
    return _Reading(given["framework"]).read()


class _Reading:
    def __init__(self, framework: Mapping[str, Any]) -> None:
        self.framework = framework
        self.remarks: list[str] = []
        self.elements = self._distinct(framework["standardelements"])
        self.below: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.top: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for element in self.elements.values():
            above = _parent_of(element)
            (self.below[above] if above else self.top[element["standardid"]]).append(element)
        self._check()

    def _check(self) -> None:
        """Every element stands in a standard or in another; none is above itself."""
        standards = {each["standardid"] for each in self.framework["standards"]}
        for key, element in self.elements.items():
            above, steps = _parent_of(element), 0
            missing = above not in self.elements if above else element["standardid"] not in standards
            if missing:
                where = f"the element {above}" if above else f"the standard {element['standardid']}"
                raise Invalid(f"The element {key} stands in {where}, which is not there. Nothing was read.", "file")
            while above and steps <= MAX_DEPTH:
                above, steps = _parent_of(self.elements.get(above, {})), steps + 1
            if above:
                said = f"go round in a circle, or stand more than {MAX_DEPTH} deep"
                raise Invalid(f"The parents of the element {key} {said}. Nothing was read.", "file")

    def _distinct(self, elements: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for element in elements:
            key = element["elementid"]
            if key in found:
                self.remarks.append(f"The element {key} stands twice: the second is read as one of its own.")
                key = f"{key}-{len(found) + 1}"
                element = {**element, "elementid": key}  # noqa: PLW2901 - the same element under a key of its own
            found[key] = element
        return found

    def read(self) -> Read:
        standards = [self._standard(each) for each in self.framework["standards"]]
        name = self.framework["name"]
        source = f"Mahara SmartEvidence framework “{name}”"
        description = self.framework["description"] or ""
        framework = Framework("", name, description, "Mahara", source, tuple(standards))
        found = units_of(framework)
        assumed = () if all(map(is_told, found.units)) else ("Mahara keeps no versions: 1 is assumed.",)
        return Read(tuple(found.units), (), (*self.remarks, *found.remarks, *assumed))

    def _standard(self, standard: Mapping[str, Any]) -> Node:
        children = [self._node(each) for each in self.top[standard["standardid"]]]
        description = standard["description"] or ""
        if OF_UNIT.match(description):
            return Node("", "", standard["name"], "Unit", description, children=children)
        called = (kind.label for kind in CriterionKind if standard["shortname"].startswith(kind.label))
        words, _, beside = _heading(standard)
        return Node("", "", words, next(called, "Group"), beside, children=children)

    def _node(self, element: Mapping[str, Any]) -> Node:
        label = element["shortname"] or element["elementid"]
        children = [self._node(each) for each in self.below[element["elementid"]]]
        if label in {kind.label for kind in CriterionKind}:
            return Node("", "", *_heading(element), children=children)
        text, more, points = _statement(element, label)
        return Node("", label, text, "", more, points, children)


def _parent_of(element: Mapping[str, Any]) -> str:
    """The element above it; empty for one that stands in its standard alone."""
    return str(element.get("parentelementid") or element.get("parentid") or "")


def _heading(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """The words of a heading, whole where its name is cut; what it is called; what it says beside that."""
    name, said = (" ".join((entry[key] or "").split()) for key in ("name", "description"))
    words = said if name.endswith("…") and said.startswith(name.removesuffix("…")) else name
    return words, entry["shortname"], _beside(words, said)


def _statement(entry: Mapping[str, Any], label: str) -> tuple[str, str, tuple[str, ...]]:
    """What the entry says, without its label at the head; what its description says beside that; its points."""
    name = " ".join(entry["name"].split())
    said, *points = (" ".join(part.split()) for part in (entry["description"] or "").split(BULLET))
    openings = [f"{label} - ", f"{label} – ", f"{label}: ", *([f"{label} "] if LABEL.fullmatch(label) else [])]
    name = next((name.removeprefix(each) for each in openings if label and name.startswith(each)), name)
    if said and (name.endswith("…") or name == f"{label} {said}"):
        return said, "", tuple(points)
    return name, _beside(name, said), tuple(points)


def _beside(name: str, description: str) -> str:
    """A description, where it says more than the name."""
    return "" if " ".join(description.split()) == name else description.strip()
