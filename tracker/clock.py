"""The one clock of the product, so that a test can hold it still."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")

held: datetime | None = None
"""Set by tests only."""


def now() -> datetime:
    """The moment, in UTC."""
    return held or datetime.now(UTC)


def today() -> date:
    """The day people mean: the one on the wall in London."""
    return day_of(now())


def day_of(moment: datetime) -> date:
    """The London day on which a moment fell."""
    return moment.astimezone(LONDON).date()
