"""Marshmallow schemas of the YAML files; every error names its key and says how to correct it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields, post_load, pre_load, validate

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
from tracker.units.evidence_rule_schema import EvidenceRuleSchema, resolve_rules
from tracker.units.schema_fields import (
    BooleanField,
    IntegerField,
    ListField,
    StrictSchema,
    TextField,
    make_choice,
    make_short_text,
    make_text_list,
)
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation

KINDS = {"performance": CriterionKind.PERFORMANCE, "knowledge": CriterionKind.KNOWLEDGE}


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
    evidence_guidance = ListField(fields.Nested(EvidenceRuleSchema), load_default=list)

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
        values["evidence_guidance"] = resolve_rules(
            values["evidence_guidance"],
            [each for each in criteria if each.assessable],
            [each.label for each in requirements],
        )
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
