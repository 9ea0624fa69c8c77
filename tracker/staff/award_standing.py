"""How a person stands to the awards that a role needs, on a day.

The one place that says whether somebody is qualified (docs/rules.md, Staff register, rule 4).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

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
        if self.award.is_held:
            return f"{name}, until {day(self.award.ends_on)}" if self.award.ends_on else name
        return f"{name}, by {day(self.award.target_on)}"

    def describe(self) -> str:
        """Return the standing in a few words, such as `Held: L&D9DI, until 3 March 2027`."""
        return f"{self.state.label}: {self.details}" if self.details else self.state.label


def find_award_standing(awards: Iterable[StaffAward], role: Role, as_of: date) -> AwardStanding:
    """Return how a person stands to the awards of a role on a day.

    Args:
        awards: the person's awards at a centre that are not removed from the register, of any role.
        role: assessor or internal verifier.
        as_of: the day.
    """
    of_role = [award for award in awards if award.kind.role is role and award.removed_at is None]
    granted = [award for award in of_role if award.awarded_on is not None and award.awarded_on <= as_of]
    held = [award for award in granted if award.ends_on is None or as_of <= award.ends_on]
    if held:
        return AwardStanding(AwardState.HELD, max(held, key=lambda award: award.ends_on or date.max), as_of)
    aims = [award for award in of_role if award.awarded_on is None and award.target_on is not None]
    if aims:
        nearest = max(aims, key=lambda award: award.target_on or date.min)
        is_overdue = nearest.target_on is not None and nearest.target_on < as_of
        return AwardStanding(AwardState.OVERDUE if is_overdue else AwardState.WORKING_TOWARDS, nearest, as_of)
    if granted:
        return AwardStanding(AwardState.ENDED, max(granted, key=lambda award: award.ends_on or date.max), as_of)
    return AwardStanding(AwardState.NOT_RECORDED, None, as_of)
