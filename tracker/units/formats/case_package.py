"""The content of a `CFPackage` of 1EdTech CASE 1.1, built from units and links."""

import json
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.units.formats.files import ExchangedLink
from tracker.vocabulary import CriterionKind, LinkKind

NAMESPACE = uuid.UUID("6f3c1d52-0f0e-5b0e-9c39-6d1c7d1b5a10")
EXTENSION_KEY = "evidenceTracker"
"""The key of our own data under `extensions`."""
UNIT, GROUP = "Unit", "Group"
ITEM_TYPES = {CriterionKind.PERFORMANCE: "Performance criterion", CriterionKind.KNOWLEDGE: "Knowledge"}
CRITERION_FIELDS = ("label", "label_origin", "points", "assessable", "selection", "simulation_allowed", "note")
CHILD, EXACT, RELATED, REPLACED = "isChildOf", "exactMatchOf", "isRelatedTo", "replacedBy"


def build_package(
    units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = (), changed_at: datetime | None = None
) -> dict[str, Any]:
    """Return the package as plain values.

    Args:
        units: The units to export.
        links: Links between their criteria.
        changed_at: The time of the last change; now where it is None.
    """
    moment = (changed_at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _Package(units, links, moment).written()


def make_identifier(unit: UnitDocument, *path: str) -> str:
    """Return the UUID of a unit, or of the part of it under the path."""
    version = unit.version if unit.revision == 1 else f"{unit.version}, revision {unit.revision}"
    return str(uuid.uuid5(NAMESPACE, json.dumps([unit.code, version, *path])))


class _Package:
    def __init__(self, units: Sequence[UnitDocument], links: Sequence[ExchangedLink], moment: str) -> None:
        self.units = units
        self.links = links
        self.moment = moment
        self.items: list[dict[str, Any]] = []
        self.associations: list[dict[str, Any]] = []
        self.criteria: dict[tuple[str, int], dict[str, Any]] = {}

    def written(self) -> dict[str, Any]:
        document = self._document()
        for number, unit in enumerate(self.units, start=1):
            self._add_unit(unit, number, document)
        for link in self.links:
            self._add_link(link)
        return {"CFDocument": document, "CFItems": self.items, "CFAssociations": self.associations}

    def _document(self) -> dict[str, Any]:
        codes = [unit.code for unit in self.units]
        only = self.units[0] if len(self.units) == 1 else None
        key = str(uuid.uuid5(NAMESPACE, json.dumps(["package", *map(make_identifier, self.units)])))
        creators = {unit.metadata["developed_by"] for unit in self.units} - {None}
        return {
            **self._build_entity(key),
            "frameworkType": "National Occupational Standards",
            "caseVersion": "1.1",
            "creator": creators.pop() or "" if len(creators) == 1 else "Several",
            "title": only.title if only else f"{len(codes)} units: {', '.join(codes)}"[:200],
            "language": "en",
            "extensions": {EXTENSION_KEY: {"format": 1}},
        }

    def _build_entity(self, identifier: str) -> dict[str, Any]:
        return {"identifier": identifier, "uri": f"urn:uuid:{identifier}", "lastChangeDateTime": self.moment}

    def _add_unit(self, unit: UnitDocument, number: int, document: Mapping[str, Any]) -> None:
        extension = unit.as_json()
        del extension["criteria"], extension["dates"]
        item = {
            **self._build_entity(make_identifier(unit)),
            "fullStatement": unit.title,
            "CFItemType": UNIT,
            "humanCodingScheme": unit.code,
            "listEnumeration": str(number),
            "language": "en",
            "extensions": {EXTENSION_KEY: extension},
        }
        keywords = [word.strip() for word in (unit.metadata["keywords"] or "").split(",") if word.strip()]
        if keywords:
            item["conceptKeywords"] = keywords
        if unit.metadata["level"]:
            item["educationLevel"] = [unit.metadata["level"]]
        self.items.append(item)
        self._add_child(item, document, number)
        self._add_criteria(unit, item)

    def _add_criteria(self, unit: UnitDocument, top: Mapping[str, Any]) -> None:
        seen: dict[tuple[str, ...], int] = defaultdict(int)
        group: dict[str, Any] | None = None
        last: tuple[CriterionKind, str | None] | None = None
        for criterion in unit.criteria:
            place = (criterion.kind, criterion.heading)
            if group is None or (criterion.parent is None and place != last):
                group, last = self._add_group(unit, criterion, top, seen), place
            parent = self.criteria[unit.slug, criterion.parent] if criterion.parent else group
            path = (criterion.kind.value, criterion.label)
            seen[path] += 1
            identifier = make_identifier(unit, *path, *([str(seen[path])] if seen[path] > 1 else []))
            item = self._build_criterion(criterion, identifier)
            self.criteria[unit.slug, criterion.position] = item
            self.items.append(item)
            self._add_child(item, parent, criterion.position)

    def _add_group(
        self, unit: UnitDocument, first: CriterionDocument, top: Mapping[str, Any], seen: dict[tuple[str, ...], int]
    ) -> dict[str, Any]:
        """Add a group item for the criteria of one kind under one heading, even where no heading is printed."""
        path = ("group", first.kind.value, first.heading or "")
        seen[path] += 1
        item = {
            **self._build_entity(make_identifier(unit, *path, str(seen[path]))),
            "fullStatement": first.heading or first.kind.label,
            "CFItemType": GROUP,
            "language": "en",
            "extensions": {EXTENSION_KEY: {"kind": first.kind.value, "heading": first.heading}},
        }
        self.items.append(item)
        self._add_child(item, top, first.position)
        return item

    def _build_criterion(self, criterion: CriterionDocument, identifier: str) -> dict[str, Any]:
        extension = {name: getattr(criterion, name) for name in CRITERION_FIELDS}
        return {
            **self._build_entity(identifier),
            "fullStatement": criterion.text,
            "CFItemType": ITEM_TYPES[criterion.kind],
            "humanCodingScheme": criterion.label,
            "listEnumeration": str(criterion.position),
            "language": "en",
            "extensions": {
                EXTENSION_KEY: {
                    **extension,
                    "points": list(criterion.points),
                    "label_origin": criterion.label_origin.value,
                }
            },
        }

    def _add_child(self, child: Mapping[str, Any], parent: Mapping[str, Any], number: int) -> None:
        self._associate(CHILD, child, parent, sequenceNumber=number)

    def _add_link(self, link: ExchangedLink) -> None:
        one = self.criteria.get((link.slug, link.position))
        other = self.criteria.get((link.other_slug, link.other_position))
        if one is None or other is None:
            return
        kind = REPLACED if link.kind is LinkKind.REPLACED_BY else RELATED
        if kind is RELATED and one["fullStatement"] == other["fullStatement"]:
            kind = EXACT
        self._associate(kind, one, other)

    def _associate(self, kind: str, origin: Mapping[str, Any], destination: Mapping[str, Any], **more: Any) -> None:
        ends = (origin["identifier"], destination["identifier"])
        self.associations.append(
            {
                **self._build_entity(str(uuid.uuid5(NAMESPACE, json.dumps([kind, *ends])))),
                "associationType": kind,
                "originNodeURI": _make_node_reference(origin),
                "destinationNodeURI": _make_node_reference(destination),
                **more,
            }
        )


def _make_node_reference(entity: Mapping[str, Any]) -> dict[str, str]:
    title = entity.get("title") or entity.get("humanCodingScheme") or entity.get("fullStatement") or "Statement"
    return {"title": str(title)[:200], "identifier": entity["identifier"], "uri": entity["uri"]}
