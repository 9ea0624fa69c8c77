"""What a format has no place for is not gone: a unit that comes back by it keeps what is here already."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracker.units.documents import CriterionDocument, UnitDocument

OF_CRITERION = ("label_origin", "assessable", "selection", "simulation_allowed", "note")
"""What Moodle and Mahara do not keep of a statement."""


def complete(
    silent: frozenset[str], optional: Mapping[str, Any], existing: UnitDocument, incoming: UnitDocument
) -> UnitDocument:
    """The incoming unit with what its file is silent about taken from the one that is here.

    `silent` names the fields that its format has no place for; `criteria` among them means that statements come
    without their particulars. `optional` names those that a file may leave out, with what they hold then.
    """
    unsaid = {name for name, nothing in optional.items() if getattr(incoming, name) == nothing}
    kept = {name: getattr(existing, name) for name in (silent - {"criteria"}) | unsaid}
    if "criteria" in silent:
        kept["criteria"] = tuple(_completed(each, existing) for each in incoming.criteria)
    return replace(incoming, **kept)


def _completed(criterion: CriterionDocument, existing: UnitDocument) -> CriterionDocument:
    """A statement whose words have stayed keeps its particulars."""
    same = [each for each in existing.criteria if (each.kind, each.text) == (criterion.kind, criterion.text)]
    before = next((each for each in same if each.label == criterion.label), same[0] if len(same) == 1 else None)
    return replace(criterion, **{name: getattr(before, name) for name in OF_CRITERION}) if before else criterion
