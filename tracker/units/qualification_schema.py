"""Marshmallow schemas of `standards/qualifications/*.yaml`; every error names its key and says how to correct it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from tracker.units.qualification_documents import QualificationDocument, QualificationGroup, QualificationUnit
from tracker.units.schema import SLUG, IdentifierSchema, ProvenanceSchema
from tracker.units.schema_fields import (
    IntegerField,
    ListField,
    StrictSchema,
    TextField,
    make_short_text,
    make_text_list,
)

MAX_UNITS = 300
MAX_BARRED = 60


def make_count(**options: Any) -> IntegerField:
    """Return a field for a whole number from 0 to 9999."""
    return IntegerField(validate=validate.Range(0, 9999, error="write a whole number from 0 to 9999"), **options)


class QualificationUnitSchema(StrictSchema):
    """A unit of a qualification."""

    code = make_short_text(60, required=True)
    title = make_short_text(200, required=True)
    credit = make_count(load_default=None)
    level = make_count(load_default=None)
    version = make_short_text(20, load_default=None)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> QualificationUnit:
        """Build the dataclass."""
        return QualificationUnit(**values)


class QualificationGroupSchema(StrictSchema):
    """A group of optional units."""

    name = make_short_text(20, required=True)
    title = make_short_text(200, load_default=None)
    units = ListField(TextField(), required=True, validate=validate.Length(min=1, error="is empty"))
    minimum = make_count(load_default=0)
    maximum = make_count(load_default=None)
    minimum_credits = make_count(load_default=0)
    maximum_credits = make_count(load_default=None)

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> QualificationGroup:
        """Build the dataclass and check that its minimum and maximum can be fulfilled together."""
        group = QualificationGroup(**{**values, "units": tuple(values["units"])})
        if group.maximum is not None and group.maximum < group.minimum:
            raise ValidationError("is less than the minimum: nothing could fulfil both", "maximum")
        if group.maximum_credits is not None and group.maximum_credits < group.minimum_credits:
            raise ValidationError("is less than minimum_credits: nothing could fulfil both", "maximum_credits")
        if group.minimum > len(group.units):
            raise ValidationError(f"requires more units than the {len(group.units)} in the group", "minimum")
        return group


class QualificationSchema(StrictSchema):
    """A qualification with its rules of combination."""

    code = make_short_text(60, required=True)
    slug = TextField(required=True, validate=SLUG)
    title = make_short_text(200, required=True)
    version = make_short_text(20, required=True)
    revision = IntegerField(required=True, validate=validate.Range(1, 9999, error="write a number from 1 to 9999"))
    awarding_body = make_short_text(200, load_default=None)
    level = make_short_text(40, load_default=None)
    identifiers = ListField(fields.Nested(IdentifierSchema), load_default=list)
    units = ListField(
        fields.Nested(QualificationUnitSchema),
        required=True,
        validate=validate.Length(1, MAX_UNITS, error=f"list from 1 to {MAX_UNITS} units"),
    )
    mandatory = make_text_list()
    groups = ListField(fields.Nested(QualificationGroupSchema), load_default=list)
    minimum_units = make_count(load_default=0)
    minimum_credits = make_count(load_default=0)
    credits_at_level = make_count(load_default=0)
    at_level = make_count(load_default=None)
    barred = ListField(
        ListField(TextField(), validate=validate.Length(equal=2, error="name two units that may not count together")),
        load_default=list,
        validate=validate.Length(max=MAX_BARRED, error=f"has more than {MAX_BARRED} pairs"),
    )
    provenance = fields.Nested(ProvenanceSchema, required=True)
    notes = make_text_list()

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> QualificationDocument:
        """Build the dataclass and check the keys against each other."""
        faults = dict(_check_document(values))
        if faults:
            raise ValidationError({key: [sentence] for key, sentence in faults.items()})
        plain: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in values.items()}
        return QualificationDocument(**plain | {"barred": tuple((one, other) for one, other in values["barred"])})


def _check_document(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield errors between keys: each key is valid by itself, but contradicts another one."""
    known = [unit.code for unit in values["units"]]
    yield from _check_places(
        known, [*values["mandatory"], *(code for group in values["groups"] for code in group.units)]
    )
    for name, times in Counter(group.name for group in values["groups"]).items():
        if times > 1:
            yield "groups", f"has two groups {name}: give each a name of its own"
    for one, other in values["barred"]:
        if one == other or not {one, other} <= set(known):
            yield "barred", f"names {one} and {other}: name two different units of the list"
        elif {one, other} <= set(values["mandatory"]):
            yield "barred", f"names {one} and {other}, which are both mandatory: nobody could complete it"
    if values["credits_at_level"] and values["at_level"] is None:
        yield "at_level", "is missing: give the level for credits_at_level"


def _check_places(known: list[str], placed: list[str]) -> Iterator[tuple[str, str]]:
    """Check that each unit is listed once and placed once: mandatory or in one group."""
    for code, times in Counter(known).items():
        if times > 1:
            yield "units", f"lists {code} more than once: keep one of them"
    for code, times in Counter(placed).items():
        if code not in known:
            yield "units", f"lacks {code}, which is named further down: add it, with its title"
        if times > 1:
            yield "groups", f"has {code} in more than one place: a unit is mandatory or in one group"
    for code in known:
        if code not in placed:
            yield "groups", f"has no place for {code}: make it mandatory, or put it into a group"
