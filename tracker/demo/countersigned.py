"""Countersigned work of the demonstration: Hamish works towards his award, and Gwen countersigns what he decides."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from tracker import clock
from tracker.assessment.services import countersigners
from tracker.assessment.services.countersignature_answers import agree_with_assessment
from tracker.demo.evidence import DemoItem
from tracker.extensions import db
from tracker.models import Countersignature
from tracker.staff.services import awards
from tracker.vocabulary import AwardKind, Method, Role

if TYPE_CHECKING:
    from tracker.demo.scenario import Scenario

SWITCHED_ON_DAYS_AGO = 31
FINNS_ITEMS: list[DemoItem] = [
    DemoItem(
        "Call about a parcel that did not arrive",
        Method.WORK_PRODUCT,
        18,
        "Live call, late shift",
        "L.M., case ID-5120",
        "The customer had waited in for two days. I checked the carrier's record while she was on the line, told her what "
        "it said and what it did not say, and booked a new delivery for the evening that suited her. I called her back "
        "the next day.",
        {"CFACC15": "1 2 k:d"},
        feedback="You told the customer what you did not know yet. Keep doing that.",
    ),
    DemoItem(
        "Refund over my limit, with a colleague",
        Method.WORK_PRODUCT,
        8,
        "Live call, early shift",
        "R.A., case ID-5188",
        "The refund was above what I may give. I said so, told him who could decide and by when, and passed the case to "
        "my team leader with everything he had told me, so that he did not have to say it twice.",
        {"CFACC15": "3 4 k:e"},
        feedback="A clear handover.",
    ),
]
"""Gwen has countersigned the first, and the second waits."""


def schedule_countersigning(scenario: Scenario, agreed_days_ago: int) -> None:
    """Schedule what Dan records and switches on, and Gwen's agreement to the first decision."""
    scenario.schedule(SWITCHED_ON_DAYS_AGO, 9, lambda: _switch_on(scenario))
    scenario.schedule(agreed_days_ago, 15, lambda: _agree(scenario))


def _switch_on(scenario: Scenario) -> None:
    dan, hamish = scenario.actor("Dan", Role.ADMINISTRATOR), scenario.people["Hamish"]
    target_on = clock.today() + timedelta(days=150)
    awards.record_planned_award(hamish, scenario.centre, AwardKind.LD9DI, "", target_on, dan)
    countersigners.name_countersigner(hamish, scenario.people["Gwen"], scenario.centre, dan)
    countersigners.change_countersigning(scenario.centre, dan, is_on=True)


def _agree(scenario: Scenario) -> None:
    query = select(Countersignature).where(Countersignature.answered_at.is_(None)).order_by(Countersignature.id)
    for waiting in db.session.scalars(query).all():
        agree_with_assessment(waiting, scenario.actor("Gwen", Role.ASSESSOR))
