"""Differences between an existing and an incoming unit, in sentences."""

from collections.abc import Iterator

from tracker.units.comparison import PairKind, StatementPair, compare_versions
from tracker.units.documents import CriterionDocument, UnitDocument

FIELD_NAMES = {
    "code": "code",
    "title": "title",
    "document_type": "kind of document",
    "version": "version",
    "revision": "revision",
    "simulation": "rule on simulation",
    "evidence_requirements_introduction": "introduction of the evidence requirements",
}
LIST_NAMES = {
    "identifiers": "identifiers",
    "overview": "overview",
    "metadata": "metadata",
    "scope": "scope",
    "evidence_requirements": "evidence requirements",
    "assessor_rules": "rules for the assessor",
    "skills": "skills",
    "values": "values",
    "behaviours": "behaviours",
    "glossary": "glossary",
    "links": "links to other units",
    "external_links": "external links",
    "empty_headings": "empty headings",
    "provenance": "source",
    "notes": "notes",
    "evidence_guidance": "evidence guidance",
}


def describe_differences(existing: UnitDocument | None, incoming: UnitDocument) -> list[str]:
    """Return one sentence for each difference; empty where there is none."""
    if existing is None:
        return [f"{incoming.code} is new, with {len(incoming.assessable)} criteria."]
    if existing.as_json() == incoming.as_json():
        return []
    return [
        *_describe_fields(existing, incoming),
        *_describe_criteria(existing, incoming),
        *_describe_lists(existing, incoming),
    ]


def _describe_fields(old: UnitDocument, new: UnitDocument) -> Iterator[str]:
    for name, words in FIELD_NAMES.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"The {words} “{before or 'none'}” becomes “{after or 'none'}”."


def _describe_criteria(old: UnitDocument, new: UnitDocument) -> Iterator[str]:
    described = 0
    for pair in compare_versions(old, new):
        sentence = _describe_pair(pair)
        described += bool(sentence)
        if sentence:
            yield sentence
    if not described and old.criteria != new.criteria:
        yield "Details of some criteria change: their notes, points or rules."


def _describe_pair(pair: StatementPair) -> str:
    old, new = pair.old, pair.new
    if pair.kind is PairKind.REWORDED and old and new:
        return f"{_name_criterion(new)} is reworded: “{old.text}” becomes “{new.text}”."
    if pair.kind is PairKind.MOVED and old and new:
        return f"{_name_criterion(old)} becomes {_name_criterion(new, is_first=False)}, in the same words."
    if pair.kind is PairKind.NEW and new:
        return f"{_name_criterion(new)} is new: “{new.text}”."
    if pair.kind is PairKind.REMOVED and old:
        return f"{_name_criterion(old)} is removed: “{old.text}”."
    return ""


def _name_criterion(criterion: CriterionDocument, *, is_first: bool = True) -> str:
    name = f"{criterion.kind.label} {criterion.label}"
    under = f" under “{criterion.heading}”" if criterion.heading else ""
    return (name if is_first else name[0].lower() + name[1:]) + under


def _describe_lists(old: UnitDocument, new: UnitDocument) -> Iterator[str]:
    for name, words in LIST_NAMES.items():
        if getattr(old, name) != getattr(new, name):
            yield f"The {words} {'change' if words.endswith('s') and name != 'metadata' else 'changes'}."
