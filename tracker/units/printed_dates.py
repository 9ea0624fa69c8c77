"""Dates as units print them: `05 Feb 2021`, `March 2026`, `2019`. Nothing is added to what is printed."""

import datetime as dt
import re
from calendar import monthrange
from dataclasses import dataclass

MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
DAY_MONTH_YEAR = re.compile(r"(?:(\d{1,2})(?:st|nd|rd|th)?\s+)?([a-z]{3,9})\.?,?\s+(\d{4})", re.IGNORECASE)
YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True)
class PrintedDate:
    """A printed date and its ISO form: `2021-02-05`, `2026-03`, `2019`, or None where it cannot be parsed."""

    text: str
    date: str | None
    precision: str | None
    """`year`, `month` or `day`."""

    @property
    def last_day(self) -> dt.date | None:
        """Return the last day that the printed date may mean."""
        if self.date is None:
            return None
        parts = [int(part) for part in self.date.split("-")]
        year, month, day = (*parts, *(12, 0)[len(parts) - 1 :])
        return dt.date(year, month, day or monthrange(year, month)[1])


def parse_date(text: str) -> PrintedDate:
    """Parse a printed date without guessing: a numeric date such as 01/03/26 is ambiguous and stays unparsed."""
    result = _parse_parts(text.strip())
    if result is None:
        return PrintedDate(text, None, None)
    precision = ("year", "month", "day")[len(result) - 1]
    return PrintedDate(text, "-".join((f"{result[0]:04}", *(f"{part:02}" for part in result[1:]))), precision)


def _parse_parts(text: str) -> tuple[int, ...] | None:
    if YEAR.fullmatch(text) and int(text):
        return (int(text),)
    result = DAY_MONTH_YEAR.fullmatch(text)
    months = [each for each in MONTHS if result and each.startswith(result[2].lower())]
    if not result or not months or not int(result[3]):
        return None
    year, month = int(result[3]), MONTHS.index(months[0]) + 1
    if not result[1]:
        return (year, month)
    day = int(result[1])
    return (year, month, day) if 1 <= day <= monthrange(year, month)[1] else None
