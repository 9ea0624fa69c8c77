"""Readings, working copies and units converted into each other; problems name entry and field."""

from copy import deepcopy

import pytest

from tests.library.writing import UNIT
from tests.units.drafting.copies import BULLETS, copy_of, reading_of
from tracker.errors import Invalid
from tracker.units.drafting.working_copy import (
    build_unit,
    check_no_worse,
    convert_to_reading,
    list_problems,
    start_working_copy,
)
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import parse_document, read_standards

UNITS = [*read_standards().units, parse_document(UNIT, UnitSchema()), parse_document(BULLETS, UnitSchema())]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.slug))
def test_unit_round_trips_through_a_working_copy(unit: object) -> None:
    written = unit.as_json()  # type: ignore[attr-defined]
    assert build_unit(start_working_copy(written)) == unit
    assert build_unit(start_working_copy(convert_to_reading(start_working_copy(written)))) == unit


def test_reading_is_never_changed() -> None:
    reading = reading_of()
    before = deepcopy(reading)
    working = start_working_copy(reading)
    working["criteria"][0]["points"].append("more")
    working["metadata"]["level"] = "4"
    assert reading == before


def test_doubts_start_open_and_text_not_used_unhandled() -> None:
    working = copy_of(warnings=[{"lines": [3], "what": "w", "assumed": "a"}], unparsed=[{"lines": [9], "text": "x"}])
    assert working["warnings"] == [{"lines": [3], "what": "w", "assumed": "a", "settled": False}]
    assert working["unparsed"] == [{"lines": [9], "text": "x", "placed": False}]
    assert working["places"]["r2"] == [20]


def test_source_lines_follow_their_statements() -> None:
    working = copy_of()
    working["criteria"][0], working["criteria"][1:] = working["criteria"][-2], working["criteria"][:-2]
    assert convert_to_reading(working)["places"]["1"] == [60]


def test_problem_names_entry_field_and_message() -> None:
    working = copy_of()
    working["criteria"][3]["text"] = " "
    working["code"] = "X" * 61
    found = {(each.key, each.field): each.message for each in list_problems(working)}
    assert found == {
        ("r4", "text"): "The text is empty: write the text.",
        (None, "code"): "The code is longer than 60 characters.",
    }


def test_duplicate_label_is_a_problem_of_the_label() -> None:
    working = copy_of()
    working["criteria"][1]["label"] = "1"
    (fault,) = list_problems(working)
    assert fault.field == "label"
    assert fault.message == (
        "The performance statements have the label 1 twice under “Before the call”: give each its own."
    )
    with pytest.raises(Invalid, match="have the label 1 twice") as caught:
        build_unit(working)
    assert caught.value.field == "label"


def test_unit_without_criteria_is_a_problem() -> None:
    working = copy_of()
    working["criteria"] = []
    assert [each.message for each in list_problems(working)] == ["The unit has no criteria."]


def test_change_can_leave_old_problems_but_bring_no_new_one() -> None:
    faulty = copy_of()
    faulty["title"] = ""
    changed = {**faulty, "code": "OTHER"}
    assert check_no_worse(faulty, changed) is changed
    with pytest.raises(Invalid, match="The version is empty: write the text"):
        check_no_worse(faulty, {**faulty, "version": ""})
