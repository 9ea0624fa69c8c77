"""Changes to the criteria of a working copy; printed labels stay, assigned labels are renumbered."""

from copy import deepcopy

import pytest

from tests.units.drafting.copies import BULLETS, copy_of, describe_criteria, key_of, reading_of
from tracker.errors import Invalid
from tracker.units.drafting.criteria import (
    add_criterion,
    change_criterion,
    drop_criterion,
    join_criterion,
    make_criterion,
    make_requirement,
    move_criterion,
    restore_criterion,
    split_criterion,
)
from tracker.units.drafting.problems import build_unit
from tracker.units.drafting.working_copy import find_entry, start_working_copy
from tracker.vocabulary import CriterionKind, LabelOrigin

LOCAL7 = [
    "p 1 find out",
    "p 2 agree with",
    "  p a who may",
    "  p b who must",
    "p 3 write down:",
    "p 1 thank the",
    "k 1.10 why customers",
]
PARCELS = ["p 1 weigh the", "p 2 write the", "p 3 choose a", "k 1 the services"]


def test_copies_start_as_written() -> None:
    assert describe_criteria(copy_of()) == LOCAL7
    assert describe_criteria(copy_of(BULLETS)) == PARCELS


def test_no_change_modifies_its_input() -> None:
    working = copy_of()
    before = deepcopy(working)
    drop_criterion(working, "r1")
    split_criterion(working, "r1", "one\ntwo")
    change_criterion(working, "r1", {"text": "other"})
    assert working == before


# --- change ----------------------------------------------------------------------------------------------


def test_change_the_text_and_the_label() -> None:
    after = change_criterion(
        copy_of(), "r1", {"label": "7", "label_origin": LabelOrigin.ASSIGNED, "text": "find out more"}
    )
    assert describe_criteria(after)[0] == "p 7 find out"
    assert build_unit(after).criteria[0].label_origin == "assigned"


def test_changing_the_kind_changes_its_items() -> None:
    after = change_criterion(copy_of(), "r2", {"kind": CriterionKind.KNOWLEDGE, "heading": None})
    assert describe_criteria(after)[3:] == [
        "k 2 agree with",
        "  k a who may",
        "  k b who must",
        "k 1.10 why customers",
    ]


def test_changing_a_stems_heading_changes_its_items() -> None:
    after = change_criterion(copy_of(), "r2", {"heading": "Meanwhile"})
    assert {each.heading for each in build_unit(after).criteria if each.text.startswith("who m")} == {"Meanwhile"}


def test_nesting_makes_the_stem_not_assessable() -> None:
    after = change_criterion(copy_of(), "r5", {"parent": "r1"})
    assert describe_criteria(after)[:2] == ["p 1 find out", "  p 3 write down:"]
    assert [each.assessable for each in build_unit(after).criteria[:2]] == [False, True]


def test_unnesting_makes_the_stem_assessable_again() -> None:
    after = copy_of()
    for key, label in (("r3", "4"), ("r4", "5")):
        after = change_criterion(after, key, {"parent": None, "label": label})
    assert describe_criteria(after)[:4] == ["p 1 find out", "p 2 agree with", "p 4 who may", "p 5 who must"]
    assert build_unit(after).criteria[1].assessable


@pytest.mark.parametrize("parent", ["r2", "r3"])
def test_statement_cannot_be_nested_in_itself(parent: str) -> None:
    with pytest.raises(Invalid, match="under itself or one of its own items") as raised:
        change_criterion(copy_of(), "r2", {"parent": parent})
    assert raised.value.field == "parent"


def test_duplicate_label_is_refused_at_its_field() -> None:
    with pytest.raises(Invalid, match="have the label 1 twice") as raised:
        change_criterion(copy_of(), "r2", {"label": "1"})
    assert raised.value.field == "label"


@pytest.mark.parametrize(("field", "value"), [("text", ""), ("label", ""), ("label", "x" * 21)])
def test_change_that_the_format_refuses_is_refused(field: str, value: str) -> None:
    with pytest.raises(Invalid) as raised:
        change_criterion(copy_of(), "r1", {field: value})
    assert raised.value.field == field


def test_changed_assigned_label_stays_as_typed() -> None:
    after = change_criterion(copy_of(BULLETS), "r2", {"label": "1a"})
    assert describe_criteria(after)[:3] == ["p 1 weigh the", "p 1a write the", "p 3 choose a"]


def test_missing_criterion_cannot_be_changed() -> None:
    with pytest.raises(Invalid, match="no longer exists"):
        change_criterion(copy_of(), "r99", {"text": "x"})


# --- move ------------------------------------------------------------------------------------------------


def test_moving_a_stem_moves_its_items() -> None:
    assert describe_criteria(move_criterion(copy_of(), "r2", 1))[1:4] == [
        "p 3 write down:",
        "p 2 agree with",
        "  p a who may",
    ]


def test_item_moves_within_its_stem() -> None:
    assert describe_criteria(move_criterion(copy_of(), "r4", -1))[2:4] == ["  p b who must", "  p a who may"]


def test_moving_over_the_edge_joins_the_next_group() -> None:
    after = move_criterion(copy_of(), "r5", 1)
    assert [each.heading for each in build_unit(after).criteria if each.label == "3"] == ["After the call"]


def test_moving_renumbers_assigned_labels() -> None:
    assert describe_criteria(move_criterion(copy_of(BULLETS), "r3", -1))[:3] == [
        "p 1 weigh the",
        "p 2 choose a",
        "p 3 write the",
    ]


def test_first_and_last_cannot_move_further() -> None:
    for key, step in (("r1", -1), ("r6", 1), ("r7", 1), ("r7", -1), ("r3", -1)):
        with pytest.raises(Invalid, match="already at the end of its list"):
            move_criterion(copy_of(), key, step)


# --- split and join --------------------------------------------------------------------------------------


def test_split_uses_printed_labels_and_assigns_others() -> None:
    after = split_criterion(copy_of(), "r1", "find out what\n9. was promised\nlast time")
    assert describe_criteria(after)[:3] == ["p 1 find out", "p 9 was promised", "p 9a last time"]
    assert [each.label_origin for each in build_unit(after).criteria[:3]] == ["published", "published", "assigned"]
    assert after.places["n1"] == [10]


def test_split_renumbers_assigned_labels() -> None:
    after = split_criterion(copy_of(BULLETS), "r2", "write\nthe address")
    assert describe_criteria(after) == [
        "p 1 weigh the",
        "p 2 write",
        "p 3 the address",
        "p 4 choose a",
        "k 1 the services",
    ]


def test_split_stem_puts_the_rest_after_its_items() -> None:
    after = split_criterion(copy_of(), "r2", "agree with a colleague:\nand again")
    assert describe_criteria(after)[1:5] == ["p 2 agree with", "  p a who may", "  p b who must", "p 2a and again"]


def test_split_without_a_line_break_says_how() -> None:
    with pytest.raises(Invalid, match="Begin a new line where the next statement begins") as raised:
        split_criterion(copy_of(), "r1", "all in one line\n ")
    assert raised.value.field == "text"


def test_join_appends_the_text_to_the_previous_statement() -> None:
    after = join_criterion(copy_of(BULLETS), "r3")
    assert [each.text for each in build_unit(after).criteria] == [
        "weigh the parcel", "write the address choose a service", "the services there are",
    ]  # fmt: skip
    assert after.places["r2"] == [20, 30]


def test_join_moves_the_items() -> None:
    after = join_criterion(copy_of(), "r2")
    assert describe_criteria(after)[:3] == ["p 1 find out", "  p a who may", "  p b who must"]


@pytest.mark.parametrize("key", ["r1", "r7"])
def test_first_of_its_kind_cannot_be_joined(key: str) -> None:
    with pytest.raises(Invalid, match="no statement before it"):
        join_criterion(copy_of(), key)


def test_split_and_join_restores_the_statement() -> None:
    after = split_criterion(copy_of(), "r1", "find out what was\npromised last time")
    after = join_criterion(after, key_of(after, "promised"))
    assert build_unit(after) == build_unit(copy_of())
    assert after.dropped == []


# --- drop and restore ------------------------------------------------------------------------------------


def test_dropping_a_stem_drops_its_items() -> None:
    after = drop_criterion(copy_of(), "r2")
    assert describe_criteria(after)[:2] == ["p 1 find out", "p 3 write down:"]
    assert [each.key for each in after.dropped] == ["r2", "r3", "r4"]


def test_drop_renumbers_and_restore_undoes_it() -> None:
    after = drop_criterion(copy_of(BULLETS), "r1")
    assert describe_criteria(after)[:2] == ["p 1 write the", "p 2 choose a"]
    assert describe_criteria(restore_criterion(after, reading_of(BULLETS), "r1")) == PARCELS


def test_restore_brings_a_stem_back_with_its_items() -> None:
    after = restore_criterion(drop_criterion(copy_of(), "r2"), reading_of(), "r2")
    assert build_unit(after) == build_unit(copy_of())
    assert after.dropped == []


def test_restore_undoes_changes_splits_and_joins() -> None:
    after = change_criterion(copy_of(BULLETS), "r2", {"text": "other", "kind": CriterionKind.KNOWLEDGE})
    assert describe_criteria(restore_criterion(after, reading_of(BULLETS), "r2")) == PARCELS
    after = split_criterion(copy_of(BULLETS), "r2", "write\nthe\naddress")
    assert describe_criteria(restore_criterion(after, reading_of(BULLETS), "r2")) == PARCELS
    after = join_criterion(copy_of(BULLETS), "r3")
    for key in ("r2", "r3"):  # from either end
        assert build_unit(restore_criterion(after, reading_of(BULLETS), key)) == build_unit(copy_of(BULLETS))


def test_item_can_be_restored_without_its_stem() -> None:
    after = restore_criterion(drop_criterion(copy_of(), "r2"), reading_of(), "r3")
    assert describe_criteria(after)[:3] == ["p 1 find out", "p a who may", "p 3 write down:"]


def test_last_criterion_cannot_be_dropped() -> None:
    working = start_working_copy({**reading_of(BULLETS), "criteria": reading_of(BULLETS)["criteria"][:1]})
    with pytest.raises(Invalid, match="has no criteria"):
        drop_criterion(working, "r1")


# --- add -------------------------------------------------------------------------------------------------


def test_statement_from_lines_is_placed_in_source_order() -> None:
    after = add_criterion(copy_of(BULLETS), CriterionKind.PERFORMANCE, "pack it", [15])
    assert describe_criteria(after)[:3] == ["p 1 weigh the", "p 2 pack it", "p 3 write the"]
    assert after.places[key_of(after, "pack it")] == [15]


def test_statement_can_be_added_first() -> None:
    assert (
        describe_criteria(add_criterion(copy_of(BULLETS), CriterionKind.PERFORMANCE, "find a box", [1]))[0]
        == "p 1 find a"
    )


def test_statement_can_be_added_last_with_its_printed_label() -> None:
    after = add_criterion(copy_of(), CriterionKind.KNOWLEDGE, "1.11. why they do not")
    assert describe_criteria(after)[-1] == "k 1.11 why they"
    assert build_unit(after).criteria[-1].label_origin == "published"


def test_added_statement_beside_printed_labels_gets_a_letter() -> None:
    after = add_criterion(copy_of(), CriterionKind.PERFORMANCE, "take a breath", [12])
    assert describe_criteria(after)[1] == "p 1a take a"
    assert build_unit(after).criteria[1].heading == "Before the call"


def test_added_statement_needs_text() -> None:
    with pytest.raises(Invalid, match="Write what the statement says"):
        add_criterion(copy_of(), CriterionKind.PERFORMANCE, " ")


def test_added_and_dropped_statement_can_be_restored() -> None:
    after = add_criterion(copy_of(BULLETS), CriterionKind.PERFORMANCE, "pack it", [15])
    key = key_of(after, "pack it")
    dropped = drop_criterion(after, key)
    assert describe_criteria(dropped) == PARCELS
    assert find_entry(restore_criterion(dropped, reading_of(BULLETS), key).criteria, key)


# --- requirements ----------------------------------------------------------------------------------------


def test_criterion_becomes_a_requirement_with_points() -> None:
    after = make_requirement(copy_of(), "r2")
    requirement = build_unit(after).evidence_requirements[-1]
    assert (requirement.label, requirement.text) == ("2", "agree with a colleague:")
    assert requirement.points == ("who may be told", "who must not")
    assert describe_criteria(after)[:2] == ["p 1 find out", "p 3 write down:"]


def test_requirement_becomes_a_criterion() -> None:
    after = make_criterion(copy_of(BULLETS), "q1", CriterionKind.KNOWLEDGE)
    assert describe_criteria(after)[-1] == "k 2 Do it"
    assert build_unit(after).criteria[-1].points == ("twice",)
    assert build_unit(after).evidence_requirements == ()


def test_conversion_to_requirement_and_back() -> None:
    after = make_criterion(make_requirement(copy_of(BULLETS), "r3"), "n1", CriterionKind.PERFORMANCE)
    assert [each.text for each in build_unit(after).criteria] == [
        each.text for each in build_unit(copy_of(BULLETS)).criteria
    ]
