"""Evidence guidance of an attempt: the rules that hold for it, what they find, and what does not count yet."""

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, func, select

from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.matrix.grid import Matrix, MatrixRow
from tracker.matrix.rule_findings import ApplicableRule, RuleFinding, evaluate_rules, list_waiting_records
from tracker.models import Centre, CentreEvidenceRule, UnitAttempt, WitnessTestimony
from tracker.statements import fetch_rows
from tracker.units.evidence_rules import rule_as_json, rule_from_json


@dataclass(frozen=True, slots=True)
class EvidenceGuidance:
    """What the rules of an attempt find, and what may count later."""

    findings: tuple[RuleFinding, ...] = ()
    waiting_records: tuple[MatrixRow, ...] = ()
    """Records that the candidate has not agreed to yet, or objected to."""
    waiting_testimonies: int = 0
    """Testimonies that a witness signed and the assessor has not authenticated."""

    @property
    def unmet(self) -> tuple[RuleFinding, ...]:
        """Return the findings that miss something."""
        return tuple(each for each in self.findings if each.is_unmet)

    @property
    def hash(self) -> str:
        """Return a hash of the rules and what each found: a form sends it, so that what is signed was shown."""
        shown = [
            [each.source, rule_as_json(each.rule), each.statement, each.found, each.missing] for each in self.findings
        ]
        return sha256("tracker.guidance.v1", canonical_json(shown))

    def list_missing_for(self, criterion_id: int) -> list[str]:
        """Return what rules for each criterion expect of one that lacks it."""
        return [each.statement for each in self.unmet if criterion_id in each.lacking_criterion_ids]


WAITING_TESTIMONIES = (
    select(func.count(WitnessTestimony.id))
    .where(
        WitnessTestimony.attempt_id == UnitAttempt.id,
        WitnessTestimony.signed_at.is_not(None),
        WitnessTestimony.answered_at.is_(None),
    )
    .correlate(UnitAttempt)
    .scalar_subquery()
)
IS_IN_USE = and_(
    CentreEvidenceRule.unit_id == UnitAttempt.unit_id,
    CentreEvidenceRule.centre_id == UnitAttempt.centre_id,
    CentreEvidenceRule.ended_at.is_(None),
)
CENTRE_RULES = (
    select(
        CentreEvidenceRule.id,
        CentreEvidenceRule.content,
        Centre.name.label("centre_name"),
        WAITING_TESTIMONIES.label("waiting"),
    )
    .select_from(UnitAttempt)
    .join(Centre, Centre.id == UnitAttempt.centre_id)
    .outerjoin(CentreEvidenceRule, IS_IN_USE)
    .where(UnitAttempt.id == bindparam("attempt_id"))
    .order_by(CentreEvidenceRule.id)
)
"""The rules of its centre that hold for an attempt, or one row without; each with the testimonies that wait."""


def load_evidence_guidance(attempt: UnitAttempt, matrix: Matrix) -> EvidenceGuidance:
    """Return the evidence guidance of an attempt with what its matrix has; one statement."""
    rules, waiting = _load_rules_in_use(attempt)
    if not rules:
        return EvidenceGuidance()
    return EvidenceGuidance(evaluate_rules(rules, matrix), tuple(list_waiting_records(matrix)), waiting)


def _load_rules_in_use(attempt: UnitAttempt) -> tuple[list[ApplicableRule], int]:
    """Return the rules of an attempt, its unit's before its centre's, and how many testimonies wait."""
    rows = fetch_rows(CENTRE_RULES, attempt_id=attempt.id)
    shipped = [ApplicableRule(rule_from_json(content)) for content in attempt.unit.evidence_guidance]
    own = [ApplicableRule(rule_from_json(row.content), row.id, row.centre_name) for row in rows if row.id is not None]
    return [*shipped, *own], rows[0].waiting
