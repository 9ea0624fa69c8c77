"""1EdTech CASE: a `CFPackage` as JSON, written as version 1.1, read as 1.1 and 1.0.

What our own format holds and CASE has no field for stands under `extensions`, so that nothing is lost in between.
Identifiers are worked out from code, version and label: the same unit gives the same ones everywhere.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument, without_empty
from tracker.units.formats.case_package import CHILD, EXACT, OF_CRITERION, OURS, RELATED, REPLACED, UNIT, package
from tracker.units.formats.exchanged import TOO_DEEP, ExchangedLink, Read, Written, json_of
from tracker.units.formats.trees import Framework, Node, kind_called, units_of
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import fault_lines
from tracker.vocabulary import CriterionKind, LinkKind
from tracker.web.formatting import counted

MAX_DEPTH = 60


def write(units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> Written:
    """A package of one document with a topmost item a unit."""
    return Written(json.dumps(package(units, links), ensure_ascii=False, indent=1).encode())


class _Entity(Schema):
    class Meta:
        unknown = EXCLUDE

    identifier = fields.String(required=True, validate=validate.Length(1, 200))
    extensions = fields.Dict(load_default=dict)

    @pre_load
    def drop_blank(self, given: Any, **_: Any) -> Any:
        """Some write `null` for what they do not have."""
        return {key: each for key, each in given.items() if each is not None} if isinstance(given, Mapping) else given


class _Document(_Entity):
    title = fields.String(required=True)
    creator = fields.String(load_default="")
    description = fields.String(load_default="")


class _Item(_Entity):
    fullStatement = fields.String(required=True)  # noqa: N815 - CASE's own names
    CFItemType = fields.String(load_default="")
    humanCodingScheme = fields.String(load_default="")  # noqa: N815
    notes = fields.String(load_default="")


class _End(_Entity):
    pass


class _Association(_Entity):
    identifier = fields.String(load_default="")
    associationType = fields.String(required=True)  # noqa: N815
    sequenceNumber = fields.Integer(load_default=None)  # noqa: N815
    originNodeURI = fields.Nested(_End, required=True)  # noqa: N815
    destinationNodeURI = fields.Nested(_End, required=True)  # noqa: N815


class _PackageSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    CFDocument = fields.Nested(_Document, required=True)
    CFItems = fields.List(fields.Nested(_Item), load_default=list)
    CFAssociations = fields.List(fields.Nested(_Association), load_default=list)


def read(body: bytes) -> Read:
    """The units of a package, ours or anybody's. Raises `Invalid` with what is wrong."""
    try:
        found: dict[str, Any] = _PackageSchema().load(json_of(body))
        return _Reading(found).read()
    except ValidationError as error:
        faults = list(fault_lines(error.messages))[:30]
        raise Invalid("The file is not a CASE package:\n" + "\n".join(faults), "file") from error
    except RecursionError as error:
        raise Invalid(TOO_DEEP, "file") from error


class _Reading:
    def __init__(self, found: Mapping[str, Any]) -> None:
        self.document = found["CFDocument"]
        self.items: dict[str, dict[str, Any]] = {}
        self.associations = found["CFAssociations"]
        self.children: dict[str, list[str]] = defaultdict(list)
        self.parent: dict[str, str] = {}
        self.places: dict[str, tuple[str, int]] = {}
        """Of each criterion read: its unit's slug and its position there."""
        self.used: set[str] = set()
        self.remarks: list[str] = []
        for item in found["CFItems"]:
            if item["identifier"] in self.items:
                raise Invalid(f"The item {item['identifier']} stands twice. Nothing was read.", "file")
            self.items[item["identifier"]] = item
        self._order()

    def _order(self) -> None:
        """Children in the order of their numbers; a second parent, or one below itself, does not count."""
        numbered = [each for each in self.associations if each["associationType"] == CHILD]
        numbered.sort(key=lambda each: (each["sequenceNumber"] is None, each["sequenceNumber"] or 0))
        aside = 0
        for each in numbered:
            child, parent = _ends(each)
            if child in self.items and self.parent.get(child) != parent:
                if child in self.parent or self._is_above(child, parent):
                    aside += 1
                else:
                    self.parent[child] = parent
                    self.children[parent].append(child)
        if aside:
            self.remarks.append(
                f"Left out: {counted(aside, 'place')} given to items that have one already, or below themselves."
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

    def read(self) -> Read:
        ours = [key for key, item in self.items.items() if self._is_ours(item)]
        units = [self._our_unit(key) for key in ours]
        if ours and len(self.used) < len(self.items):
            self.remarks.append(
                f"Left out: {counted(len(self.items) - len(self.used), 'item')} of none of the units."
            )
        if not ours:
            found = units_of(self._framework())
            units = found.units
            self.remarks += found.remarks
        links = list(self._links())
        other = sum(each["associationType"] != CHILD for each in self.associations) - len(links)
        if other:
            self.remarks.append(f"Left out: {counted(other, 'association')} that mean nothing here.")
        return Read(tuple(units), tuple(links), tuple(self.remarks))

    def _is_ours(self, item: Mapping[str, Any]) -> bool:
        return item["CFItemType"] == UNIT and "provenance" in _held(item)

    # --- our own -------------------------------------------------------------------------------------------

    def _our_unit(self, top: str) -> UnitDocument:
        """The unit as its own file would say it, checked by the same schema."""
        item, order = self.items[top], list[str]()
        held = _held(item)
        code = item["humanCodingScheme"] or held.get("code")
        required = held.get("evidence_requirements")
        document = {
            **held,
            "title": item["fullStatement"],
            "code": code,
            "evidence_requirements": [_without_position(each) for each in required]
            if isinstance(required, list)
            else required,
            **self._groups(top, order),
        }
        try:
            unit: UnitDocument = UnitSchema().load(without_empty(document))
        except ValidationError as error:
            faults = "\n".join(list(fault_lines(error.messages))[:30])
            raise Invalid(
                f"The unit {code} is not as this program writes it. Nothing was read.\n{faults}", "file"
            ) from error
        self.places |= {key: (unit.slug, position) for position, key in enumerate(order, start=1)}
        self.used |= {top, *order}
        return unit

    def _groups(self, top: str, order: list[str]) -> dict[str, list[dict[str, Any]]]:
        """The groups of each kind; `order` gets the statements' identifiers in the order of their positions."""
        groups = [self._group(key) for key in self.children[top]]
        return {
            kind.value: [
                {"heading": heading, "items": [self._item(key, order, 1) for key in keys]}
                for group_kind, heading, keys in groups
                if group_kind is kind and keys
            ]
            for kind in CriterionKind
        }

    def _group(self, key: str) -> tuple[CriterionKind, str | None, list[str]]:
        """A heading and what is below it. A statement that another program put here stands under none."""
        item, held, below = self.items[key], _held(self.items[key]), self.children[key]
        kind = kind_called(item["CFItemType"])
        if "kind" in held:
            kind = next((each for each in CriterionKind if each.value == held["kind"]), kind)
        elif not below:
            return kind, None, [key]
        self.used.add(key)
        is_bare = held.get("heading") is None and item["fullStatement"] == kind.label
        return kind, None if is_bare else item["fullStatement"], below

    def _item(self, key: str, order: list[str], depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise Invalid(TOO_DEEP, "file")
        item = self.items[key]
        order.append(key)
        held = {name: value for name, value in _held(item).items() if name in OF_CRITERION}
        return {
            **held,
            "label": item["humanCodingScheme"] or held.get("label") or str(len(order)),
            "text": item["fullStatement"],
            "items": [self._item(child, order, depth + 1) for child in self.children[key]],
        }

    # --- anybody's -----------------------------------------------------------------------------------------

    def _framework(self) -> Framework:
        top = self.children[self.document["identifier"]]
        loose = [key for key in self.items if self.parent.get(key) not in {self.document["identifier"], *self.items}]
        about = self.document
        nodes = tuple(self._node(key, 1) for key in [*top, *loose])
        creator = about["creator"] or "unknown"
        source = f"CASE package “{about['title']}”, by {creator}"
        return Framework(about["identifier"], about["title"], about["description"], "CASE", source, nodes)

    def _node(self, key: str, depth: int) -> Node:
        item = self.items[key]
        below = self.children[key] if depth < MAX_DEPTH else []
        return Node(
            key,
            item["humanCodingScheme"],
            " ".join(item["fullStatement"].split()),
            item["CFItemType"],
            item["notes"],
            children=[self._node(child, depth + 1) for child in below],
        )

    def _links(self) -> Iterator[ExchangedLink]:
        kinds = {EXACT: LinkKind.SAME, RELATED: LinkKind.SAME, REPLACED: LinkKind.REPLACED_BY}
        for each in self.associations:
            kind = kinds.get(each["associationType"])
            one, other = (self.places.get(end) for end in _ends(each))
            if kind and one and other and one[0] != other[0]:
                yield ExchangedLink(kind, *one, *other)


def _ends(association: Mapping[str, Any]) -> tuple[str, str]:
    return association["originNodeURI"]["identifier"], association["destinationNodeURI"]["identifier"]


def _held(item: Mapping[str, Any]) -> dict[str, Any]:
    """What this program wrote beside the item; empty for what another one made."""
    held = item["extensions"].get(OURS)
    return held if isinstance(held, dict) else {}


def _without_position(requirement: Any) -> Any:
    """Evidence requirements are numbered anew as they are read."""
    return {k: v for k, v in requirement.items() if k != "position"} if isinstance(requirement, dict) else requirement
