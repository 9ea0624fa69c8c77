"""Remarks of the demonstration: Bob writes them on Alice's files and account, she answers one, and he settles it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from tracker.assessment.services.remarks import add_remark, settle_remark
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.models import EvidenceVersion, FeedbackAnswer, FeedbackRemark, UnitAttempt
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.portfolio.remark_places import Region, RemarkPlace
from tracker.portfolio.services.remark_answers import answer_remark
from tracker.vocabulary import Role

if TYPE_CHECKING:
    from tracker.demo.scenario import Scenario

ANSWER = "Yes: calls that were passed on are counted where they ended. I have written that on the sheet at work."
ANSWERED_DAYS_AGO, SETTLED_DAYS_AGO = 26, 25


@dataclass(frozen=True)
class DemoRemark:
    """A remark on a paragraph of the account, or on a region of the first page of the item's file."""

    text: str
    paragraph: int | None = None
    region: Region | None = None
    is_answered: bool = False
    """Whether Alice answers it, and Bob settles it then."""


REMARKS: dict[str, tuple[DemoRemark, ...]] = {
    "What we measure, and why": (
        DemoRemark(
            "Does this count calls that were passed on to another team?",
            region=Region(100, 150, 500, 60),
            is_answered=True,
        ),
        DemoRemark("A good reason, in plain words. Use it again when you present the sheet.", paragraph=1),
    ),
    "Monitoring plan and ten scorecards": (
        DemoRemark("Say who else sees the scorecards, and for how long they are kept.", paragraph=1),
    ),
}
"""The remarks on Alice's items, by title."""


def write_remarks(attempt: UnitAttempt, version: EvidenceVersion, actor: Actor) -> None:
    """Write the remarks on an item into its draft assessment."""
    files: Sequence[int] = [each.id for each in list_version_attachments(version)]
    for remark in REMARKS.get(version.title, ()):
        place = RemarkPlace(files[0], 1, remark.region) if remark.region else RemarkPlace(paragraph=remark.paragraph)
        add_remark(attempt, version, place, remark.text, actor)


def schedule_answers(scenario: Scenario) -> None:
    """Schedule Alice's answer, and that Bob settles what she answered."""
    scenario.schedule(ANSWERED_DAYS_AGO, 18, lambda: _answer(scenario))
    scenario.schedule(SETTLED_DAYS_AGO, 10, lambda: _settle(scenario))


def _answer(scenario: Scenario) -> None:
    answered = {each.text for remarks in REMARKS.values() for each in remarks if each.is_answered}
    query = select(FeedbackRemark).where(FeedbackRemark.text.in_(answered)).order_by(FeedbackRemark.id)
    for remark in db.session.scalars(query).all():
        answer_remark(remark.assessment.attempt, remark, ANSWER, scenario.actor("Alice", Role.CANDIDATE))


def _settle(scenario: Scenario) -> None:
    for answer in db.session.scalars(select(FeedbackAnswer).order_by(FeedbackAnswer.id)).all():
        settle_remark(answer.remark.assessment.attempt, answer.remark, scenario.actor("Bob", Role.ASSESSOR))
