"""Rules of combination: what counts, what is surplus and what is missing; never complete by mistake."""

from collections.abc import Collection, Iterator
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.units.documents import Provenance
from tracker.units.qualification_documents import QualificationDocument, QualificationGroup, QualificationUnit
from tracker.units.qualification_rules import describe_group_rule, evaluate_qualification
from tracker.units.standards_folder import read_standards


def qualification(
    units: dict[str, tuple[int, int]],
    mandatory: Collection[str] = (),
    groups: Collection[QualificationGroup] = (),
    **rules: object,
) -> QualificationDocument:
    """Make a qualification; `units` gives the credits and level of each code."""
    document = {
        "code": "EX1",
        "slug": "ex1",
        "title": "An example",
        "version": "1",
        "revision": 1,
        "awarding_body": None,
        "level": None,
        "identifiers": (),
        "units": tuple(QualificationUnit(code, f"Unit {code}", worth, at) for code, (worth, at) in units.items()),
        "mandatory": tuple(mandatory),
        "groups": tuple(groups),
        "minimum_units": 0,
        "minimum_credits": 0,
        "credits_at_level": 0,
        "at_level": None,
        "barred": (),
        "provenance": Provenance("a test", "made up"),
        "notes": (),
    }
    return QualificationDocument(**document | rules)  # type: ignore[arg-type]  # as the test says


def group(name: str, *codes: str, **rule: int) -> QualificationGroup:
    return QualificationGroup(name, codes, **rule)


class TestFourMandatoryAndTwoOptional:
    award = qualification(
        dict.fromkeys(["M1", "M2", "M3", "M4", "O1", "O2", "O3"], (5, 3)),
        ["M1", "M2", "M3", "M4"],
        [group("B", "O1", "O2", "O3", minimum=2, maximum=2)],
    )

    def test_nothing_is_complete_at_the_start(self) -> None:
        progress = evaluate_qualification(self.award, [])
        assert not progress.complete
        assert progress.missing[-1] == "Achieve 2 more from Group B."

    def test_all_mandatory_and_two_optional_complete_it(self) -> None:
        progress = evaluate_qualification(self.award, ["M1", "M2", "M3", "M4", "O1", "O3"])
        assert progress.complete
        assert progress.missing == ()
        assert progress.counted["O3"] == "Group B"

    def test_a_third_optional_unit_is_surplus(self) -> None:
        progress = evaluate_qualification(self.award, ["M1", "M2", "M3", "M4", "O1", "O2", "O3"])
        assert progress.complete
        assert list(progress.surplus.values()) == ["Group B is full: at most 2 units of it count."]

    def test_a_unit_of_another_award_is_surplus(self) -> None:
        assert evaluate_qualification(self.award, ["X9"]).surplus == {"X9": "It is not part of this qualification."}

    def test_units_that_are_chosen_need_not_be_chosen_again(self) -> None:
        progress = evaluate_qualification(self.award, ["M1"], ["M1", "M2", "M3", "M4", "O1"])
        assert progress.to_choose == ("Choose 1 more from Group B.",)
        assert "Achieve M2, Unit M2: it is mandatory." in progress.missing


class TestBarredCombination:
    award = qualification(
        dict.fromkeys(["M1", "M2", "M3", "A1", "A2", "B1", "B2"], (4, 3)),
        ["M1", "M2", "M3"],
        [group("A", "A1", "A2", minimum=1, maximum=2), group("B", "B1", "B2", minimum=1, maximum=2)],
        barred=(("A1", "B1"),),
    )

    def test_two_units_barred_together_never_count_both(self) -> None:
        progress = evaluate_qualification(self.award, ["M1", "M2", "M3", "A1", "B1"])
        assert not progress.complete
        assert len({"A1", "B1"} & set(progress.counted)) == 1

    @pytest.mark.parametrize("code", ["A2", "B2"])
    def test_another_unit_of_either_group_completes_it(self, code: str) -> None:
        progress = evaluate_qualification(self.award, ["M1", "M2", "M3", "A1", "B1", code])
        assert progress.complete
        assert next(iter(progress.surplus.values())).startswith("It may not count together with")

    def test_barred_choice_is_reported(self) -> None:
        (sentence,) = evaluate_qualification(self.award, [], ["A1", "B1"]).blocked
        assert "may not count together: choose another" in sentence


class TestCredits:
    """At least 50 credits: 14 mandatory, at least 20 from B, at most 16 from C, at least 38 at level 4."""

    award = qualification(
        {
            "M1": (6, 4), "M2": (8, 4),
            "B1": (10, 4), "B2": (8, 4), "B3": (7, 3), "B4": (9, 5),
            "C1": (6, 3), "C2": (5, 4), "C3": (5, 3), "C4": (8, 3),
        },
        ["M1", "M2"],
        [
            group("B", "B1", "B2", "B3", "B4", minimum_credits=20),
            group("C", "C1", "C2", "C3", "C4", maximum_credits=16),
        ],
        minimum_credits=50,
        credits_at_level=38,
        at_level=4,
    )  # fmt: skip

    def test_credits_count_in_all_and_at_the_level(self) -> None:
        progress = evaluate_qualification(self.award, ["M1", "M2", "B1", "B2", "B4", "C2", "C3"])
        assert (progress.complete, progress.credits, progress.credits_at_level) == (True, 51, 46)

    def test_credits_beyond_a_groups_maximum_do_not_count(self) -> None:
        progress = evaluate_qualification(self.award, ["M1", "M2", "B1", "B2", "C1", "C2", "C3", "C4"])
        assert not progress.complete
        assert progress.credits == 32 + 16
        assert "Achieve 2 credits more in all: 50 are required." in progress.missing
        assert next(iter(progress.surplus.values())) == "Group C is full: at most 16 credits of it count."

    def test_enough_credits_may_be_too_few_at_the_level(self) -> None:
        progress = evaluate_qualification(self.award, ["M1", "M2", "B1", "B2", "B3", "C1", "C3"])
        assert progress.credits == 50
        assert progress.missing == ("Achieve 6 credits more at level 4 or above: 38 are required there.",)

    def test_full_group_counts_the_units_the_level_needs(self) -> None:
        award = qualification(
            {"C1": (8, 3), "C2": (8, 4), "C3": (8, 3)},
            (),
            [group("C", "C1", "C2", "C3", maximum_credits=16)],
            minimum_credits=16,
            credits_at_level=8,
            at_level=4,
        )
        progress = evaluate_qualification(award, ["C1", "C2", "C3"])
        assert progress.complete
        assert "C2" in progress.counted


def test_group_rule_is_described_in_words() -> None:
    assert describe_group_rule(group("A", "A1", minimum=1, maximum=2)) == "at least 1 and at most 2 units"
    assert describe_group_rule(group("A", "A1", minimum=2, maximum=2)) == "exactly 2 units"
    assert describe_group_rule(group("A", "A1", minimum_credits=20)) == "at least 20 credits"
    assert describe_group_rule(group("A", "A1", maximum_credits=16)) == "at most 16 credits"
    assert describe_group_rule(group("A", "A1")) == "any number"


def test_shipped_examples_can_be_completed() -> None:
    awards = read_standards().qualifications
    assert [each.code for each in awards] == ["EX-DIP4-CS", "EX-SVQ3-CC"]
    for award in awards:
        assert evaluate_qualification(award, [unit.code for unit in award.units]).complete
        assert not evaluate_qualification(award, award.mandatory).complete


@st.composite
def awards(draw: st.DrawFn) -> QualificationDocument:
    codes = [f"U{number}" for number in range(draw(st.integers(1, 8)))]
    units = {code: (draw(st.integers(0, 6)), draw(st.integers(1, 4))) for code in codes}
    places = [draw(st.sampled_from("MAB")) for _ in codes]
    groups = []
    for name in "AB":
        members = [code for code, place in zip(codes, places, strict=True) if place == name]
        if members:
            minimum, min_credits = draw(st.integers(0, len(members))), draw(st.integers(0, 8))
            maximum = draw(st.none() | st.integers(minimum, len(members)))
            max_credits = draw(st.none() | st.integers(min_credits, 14))
            groups.append(QualificationGroup(name, tuple(members), None, minimum, maximum, min_credits, max_credits))
    mandatory = [code for code, place in zip(codes, places, strict=True) if place == "M"]
    pairs = [pair for pair in combinations(codes, 2) if not set(pair) <= set(mandatory)]
    return qualification(
        units,
        mandatory,
        groups,
        minimum_units=draw(st.integers(0, len(codes))),
        minimum_credits=draw(st.integers(0, 25)),
        credits_at_level=draw(st.integers(0, 12)),
        at_level=draw(st.integers(1, 4)),
        barred=tuple(draw(st.lists(st.sampled_from(pairs), max_size=3, unique=True))) if pairs else (),
    )


def list_allowed_selections(award: QualificationDocument, codes: Collection[str]) -> Iterator[set[str]]:
    """Yield every selection of units that may count."""
    for size in range(len(codes) + 1):
        for selection in map(set, combinations(sorted(codes), size)):
            if not any(set(pair) <= selection for pair in award.barred) and all(
                fits(award, each, selection) for each in award.groups
            ):
                yield selection


def fits(award: QualificationDocument, each: QualificationGroup, selection: set[str]) -> bool:
    inside = [award.by_code[code] for code in selection & set(each.units)]
    if each.maximum is not None and len(inside) > each.maximum:
        return False
    return each.maximum_credits is None or sum(unit.credit or 0 for unit in inside) <= each.maximum_credits


def fulfils(award: QualificationDocument, selection: set[str]) -> bool:
    units = [award.by_code[code] for code in selection]
    for each in award.groups:
        inside = [award.by_code[code] for code in selection & set(each.units)]
        if len(inside) < each.minimum or sum(unit.credit or 0 for unit in inside) < each.minimum_credits:
            return False
    high = sum(unit.credit or 0 for unit in units if (unit.level or 0) >= (award.at_level or 0))
    return (
        set(award.mandatory) <= selection
        and len(units) >= award.minimum_units
        and sum(unit.credit or 0 for unit in units) >= award.minimum_credits
        and high >= award.credits_at_level
    )


@settings(max_examples=100)
@given(award=awards(), data=st.data())
def test_complete_exactly_when_some_allowed_choice_fulfils_every_rule(
    award: QualificationDocument, data: st.DataObject
) -> None:
    achieved = data.draw(st.sets(st.sampled_from([unit.code for unit in award.units])))
    progress = evaluate_qualification(award, achieved)
    assert progress.complete == any(
        fulfils(award, selection) for selection in list_allowed_selections(award, achieved)
    )
    assert set(progress.counted) in list(list_allowed_selections(award, achieved))
    assert set(progress.counted) | set(progress.surplus) == achieved
    assert progress.complete == (progress.missing == ())


def test_sixty_units_are_evaluated_without_trying_every_choice() -> None:
    units = {f"U{number}": (number % 7 + 3, number % 3 + 2) for number in range(60)}
    codes = list(units)
    award = qualification(
        units,
        codes[:10],
        [
            group("B", *codes[10:40], minimum=5, maximum=12),
            group("C", *codes[40:], minimum_credits=20, maximum_credits=45),
        ],
        minimum_credits=150,
        credits_at_level=60,
        at_level=3,
        barred=tuple((codes[10 + each], codes[41 + each]) for each in range(10)),
    )
    progress = evaluate_qualification(award, codes)
    assert progress.complete
    assert len(progress.counted) > 20
