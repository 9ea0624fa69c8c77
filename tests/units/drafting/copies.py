"""A small reading for working copies, and a short description of a copy's content."""

from typing import Any

from tests.library.sample_standards import UNIT
from tracker.units.drafting.problems import build_unit
from tracker.units.drafting.working_copy import WorkingCopy, start_working_copy
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import parse_document

BULLETS = """\
code: PARCELS1
slug: parcels1
title: "Send parcels"
document_type: nos
version: "1"
revision: 1
simulation: unstated
performance:
  - items:
    - {label: "1", label_origin: assigned, text: "weigh the parcel"}
    - {label: "2", label_origin: assigned, text: "write the address"}
    - {label: "3", label_origin: assigned, text: "choose a service"}
knowledge:
  - items:
    - {label: "1", label_origin: assigned, text: "the services there are"}
evidence_requirements:
  - {label: "1", text: "Do it at work.", points: ["twice"]}
provenance: {source: "parcels.pdf", read: "Read by machine."}
"""


def reading_of(text: str = UNIT, **fields: Any) -> dict[str, Any]:
    """Return a reading of a unit of our format; statement n comes from line 10 n."""
    unit = parse_document(text, UnitSchema()).as_json()
    places = {str(each["position"]): [each["position"] * 10] for each in unit["criteria"]}
    return {"warnings": [], "unparsed": [], "places": places, **unit, **fields}


def copy_of(text: str = UNIT, **fields: Any) -> WorkingCopy:
    return start_working_copy(reading_of(text, **fields))


def describe_criteria(working: WorkingCopy) -> list[str]:
    """Return every criterion as initial of its kind, label and first two words, nested ones indented."""
    build_unit(working)  # so that only a publishable copy is described
    return [
        f"{'  ' if each.parent else ''}{each.kind[0]} {each.label} {' '.join(each.text.split()[:2])}"
        for each in working.criteria
    ]


def key_of(working: WorkingCopy, words: str) -> str:
    """Return the key of the statement that begins with these words."""
    (key,) = [each.key for each in working.criteria if each.text.startswith(words)]
    return key
