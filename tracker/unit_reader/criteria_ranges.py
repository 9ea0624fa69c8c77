"""Ranges of criteria: a heading for several (`criteria 1–9: …`) or a rule for their assessment."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.unit_reader.document_model import CleanLine
from tracker.unit_reader.markers import read_markers

_NAMED = r"(?:performance |assessment )?criteri(?:a|on)|(?:knowledge )?(?:items?|statements?)|pcs?|numbers?|nos\.?"
_CODED = r"([A-Z]{1,2}\d{1,3})"
_ANY = r"([A-Z]{0,2}\d{1,3}|[a-z])"
_TO = r"\s*(?:–|—|-|to)\s*"
BEFORE = [
    re.compile(rf"\(?(?:{_NAMED})\s*{_ANY}(?:{_TO}{_ANY})?\)?\s*:\s*(\S.*)", re.IGNORECASE),
    re.compile(rf"\(?(?:{_NAMED})\s*{_ANY}{_TO}{_ANY}\)?\s*[:.–—-]?\s*(\S.*)", re.IGNORECASE),
    re.compile(rf"\(?{_CODED}{_TO}{_CODED}\)?\s*[:.–—-]?\s*(\S.*)"),
    re.compile(rf"\(?{_ANY}{_TO}{_ANY}\)?\s*[:–—]\s*(\S.*)"),
]
BEHIND = [
    re.compile(rf"(\S.*?)\s*[(\[]?\b(?:{_NAMED})\s*{_ANY}{_TO}{_ANY}[)\]]?\s*:?", re.IGNORECASE),
    re.compile(rf"(\S.*?)\s*[(\[]{_ANY}{_TO}{_ANY}[)\]]\s*:?"),
]
ASSESSING = re.compile(
    r"\b(?:observ\w+|witness\w*|question\w*|simulat\w+|assess(?:ed|or|ment)|evidenced?|testimon\w+"
    r"|professional discussion)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Range:
    """From which label to which, and what is said of them."""

    first: str
    last: str
    said: str
    text: str
    """The whole line."""

    @property
    def is_rule(self) -> bool:
        """Whether it tells the assessor how these are assessed."""
        return bool(ASSESSING.search(self.said))


def read_range(text: str) -> Range | None:
    """The range that the line speaks of, or None."""
    if len(text) > 300:
        return None
    for pattern in BEFORE:
        if match := pattern.fullmatch(text):
            return Range(match[1], match[2] or match[1], match[3].rstrip(":").strip(), text)
    if any(not marker.weak and not marker.is_bullet for marker, _ in read_markers(text)):
        return None
    for pattern in BEHIND:
        if match := pattern.fullmatch(text):
            return Range(match[2], match[3], match[1].rstrip(":").strip(), text)
    return None


def take_ranges(rows: Sequence[CleanLine]) -> tuple[list[CleanLine], list[Range]]:
    """The rows that speak of no range, and the ranges."""
    found = [(row, read_range(row.text)) for row in rows]
    return [row for row, ranged in found if ranged is None], [ranged for _, ranged in found if ranged]
