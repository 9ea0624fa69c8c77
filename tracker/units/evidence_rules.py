"""Evidence guidance: rules about the evidence of a unit as data, and their sentences. No Flask, no database.

A rule says what evidence is expected. It never decides and never blocks (docs/rules.md, Evidence guidance, rule 1).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from tracker.units.plurals import format_count
from tracker.vocabulary import CriterionKind, LabelledEnum, Method

FORMAT = 1
"""The version of the format of a rule; a rule that is stored keeps the one it was written in."""
DIRECT_METHODS = (Method.OBSERVATION, Method.WORK_PRODUCT)
"""What counts as direct evidence where a rule does not name methods."""


KNOWLEDGE_PREFIX = "knowledge "
"""What stands before the label of knowledge that another criterion has too."""
SINGULAR_OF_PART = {CriterionKind.PERFORMANCE: "performance criterion", CriterionKind.KNOWLEDGE: "item of knowledge"}


class NumberedCriterion(Protocol):
    """What a rule needs to know of a criterion."""

    @property
    def position(self) -> int:
        """Return its place in the unit, from 1."""

    @property
    def kind(self) -> CriterionKind:
        """Return whether it is of performance or knowledge."""

    @property
    def label(self) -> str:
        """Return its label as printed."""

    @property
    def heading(self) -> str | None:
        """Return the heading it stands under."""


class EvidenceRuleKind(LabelledEnum):
    """What a rule of evidence guidance counts."""

    METHODS = "methods", "Items by a method"
    ITEMS = "items", "Items of evidence"
    OCCASIONS = "occasions", "Occasions (different days)"
    CUSTOMERS = "customers", "Customers"
    MONTHS = "months", "Months from the first to the last evidence"
    DIRECT_SHARE = "direct_share", "Share of direct evidence"
    AT_MOST = "at_most", "At most so many items by a method"
    ASSESSOR_CHECK = "assessor_check", "Checked by the assessor"

    @classmethod
    def _missing_(cls, value: object) -> "EvidenceRuleKind | None":
        """Return the kind of a rule that was stored under the kind's first name; what is stored never changes."""
        return cls.ASSESSOR_CHECK if value == "by_eye" else None


@dataclass(frozen=True)
class EvidenceRule:
    """One rule of evidence guidance: what is expected, and of which criteria."""

    kind: EvidenceRuleKind
    at_least: int | None = None
    """How many are expected; of a share the per cent. None where the kind has no minimum."""
    at_most: int | None = None
    methods: tuple[Method, ...] = ()
    part: CriterionKind | None = None
    """Only performance criteria or only knowledge; None for both."""
    heading: str | None = None
    """Only the criteria under this heading."""
    criteria: tuple[str, ...] = ()
    """Only these criteria, each by its position in the unit: `#4`."""
    each_criterion: bool = False
    """Whether it applies to each criterion separately."""
    requirement: str | None = None
    """The label of the evidence requirement that it reads."""
    text: str | None = None
    """What the assessor checks; of the other kinds a note on how the source was read, or empty."""
    format: int = FORMAT

    @property
    def is_assessor_check(self) -> bool:
        """Return whether the record does not hold what it asks, so that the assessor checks it."""
        return self.kind is EvidenceRuleKind.ASSESSOR_CHECK

    @property
    def counted_methods(self) -> tuple[Method, ...]:
        """Return the methods that it counts."""
        is_share = self.kind is EvidenceRuleKind.DIRECT_SHARE
        return self.methods or (DIRECT_METHODS if is_share else ())


def rule_from_json(content: Mapping[str, Any]) -> EvidenceRule:
    """Return a rule from its JSON, as stored. Raises an error for what is none."""
    return EvidenceRule(
        **{
            **content,
            "kind": EvidenceRuleKind(content["kind"]),
            "methods": tuple(map(Method, content["methods"])),
            "part": CriterionKind(content["part"]) if content["part"] else None,
            "criteria": tuple(content["criteria"]),
        }
    )


def rule_as_json(rule: EvidenceRule) -> dict[str, Any]:
    """Return a rule as plain JSON values, with every key of its format."""
    return {**asdict(rule), "kind": rule.kind.value, "methods": [each.value for each in rule.methods]} | {
        "part": rule.part.value if rule.part else None,
        "criteria": list(rule.criteria),
    }


def is_same_rule(one: EvidenceRule, other: EvidenceRule) -> bool:
    """Return whether two rules ask the same, whatever they read or note."""

    def key(rule: EvidenceRule) -> tuple[object, ...]:
        text = (rule.text or "").strip().casefold() if rule.is_assessor_check else ""
        methods = frozenset(rule.counted_methods)
        scope = (rule.part, rule.heading, rule.criteria, rule.each_criterion)
        return rule.kind, rule.at_least, rule.at_most, methods, scope, text

    return key(one) == key(other)


def describe_rule(rule: EvidenceRule, labels: Mapping[str, str]) -> str:
    """Return what a rule expects, as a sentence without its full stop.

    Args:
        rule: the rule.
        labels: the names of the unit's criteria, as `label_criteria` returns them.
    """
    return f"{_describe_expected(rule).rstrip('.')}{describe_scope(rule, labels)}"


def describe_scope(rule: EvidenceRule, labels: Mapping[str, str]) -> str:
    """Return of which criteria a rule speaks, to follow its sentence; empty for the whole unit."""
    one = SINGULAR_OF_PART[rule.part] if rule.part else "criterion"
    if rule.criteria:
        scope = name_criteria([labels.get(each, each) for each in rule.criteria])
        return f", for each of {scope}" if rule.each_criterion and len(rule.criteria) > 1 else f", for {scope}"
    if rule.heading:
        return f", for {'each criterion' if rule.each_criterion else 'the criteria'} under “{rule.heading}”"
    if rule.each_criterion:
        return f", for each {one}"
    return f", for {rule.part.label.lower()}" if rule.part else ""


def label_criteria(criteria: Iterable[NumberedCriterion]) -> dict[str, str]:
    """Return what sentences call the assessable criteria of a unit, by position as a rule names them: `#4`.

    It is the label; of knowledge whose label another criterion has too `knowledge 1`, and with the heading where the
    part itself has the label more than once.
    """
    criteria = list(criteria)
    used = Counter(each.label for each in criteria)
    used_in_part = Counter((each.kind, each.label) for each in criteria)
    names = {}
    for each in criteria:
        name = each.label
        if each.kind is CriterionKind.KNOWLEDGE and used[each.label] > 1:
            name = f"{KNOWLEDGE_PREFIX}{name}"
        if used_in_part[each.kind, each.label] > 1 and each.heading:
            name = f"{name} under “{each.heading}”"
        names[f"#{each.position}"] = name
    return names


def name_criteria(names: Sequence[str]) -> str:
    """Return criteria by their names from `label_criteria`: `criterion 4`, or `criteria 1, 2 and knowledge 3`."""
    knowledge = [each.removeprefix(KNOWLEDGE_PREFIX) for each in names if each.startswith(KNOWLEDGE_PREFIX)]
    others = [each for each in names if not each.startswith(KNOWLEDGE_PREFIX)]
    word = "criterion" if len(others) == 1 else "criteria"
    groups = [(word, others), (KNOWLEDGE_PREFIX.strip(), knowledge)]
    return " and ".join(f"{word} {', '.join(group)}" for word, group in groups if group)


def name_methods(rule: EvidenceRule) -> str:
    """Return the methods that a rule counts: `observation or work product`; of other kinds `any method`."""
    *head, last = (
        (method.label.lower() for method in rule.counted_methods) if rule.counted_methods else ["any method"]
    )
    return f"{', '.join(head)} or {last}" if head else last


def _describe_expected(rule: EvidenceRule) -> str:
    least, most = rule.at_least or 0, rule.at_most or 0
    limit = f"At most {format_count(most, 'item')}" if most else "No item"
    expected = {
        EvidenceRuleKind.METHODS: f"At least {format_count(least, 'item')} by {name_methods(rule)}",
        EvidenceRuleKind.ITEMS: f"At least {format_count(least, 'item')} of evidence",
        EvidenceRuleKind.OCCASIONS: f"At least {format_count(least, 'occasion')}, on different days",
        EvidenceRuleKind.CUSTOMERS: f"At least {format_count(least, 'customer')}, as entered under “Customers”",
        EvidenceRuleKind.MONTHS: f"At least {format_count(least, 'month')} from the first to the last evidence",
        EvidenceRuleKind.DIRECT_SHARE: f"At least {least}% of the items by {name_methods(rule)}",
        EvidenceRuleKind.AT_MOST: f"{limit} by {name_methods(rule)}",
        EvidenceRuleKind.ASSESSOR_CHECK: rule.text or "",
    }
    return expected[rule.kind]
