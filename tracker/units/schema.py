"""Marshmallow schemas of the YAML files; every error names its key and says how to correct it."""

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
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates, which neither the database nor a UTF-8 file can store."""
KINDS = {"performance": CriterionKind.PERFORMANCE, "knowledge": CriterionKind.KNOWLEDGE}


class TextField(fields.String):
    """Text that is not empty. The YAML loader leaves every scalar as text, so `1.10` and `no` stay as typed."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("write words here, not a list or further keys")
        if not value.strip():
            raise ValidationError("is empty: write the text, or remove the key")
        if len(value) > MAX_LENGTH:
            raise ValidationError(f"is longer than {MAX_LENGTH} characters: split it")
        if not is_text(value):
            raise ValidationError("contains characters that cannot be stored: type it again")
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


def is_text(value: str) -> bool:
    """Return whether the value can be stored: it has no NUL and no lone surrogate."""
    return not UNSTORABLE.search(value)


class ListField(fields.List[Any]):
    """A list, with a plain message when the value is something else."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("write a list here: each entry on a line that begins with “- ”")
        return list(super()._deserialize(value, attr, data, **kwargs))


class IntegerField(fields.Integer):
    """A whole number, with a plain message."""

    default_error_messages = {"invalid": "write a whole number, such as 1"}


class BooleanField(fields.Boolean):
    """True or false, with a plain message."""

    default_error_messages = {"invalid": "write true or false"}


def make_choice(allowed: type[Any], **options: Any) -> TextField:
    """Return a text field that accepts the values of an enum."""
    values = [each.value for each in allowed]
    return TextField(validate=validate.OneOf(values, error=f"write one of: {', '.join(values)}"), **options)


def make_text_list() -> ListField:
    """Return a field for a list of texts."""
    return ListField(TextField(), load_default=list)


def make_short_text(longest: int, **options: Any) -> TextField:
    """Return a text field of limited length, because forms, addresses and database columns have limited room."""
    return TextField(validate=validate.Length(max=longest, error=f"is longer than {longest} characters"), **options)


class StrictSchema(Schema):
    """A schema that refuses unknown keys, so that a misspelt key is never lost silently."""

    class Meta:  # noqa: D106 - marshmallow's own way
        unknown = RAISE

    error_messages = {
        "unknown": "is not a key of this format: remove it or correct its spelling",
        "type": "write keys and values here",
    }

    @pre_load
    def drop_blank(self, values: Any, **_: Any) -> Any:
        """Treat `heading:` without a value as no heading."""
        if isinstance(values, Mapping) and values.get("heading") == "":
            return {key: value for key, value in values.items() if key != "heading"}
        return values


class IdentifierSchema(StrictSchema):
    """A code of the unit in a scheme."""

    scheme = make_short_text(50, required=True)
    value = make_short_text(50, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> Identifier:
        """Build the dataclass."""
        return Identifier(**values)


class ItemSchema(StrictSchema):
    """A criterion or stem with its sub-items."""

    label = make_short_text(20, required=True)
    label_origin = make_choice(LabelOrigin, load_default="published")
    text = TextField(required=True)
    assessable = BooleanField()
    points = make_text_list()
    selection = TextField(load_default=None)
    simulation_allowed = BooleanField(load_default=None)
    note = TextField(load_default=None)
    items = ListField(fields.Nested(lambda: ItemSchema()), load_default=list)  # noqa: PLW0108 - not yet defined here


class GroupSchema(StrictSchema):
    """Items under one heading."""

    heading = TextField(load_default=None)
    items = ListField(fields.Nested(ItemSchema), required=True, validate=validate.Length(min=1, error="is empty"))


class ParagraphSchema(StrictSchema):
    """A paragraph: a plain text, or keys."""

    heading = TextField(load_default=None)
    text = TextField(required=True)
    points = make_text_list()

    @pre_load
    def plain(self, value: Any, **_: Any) -> Any:
        """Accept a plain text as a paragraph without heading and list."""
        return {"text": value} if isinstance(value, str) else value

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> Paragraph:
        """Build the dataclass."""
        return Paragraph(values["text"], values["heading"], tuple(values["points"]))


class RequirementSchema(StrictSchema):
    """An evidence requirement."""

    label = make_short_text(20, required=True)
    text = TextField(required=True)
    points = make_text_list()


class ProvenanceSchema(StrictSchema):
    """The source of a document."""

    source = TextField(required=True)
    read = TextField(required=True)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> Provenance:
        """Build the dataclass."""
        return Provenance(**values)


class MetadataSchema(StrictSchema):
    """Facts about the unit as printed; None where the source prints nothing."""

    suites = TextField(load_default=None)
    developed_by = TextField(load_default=None)
    originating_organisation = TextField(load_default=None)
    approved_on = TextField(load_default=None)
    review_on = TextField(load_default=None)
    validity = TextField(load_default=None)
    last_registration_on = TextField(load_default=None)
    status = TextField(load_default=None)
    occupations = TextField(load_default=None)
    soc_codes = TextField(load_default=None)
    keywords = TextField(load_default=None)
    level = TextField(load_default=None)
    credit = TextField(load_default=None)
    guided_learning_hours = TextField(load_default=None)


SLUG = validate.Regexp(
    r"(?=.{1,100}\Z)[a-z0-9]+(-[a-z0-9]+)*\Z", error="write small letters, digits and single hyphens, 100 at most"
)


class UnitSchema(StrictSchema):
    """A unit: one file of `standards/units`."""

    code = make_short_text(60, required=True)
    slug = TextField(required=True, validate=SLUG)
    title = make_short_text(200, required=True)
    document_type = make_choice(DocumentType, required=True)
    version = make_short_text(20, required=True)
    revision = IntegerField(required=True, validate=validate.Range(1, 9999, error="write a number from 1 to 9999"))
    identifiers = ListField(fields.Nested(IdentifierSchema), load_default=list)
    overview = ListField(fields.Nested(ParagraphSchema), load_default=list)
    metadata = fields.Nested(MetadataSchema, load_default=lambda: MetadataSchema().load({}))
    simulation = make_choice(Simulation, required=True)
    scope = ListField(fields.Nested(ParagraphSchema), load_default=list)
    performance = ListField(fields.Nested(GroupSchema), load_default=list)
    knowledge = ListField(fields.Nested(GroupSchema), load_default=list)
    evidence_requirements_introduction = TextField(load_default=None)
    evidence_requirements = ListField(fields.Nested(RequirementSchema), load_default=list)
    assessor_rules = make_text_list()
    skills = make_text_list()
    values = make_text_list()
    behaviours = make_text_list()
    glossary = make_text_list()
    links = make_text_list()
    external_links = make_text_list()
    empty_headings = make_text_list()
    provenance = fields.Nested(ProvenanceSchema, required=True)
    notes = make_text_list()

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> UnitDocument:
        """Build the dataclass: number the criteria and check their labels."""
        groups = [(KINDS[key], group) for key in KINDS for group in values.pop(key)]
        criteria = tuple(_number_criteria(groups))
        if not criteria:
            raise ValidationError("has no criteria: write them under performance or knowledge")
        requirements = tuple(
            RequirementDocument(position, each["label"], each["text"], tuple(each["points"]))
            for position, each in enumerate(values.pop("evidence_requirements"), start=1)
        )
        _check_labels(criteria, requirements)
        values["document_type"] = DocumentType(values["document_type"])
        values["simulation"] = Simulation(values["simulation"])
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return UnitDocument(criteria=criteria, evidence_requirements=requirements, **plain)


class AttachedUnitSchema(StrictSchema):
    """A unit that guidance is shown with."""

    code = TextField(required=True)
    warning = TextField(load_default=None)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> AttachedUnit:
        """Build the dataclass."""
        return AttachedUnit(**values)


class GuidanceSchema(StrictSchema):
    """Guidance: one file of `standards/guidance`."""

    slug = TextField(required=True, validate=SLUG)
    title = make_short_text(200, required=True)
    synopsis = TextField(required=True)
    key_concepts = make_text_list()
    tips = make_text_list()
    misconceptions = make_text_list()
    marking_points = make_text_list()
    units = ListField(fields.Nested(AttachedUnitSchema), load_default=list)
    provenance = fields.Nested(ProvenanceSchema, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> GuidanceDocument:
        """Build the dataclass."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return GuidanceDocument(**plain)


class LinkedLabelsSchema(StrictSchema):
    """Two criteria that are the same in substance."""

    first = TextField(required=True)
    second = TextField(required=True)


class LinksSchema(StrictSchema):
    """Links between two units: one file of `standards/links`."""

    units = ListField(
        TextField(), required=True, validate=validate.Length(equal=2, error="name two units by their slugs")
    )
    performance = ListField(fields.Nested(LinkedLabelsSchema), load_default=list)
    knowledge = ListField(fields.Nested(LinkedLabelsSchema), load_default=list)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> LinksDocument:
        """Build the dataclass; refuse a file that names one unit twice."""
        first, second = values["units"]
        same = tuple(LinkedLabels(KINDS[key], **each) for key in KINDS for each in values[key])
        if first == second:
            raise ValidationError("names one unit twice: name two", "units")
        return LinksDocument((first, second), same)


def _number_criteria(groups: list[tuple[CriterionKind, dict[str, Any]]]) -> Iterator[CriterionDocument]:
    """Yield every criterion with its position, counted from 1 over the unit."""
    position = 0
    for kind, group in groups:
        for parent, item in _flatten_items(group["items"], position):
            position += 1
            yield CriterionDocument(
                position=position,
                kind=kind,
                label=item["label"],
                label_origin=LabelOrigin(item["label_origin"]),
                heading=group["heading"],
                parent=parent,
                text=item["text"],
                # a stem is not assessed itself; its labelled sub-items are
                assessable=item.get("assessable", not item["items"]),
                points=tuple(item["points"]),
                selection=item["selection"],
                simulation_allowed=item["simulation_allowed"],
                note=item["note"],
            )


def _check_labels(criteria: tuple[CriterionDocument, ...], requirements: tuple[RequirementDocument, ...]) -> None:
    """Check that a label is unique within its kind, heading and stem."""
    faults: dict[str, list[str]] = {}
    counts = Counter((each.kind, each.heading, each.parent, each.label) for each in criteria)
    for (kind, heading, _, label), count in counts.items():
        if count > 1:
            where = f"under “{heading}”" if heading else "without a heading"
            faults.setdefault(str(kind), []).append(
                f"has the label {label} {format_times(count)} {where}: give each its own"
            )
    for label, count in Counter(each.label for each in requirements).items():
        if count > 1:
            sentence = f"has the label {label} {format_times(count)}: give each its own"
            faults.setdefault("evidence_requirements", []).append(sentence)
    if faults:
        raise ValidationError(dict(faults))


def format_times(count: int) -> str:
    """Return `twice`, `3 times` and so on."""
    return "twice" if count == 2 else f"{count} times"


def _flatten_items(items: list[dict[str, Any]], position: int) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """Yield items and sub-items in document order, each with the position of its stem."""
    stack: list[tuple[int | None, dict[str, Any]]] = [(None, item) for item in reversed(items)]
    while stack:
        parent, item = stack.pop()
        position += 1
        stack.extend((position, sub) for sub in reversed(item["items"]))
        yield parent, item
