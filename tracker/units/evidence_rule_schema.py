"""Marshmallow schema of a rule of evidence guidance, in a unit's file and where a centre wrote it."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, validate

from tracker.units.evidence_rules import FORMAT, EvidenceRule, EvidenceRuleKind, NumberedCriterion
from tracker.units.schema_fields import (
    BooleanField,
    IntegerField,
    ListField,
    StrictSchema,
    TextField,
    make_choice,
    make_short_text,
)
from tracker.vocabulary import CriterionKind, Method

MAX_NUMBER = 1_000
MAX_RULES = 100
"""Rules of a unit in its file."""
MAX_TEXT = 1_000
COUNTING = {
    EvidenceRuleKind.METHODS,
    EvidenceRuleKind.ITEMS,
    EvidenceRuleKind.OCCASIONS,
    EvidenceRuleKind.CUSTOMERS,
    EvidenceRuleKind.MONTHS,
    EvidenceRuleKind.DIRECT_SHARE,
}
"""The kinds with a minimum."""
NAMING_METHODS = {EvidenceRuleKind.METHODS, EvidenceRuleKind.AT_MOST}
"""The kinds that need methods."""
MAY_NAME_METHODS = NAMING_METHODS | {EvidenceRuleKind.DIRECT_SHARE}


class EvidenceRuleSchema(StrictSchema):
    """A rule of evidence guidance, in format 1."""

    kind = make_choice(EvidenceRuleKind, required=True)
    at_least = IntegerField(load_default=None, validate=validate.Range(1, MAX_NUMBER, error="write a number above 0"))
    at_most = IntegerField(load_default=None, validate=validate.Range(0, MAX_NUMBER, error="write 0 or a number"))
    methods = ListField(make_choice(Method), load_default=list)
    part = make_choice(CriterionKind, load_default=None)
    heading = TextField(load_default=None)
    criteria = ListField(TextField(), load_default=list)
    each_criterion = BooleanField(load_default=False)
    requirement = make_short_text(20, load_default=None)
    text = make_short_text(MAX_TEXT, load_default=None)
    format = IntegerField(load_default=FORMAT, validate=validate.OneOf([FORMAT], error=f"write {FORMAT}"))


def resolve_rules(
    rules: Sequence[Mapping[str, Any]], criteria: Sequence[NumberedCriterion], requirements: Sequence[str]
) -> tuple[EvidenceRule, ...]:
    """Return the rules of a unit, with their criteria by position.

    Args:
        rules: the rules as the schema read them.
        criteria: the unit's assessable criteria.
        requirements: the labels of the unit's evidence requirements.

    Raises:
        ValidationError: a rule contradicts its kind, or names what the unit has not.
    """
    faults: dict[int, Any] = {}
    resolved: list[EvidenceRule] = []
    for index, values in enumerate(rules):
        try:
            resolved.append(resolve_rule(values, criteria, requirements))
        except ValidationError as error:
            faults[index] = error.messages
    if len(rules) > MAX_RULES:
        faults[MAX_RULES] = [f"is one too many: a unit has at most {MAX_RULES} rules"]
    if faults:
        raise ValidationError({"evidence_guidance": faults})
    return tuple(resolved)


def resolve_rule(
    values: Mapping[str, Any], criteria: Sequence[NumberedCriterion], requirements: Sequence[str]
) -> EvidenceRule:
    """Return one rule; raise `ValidationError` as `resolve_rules` does, by key."""
    kind = EvidenceRuleKind(values["kind"])
    at_least = values["at_least"]
    if kind is EvidenceRuleKind.METHODS and at_least is None:
        at_least = 1
    faults = dict(_find_faults(kind, {**values, "at_least": at_least}))
    part = CriterionKind(values["part"]) if values["part"] else None
    of_part = [each for each in criteria if part in {None, each.kind}]
    if part and not of_part:
        faults["part"] = [f"the unit has no {part.label.lower()}: remove the key"]
    if values["heading"] and values["heading"] not in {each.heading for each in of_part}:
        faults["heading"] = ["the unit has no such heading: correct it"]
    if values["heading"] and values["criteria"]:
        faults["criteria"] = ["name a heading or criteria, not both"]
    if values["requirement"] and values["requirement"] not in requirements:
        faults["requirement"] = ["the unit has no evidence requirement of this label: correct it"]
    positions, unknown = _find_positions(values["criteria"], of_part)
    if unknown:
        faults["criteria"] = unknown
    if faults:
        raise ValidationError(faults)
    return EvidenceRule(
        kind=kind,
        at_least=at_least,
        at_most=values["at_most"],
        methods=tuple(dict.fromkeys(map(Method, values["methods"]))),
        part=part,
        heading=values["heading"],
        criteria=tuple(f"#{position}" for position in positions),
        each_criterion=values["each_criterion"],
        requirement=values["requirement"],
        text=values["text"],
        format=values["format"],
    )


def _find_faults(kind: EvidenceRuleKind, values: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return what a rule of this kind lacks, or has and may not have, by key."""
    is_assessor_check = kind is EvidenceRuleKind.ASSESSOR_CHECK
    faults = [
        ("at_least", "is missing: write how many are expected", kind in COUNTING and values["at_least"] is None),
        ("at_least", f"{kind.value} has no minimum: remove the key", kind not in COUNTING and values["at_least"]),
        ("at_least", "is a share: write 100 or less",
         kind is EvidenceRuleKind.DIRECT_SHARE and (values["at_least"] or 0) > 100),
        ("at_most", "is missing: write how many there may be",
         kind is EvidenceRuleKind.AT_MOST and values["at_most"] is None),
        ("at_most", f"{kind.value} has no maximum: remove the key",
         kind is not EvidenceRuleKind.AT_MOST and values["at_most"] is not None),
        ("methods", "is missing: name at least one method", kind in NAMING_METHODS and not values["methods"]),
        ("methods", f"{kind.value} counts every method: remove the key",
         kind not in MAY_NAME_METHODS and values["methods"]),
        ("text", "is missing: write what the assessor checks", is_assessor_check and not values["text"]),
        ("each_criterion", "is checked as a whole: remove the key", is_assessor_check and values["each_criterion"]),
    ]  # fmt: skip
    return [(key, [sentence]) for key, sentence, holds in faults if holds]


def _find_positions(labels: Sequence[str], criteria: Sequence[NumberedCriterion]) -> tuple[list[int], list[str]]:
    """Return the positions of labels, each `4` or `#4` for a position, and a sentence for each that fits none."""
    positions, faults = [], []
    for label in labels:
        found = [each.position for each in criteria if label in {each.label, f"#{each.position}"}]
        if len(found) > 1:
            choice = " or ".join(f"“#{position}”" for position in found)
            faults.append(f"{label}: appears more than once; add the part, or write its position, {choice}")
        elif not found:
            faults.append(f"{label}: there is no such criterion; correct the label")
        positions += found[:1]
    return sorted(set(positions)), faults
