"""1EdTech CASE: a `CFPackage` as JSON, written as version 1.1, read as 1.1 and 1.0.

What CASE has no field for is written under `extensions`, so that nothing is lost. Identifiers are computed from code,
version and label: the same unit has the same identifiers everywhere.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument, drop_empty
from tracker.units.formats.case_package import (
    CHILD,
    CRITERION_FIELDS,
    EXACT,
    EXTENSION_KEY,
    RELATED,
    REPLACED,
    UNIT,
    build_package,
)
from tracker.units.formats.files import TOO_DEEP, ExchangedLink, FileContents, WrittenFile, parse_json
from tracker.units.formats.frameworks import Framework, Node, build_units, get_kind_by_name
from tracker.units.plurals import format_count
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import format_errors
from tracker.vocabulary import CriterionKind, LinkKind

MAX_DEPTH = 60


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> WrittenFile:
    """Write a package with one document and one top item for each unit."""
    return WrittenFile(json.dumps(build_package(units, links), ensure_ascii=False, indent=1).encode())


class _Entity(Schema):
    """Keys that every entity of CASE has."""

    class Meta:
        unknown = EXCLUDE

    identifier = fields.String(required=True, validate=validate.Length(1, 200))
    extensions = fields.Dict(load_default=dict)

    @pre_load
    def drop_blank(self, value: Any, **_: Any) -> Any:
        """Treat `null` as a missing key, because some programs write it."""
        return {key: each for key, each in value.items() if each is not None} if isinstance(value, Mapping) else value


class _Document(_Entity):
    title = fields.String(required=True)
    creator = fields.String(load_default="")
    description = fields.String(load_default="")


class _Item(_Entity):
    fullStatement = fields.String(required=True)  # noqa: N815 - CASE's own names
    CFItemType = fields.String(load_default="")
    humanCodingScheme = fields.String(load_default="")  # noqa: N815
    notes = fields.String(load_default="")


class _NodeReference(_Entity):
    pass


class _Association(_Entity):
    identifier = fields.String(load_default="")
    associationType = fields.String(required=True)  # noqa: N815
    sequenceNumber = fields.Integer(load_default=None)  # noqa: N815
    originNodeURI = fields.Nested(_NodeReference, required=True)  # noqa: N815
    destinationNodeURI = fields.Nested(_NodeReference, required=True)  # noqa: N815


class _PackageSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    CFDocument = fields.Nested(_Document, required=True)
    CFItems = fields.List(fields.Nested(_Item), load_default=list)
    CFAssociations = fields.List(fields.Nested(_Association), load_default=list)


def read(body: bytes) -> FileContents:
    """Read the units of a package, written by this program or another.

    Raises:
        Invalid: The file is not a usable package; the message says why.
    """
    try:
        result: dict[str, Any] = _PackageSchema().load(parse_json(body))
        return _CaseReading(result).read()
    except ValidationError as error:
        faults = list(format_errors(error.messages))[:30]
        raise Invalid("The file is not a CASE package:\n" + "\n".join(faults), "file") from error
    except RecursionError as error:
        raise Invalid(TOO_DEEP, "file") from error


class _CaseReading:
    def __init__(self, result: Mapping[str, Any]) -> None:
        self.document = result["CFDocument"]
        self.items: dict[str, dict[str, Any]] = {}
        self.associations = result["CFAssociations"]
        self.children: dict[str, list[str]] = defaultdict(list)
        self.parent: dict[str, str] = {}
        self.places: dict[str, tuple[str, int]] = {}
        """Of each criterion read: its unit's slug and its position there."""
        self.used: set[str] = set()
        self.remarks: list[str] = []
        for item in result["CFItems"]:
            if item["identifier"] in self.items:
                raise Invalid(f"The item {item['identifier']} appears twice. Nothing was read.", "file")
            self.items[item["identifier"]] = item
        self._sort_children()

    def _sort_children(self) -> None:
        """Sort children by their sequence numbers; ignore a second parent and a parent below the item itself."""
        numbered = [each for each in self.associations if each["associationType"] == CHILD]
        numbered.sort(key=lambda each: (each["sequenceNumber"] is None, each["sequenceNumber"] or 0))
        ignored = 0
        for each in numbered:
            child, parent = _get_end_identifiers(each)
            if child in self.items and self.parent.get(child) != parent:
                if child in self.parent or self._is_above(child, parent):
                    ignored += 1
                else:
                    self.parent[child] = parent
                    self.children[parent].append(child)
        if ignored:
            self.remarks.append(
                f"Not imported: {format_count(ignored, 'place')} of items below themselves or a second parent."
            )

    def _is_above(self, child: str, parent: str) -> bool:
        above: str | None = parent
        for _ in range(MAX_DEPTH):
            if above == child:
                return True
            above = self.parent.get(above or "")
            if above is None:
                return False
        raise Invalid(TOO_DEEP, "file")

    def read(self) -> FileContents:
        """Return the units, links and remarks of the package."""
        own_keys = [key for key, item in self.items.items() if self._is_from_this_program(item)]
        units = [self._build_own_unit(key) for key in own_keys]
        if own_keys and len(self.used) < len(self.items):
            self.remarks.append(
                f"Not imported: {format_count(len(self.items) - len(self.used), 'item')} that belong to no unit."
            )
        if not own_keys:
            result = build_units(self._build_framework())
            units = result.units
            self.remarks += result.remarks
        links = list(self._list_links())
        other = sum(each["associationType"] != CHILD for each in self.associations) - len(links)
        if other:
            count = format_count(other, "association")
            self.remarks.append(f"Not imported: {count} of kinds that are not used here.")
        return FileContents(tuple(units), tuple(links), tuple(self.remarks))

    def _is_from_this_program(self, item: Mapping[str, Any]) -> bool:
        return item["CFItemType"] == UNIT and "provenance" in _get_extension(item)

    # --- units written by this program --------------------------------------------------------------------

    def _build_own_unit(self, top: str) -> UnitDocument:
        """Return a unit that this program wrote, checked by the schema of our own files."""
        item, order = self.items[top], list[str]()
        extension = _get_extension(item)
        code = item["humanCodingScheme"] or extension.get("code")
        required = extension.get("evidence_requirements")
        document = {
            **extension,
            "title": item["fullStatement"],
            "code": code,
            "evidence_requirements": [_drop_position(each) for each in required]
            if isinstance(required, list)
            else required,
            **self._build_groups(top, order),
        }
        try:
            unit: UnitDocument = UnitSchema().load(drop_empty(document))
        except ValidationError as error:
            faults = "\n".join(list(format_errors(error.messages))[:30])
            raise Invalid(
                f"The unit {code} is not in the form in which this program writes units. Nothing was read.\n{faults}",
                "file",
            ) from error
        self.places |= {key: (unit.slug, position) for position, key in enumerate(order, start=1)}
        self.used |= {top, *order}
        return unit

    def _build_groups(self, top: str, order: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the groups of each kind; add the identifiers of the criteria to `order` by position."""
        groups = [self._parse_group(key) for key in self.children[top]]
        return {
            kind.value: [
                {"heading": heading, "items": [self._build_item(key, order, 1) for key in keys]}
                for group_kind, heading, keys in groups
                if group_kind is kind and keys
            ]
            for kind in CriterionKind
        }

    def _parse_group(self, key: str) -> tuple[CriterionKind, str | None, list[str]]:
        """Return kind, heading and children of a group. A criterion that another program put here has no heading."""
        item, extension, child_keys = self.items[key], _get_extension(self.items[key]), self.children[key]
        kind = get_kind_by_name(item["CFItemType"])
        if "kind" in extension:
            kind = next((each for each in CriterionKind if each.value == extension["kind"]), kind)
        elif not child_keys:
            return kind, None, [key]
        self.used.add(key)
        is_bare = extension.get("heading") is None and item["fullStatement"] == kind.label
        return kind, None if is_bare else item["fullStatement"], child_keys

    def _build_item(self, key: str, order: list[str], depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise Invalid(TOO_DEEP, "file")
        item = self.items[key]
        order.append(key)
        extension = {name: value for name, value in _get_extension(item).items() if name in CRITERION_FIELDS}
        return {
            **extension,
            "label": item["humanCodingScheme"] or extension.get("label") or str(len(order)),
            "text": item["fullStatement"],
            "items": [self._build_item(child, order, depth + 1) for child in self.children[key]],
        }

    # --- packages of other programs -----------------------------------------------------------------------

    def _build_framework(self) -> Framework:
        top = self.children[self.document["identifier"]]
        unattached_keys = [
            key for key in self.items if self.parent.get(key) not in {self.document["identifier"], *self.items}
        ]
        document = self.document
        nodes = tuple(self._build_node(key, 1) for key in [*top, *unattached_keys])
        creator = document["creator"] or "unknown"
        source = f"CASE package “{document['title']}”, by {creator}"
        return Framework(document["identifier"], document["title"], document["description"], "CASE", source, nodes)

    def _build_node(self, key: str, depth: int) -> Node:
        item = self.items[key]
        child_keys = self.children[key] if depth < MAX_DEPTH else []
        return Node(
            key,
            item["humanCodingScheme"],
            " ".join(item["fullStatement"].split()),
            item["CFItemType"],
            item["notes"],
            children=[self._build_node(child, depth + 1) for child in child_keys],
        )

    def _list_links(self) -> Iterator[ExchangedLink]:
        kinds = {EXACT: LinkKind.SAME, RELATED: LinkKind.SAME, REPLACED: LinkKind.REPLACED_BY}
        for each in self.associations:
            kind = kinds.get(each["associationType"])
            one, other = (self.places.get(end) for end in _get_end_identifiers(each))
            if kind and one and other and one[0] != other[0]:
                yield ExchangedLink(kind, *one, *other)


def _get_end_identifiers(association: Mapping[str, Any]) -> tuple[str, str]:
    return association["originNodeURI"]["identifier"], association["destinationNodeURI"]["identifier"]


def _get_extension(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what this program wrote under `extensions`; empty for items of other programs."""
    extension = item["extensions"].get(EXTENSION_KEY)
    return extension if isinstance(extension, dict) else {}


def _drop_position(requirement: Any) -> Any:
    """Return a requirement without its position: positions are numbered again on import."""
    return {k: v for k, v in requirement.items() if k != "position"} if isinstance(requirement, dict) else requirement
