"""The format of the YAML files, checked by marshmallow; every fault names its key and the mend."""

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, pre_load, validate

from tracker.standards.documents import (
    AttachedUnit,
    CriterionDocument,
    GuidanceDocument,
    Identifier,
    Paragraph,
    Provenance,
    RequirementDocument,
    UnitDocument,
)
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

LONGEST = 10_000
KINDS = {"performance": CriterionKind.PERFORMANCE, "knowledge": CriterionKind.KNOWLEDGE}


class Text(fields.String):
    """Words, never empty. The loader below leaves every scalar as text, so `1.10` and `no` stay as typed."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("write words here, not a list or further keys")
        if not value.strip():
            raise ValidationError("is empty: write the text, or take the key out")
        if len(value) > LONGEST:
            raise ValidationError(f"is longer than {LONGEST} characters: split it")
        return str(super()._deserialize(value, attr, data, **kwargs))


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


def words(**options: Any) -> Listed:
    return Listed(Text(), load_default=list, **options)


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
    scheme = Text(required=True)
    value = Text(required=True)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Identifier:
        return Identifier(**found)


class ItemSchema(Strict):
    label = Text(required=True, validate=validate.Length(max=20, error="is longer than 20 characters"))
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

    @pre_load
    def plain(self, given: Any, **_: Any) -> Any:
        return {"text": given} if isinstance(given, str) else given

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Paragraph:
        return Paragraph(**found)


class RequirementSchema(Strict):
    label = Text(required=True)
    text = Text(required=True)
    points = words()


class ProvenanceSchema(Strict):
    source = Text(required=True)
    read = Text(required=True)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Provenance:
        return Provenance(**found)


class MetadataSchema(Strict):
    suites = Text()
    developed_by = Text()
    originating_organisation = Text()
    approved_on = Text()
    review_on = Text()
    validity = Text()
    status = Text()
    occupations = Text()
    soc_codes = Text()
    keywords = Text()
    level = Text()
    credit = Text()
    guided_learning_hours = Text()


SLUG = validate.Regexp(r"^[a-z0-9]+(-[a-z0-9]+)*$", error="write small letters, digits and single hyphens")


class UnitSchema(Strict):
    code = Text(required=True, validate=validate.Length(max=60, error="is longer than 60 characters"))
    slug = Text(required=True, validate=SLUG)
    title = Text(required=True, validate=validate.Length(max=200, error="is longer than 200 characters"))
    document_type = word(DocumentType, required=True)
    version = Text(required=True, validate=validate.Length(max=20, error="is longer than 20 characters"))
    revision = Number(required=True, validate=validate.Range(min=1, error="write 1 or more"))
    identifiers = Listed(fields.Nested(IdentifierSchema), load_default=list)
    simulation = word(Simulation, required=True)
    metadata = fields.Nested(MetadataSchema, load_default=dict)
    overview = Listed(fields.Nested(ParagraphSchema), load_default=list)
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
    title = Text(required=True, validate=validate.Length(max=200, error="is longer than 200 characters"))
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


def _criteria(groups: list[tuple[CriterionKind, dict[str, Any]]]) -> Iterator[CriterionDocument]:
    """Every statement with its position from 1 over the unit; labels differ within a kind and heading."""
    position = 0
    seen: set[tuple[str, str | None, int | None, str]] = set()
    for kind, group in groups:
        heading = group["heading"]
        for parent, item in _flattened(group["items"], position):
            position += 1
            key = (kind, heading, parent, item["label"])
            if key in seen:
                where = f"under “{heading}”" if heading else "without a heading"
                raise ValidationError(
                    f"has the label {item['label']} twice {where}: give each its own", field_name=str(kind)
                )
            seen.add(key)
            yield CriterionDocument(
                position=position,
                kind=kind,
                label=item["label"],
                label_origin=LabelOrigin(item["label_origin"]),
                heading=heading,
                parent=parent,
                text=item["text"],
                # a stem with labelled sub-items is not assessed itself; they are
                assessable=item.get("assessable", not item["items"]),
                points=tuple(item["points"]),
                selection=item["selection"],
                simulation_allowed=item["simulation_allowed"],
                note=item["note"],
            )


def _flattened(items: list[dict[str, Any]], position: int) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """Items and their sub-items in document order, each with its parent's position."""
    stack: list[tuple[int | None, dict[str, Any]]] = [(None, item) for item in reversed(items)]
    while stack:
        parent, item = stack.pop()
        position += 1
        stack.extend((position, sub) for sub in reversed(item["items"]))
        yield parent, item
