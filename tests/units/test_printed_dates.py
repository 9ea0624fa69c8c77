"""Parsing of printed dates."""

from datetime import date

import pytest

from tracker.units.printed_dates import parse_date


@pytest.mark.parametrize(
    ("text", "expected", "precision", "last_day"),
    [
        ("05 Feb 2021", "2021-02-05", "day", date(2021, 2, 5)),
        ("1st March 2026", "2026-03-01", "day", date(2026, 3, 1)),
        ("29 February 2024", "2024-02-29", "day", date(2024, 2, 29)),
        ("Sept. 2021", "2021-09", "month", date(2021, 9, 30)),
        ("February 2024", "2024-02", "month", date(2024, 2, 29)),
        ("2019", "2019", "year", date(2019, 12, 31)),
    ],
)
def test_printed_date_is_parsed(text: str, expected: str, precision: str, last_day: date) -> None:
    parsed = parse_date(text)
    assert (parsed.text, parsed.date, parsed.precision, parsed.last_day) == (text, expected, precision, last_day)


@pytest.mark.parametrize(
    "text", ["31 Feb 2020", "29 February 2023", "01/03/26", "Ju 2020", "soon", "0000", "32 May 2020"]
)
def test_ambiguous_date_is_not_guessed(text: str) -> None:
    parsed = parse_date(text)
    assert (parsed.text, parsed.date, parsed.precision, parsed.last_day) == (text, None, None, None)
