"""A centre's rules of evidence guidance: written, changed by a new version, and ended. None is deleted.

docs/rules.md, Evidence guidance, rules 6 and 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import func, select

from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Centre, CentreEvidenceRule, Unit
from tracker.units.documents import CriterionDocument, UnitDocument
from tracker.units.evidence_rule_schema import MAX_TEXT, MAY_NAME_METHODS, EvidenceRuleSchema, resolve_rule
from tracker.units.evidence_rules import (
    EvidenceRule,
    EvidenceRuleKind,
    is_same_rule,
    rule_as_json,
    rule_from_json,
)

MAX_RULES_OF_CENTRE = 50
"""Rules in use of a centre for one unit."""
SENTENCES = {
    "kind": "Choose what the rule counts.",
    "number": "Enter a whole number: 1 or more; for a share, 1 to 100; for “at most”, 0 or more.",
    "methods": "Choose at least one method.",
    "criteria": "Choose criteria of this unit.",
    "scope": "Choose a part or a heading of this unit that has criteria.",
    "text": f"Enter what the assessor checks, in at most {MAX_TEXT:,} characters.",
}


@dataclass(frozen=True)
class WrittenRule:
    """What an administrator enters of a rule."""

    kind: str
    number: str = ""
    methods: Sequence[str] = ()
    part: str | None = None
    heading: str | None = None
    criteria: Sequence[str] = ()
    each_criterion: bool = False
    text: str = ""


def read_rule(written: WrittenRule, document: UnitDocument) -> EvidenceRule:
    """Return a rule from what was entered.

    Raises:
        Invalid: something is missing, is not of this unit, or is not of this kind of rule.
    """
    try:
        kind = EvidenceRuleKind(written.kind)
    except ValueError as error:
        raise Invalid(SENTENCES["kind"], "kind") from error
    is_assessor_check, is_maximum = kind is EvidenceRuleKind.ASSESSOR_CHECK, kind is EvidenceRuleKind.AT_MOST
    number = int(written.number) if written.number.isascii() and written.number.isdecimal() else None
    values: dict[str, Any] = {
        "kind": kind.value,
        "at_least": None if is_assessor_check or is_maximum else number,
        "at_most": number if is_maximum else None,
        "methods": list(written.methods),
        "part": written.part,
        "heading": written.heading,
        "criteria": list(written.criteria),
        "each_criterion": written.each_criterion,
        "text": written.text.strip() or None,
    }
    if number is None and not is_assessor_check:
        raise Invalid(SENTENCES["number"], "number")
    _check_of_kind(kind, written)
    criteria: list[CriterionDocument] = [each for each in document.criteria if each.assessable]
    try:
        loaded = EvidenceRuleSchema().load({key: value for key, value in values.items() if value not in (None, [])})
        return resolve_rule(loaded, criteria, [each.label for each in document.evidence_requirements])
    except ValidationError as error:
        key = next(iter(error.messages_dict))
        field = {"at_least": "number", "at_most": "number", "part": "scope", "heading": "scope"}.get(key, key)
        raise Invalid(SENTENCES.get(field, "Check what you entered. Nothing was saved."), field) from error


def _check_of_kind(kind: EvidenceRuleKind, written: WrittenRule) -> None:
    """Raise `Invalid` for a number, methods or a tick that a rule of this kind does not have."""
    if written.methods and kind not in MAY_NAME_METHODS:
        raise Invalid(f"A rule of the kind “{kind.label}” is of every method. Untick the methods.", "methods")
    if kind is not EvidenceRuleKind.ASSESSOR_CHECK:
        return
    if written.number:
        raise Invalid("What the assessor checks has no number. Remove it.", "number")
    if written.each_criterion:
        raise Invalid("What the assessor checks is not counted for each criterion. Untick this.", "each_criterion")


def write_rule(unit: Unit, centre: Centre, rule: EvidenceRule, actor: Actor) -> CentreEvidenceRule:
    """Add a rule of a centre for a unit.

    Raises:
        Invalid: the centre or the unit has this rule already.
        Refused: the centre has as many rules for the unit as it may have.
    """
    lock_rows(Centre, [centre.id])
    in_use = (
        CentreEvidenceRule.unit_id == unit.id,
        CentreEvidenceRule.centre_id == centre.id,
        CentreEvidenceRule.ended_at.is_(None),
    )
    _check_is_new(unit.id, centre.id, rule)
    if (db.session.scalar(select(func.count(CentreEvidenceRule.id)).where(*in_use)) or 0) >= MAX_RULES_OF_CENTRE:
        raise Refused(
            f"Your centre has {MAX_RULES_OF_CENTRE} rules for this unit, which is the maximum. Nothing was added. "
            "End some first."
        )
    added = _build(centre.id, unit.id, rule_as_json(rule), actor, number=1, replaces_id=None)
    record("evidence_rule_written", added, actor, centre=centre.id, unit=unit.id)
    return added


def change_rule(current: CentreEvidenceRule, rule: EvidenceRule, actor: Actor) -> CentreEvidenceRule:
    """Write the next version of a rule. Sign-offs keep the version over which they were signed.

    Raises:
        Conflict: it was changed or ended since it was shown.
        Invalid: nothing was changed, or the centre or the unit has another rule that is the same.
    """
    lock_rows(Centre, [current.centre_id])
    _lock_current(current)
    content = rule_as_json(rule)
    if content == current.content:
        raise Invalid("Nothing is changed yet. Change the rule, or go back.", "kind")
    _check_is_new(current.unit_id, current.centre_id, rule, replaces_id=current.id)
    current.ended_at, current.ended_by_id = now(), actor.person_id
    newer = _build(
        current.centre_id, current.unit_id, content, actor, number=current.number + 1, replaces_id=current.id
    )
    record("evidence_rule_changed", newer, actor, centre=current.centre_id, unit=current.unit_id)
    return newer


def end_rule(current: CentreEvidenceRule, actor: Actor) -> None:
    """Take a rule out of use. Raises `Conflict` where it was changed or ended since it was shown."""
    _lock_current(current)
    current.ended_at, current.ended_by_id = now(), actor.person_id
    record("evidence_rule_ended", current, actor, centre=current.centre_id, unit=current.unit_id)


def _check_is_new(unit_id: int, centre_id: int, rule: EvidenceRule, replaces_id: int | None = None) -> None:
    """Raise `Invalid` if the centre or the unit has the same rule, other than the one that is replaced."""
    query = select(CentreEvidenceRule.id, CentreEvidenceRule.content).where(
        CentreEvidenceRule.unit_id == unit_id,
        CentreEvidenceRule.centre_id == centre_id,
        CentreEvidenceRule.ended_at.is_(None),
    )
    others = [content for id_, content in db.session.execute(query) if id_ != replaces_id]
    if any(is_same_rule(rule, rule_from_json(content)) for content in others):
        raise Invalid("Your centre has this rule for this unit already. Nothing was saved.", "kind")
    unit = db.session.get_one(Unit, unit_id)
    if any(is_same_rule(rule, rule_from_json(content)) for content in unit.evidence_guidance):
        raise Invalid("The unit has this rule itself. Nothing was saved.", "kind")


def _build(
    centre_id: int, unit_id: int, content: dict[str, Any], actor: Actor, *, number: int, replaces_id: int | None
) -> CentreEvidenceRule:
    assert actor.person_id is not None  # noqa: S101 - administrators set rules, never the operator
    rule = CentreEvidenceRule(
        centre_id=centre_id,
        unit_id=unit_id,
        number=number,
        replaces_id=replaces_id,
        content=content,
        written_at=now(),
        written_by_id=actor.person_id,
    )
    db.session.add(rule)
    db.session.flush()
    return rule


def _lock_current(rule: CentreEvidenceRule) -> None:
    lock_rows(CentreEvidenceRule, [rule.id])
    if rule.ended_at is not None:
        raise Conflict(
            "This rule was changed or ended since you opened this page. Nothing was changed. Go back to see the "
            "rules as they are now."
        )
