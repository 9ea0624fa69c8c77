"""Readings, working copies and units converted into each other; problems name entry and field."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest

from tests.library.sample_standards import UNIT
from tests.units.drafting.copies import BULLETS, copy_of, reading_of
from tracker.errors import Invalid
from tracker.ledger.canonical_json import canonical_json
from tracker.units.documents import UnitDocument
from tracker.units.drafting.criteria import drop_criterion, join_criterion, split_criterion
from tracker.units.drafting.problems import build_unit, check_no_worse, list_problems
from tracker.units.drafting.working_copy import (
    DraftDoubt,
    DraftPassage,
    convert_to_reading,
    start_working_copy,
    working_copy_from_json,
)
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import parse_document, read_standards

UNITS = [*read_standards().units, parse_document(UNIT, UnitSchema()), parse_document(BULLETS, UnitSchema())]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.slug))
def test_unit_round_trips_through_a_working_copy(unit: UnitDocument) -> None:
    document, unit = unit.as_json(), replace(unit, evidence_guidance=())
    assert build_unit(start_working_copy(document)) == unit
    assert build_unit(start_working_copy(convert_to_reading(start_working_copy(document)))) == unit


def test_reading_is_never_changed() -> None:
    reading = reading_of()
    before = deepcopy(reading)
    working = start_working_copy(reading)
    working.criteria[0].points.append("more")
    working.metadata["level"] = "4"
    assert reading == before


def test_doubts_start_open_and_text_not_used_unhandled() -> None:
    working = copy_of(warnings=[{"lines": [3], "what": "w", "assumed": "a"}], unparsed=[{"lines": [9], "text": "x"}])
    assert working.warnings == [DraftDoubt([3], "w", "a", settled=False)]
    assert working.unparsed == [DraftPassage([9], "x", placed=False)]
    assert working.places["r2"] == [20]


def test_source_lines_follow_their_statements() -> None:
    working = copy_of()
    working.criteria[0], working.criteria[1:] = working.criteria[-2], working.criteria[:-2]
    assert convert_to_reading(working)["places"]["1"] == [60]


def test_problem_names_entry_field_and_message() -> None:
    working = copy_of()
    working.criteria[3].text = " "
    working.code = "X" * 61
    messages = {(each.key, each.field): each.message for each in list_problems(working)}
    assert messages == {
        ("r4", "text"): "The text is empty: write the text.",
        (None, "code"): "The code is longer than 60 characters.",
    }


def test_duplicate_label_is_a_problem_of_the_label() -> None:
    working = copy_of()
    working.criteria[1].label = "1"
    (fault,) = list_problems(working)
    assert fault.field == "label"
    assert fault.message == (
        "The performance statements have the label 1 twice under “Before the call”: give each its own."
    )
    with pytest.raises(Invalid, match="have the label 1 twice") as raised:
        build_unit(working)
    assert raised.value.field == "label"


def test_unit_without_criteria_is_a_problem() -> None:
    working = copy_of()
    working.criteria = []
    assert [each.message for each in list_problems(working)] == ["The unit has no criteria."]


def test_change_can_leave_old_problems_but_bring_no_new_one() -> None:
    faulty = copy_of()
    faulty.title = ""
    renamed = replace(faulty, code="OTHER")
    assert check_no_worse(faulty, renamed) is renamed
    with pytest.raises(Invalid, match="The version is empty: write the text"):
        check_no_worse(faulty, replace(faulty, version=""))


# --- JSON ------------------------------------------------------------------------------------------------


def test_working_copy_round_trips_through_its_json() -> None:
    working = copy_of(warnings=[{"lines": [3], "what": "w", "assumed": "a"}], unparsed=[{"lines": [9], "text": "x"}])
    working = split_criterion(working, "r1", "find out\nwhat was promised")
    working = join_criterion(drop_criterion(working, "r2"), "r5")
    assert working_copy_from_json(json.loads(canonical_json(working.as_json()))) == working


def test_stored_json_of_a_criterion_keeps_its_keys() -> None:
    after = drop_criterion(split_criterion(copy_of(BULLETS), "r1", "weigh\nthe parcel"), "r2").as_json()
    stored = {
        "heading": None, "parent": None, "label_origin": "assigned", "assessable": True, "points": [],
        "selection": None, "simulation_allowed": None, "note": None,
    }  # fmt: skip
    assert after["criteria"][0] == {**stored, "key": "r1", "kind": "performance", "label": "1", "text": "weigh"}
    assert after["criteria"][1]["split_from"] == "r1"
    assert after["dropped"][0]["dropped_with"] == "r2"
    assert set(after) - set(reading_of(BULLETS)) == {"dropped", "made"}
