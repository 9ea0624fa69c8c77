"""Whether a person is qualified on a day: awards held, worked towards, ended and removed."""

from datetime import date, datetime
from typing import Any

import pytest

from tracker.clock import LONDON
from tracker.models import StaffAward
from tracker.staff.award_standing import find_award_standing
from tracker.vocabulary import AwardKind, AwardState, Role

TODAY = date(2026, 11, 30)
HELD, AIM = date(2020, 5, 4), None


RECORDED = datetime(2020, 6, 2, 12, tzinfo=LONDON)


def award(kind: AwardKind = AwardKind.LD9DI, awarded_on: date | None = HELD, **values: Any) -> StaffAward:
    """Return an award, confirmed when it was recorded if it is held."""
    recorded = {"title": "", "recorded_at": RECORDED, "confirmed_at": RECORDED if awarded_on else None}
    return StaffAward(kind=kind, awarded_on=awarded_on, **(recorded | values))


def find_state(*awards: StaffAward, role: Role = Role.ASSESSOR, on: date = TODAY) -> AwardState:
    return find_award_standing(awards, role, on).state


def test_without_a_recorded_award_nobody_is_qualified() -> None:
    standing = find_award_standing((), Role.ASSESSOR, TODAY)
    assert not standing.is_qualified
    assert standing.describe() == "No award recorded"


def test_an_award_counts_from_its_day_to_its_last_day() -> None:
    held = award(awarded_on=date(2026, 1, 10), ends_on=date(2026, 6, 30))
    days = (date(2026, 1, 9), date(2026, 1, 10), date(2026, 6, 30), date(2026, 7, 1))
    assert [find_state(held, on=day) for day in days] == [
        AwardState.NOT_RECORDED, AwardState.HELD, AwardState.HELD, AwardState.ENDED,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "role"),
    [(AwardKind.V1, Role.ASSESSOR), (AwardKind.LD9D, Role.INTERNAL_VERIFIER)],
)
def test_an_award_qualifies_for_its_own_role_only(kind: AwardKind, role: Role) -> None:
    assert find_state(award(kind), role=role) is AwardState.NOT_RECORDED
    assert find_state(award(kind), role=kind.role) is AwardState.HELD


def test_an_award_that_was_removed_counts_for_the_days_before_only() -> None:
    removed = award(removed_at=datetime(2026, 1, 1, tzinfo=LONDON))
    assert find_state(removed) is AwardState.NOT_RECORDED
    assert find_state(removed, on=date(2026, 1, 1)) is AwardState.NOT_RECORDED
    assert find_state(removed, on=date(2025, 12, 31)) is AwardState.HELD


def test_an_award_that_is_recorded_late_does_not_count_for_the_days_before() -> None:
    moment = datetime(2026, 3, 2, 12, tzinfo=LONDON)
    late = award(recorded_at=moment, confirmed_at=moment)
    assert find_state(late, on=date(2026, 3, 1)) is AwardState.NOT_RECORDED
    assert find_state(late, on=date(2026, 3, 2)) is AwardState.HELD


def test_an_award_was_worked_towards_until_it_was_confirmed() -> None:
    achieved = award(
        awarded_on=date(2026, 2, 20), target_on=date(2026, 6, 1), confirmed_at=datetime(2026, 3, 2, tzinfo=LONDON)
    )
    before = find_award_standing([achieved], Role.ASSESSOR, date(2026, 3, 1))
    assert before.describe() == "Working towards: L&D9DI, by 1 June 2026"
    assert find_state(achieved, on=date(2026, 3, 2)) is AwardState.HELD


def test_an_award_worked_towards_is_overdue_after_its_target_date() -> None:
    aim = award(awarded_on=AIM, target_on=date(2026, 12, 1))
    assert find_state(aim) is AwardState.WORKING_TOWARDS
    assert find_state(aim, on=date(2026, 12, 1)) is AwardState.WORKING_TOWARDS
    assert find_state(aim, on=date(2026, 12, 2)) is AwardState.OVERDUE


def test_a_held_award_outweighs_one_that_is_worked_towards_or_has_ended() -> None:
    aim, ended = award(awarded_on=AIM, target_on=date(2026, 1, 1)), award(ends_on=date(2021, 1, 1))
    standing = find_award_standing((aim, ended, award(AwardKind.A1)), Role.ASSESSOR, TODAY)
    assert standing.is_qualified
    assert standing.describe() == "Held: A1"


def test_of_several_held_awards_the_one_with_the_latest_end_counts() -> None:
    short, long = award(ends_on=date(2026, 12, 24)), award(AwardKind.A1, ends_on=date(2028, 1, 1))
    standing = find_award_standing((short, long), Role.ASSESSOR, TODAY)
    assert standing.describe() == "Held: A1, until 1 January 2028"
    assert not standing.ends_soon


@pytest.mark.parametrize(("ends_on", "is_soon"), [(date(2027, 2, 28), True), (date(2027, 3, 1), False)])
def test_an_award_ends_soon_in_its_last_ninety_days(ends_on: date, is_soon: bool) -> None:
    standing = find_award_standing([award(ends_on=ends_on)], Role.ASSESSOR, TODAY)
    assert standing.ends_soon is is_soon
    assert standing.is_qualified


def test_each_state_is_described_in_a_few_words() -> None:
    aim = award(awarded_on=AIM, target_on=date(2026, 12, 1))
    described = [
        find_award_standing(awards, Role.ASSESSOR, TODAY).describe()
        for awards in ([aim], [award(awarded_on=AIM, target_on=date(2026, 6, 1))], [award(ends_on=date(2026, 6, 1))])
    ]
    assert described == [
        "Working towards: L&D9DI, by 1 December 2026",
        "Target date passed: L&D9DI, by 1 June 2026",
        "Ended: L&D9DI, until 1 June 2026",
    ]


def test_another_award_is_called_by_its_title() -> None:
    other = award(AwardKind.OTHER_ASSESSING, title="CAVA")
    assert find_award_standing([other], Role.ASSESSOR, TODAY).describe() == "Held: CAVA"
