"""Comparison of two versions of a unit: unchanged, moved, reworded, new and removed; decisions come first."""

import random
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.library.sample_standards import UNIT, replace_once
from tracker.units.comparison import (
    PairKind,
    StatementPair,
    compare_versions,
    diff,
    full_text,
    list_wordings,
    match_requirements,
    solve_assignment,
)
from tracker.units.documents import UnitDocument, unit_from_json
from tracker.units.schema import UnitSchema
from tracker.units.standards_folder import parse_document, read_standards

UNITS = {unit.code: unit for unit in read_standards().units}


def unit(*changes: tuple[str, str]) -> UnitDocument:
    text = UNIT
    for old, new in changes:
        text = replace_once(old, new, text)
    document: UnitDocument = parse_document(text, UnitSchema())
    return document


def kinds(pairs: list[StatementPair]) -> list[tuple[str, str | None, str | None]]:
    return [(each.kind.value, each.old and each.old.label, each.new and each.new.label) for each in pairs]


def of_kind(pairs: list[StatementPair], kind: PairKind) -> list[StatementPair]:
    return [each for each in pairs if each.kind is kind]


@pytest.mark.parametrize("code", sorted(UNITS))
def test_unit_is_unchanged_compared_with_itself(code: str) -> None:
    copy = unit_from_json(UNITS[code].as_json())
    assert copy == UNITS[code]
    pairs = compare_versions(UNITS[code], copy)
    assert {each.kind for each in pairs} == {PairKind.UNCHANGED}
    assert [each.new for each in pairs] == list(copy.criteria)


def test_changed_word_is_a_rewording_with_the_word_marked() -> None:
    pairs = compare_versions(
        unit(), unit(("find out what was promised last time", "find out what was agreed last time"))
    )
    [pair] = of_kind(pairs, PairKind.REWORDED)
    assert len(pairs) == len(unit().criteria)
    assert 60 < pair.similarity < 100
    before, after = pair.segments()
    assert [run.text for run in before if run.is_changed] == ["promised"]
    assert [run.text for run in after if run.is_changed] == ["agreed"]


def test_new_label_or_heading_is_a_move_and_white_space_is_ignored() -> None:
    relabelled = compare_versions(
        unit(), unit(('- label: "1"\n        text: "thank', '- label: "9"\n        text: "thank'))
    )
    assert [
        (each.old.label, each.new.label) for each in of_kind(relabelled, PairKind.MOVED) if each.old and each.new
    ] == [("1", "9")]
    renamed = compare_versions(unit(), unit(("After the call", "Afterwards")))
    assert len(of_kind(renamed, PairKind.MOVED)) == 1
    spaced = compare_versions(unit(), unit(("thank the colleague", "thank  the colleague")))
    assert {each.kind for each in spaced} == {PairKind.UNCHANGED}


def test_new_and_removed_statements_are_shown_in_their_places() -> None:
    later = unit(
        ("find out what was promised last time", "practise"),
        ("thank the colleague", 'thank the colleague"\n      - label: "2"\n        text: "eat cake'),
    )
    pairs = compare_versions(unit(), later)
    assert kinds(pairs)[:2] in (
        [("removed", "1", None), ("new", None, "1")],
        [("new", None, "1"), ("removed", "1", None)],
    )
    assert ("new", None, "2") in kinds(pairs)
    positions = [each.new.position for each in pairs if each.new]
    assert positions == sorted(positions)


def test_reworded_stem_rewords_its_items() -> None:
    """“a: who may be told” asks something else under another stem, though its own words are the same."""
    pairs = compare_versions(unit(), unit(("agree with a colleague:", "never agree with a colleague:")))
    assert [each.old.label for each in of_kind(pairs, PairKind.REWORDED) if each.old] == ["2", "a", "b"]


def test_changed_rule_is_not_the_same_wording() -> None:
    for old, new in (("simulation_allowed: true", "simulation_allowed: false"), ("one of the following", "all of the following"),
                     ('what was promised"\n', 'what was refused"\n')):  # fmt: skip
        pairs = compare_versions(unit(), unit((old, new)))
        assert of_kind(pairs, PairKind.REWORDED), new


def test_performance_never_matches_knowledge() -> None:
    later = unit(
        ("why customers ring twice", "thank the colleague"), ("thank the colleague", "why customers ring twice")
    )
    pairs = compare_versions(unit(), later)
    assert all(each.old.kind is each.new.kind for each in pairs if each.old and each.new)
    assert len(of_kind(pairs, PairKind.REMOVED)) == 2


def test_matching_is_optimal_and_not_greedy() -> None:
    """A takes B's most similar statement only if the total is higher."""
    old = unit(
        ("find out what was promised last time", "record complaints of angry customers promptly"),
        ("thank the colleague", "record complaints of angry customers promptly and fully"),
    )
    new = unit(
        ("find out what was promised last time", "record complaints of angry customers promptly and"),
        ("thank the colleague", "record complaints of customers"),
    )
    pairs = of_kind(compare_versions(old, new), PairKind.REWORDED)
    assert {(each.old.label, each.old.heading) for each in pairs if each.old} == {
        ("1", "Before the call"),
        ("1", "After the call"),
    }
    assert not of_kind(compare_versions(old, new), PairKind.REMOVED)


def test_confirmed_links_can_be_one_to_two_and_two_to_one() -> None:
    later = unit(("thank the colleague", 'thank the person"\n      - label: "2"\n        text: "thank everybody'))
    old = {full_text(each): each.position for each in unit().criteria}
    new = {full_text(each): each.position for each in later.criteria}
    thanks = old["thank the colleague"]
    split = compare_versions(
        unit(), later, confirmed=[(thanks, new["thank the person"]), (thanks, new["thank everybody"])]
    )
    assert [each.new.text for each in split if each.old and each.new and each.old.position == thanks] == [
        "thank the person",
        "thank everybody",
    ]
    assert not of_kind(split, PairKind.NEW)
    back = compare_versions(
        later, unit(), confirmed=[(new["thank the person"], thanks), (new["thank everybody"], thanks)]
    )
    assert len([each for each in back if each.new and each.new.position == thanks]) == 2
    assert not of_kind(back, PairKind.REMOVED)


def test_refused_link_is_not_proposed_again() -> None:
    later = unit(("find out what was promised last time", "find out what was agreed last time"))
    [pair] = of_kind(compare_versions(unit(), later), PairKind.REWORDED)
    assert pair.link
    proposals = compare_versions(unit(), later, refused=[pair.link])
    assert pair.link not in {each.link for each in proposals}
    assert {each.kind for each in proposals} >= {PairKind.NEW, PairKind.REMOVED}


def test_link_to_a_missing_position_is_ignored() -> None:
    assert compare_versions(unit(), unit(), confirmed=[(1, 999), (999, 1)]) == compare_versions(unit(), unit())


def test_requirements_with_the_same_words_match_in_any_order() -> None:
    old = UNITS["CFACC15"]
    reversed_requirements = tuple(
        replace(each, position=at) for at, each in enumerate(reversed(old.evidence_requirements), start=1)
    )
    changed_requirement = replace(reversed_requirements[0], points=("something else",))
    new = replace(old, evidence_requirements=(changed_requirement, *reversed_requirements[1:]))
    assert match_requirements(old, new) == {1: 5, 2: 4, 3: 3, 4: 2}


@pytest.mark.parametrize("code", sorted(UNITS))
def test_shuffled_unit_is_only_moved(code: str) -> None:
    old = UNITS[code]
    performance = [each for each in old.criteria if each.kind is old.criteria[0].kind]
    shuffled = [each.text for each in performance]
    random.Random(7).shuffle(shuffled)  # noqa: S311 - the same every time is what is wanted
    new = replace(
        old,
        criteria=(*(replace(each, text=text) for each, text in zip(performance, shuffled, strict=True)), *old.criteria[len(performance):]),
    )  # fmt: skip
    pairs = compare_versions(old, new)
    assert {each.kind for each in pairs} <= {PairKind.UNCHANGED, PairKind.MOVED}
    before, after = list_wordings(old), list_wordings(new)
    assert all(before[each.old.position] == after[each.new.position] for each in pairs if each.old and each.new)


@given(st.integers(0, 2**32))
def test_no_statement_is_lost_or_repeated(seed: int) -> None:
    """Whatever is dropped, doubled, reworded and shuffled: each old and each new statement stands once."""
    chance = random.Random(seed)  # noqa: S311 - chance, not secrets
    old = UNITS["CFACC15"]
    remaining = [each for each in old.criteria if chance.random() > 0.2]
    texts = [" ".join(word for word in each.text.split() if chance.random() > 0.2) or "x" for each in remaining]
    new = replace(old, criteria=tuple(replace(e, text=t, position=i, parent=None) for i, (e, t) in enumerate(zip(remaining, texts, strict=True), start=1)))  # fmt: skip
    pairs = compare_versions(old, new)
    assert sorted(each.old.position for each in pairs if each.old) == [each.position for each in old.criteria]
    assert [each.new.position for each in pairs if each.new] == [each.position for each in new.criteria]
    assert compare_versions(old, new) == pairs


@given(st.lists(st.sampled_from(["one ", "two ", "  ", "three, ", "four\n", "’s "]), max_size=8).map("".join),
       st.lists(st.sampled_from(["one ", "two ", "five ", "four\n"]), max_size=8).map("".join))  # fmt: skip
def test_segments_joined_give_the_texts(old: str, new: str) -> None:
    before, after = diff(old, new)
    assert "".join(run.text for run in before) == old
    assert "".join(run.text for run in after) == new
    assert any(run.is_changed for run in (*before, *after)) == (old.split() != new.split())


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(st.integers(-9, 9), min_size=n, max_size=n), min_size=n, max_size=n)))  # fmt: skip
def test_assignment_has_the_lowest_cost(costs: list[list[int]]) -> None:
    columns = solve_assignment(costs)
    assert sorted(columns) == list(range(len(costs)))
    lowest_cost = min(
        sum(costs[row][column] for row, column in enumerate(each)) for each in permutations(range(len(costs)))
    )
    assert sum(costs[row][column] for row, column in enumerate(columns)) == lowest_cost


def test_between_units_capitals_and_punctuation_are_not_marked() -> None:
    before, after = diff("Deal with complaints.", "deal with serious complaints", of_words=True)
    assert not [run for run in before if run.is_changed]
    assert [run.text.strip() for run in after if run.is_changed] == ["serious"]


def test_large_component_is_matched_greedily() -> None:
    document = unit()
    stem = document.criteria[-1]
    old = replace(
        document,
        criteria=tuple(
            replace(stem, position=i, label=str(i), text=f"deal with complaint {i}") for i in range(1, 221)
        ),
    )
    new = replace(document, criteria=tuple(replace(each, text=each.text + " now") for each in old.criteria))
    pairs = compare_versions(old, new)
    assert len(of_kind(pairs, PairKind.REWORDED)) == 220
    assert all(each.link and each.link[0] == each.link[1] for each in pairs)
