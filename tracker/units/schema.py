"""The format of the YAML files, checked by marshmallow; every fault names its key and the mend."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, pre_load, validate

from tracker.units.documents import (
    AttachedUnit,
    CriterionDocument,
    GuidanceDocument,
    Identifier,
    LinkedLabels,
    LinksDocument,
    Paragraph,
    Provenance,
    RequirementDocument,
    UnitDocument,
)
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

MAX_LENGTH = 10_000
NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What no database and no file takes for text."""
KINDS = {"performance": CriterionKind.PERFORMANCE, "knowledge": CriterionKind.KNOWLEDGE}


class Text(fields.String):
    """Words, never empty. The loader below leaves every scalar as text, so `1.10` and `no` stay as typed."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("write words here, not a list or further keys")
        if not value.strip():
            raise ValidationError("is empty: write the text, or take the key out")
        if len(value) > MAX_LENGTH:
            raise ValidationError(f"is longer than {MAX_LENGTH} characters: split it")
        if not is_text(value):
            raise ValidationError("holds characters that are no text: write it anew")
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


def is_text(value: str) -> bool:
    """Whether these words can be kept: no zero character, no half of a pair."""
    return not NO_TEXT.search(value)


class Listed(fields.List[Any]):
    """A list, with a plain word when it is something else."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("write a list here: each entry on a line that begins with “- ”")
        return list(super()._deserialize(value, attr, data, **kwargs))


class Number(fields.Integer):
    default_error_messages = {"invalid": "write a whole number, such as 1"}


class Truth(fields.Boolean):
    default_error_messages = {"invalid": "write true or false"}


def word(allowed: type[Any], **options: Any) -> Text:
    values = [each.value for each in allowed]
    return Text(validate=validate.OneOf(values, error=f"write one of: {', '.join(values)}"), **options)


def words() -> Listed:
    return Listed(Text(), load_default=list)


def short(longest: int, **options: Any) -> Text:
    """Words that stand on a form or in an address, and have their room in the database."""
    return Text(validate=validate.Length(max=longest, error=f"is longer than {longest} characters"), **options)


class Strict(Schema):
    """Unknown keys are refused: a misspelt key must never be lost in silence."""

    class Meta:  # noqa: D106 - marshmallow's own way
        unknown = RAISE

    error_messages = {
        "unknown": "is not a key of this format: take it out or mend its spelling",
        "type": "write keys and values here",
    }

    @pre_load
    def drop_blank(self, given: Any, **_: Any) -> Any:
        """`heading:` with nothing behind it says that there is none."""
        if isinstance(given, Mapping) and given.get("heading") == "":
            return {key: value for key, value in given.items() if key != "heading"}
        return given


class IdentifierSchema(Strict):
    scheme = short(50, required=True)
    value = short(50, required=True)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Identifier:
        return Identifier(**found)


class ItemSchema(Strict):
    label = short(20, required=True)
    label_origin = word(LabelOrigin, load_default="published")
    text = Text(required=True)
    assessable = Truth()
    points = words()
    selection = Text(load_default=None)
    simulation_allowed = Truth(load_default=None)
    note = Text(load_default=None)
    items = Listed(fields.Nested(lambda: ItemSchema()), load_default=list)  # noqa: PLW0108 - not yet defined here


class GroupSchema(Strict):
    heading = Text(load_default=None)
    items = Listed(fields.Nested(ItemSchema), required=True, validate=validate.Length(min=1, error="is empty"))


class ParagraphSchema(Strict):
    heading = Text(load_default=None)
    text = Text(required=True)
    points = words()

    @pre_load
    def plain(self, given: Any, **_: Any) -> Any:
        return {"text": given} if isinstance(given, str) else given

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Paragraph:
        return Paragraph(found["text"], found["heading"], tuple(found["points"]))


class RequirementSchema(Strict):
    label = short(20, required=True)
    text = Text(required=True)
    points = words()


class ProvenanceSchema(Strict):
    source = Text(required=True)
    read = Text(required=True)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Provenance:
        return Provenance(**found)


class MetadataSchema(Strict):
    """As printed; what the source does not print is None."""

    suites = Text(load_default=None)
    developed_by = Text(load_default=None)
    originating_organisation = Text(load_default=None)
    approved_on = Text(load_default=None)
    review_on = Text(load_default=None)
    validity = Text(load_default=None)
    last_registration_on = Text(load_default=None)
    status = Text(load_default=None)
    occupations = Text(load_default=None)
    soc_codes = Text(load_default=None)
    keywords = Text(load_default=None)
    level = Text(load_default=None)
    credit = Text(load_default=None)
    guided_learning_hours = Text(load_default=None)


SLUG = validate.Regexp(
    r"(?=.{1,100}\Z)[a-z0-9]+(-[a-z0-9]+)*\Z", error="write small letters, digits and single hyphens, 100 at most"
)


class UnitSchema(Strict):
    code = short(60, required=True)
    slug = Text(required=True, validate=SLUG)
    title = short(200, required=True)
    document_type = word(DocumentType, required=True)
    version = short(20, required=True)
    revision = Number(required=True, validate=validate.Range(1, 9999, error="write a number from 1 to 9999"))
    identifiers = Listed(fields.Nested(IdentifierSchema), load_default=list)
    overview = Listed(fields.Nested(ParagraphSchema), load_default=list)
    metadata = fields.Nested(MetadataSchema, load_default=lambda: MetadataSchema().load({}))
    simulation = word(Simulation, required=True)
    scope = Listed(fields.Nested(ParagraphSchema), load_default=list)
    performance = Listed(fields.Nested(GroupSchema), load_default=list)
    knowledge = Listed(fields.Nested(GroupSchema), load_default=list)
    evidence_requirements_introduction = Text(load_default=None)
    evidence_requirements = Listed(fields.Nested(RequirementSchema), load_default=list)
    assessor_rules = words()
    skills = words()
    values = words()
    behaviours = words()
    glossary = words()
    links = words()
    external_links = words()
    empty_headings = words()
    provenance = fields.Nested(ProvenanceSchema, required=True)
    notes = words()

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> UnitDocument:
        groups = [(KINDS[key], group) for key in KINDS for group in found.pop(key)]
        criteria = tuple(_criteria(groups))
        if not criteria:
            raise ValidationError("holds no criteria: write them under performance or knowledge")
        requirements = tuple(
            RequirementDocument(position, each["label"], each["text"], tuple(each["points"]))
            for position, each in enumerate(found.pop("evidence_requirements"), start=1)
        )
        _check_labels(criteria, requirements)
        found["document_type"] = DocumentType(found["document_type"])
        found["simulation"] = Simulation(found["simulation"])
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
        return UnitDocument(criteria=criteria, evidence_requirements=requirements, **plain)


class AttachedUnitSchema(Strict):
    code = Text(required=True)
    warning = Text(load_default=None)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> AttachedUnit:
        return AttachedUnit(**found)


class GuidanceSchema(Strict):
    slug = Text(required=True, validate=SLUG)
    title = short(200, required=True)
    synopsis = Text(required=True)
    key_concepts = words()
    tips = words()
    misconceptions = words()
    marking_points = words()
    units = Listed(fields.Nested(AttachedUnitSchema), load_default=list)
    provenance = fields.Nested(ProvenanceSchema, required=True)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> GuidanceDocument:
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
        return GuidanceDocument(**plain)


class LinkedLabelsSchema(Strict):
    first = Text(required=True)
    second = Text(required=True)


class LinksSchema(Strict):
    units = Listed(Text(), required=True, validate=validate.Length(equal=2, error="name two units by their slugs"))
    performance = Listed(fields.Nested(LinkedLabelsSchema), load_default=list)
    knowledge = Listed(fields.Nested(LinkedLabelsSchema), load_default=list)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> LinksDocument:
        first, second = found["units"]
        same = tuple(LinkedLabels(KINDS[key], **each) for key in KINDS for each in found[key])
        if first == second:
            raise ValidationError("names one unit twice: name two", "units")
        return LinksDocument((first, second), same)


def _criteria(groups: list[tuple[CriterionKind, dict[str, Any]]]) -> Iterator[CriterionDocument]:
    """Every statement, with its position from 1 over the unit."""
    position = 0
    for kind, group in groups:
        for parent, item in _flattened(group["items"], position):
            position += 1
            yield CriterionDocument(
                position=position,
                kind=kind,
                label=item["label"],
                label_origin=LabelOrigin(item["label_origin"]),
                heading=group["heading"],
                parent=parent,
                text=item["text"],
                # a stem with labelled sub-items is not assessed itself; they are
                assessable=item.get("assessable", not item["items"]),
                points=tuple(item["points"]),
                selection=item["selection"],
                simulation_allowed=item["simulation_allowed"],
                note=item["note"],
            )


def _check_labels(criteria: tuple[CriterionDocument, ...], requirements: tuple[RequirementDocument, ...]) -> None:
    """A label stands once within its kind and heading, and among the items of one stem."""
    faults: dict[str, list[str]] = {}
    counts = Counter((each.kind, each.heading, each.parent, each.label) for each in criteria)
    for (kind, heading, _, label), count in counts.items():
        if count > 1:
            where = f"under “{heading}”" if heading else "without a heading"
            faults.setdefault(str(kind), []).append(
                f"has the label {label} {times(count)} {where}: give each its own"
            )
    for label, count in Counter(each.label for each in requirements).items():
        if count > 1:
            sentence = f"has the label {label} {times(count)}: give each its own"
            faults.setdefault("evidence_requirements", []).append(sentence)
    if faults:
        raise ValidationError(dict(faults))


def times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def _flattened(items: list[dict[str, Any]], position: int) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """Items and their sub-items in document order, each with its parent's position."""
    stack: list[tuple[int | None, dict[str, Any]]] = [(None, item) for item in reversed(items)]
    while stack:
        parent, item = stack.pop()
        position += 1
        stack.extend((position, sub) for sub in reversed(item["items"]))
        yield parent, item
