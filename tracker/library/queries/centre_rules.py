"""The rules of evidence guidance that a centre set for a unit, with their history."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from tracker.errors import NotFound
from tracker.extensions import db
from tracker.models import Centre, CentreEvidenceRule, Unit
from tracker.units.documents import UnitDocument
from tracker.units.evidence_rules import describe_rule, label_criteria, rule_from_json


@dataclass(frozen=True)
class DescribedRule:
    """One version of a centre's rule, as its page shows it."""

    row: CentreEvidenceRule
    statement: str
    is_assessor_check: bool


def list_centre_rules(centre: Centre, unit: Unit, document: UnitDocument) -> list[DescribedRule]:
    """List every version of a centre's rules for a unit, those in use first, then the newest. One statement."""
    query = (
        select(CentreEvidenceRule)
        .where(CentreEvidenceRule.centre_id == centre.id, CentreEvidenceRule.unit_id == unit.id)
        .options(joinedload(CentreEvidenceRule.written_by), joinedload(CentreEvidenceRule.ended_by))
        .order_by(CentreEvidenceRule.ended_at.is_not(None), CentreEvidenceRule.id.desc())
    )
    labels = label_criteria(document.assessable)
    rows = [(row, rule_from_json(row.content)) for row in db.session.scalars(query)]
    return [DescribedRule(row, describe_rule(rule, labels), rule.is_assessor_check) for row, rule in rows]


def count_rules_in_use(centre_id: int, unit_id: int) -> int:
    """Return how many rules a centre has in use for a unit."""
    query = select(func.count(CentreEvidenceRule.id)).where(
        CentreEvidenceRule.centre_id == centre_id,
        CentreEvidenceRule.unit_id == unit_id,
        CentreEvidenceRule.ended_at.is_(None),
    )
    return db.session.scalar(query) or 0


def get_centre_rule(centre: Centre, evidence_rule_id: int) -> tuple[CentreEvidenceRule, Unit]:
    """Return a rule of this centre with its unit; raise NotFound for any other."""
    query = (
        select(CentreEvidenceRule, Unit)
        .join(Unit, Unit.id == CentreEvidenceRule.unit_id)
        .where(CentreEvidenceRule.id == evidence_rule_id, CentreEvidenceRule.centre_id == centre.id)
    )
    found = db.session.execute(query).one_or_none()
    if found is None:
        raise NotFound
    return found[0], found[1]
