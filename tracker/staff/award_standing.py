"""Award status of a person for a role, on a day.

The one place that says whether somebody is qualified (docs/rules.md, Staff register, rule 4).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from tracker.clock import day_of
from tracker.models import StaffAward
from tracker.vocabulary import AwardState, Role
from tracker.web.formatting import day
from tracker.web.text_direction import isolate

ENDS_SOON = timedelta(days=90)
"""How long before its end an award is shown as ending soon."""


@dataclass(frozen=True)
class AwardStanding:
    """A person's standing to the awards of a role on a day, with the award that it rests on."""

    state: AwardState
    award: StaffAward | None
    as_of: date

    @property
    def is_qualified(self) -> bool:
        """Return whether the person holds an award of the role."""
        return self.state is AwardState.HELD

    @property
    def ends_soon(self) -> bool:
        """Return whether the award ends within `ENDS_SOON`."""
        ends_on = self.award.ends_on if self.award else None
        return self.is_qualified and ends_on is not None and ends_on <= self.as_of + ENDS_SOON

    @property
    def details(self) -> str:
        """Return the award with its last day or target date, as `L&D9DI, until 3 March 2027`; empty if none."""
        if self.award is None:
            return ""
        name = isolate(self.award.name)
        if self.state in {AwardState.HELD, AwardState.ENDED}:
            return f"{name}, until {day(self.award.ends_on)}" if self.award.ends_on else name
        return f"{name}, by {day(self.award.target_on)}"

    def describe(self) -> str:
        """Return the standing in a few words, such as `Held: L&D9DI, until 3 March 2027`."""
        return f"{self.state.label}: {self.details}" if self.details else self.state.label


def find_award_standing(awards: Iterable[StaffAward], role: Role, as_of: date) -> AwardStanding:
    """Return a person's award status for a role on a day, by what the register said at the end of that day.

    So an award that is recorded or removed later changes nothing for the days before.

    Args:
        awards: the person's awards at a centre, of any role; for a past day those removed since too.
        role: assessor or internal verifier.
        as_of: the day.
    """
    of_role = [award for award in awards if award.kind.role is role and _is_in_register(award, as_of)]
    granted = [award for award in of_role if _is_confirmed(award, as_of)]
    held = [award for award in granted if award.ends_on is None or as_of <= award.ends_on]
    if held:
        return AwardStanding(AwardState.HELD, max(held, key=lambda award: award.ends_on or date.max), as_of)
    aims = [award for award in of_role if not _is_confirmed(award, as_of) and award.target_on is not None]
    if aims:
        nearest = max(aims, key=lambda award: award.target_on or date.min)
        is_overdue = nearest.target_on is not None and nearest.target_on < as_of
        return AwardStanding(AwardState.OVERDUE if is_overdue else AwardState.WORKING_TOWARDS, nearest, as_of)
    if granted:
        return AwardStanding(AwardState.ENDED, max(granted, key=lambda award: award.ends_on or date.max), as_of)
    return AwardStanding(AwardState.NOT_RECORDED, None, as_of)


def _is_in_register(award: StaffAward, as_of: date) -> bool:
    """Return whether an award was recorded by a day, and not removed by its end."""
    is_removed = award.removed_at is not None and day_of(award.removed_at) <= as_of
    return day_of(award.recorded_at) <= as_of and not is_removed


def _is_confirmed(award: StaffAward, as_of: date) -> bool:
    """Return whether an award was given and confirmed by a day."""
    return (
        award.awarded_on is not None
        and award.confirmed_at is not None
        and award.awarded_on <= as_of
        and day_of(award.confirmed_at) <= as_of
    )
