"""The clock of the product, which tests and the demonstration can set."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")

frozen: datetime | None = None
"""The time that the clock shows if it is stopped, in tests and while demonstration data is created."""


def now() -> datetime:
    """Return the present moment in UTC."""
    return frozen or datetime.now(UTC)


def today() -> date:
    """Return today's date in London."""
    return day_of(now())


def time_of(moment: datetime) -> str:
    """Return the London time of a moment as `10:42`."""
    return f"{moment.astimezone(LONDON):%H:%M}"


def day_of(moment: datetime) -> date:
    """Return the date in London at a moment."""
    return moment.astimezone(LONDON).date()


def start_of_day(day: date) -> datetime:
    """Return the first moment of a day in London."""
    return datetime.combine(day, time.min, LONDON)


def end_of_day(day: date) -> datetime:
    """Return the last moment of a day in London."""
    return datetime.combine(day, time.max, LONDON)


@contextmanager
def frozen_at(moment: datetime) -> Iterator[None]:
    """Set the clock to a moment for everything inside."""
    global frozen  # noqa: PLW0603 - there is one clock
    before, frozen = frozen, moment
    try:
        yield
    finally:
        frozen = before
