"""What taking a unit in would change, in sentences."""

from collections.abc import Iterator

from tracker.units.comparison import Pair, PairKind, compare_versions
from tracker.units.documents import CriterionDocument, UnitDocument

ABOUT = {
    "code": "code",
    "title": "title",
    "document_type": "kind of document",
    "version": "version",
    "revision": "revision",
    "simulation": "rule on simulation",
    "evidence_requirements_introduction": "introduction of the evidence requirements",
}
LISTS = {
    "identifiers": "identifiers",
    "overview": "overview",
    "metadata": "what it says about itself",
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
}


def compare(existing: UnitDocument | None, incoming: UnitDocument) -> list[str]:
    """What would be otherwise, a sentence each; empty where nothing would."""
    if existing is None:
        return [f"{incoming.code} is new, with {len(incoming.assessable)} criteria."]
    if existing.as_json() == incoming.as_json():
        return []
    return [*_about(existing, incoming), *_criteria(existing, incoming), *_lists(existing, incoming)]


def _about(old: UnitDocument, new: UnitDocument) -> Iterator[str]:
    for name, words in ABOUT.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"The {words} “{before or 'none'}” becomes “{after or 'none'}”."


def _criteria(old: UnitDocument, new: UnitDocument) -> Iterator[str]:
    told = 0
    for pair in compare_versions(old, new):
        sentence = _sentence(pair)
        told += bool(sentence)
        if sentence:
            yield sentence
    if not told and old.criteria != new.criteria:
        yield "What is said about some criteria changes: their notes, points or rules."


def _sentence(pair: Pair) -> str:
    old, new = pair.old, pair.new
    if pair.kind is PairKind.REWORDED and old and new:
        return f"{_named(new)} is reworded: “{old.text}” becomes “{new.text}”."
    if pair.kind is PairKind.MOVED and old and new:
        return f"{_named(old)} becomes {_named(new, is_first=False)}, in the same words."
    if pair.kind is PairKind.NEW and new:
        return f"{_named(new)} is new: “{new.text}”."
    if pair.kind is PairKind.GONE and old:
        return f"{_named(old)} is gone: “{old.text}”."
    return ""


def _named(criterion: CriterionDocument, *, is_first: bool = True) -> str:
    name = f"{criterion.kind.label} {criterion.label}"
    under = f" under “{criterion.heading}”" if criterion.heading else ""
    return (name if is_first else name[0].lower() + name[1:]) + under


def _lists(old: UnitDocument, new: UnitDocument) -> Iterator[str]:
    for name, words in LISTS.items():
        if getattr(old, name) != getattr(new, name):
            yield f"The {words} {'change' if words.endswith('s') and name != 'metadata' else 'changes'}."
