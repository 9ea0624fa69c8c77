"""Completion of an imported unit: what its format cannot hold is kept from the unit that exists already."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tracker.units.documents import CriterionDocument, UnitDocument

CRITERION_DETAILS = ("label_origin", "assessable", "selection", "simulation_allowed", "note")
"""Details of a criterion that Moodle and Mahara cannot hold."""


def fill_missing_fields(
    unsupported_fields: frozenset[str],
    optional_fields: Mapping[str, Any],
    existing: UnitDocument,
    incoming: UnitDocument,
) -> UnitDocument:
    """Return the incoming unit with the fields that its file does not state taken from the existing one.

    Args:
        unsupported_fields: Fields that the format cannot hold; `criteria` stands for the details of criteria.
        optional_fields: Fields that a file may leave out, each with the value that then stands for it.
        existing: The unit that exists already.
        incoming: The unit as read from the file.
    """
    unstated_fields = {
        name for name, empty_value in optional_fields.items() if getattr(incoming, name) == empty_value
    }
    kept_fields = {name: getattr(existing, name) for name in (unsupported_fields - {"criteria"}) | unstated_fields}
    if "criteria" in unsupported_fields:
        kept_fields["criteria"] = tuple(_fill_criterion(each, existing) for each in incoming.criteria)
    return replace(incoming, **kept_fields)


def _fill_criterion(criterion: CriterionDocument, existing: UnitDocument) -> CriterionDocument:
    """Return a criterion with the details of the existing one of the same words."""
    same = [each for each in existing.criteria if (each.kind, each.text) == (criterion.kind, criterion.text)]
    before = next((each for each in same if each.label == criterion.label), same[0] if len(same) == 1 else None)
    return replace(criterion, **{name: getattr(before, name) for name in CRITERION_DETAILS}) if before else criterion
