"""Findings of evidence guidance: what each rule finds in a matrix, and what is missing. Pure functions.

What counts is in `tracker/matrix/counted_evidence.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.matrix.counted_evidence import count_customers, count_days, count_months, list_counted, select_counted
from tracker.matrix.grid import Matrix, MatrixColumn, MatrixRow
from tracker.units.evidence_rules import (
    EvidenceRule,
    EvidenceRuleKind,
    describe_rule,
    describe_scope,
    label_criteria,
    name_criteria,
    name_methods,
    rule_as_json,
)
from tracker.units.plurals import format_count
from tracker.vocabulary import RecordStanding
from tracker.web.text_direction import isolate

NOT_YET = {RecordStanding.WAITING, RecordStanding.OBJECTED}
"""The standings of a record that may still count later."""


@dataclass(frozen=True, slots=True)
class ApplicableRule:
    """A rule that holds for an attempt: its unit's own, or one that its centre set."""

    rule: EvidenceRule
    centre_rule_id: int | None = None
    """The version of the centre's rule; None for a rule of the unit itself."""
    centre_name: str = ""
    """Who set the rule; empty for a rule of the unit itself."""


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """What one rule found."""

    in_use: ApplicableRule
    statement: str
    """What is expected."""
    found: str
    """How much was found: `1 of 2`, or `13` where that is enough; empty for what the assessor checks."""
    missing: tuple[str, ...]
    """What is missing, each as a phrase: `1 more occasion for criteria 1, 2`."""
    lacking_criterion_ids: frozenset[int] = frozenset()
    """The ids of the criteria that miss something, of a rule for each criterion."""

    @property
    def rule(self) -> EvidenceRule:
        """Return the rule itself."""
        return self.in_use.rule

    @property
    def is_met(self) -> bool:
        """Return whether everything expected was found; never of what the assessor checks."""
        return not self.rule.is_assessor_check and not self.missing

    @property
    def is_unmet(self) -> bool:
        """Return whether something is missing that the record can show."""
        return bool(self.missing)

    @property
    def source(self) -> str:
        """Return whose rule it is, and of the unit's own what it reads."""
        if self.in_use.centre_rule_id is not None:
            return f"set by {isolate(self.in_use.centre_name)}"
        return f"evidence requirement {self.rule.requirement}" if self.rule.requirement else "of the unit"

    def as_json(self) -> dict[str, object]:
        """Return it as a sign-off keeps it: the rule in the version that was shown, and what was missing.

        Its note is left out: it is free text, which a signature would keep for good, and it counts nothing.
        """
        return {
            "centre_rule": self.in_use.centre_rule_id,
            "rule": rule_as_json(self.rule) | {"text": None},
            "expected": self.statement,
            "missing": list(self.missing),
        }


def evaluate_rules(rules: Iterable[ApplicableRule], matrix: Matrix) -> tuple[RuleFinding, ...]:
    """Return what each rule finds in a matrix, in the order of the rules."""
    labels = label_criteria(matrix.columns)
    counted = list_counted(matrix.claiming_rows)
    return tuple(_evaluate(each, matrix, counted, labels) for each in rules)


def summarise_unmet(unmet: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Return what a sign-off's event says of the rules that were not met: their versions and kinds, and no text."""
    return [{"centre_rule": each["centre_rule"], "kind": each["rule"]["kind"]} for each in unmet or ()]


def list_waiting_records(matrix: Matrix) -> list[MatrixRow]:
    """Return the records among the claiming items that do not count yet."""
    return [row for row in matrix.claiming_rows if row.is_submitted and row.standing in NOT_YET]


def _evaluate(
    in_use: ApplicableRule, matrix: Matrix, counted: Sequence[MatrixRow], labels: dict[str, str]
) -> RuleFinding:
    rule = in_use.rule
    statement = describe_rule(rule, labels)
    if rule.is_assessor_check:
        return RuleFinding(in_use, statement, "", ())
    columns = [column for column in matrix.columns if is_in_scope(rule, column)]
    if not rule.each_criterion:
        rows = select_counted(counted, columns)
        missing = _find_missing(rule, rows)
        phrases = (f"{missing}{describe_scope(rule, labels)}",) if missing else ()
        return RuleFinding(in_use, statement, _describe_found(rule, rows), phrases)
    short: dict[str, list[MatrixColumn]] = defaultdict(list)
    for column in columns:
        if missing := _find_missing(rule, select_counted(counted, [column])):
            short[missing].append(column)
    lacking = [column for group in short.values() for column in group]
    return RuleFinding(
        in_use,
        statement,
        f"{len(columns) - len(lacking)} of {len(columns)} {'criterion' if len(columns) == 1 else 'criteria'}",
        tuple(f"{missing} for {_name_criteria(group, labels)}" for missing, group in short.items()),
        frozenset(column.id for column in lacking),
    )


def is_in_scope(rule: EvidenceRule, column: MatrixColumn) -> bool:
    """Return whether a rule speaks of a criterion."""
    return (
        rule.part in {None, column.kind}
        and rule.heading in {None, column.heading}
        and (not rule.criteria or f"#{column.position}" in rule.criteria)
    )


def _measure(rule: EvidenceRule, rows: Sequence[MatrixRow]) -> int:
    """Return what a rule counts in the items: a number, or of a share the per cent."""
    of_methods = sum(row.method in rule.counted_methods for row in rows)
    match rule.kind:
        case EvidenceRuleKind.METHODS | EvidenceRuleKind.AT_MOST:
            return of_methods
        case EvidenceRuleKind.OCCASIONS:
            return count_days(rows)
        case EvidenceRuleKind.CUSTOMERS:
            return count_customers(rows)
        case EvidenceRuleKind.MONTHS:
            return count_months(rows)
        case EvidenceRuleKind.DIRECT_SHARE:
            return of_methods * 100 // len(rows) if rows else 0
    return len(rows)


def _describe_found(rule: EvidenceRule, rows: Sequence[MatrixRow]) -> str:
    found = _measure(rule, rows)
    if rule.kind is EvidenceRuleKind.DIRECT_SHARE:
        return f"{found}% of {format_count(len(rows), 'item')}"
    if rule.kind is EvidenceRuleKind.AT_MOST:
        return format_count(found, "item")
    return str(found) if found >= (rule.at_least or 0) else f"{found} of {rule.at_least}"


def _find_missing(rule: EvidenceRule, rows: Sequence[MatrixRow]) -> str:
    """Return what the items lack, as a phrase; empty where they lack nothing."""
    found, wanted = _measure(rule, rows), rule.at_least or 0
    if rule.kind is EvidenceRuleKind.AT_MOST:
        return _describe_excess(rule, found)
    if found >= wanted:
        return ""
    more = wanted - found
    missing = {
        EvidenceRuleKind.METHODS: _describe_missing_methods(rule, found, more),
        EvidenceRuleKind.ITEMS: f"{format_count(more, 'more item')} of evidence",
        EvidenceRuleKind.OCCASIONS: format_count(more, "more occasion"),
        EvidenceRuleKind.CUSTOMERS: format_count(more, "more customer"),
        EvidenceRuleKind.MONTHS: f"{format_count(more, 'more month')} from the first to the last evidence",
        EvidenceRuleKind.DIRECT_SHARE: f"{found}% by {name_methods(rule)}, where {wanted}% is expected",
    }
    return missing[rule.kind]


def _describe_missing_methods(rule: EvidenceRule, found: int, more: int) -> str:
    if not found and more == 1:
        return f"no {name_methods(rule)} yet"
    return f"{format_count(more, 'more item')} by {name_methods(rule)}"


def _describe_excess(rule: EvidenceRule, found: int) -> str:
    limit = rule.at_most or 0
    if found <= limit:
        return ""
    expected = f"at most {limit} is expected" if limit else "none is expected"
    return f"{format_count(found, 'item')} by {name_methods(rule)}, where {expected}"


def _name_criteria(columns: Sequence[MatrixColumn], labels: Mapping[str, str]) -> str:
    """Return criteria as sentences name them: `criterion 4`, `criteria 1, 2 and knowledge 3`."""
    return name_criteria([labels[f"#{column.position}"] for column in columns])
