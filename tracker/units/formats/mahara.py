"""Mahara's SmartEvidence framework, a `.matrix` file: standards with elements below them."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.formats.files import (
    MAX_DEPTH,
    ExchangedLink,
    FileContents,
    WrittenFile,
    describe_omitted_links,
    parse_json,
)
from tracker.units.formats.frameworks import (
    UNIT_SENTENCE,
    Framework,
    Node,
    build_units,
    format_unit_sentence,
    is_from_this_program,
    list_omissions,
)
from tracker.units.standards_folder import format_errors
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
"""A label before a statement, to be told from its first word: `P3`, `1.2`, `a`."""


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> WrittenFile:
    """Write one framework: for a single unit its groups are the standards, for several units the units are."""
    framework = _write_one_unit(units[0]) if len(units) == 1 else _write_several_units(units)
    sentences = (*list_omissions("Mahara", units), *describe_omitted_links(links))
    return WrittenFile(json.dumps({"framework": framework}, ensure_ascii=False, indent=1).encode(), sentences)


def _write_one_unit(unit: UnitDocument) -> dict[str, Any]:
    standards: list[dict[str, Any]] = []
    elements: list[dict[str, Any]] = []
    last: tuple[CriterionKind, str | None] | None = None
    ids: dict[int, str] = {}
    for each in unit.criteria:
        if each.parent is None and (each.kind, each.heading) != last:
            last = (each.kind, each.heading)
            name = each.heading or each.kind.label
            standards.append(
                _build_standard_json(len(standards) + 1, f"{each.kind.label} {len(standards) + 1}", name, name)
            )
        ids[each.position] = f"{len(standards)}.{each.position}"
        name = f"{each.label} {each.text}"
        elements.append(
            _build_element_json(
                len(standards), ids[each.position], each.label, name, _join_points(each.text, each.points)
            )
            | _reference_parent(ids[each.parent] if each.parent else None)
        )
    return _build_framework_json(f"{unit.code} {unit.title}", _describe_unit(unit), standards, elements)


def _describe_unit(unit: UnitDocument) -> str:
    return " ".join([format_unit_sentence(unit), *(each.text for each in unit.overview)])


def _write_several_units(units: Sequence[UnitDocument]) -> dict[str, Any]:
    standards: list[dict[str, Any]] = []
    elements: list[dict[str, Any]] = []
    for number, unit in enumerate(units, start=1):
        standards.append(_build_standard_json(number, unit.code, unit.title, _describe_unit(unit)))
        elements.extend(_list_elements(unit, number))
    codes = ", ".join(unit.code for unit in units)
    return _build_framework_json(f"{len(units)} units", codes, standards, elements)


def _list_elements(unit: UnitDocument, number: int) -> Iterator[dict[str, Any]]:
    ids: dict[int, str] = {}
    group, last = "", None
    for each in unit.criteria:
        if each.parent is None and (each.kind, each.heading) != last:
            last, group = (each.kind, each.heading), f"{number}.{each.position}.0"
            name = each.heading or each.kind.label
            yield _build_element_json(number, group, each.kind.label, name, name) | _reference_parent(None)
        ids[each.position] = f"{number}.{each.position}"
        above = ids[each.parent] if each.parent else group
        name = f"{each.label} {each.text}"
        yield _build_element_json(
            number, ids[each.position], each.label, name, _join_points(each.text, each.points)
        ) | _reference_parent(above)


def _join_points(text: str, points: Sequence[str]) -> str:
    return "".join([text, *(f"{BULLET}{point}" for point in points)])


def _build_framework_json(name: str, description: str, standards: Any, elements: Any) -> dict[str, Any]:
    return {
        "institution": "all",
        "name": _shorten(name),
        "description": description,
        "selfassess": False,
        "evidencestatuses": STATUSES,
        "standards": standards,
        "standardelements": elements,
    }


def _build_standard_json(number: int, shortname: str, name: str, description: str) -> dict[str, Any]:
    return {"shortname": shortname, "name": _shorten(name), "description": description, "standardid": number}


def _build_element_json(standard: int, own: str, shortname: str, name: str, description: str) -> dict[str, Any]:
    return {**_build_standard_json(standard, shortname, name, description), "elementid": own}


def _reference_parent(parent: str | None) -> dict[str, str]:
    """Return the parent's key under both names, because releases of Mahara differ in it."""
    return {"parentid": parent, "parentelementid": parent} if parent else {}


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1].rstrip()}…"


# --- import -----------------------------------------------------------------------------------------------


class _TolerantSchema(Schema):
    class Meta:
        unknown = EXCLUDE


class _KeyField(fields.Field[str]):
    """A number or a text; Mahara's own files hold both."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | str) or str(value).strip() == "":
            raise ValidationError("write a number or a text")
        return str(value).strip()


class _StandardSchema(_TolerantSchema):
    shortname = fields.String(load_default="")
    name = fields.String(required=True, validate=validate.Length(min=1))
    description = fields.String(load_default="", allow_none=True)
    standardid = _KeyField(required=True)


class _ElementSchema(_StandardSchema):
    elementid = _KeyField(required=True)
    parentid = _KeyField(load_default=None, allow_none=True)
    parentelementid = _KeyField(load_default=None, allow_none=True)


class _FrameworkSchema(_TolerantSchema):
    name = fields.String(required=True, validate=validate.Length(min=1))
    description = fields.String(load_default="", allow_none=True)
    standards = fields.List(fields.Nested(_StandardSchema), required=True)
    standardelements = fields.List(fields.Nested(_ElementSchema), load_default=list)


class _MatrixSchema(_TolerantSchema):
    framework = fields.Nested(_FrameworkSchema, required=True)


def read(body: bytes) -> FileContents:
    """Read the units of a framework.

    Raises:
        Invalid: The file is not a usable framework; the message says why.
    """
    try:
        document: dict[str, Any] = _MatrixSchema().load(parse_json(body))
    except ValidationError as error:
        faults = list(format_errors(error.messages))[:30]
        raise Invalid("The file is not a SmartEvidence framework:\n" + "\n".join(faults), "file") from error
    return _MaharaReading(document["framework"]).read()


class _MaharaReading:
    def __init__(self, framework: Mapping[str, Any]) -> None:
        self.framework = framework
        self.remarks: list[str] = []
        self.elements = self._make_ids_unique(framework["standardelements"])
        self.below: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.top: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for element in self.elements.values():
            above = _get_parent(element)
            (self.below[above] if above else self.top[element["standardid"]]).append(element)
        self._check_parents()

    def _check_parents(self) -> None:
        """Check that every element belongs to a standard or another element, and that parents form no circle."""
        standards = {each["standardid"] for each in self.framework["standards"]}
        for key, element in self.elements.items():
            above, steps = _get_parent(element), 0
            missing = above not in self.elements if above else element["standardid"] not in standards
            if missing:
                where = f"the element {above}" if above else f"the standard {element['standardid']}"
                raise Invalid(f"The element {key} belongs to {where}, which is missing. Nothing was read.", "file")
            while above and steps <= MAX_DEPTH:
                above, steps = _get_parent(self.elements.get(above, {})), steps + 1
            if above:
                problem = f"form a circle, or are more than {MAX_DEPTH} levels deep"
                raise Invalid(f"The parents of the element {key} {problem}. Nothing was read.", "file")

    def _make_ids_unique(self, elements: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        result: dict[str, dict[str, Any]] = {}
        for element in elements:
            key = element["elementid"]
            if key in result:
                self.remarks.append(f"The element {key} appears twice: the second is imported as a separate element.")
                key = f"{key}-{len(result) + 1}"
                element = {**element, "elementid": key}  # noqa: PLW2901 - the same element under a key of its own
            result[key] = element
        return result

    def read(self) -> FileContents:
        """Return the units and remarks of the framework."""
        standards = [self._build_standard(each) for each in self.framework["standards"]]
        name = self.framework["name"]
        source = f"Mahara SmartEvidence framework “{name}”"
        description = self.framework["description"] or ""
        framework = Framework("", name, description, "Mahara", source, tuple(standards))
        result = build_units(framework)
        is_own_export = all(map(is_from_this_program, result.units))
        assumed = () if is_own_export else ("Mahara files have no versions: 1 is assumed.",)
        return FileContents(tuple(result.units), (), (*self.remarks, *result.remarks, *assumed))

    def _build_standard(self, standard: Mapping[str, Any]) -> Node:
        children = [self._build_node(each) for each in self.top[standard["standardid"]]]
        description = standard["description"] or ""
        if UNIT_SENTENCE.match(description):
            return Node("", "", standard["name"], "Unit", description, children=children)
        called = (kind.label for kind in CriterionKind if standard["shortname"].startswith(kind.label))
        words, _, extra_text = _read_heading(standard)
        return Node("", "", words, next(called, "Group"), extra_text, children=children)

    def _build_node(self, element: Mapping[str, Any]) -> Node:
        label = element["shortname"] or element["elementid"]
        children = [self._build_node(each) for each in self.below[element["elementid"]]]
        if label in {kind.label for kind in CriterionKind}:
            return Node("", "", *_read_heading(element), children=children)
        text, more, points = _read_statement(element, label)
        return Node("", label, text, "", more, points, children)


def _get_parent(element: Mapping[str, Any]) -> str:
    """Return the element above this one; empty for an element directly below its standard."""
    return str(element.get("parentelementid") or element.get("parentid") or "")


def _read_heading(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the full heading, its short name, and what the description says besides."""
    name, description = (" ".join((entry[key] or "").split()) for key in ("name", "description"))
    words = description if name.endswith("…") and description.startswith(name.removesuffix("…")) else name
    return words, entry["shortname"], _get_extra_text(words, description)


def _read_statement(entry: Mapping[str, Any], label: str) -> tuple[str, str, tuple[str, ...]]:
    """Return a statement without its label, what its description says besides, and its points."""
    name = " ".join(entry["name"].split())
    description, *points = (" ".join(part.split()) for part in (entry["description"] or "").split(BULLET))
    prefixes = [f"{label} - ", f"{label} – ", f"{label}: ", *([f"{label} "] if LABEL.fullmatch(label) else [])]
    name = next((name.removeprefix(each) for each in prefixes if label and name.startswith(each)), name)
    if description and (name.endswith("…") or name == f"{label} {description}"):
        return description, "", tuple(points)
    return name, _get_extra_text(name, description), tuple(points)


def _get_extra_text(name: str, description: str) -> str:
    """Return the description where it says more than the name."""
    return "" if " ".join(description.split()) == name else description.strip()
