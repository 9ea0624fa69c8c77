"""Runs: what a paragraph holds that was several lines: the foot of its page, and a heading before the first code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader import words
from tracker.unit_reader.rows import Row

MIN_LENGTH = 60
"""What is shorter is a line of its own."""
FOOT = re.compile(rf"\s(?P<foot>(?:{words.CODE.pattern})(?: [^\s.;:]+){{0,10}}) (?P<page>\d{{1,3}})$")
CODED = re.compile(r"(?<=[a-z)])\s+(?=(?P<letters>PC?|KU?)(?P<number>\d{1,3})\s+\S)")
"""Where a code stands behind words that are no sentence."""


def without_feet(rows: Sequence[Row]) -> list[Row]:
    """The rows without the foot of the page that some end with: the unit's code, and numbers that count the pages."""
    feet = [
        (at, match) for at, row in enumerate(rows) if len(row.text) >= MIN_LENGTH and (match := FOOT.search(row.text))
    ]
    counted: set[int] = set()
    for (above, one), (below, other) in pairwise(feet):
        if one["foot"] == other["foot"] and int(other["page"]) == int(one["page"]) + 1:
            counted |= {above, below}
    starts = {at: match.start() for at, match in feet if at in counted}
    return [replace(row, text=row.text[: starts[at]]) if at in starts else row for at, row in enumerate(rows)]


def cut_before_codes(rows: Sequence[Row]) -> Iterator[Row]:
    """`Agree the work P1 ask … P2 tell …` as two rows: the words before the first code are a heading."""
    for row in rows:
        match = CODED.search(row.text) if len(row.text) >= MIN_LENGTH and not row.cells else None
        following = rf"\s{match['letters']}{int(match['number']) + 1}\s" if match else ""
        if match and not words.starts_item(row.text) and re.search(following, row.text[match.end() :]):
            if words.is_introduction(row.text[: match.start()]) or match.start() > words.MAX_HEADING_LENGTH:
                yield row
                continue
            yield replace(row, text=row.text[: match.start()], heading=True)
            yield replace(row, text=row.text[match.end() :], after_blank=False)
        else:
            yield row
