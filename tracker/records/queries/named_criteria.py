"""The criteria that a version of a record names, in its stamps and beside its questions, whatever is claimed now."""

from dataclasses import dataclass

from tracker.models import EvidenceVersion
from tracker.portfolio.record_content import WrittenContent, load_as
from tracker.records.queries.stampable import list_units_of
from tracker.records.stamps import MarkedCriterion, StampableUnit, list_places, mark_criteria


@dataclass(frozen=True)
class NamedCriterion:
    """A criterion that a version names."""

    marked: MarkedCriterion
    places: tuple[str, ...]
    """Times, and numbers of questions: `10:09`, `question 2`."""


@dataclass(frozen=True)
class NamedUnit:
    """A unit with the criteria of it that a version names."""

    unit: StampableUnit
    criteria: tuple[NamedCriterion, ...]


def list_named_units(version: EvidenceVersion) -> list[NamedUnit]:
    """List what a version names, first the unit for which it was begun; nothing after an erasure. Two statements."""
    content = load_as(WrittenContent, version.record_kind, version.content)
    if content is None:
        return []
    units = sorted(list_units_of(version), key=lambda unit: unit.attempt_id != content.first_attempt)
    marked = mark_criteria(units, content.first_attempt)
    places = list_places(content, marked).by_criterion
    named = [NamedCriterion(each, tuple(places[each.key])) for each in marked if each.key in places]
    grouped = [NamedUnit(unit, tuple(each for each in named if each.marked.unit is unit)) for unit in units]
    return [each for each in grouped if each.criteria]
