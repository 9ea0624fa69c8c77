"""The one clock of the product, so that a test or a told story can hold it still."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")

held: datetime | None = None
"""Set by tests, and while the demonstration's past is written."""


def now() -> datetime:
    """The moment, in UTC."""
    return held or datetime.now(UTC)


def today() -> date:
    """The day people mean: the one on the wall in London."""
    return day_of(now())


def day_of(moment: datetime) -> date:
    """The London day on which a moment fell."""
    return moment.astimezone(LONDON).date()


@contextmanager
def held_at(moment: datetime) -> Iterator[None]:
    """Everything inside happens at this moment."""
    global held  # noqa: PLW0603 - there is one clock
    before, held = held, moment
    try:
        yield
    finally:
        held = before
