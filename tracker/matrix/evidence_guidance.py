"""Evidence guidance of an attempt: the rules that hold for it, what they find, and what does not count yet."""

from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from tracker.matrix.grid import Matrix, MatrixRow
from tracker.matrix.rule_findings import RuleFinding, RuleInUse, evaluate_rules, list_waiting_records
from tracker.models import UnitAttempt, WitnessTestimony
from tracker.statements import fetch_rows
from tracker.units.evidence_rules import rule_from_json


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
    def missing(self) -> list[str]:
        """Return everything that is missing, each as a phrase, once."""
        return list(dict.fromkeys(phrase for each in self.unmet for phrase in each.missing))

    def list_missing_for(self, criterion_id: int) -> list[str]:
        """Return what rules for each criterion expect of one that lacks it."""
        return [each.statement for each in self.unmet if criterion_id in each.short_criteria]


WAITING_TESTIMONIES = select(func.count(WitnessTestimony.id)).where(
    WitnessTestimony.attempt_id == bindparam("attempt_id"),
    WitnessTestimony.signed_at.is_not(None),
    WitnessTestimony.answered_at.is_(None),
)


def load_evidence_guidance(attempt: UnitAttempt, matrix: Matrix) -> EvidenceGuidance:
    """Return the evidence guidance of an attempt with what its matrix has; one statement, none without a rule."""
    rules = list_rules_in_use(attempt)
    if not rules:
        return EvidenceGuidance()
    waiting = fetch_rows(WAITING_TESTIMONIES, attempt_id=attempt.id)[0][0]
    return EvidenceGuidance(evaluate_rules(rules, matrix), tuple(list_waiting_records(matrix)), waiting)


def find_unmet_rules(attempt: UnitAttempt, matrix: Matrix) -> tuple[RuleFinding, ...]:
    """Return what the rules of an attempt miss in its matrix, for the sign-off."""
    return tuple(each for each in evaluate_rules(list_rules_in_use(attempt), matrix) if each.is_unmet)


def list_rules_in_use(attempt: UnitAttempt) -> list[RuleInUse]:
    """Return the rules that hold for an attempt: those of its unit."""
    return [RuleInUse(rule_from_json(content)) for content in attempt.unit.evidence_guidance]
