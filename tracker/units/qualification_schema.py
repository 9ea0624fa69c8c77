"""The format of `standards/qualifications/*.yaml`, checked by marshmallow; every fault names its key and the mend."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from tracker.units.qualification_documents import QualificationDocument, QualificationGroup, QualificationUnit
from tracker.units.schema import SLUG, IdentifierSchema, Listed, Number, ProvenanceSchema, Strict, Text, short, words

MAX_UNITS = 300
MAX_BARRED = 60


def count(**options: Any) -> Number:
    return Number(validate=validate.Range(0, 9999, error="write a whole number from 0 to 9999"), **options)


class QualificationUnitSchema(Strict):
    code = short(60, required=True)
    title = short(200, required=True)
    credit = count(load_default=None)
    level = count(load_default=None)
    version = short(20, load_default=None)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> QualificationUnit:
        return QualificationUnit(**found)


class QualificationGroupSchema(Strict):
    name = short(20, required=True)
    title = short(200, load_default=None)
    units = Listed(Text(), required=True, validate=validate.Length(min=1, error="is empty"))
    minimum = count(load_default=0)
    maximum = count(load_default=None)
    minimum_credits = count(load_default=0)
    maximum_credits = count(load_default=None)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> QualificationGroup:
        group = QualificationGroup(**{**found, "units": tuple(found["units"])})
        if group.maximum is not None and group.maximum < group.minimum:
            raise ValidationError("is less than the minimum: nothing could fulfil both", "maximum")
        if group.maximum_credits is not None and group.maximum_credits < group.minimum_credits:
            raise ValidationError("is less than minimum_credits: nothing could fulfil both", "maximum_credits")
        if group.minimum > len(group.units):
            raise ValidationError(f"asks for more units than the {len(group.units)} in the group", "minimum")
        return group


class QualificationSchema(Strict):
    code = short(60, required=True)
    slug = Text(required=True, validate=SLUG)
    title = short(200, required=True)
    version = short(20, required=True)
    revision = Number(required=True, validate=validate.Range(1, 9999, error="write a number from 1 to 9999"))
    awarding_body = short(200, load_default=None)
    level = short(40, load_default=None)
    identifiers = Listed(fields.Nested(IdentifierSchema), load_default=list)
    units = Listed(
        fields.Nested(QualificationUnitSchema),
        required=True,
        validate=validate.Length(1, MAX_UNITS, error=f"list from 1 to {MAX_UNITS} units"),
    )
    mandatory = words()
    groups = Listed(fields.Nested(QualificationGroupSchema), load_default=list)
    minimum_units = count(load_default=0)
    minimum_credits = count(load_default=0)
    credits_at_level = count(load_default=0)
    at_level = count(load_default=None)
    barred = Listed(
        Listed(Text(), validate=validate.Length(equal=2, error="name two units that may not count together")),
        load_default=list,
        validate=validate.Length(max=MAX_BARRED, error=f"holds more than {MAX_BARRED} pairs"),
    )
    provenance = fields.Nested(ProvenanceSchema, required=True)
    notes = words()

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> QualificationDocument:
        faults = dict(_faults(found))
        if faults:
            raise ValidationError({key: [sentence] for key, sentence in faults.items()})
        plain: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in found.items()}
        return QualificationDocument(**plain | {"barred": tuple((one, other) for one, other in found["barred"])})


def _faults(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What each key may say alone, but not beside the others."""
    known = [unit.code for unit in found["units"]]
    yield from _misplaced(known, [*found["mandatory"], *(code for group in found["groups"] for code in group.units)])
    for name, times in Counter(group.name for group in found["groups"]).items():
        if times > 1:
            yield "groups", f"has two groups {name}: give each a name of its own"
    for one, other in found["barred"]:
        if one == other or not {one, other} <= set(known):
            yield "barred", f"names {one} and {other}: name two different units of the list"
        elif {one, other} <= set(found["mandatory"]):
            yield "barred", f"names {one} and {other}, which are both mandatory: nobody could complete it"
    if found["credits_at_level"] and found["at_level"] is None:
        yield "at_level", "is missing: say at which level so many credits must be"


def _misplaced(known: list[str], placed: list[str]) -> Iterator[tuple[str, str]]:
    """Each unit is listed once, and is asked for in one place."""
    for code, times in Counter(known).items():
        if times > 1:
            yield "units", f"lists {code} more than once: keep one of them"
    for code, times in Counter(placed).items():
        if code not in known:
            yield "units", f"lacks {code}, which is asked for further down: add it, with its title"
        if times > 1:
            yield "groups", f"holds {code} in more than one place: a unit is mandatory or in one group"
    for code in known:
        if code not in placed:
            yield "groups", f"has no place for {code}: make it mandatory, or put it into a group"
