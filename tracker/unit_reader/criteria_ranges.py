"""Ranges of criteria: a heading for several (`criteria 1–9: …`) or a rule for their assessment."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.unit_reader.document_model import CleanLine
from tracker.unit_reader.markers import parse_markers

_CRITERIA_WORD = (
    r"(?:performance |assessment )?criteri(?:a|on)|(?:knowledge )?(?:items?|statements?)|pcs?|numbers?|nos\.?"
)
_CODE = r"([A-Z]{1,2}\d{1,3})"
_LABEL = r"([A-Z]{0,2}\d{1,3}|[a-z])"
_TO = r"\s*(?:–|—|-|to)\s*"
RANGE_FIRST = [
    re.compile(rf"\(?(?:{_CRITERIA_WORD})\s*{_LABEL}(?:{_TO}{_LABEL})?\)?\s*:\s*(\S.*)", re.IGNORECASE),
    re.compile(rf"\(?(?:{_CRITERIA_WORD})\s*{_LABEL}{_TO}{_LABEL}\)?\s*[:.–—-]?\s*(\S.*)", re.IGNORECASE),
    re.compile(rf"\(?{_CODE}{_TO}{_CODE}\)?\s*[:.–—-]?\s*(\S.*)"),
    re.compile(rf"\(?{_LABEL}{_TO}{_LABEL}\)?\s*[:–—]\s*(\S.*)"),
]
RANGE_LAST = [
    re.compile(rf"(\S.*?)\s*[(\[]?\b(?:{_CRITERIA_WORD})\s*{_LABEL}{_TO}{_LABEL}[)\]]?\s*:?", re.IGNORECASE),
    re.compile(rf"(\S.*?)\s*[(\[]{_LABEL}{_TO}{_LABEL}[)\]]\s*:?"),
]
ASSESSMENT_WORD = re.compile(
    r"\b(?:observ\w+|witness\w*|question\w*|simulat\w+|assess(?:ed|or|ment)|evidenced?|testimon\w+"
    r"|professional discussion)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CriteriaRange:
    """First and last label of a range of criteria, and what the line says of them."""

    first: str
    last: str
    description: str
    text: str
    """The whole line."""

    @property
    def is_rule(self) -> bool:
        """Return whether the line tells the assessor how these criteria are assessed."""
        return bool(ASSESSMENT_WORD.search(self.description))


def parse_range(text: str) -> CriteriaRange | None:
    """Return the range that a line describes, or None."""
    if len(text) > 300:
        return None
    for pattern in RANGE_FIRST:
        if match := pattern.fullmatch(text):
            return CriteriaRange(match[1], match[2] or match[1], match[3].rstrip(":").strip(), text)
    if any(not marker.is_ambiguous and not marker.is_bullet for marker, _ in parse_markers(text)):
        return None
    for pattern in RANGE_LAST:
        if match := pattern.fullmatch(text):
            return CriteriaRange(match[2], match[3], match[1].rstrip(":").strip(), text)
    return None


def extract_ranges(lines: Sequence[CleanLine]) -> tuple[list[CleanLine], list[CriteriaRange]]:
    """Return the lines that describe no range, and the ranges of the others."""
    parsed = [(line, parse_range(line.text)) for line in lines]
    return [line for line, criteria_range in parsed if criteria_range is None], [
        criteria_range for _, criteria_range in parsed if criteria_range
    ]
