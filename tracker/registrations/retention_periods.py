"""Retention periods of a centre: for how many months it keeps evidence, records and what is written of its staff.

docs/rules.md, Retention and erasure, rules 2, 3 and 12.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import RetentionRule


@dataclass(frozen=True)
class RetentionPeriods:
    """The months for which evidence and records are kept."""

    evidence: int
    records: int


DEFAULT_PERIODS = RetentionPeriods(evidence=12, records=36)
"""The periods of a centre that has set none."""


def list_rules(centre_id: int) -> list[RetentionRule]:
    """List a centre's retention rules by awarding body."""
    query = select(RetentionRule).where(RetentionRule.centre_id == centre_id).order_by(RetentionRule.awarding_body)
    return list(db.session.scalars(query))


def add_months(months: int, day: date) -> date:
    """Return the same day this many months later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in range(day.day, 27, -1):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    return date(year, month + 1, day.day)


def compute_months(record_months: Iterable[int]) -> int:
    """Return how many months a centre keeps staff records and its witness list, by how long it keeps decisions."""
    return max([DEFAULT_PERIODS.records, *record_months])


def find_last_day_kept(centre_id: int, ended_on: date) -> date:
    """Return until when a centre keeps what ended on a day: as long as decisions, by the longest of its rules."""
    return add_months(compute_months(rule.record_months for rule in list_rules(centre_id)), ended_on)
