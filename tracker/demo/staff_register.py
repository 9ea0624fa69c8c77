"""The staff register of the demonstration: awards, competence, CPD and declared interests of its invented staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from tracker import clock
from tracker.extensions import db
from tracker.models import InterestDeclaration
from tracker.staff.services import awards, own_entries
from tracker.staff.services.awards import Certificate
from tracker.vocabulary import AwardKind, Role

if TYPE_CHECKING:
    from tracker.demo.scenario import Scenario
    from tracker.ledger.events import Actor

RECORDED_DAYS_AGO = 195
AWARDS = (
    ("Bob", AwardKind.LD9DI, Certificate("SQA", "L9DI-204417", date(2019, 6, 14), None, is_seen=True)),
    ("Carol", AwardKind.A1, Certificate("City & Guilds", "A1-77120", date(2008, 3, 7), None, is_seen=True)),
    ("Carol", AwardKind.V1, Certificate("City & Guilds", "V1-80233", date(2010, 11, 19), None, is_seen=True)),
)
"""Each award that is held, with its person and certificate."""
COMPETENCE = (
    ("Bob", "CFACC15", "", "Team leader in a contact centre for eight years, until 2024; one day a month on the floor since."),
    ("Bob", "INSCC004", "", "Handled insurance claims by telephone for three years."),
    ("Carol", "", "Contact centres", "Operations manager for twelve years; member of the sector’s regional forum."),
    ("Gwen", "CFACC15", "", "Adviser and coach in a contact centre for six years."),
)  # fmt: skip
"""Who is competent in which unit or sector, and what that rests on."""

INTEREST = "The mother of one of my candidates is my neighbour. I have told Dan which."


@dataclass(frozen=True)
class DemoCpd:
    """An entry of a CPD log."""

    name: str
    days_ago: int
    minutes: int
    title: str
    learning: str
    evidence: str = ""


CPD = (
    DemoCpd(
        "Bob", 150, 420, "Course: assessing by professional discussion",
        "How to agree the areas beforehand and let the candidate lead. I now send the areas two days ahead.",
        "Certificate of attendance, in my folder in the office.",
    ),
    DemoCpd(
        "Bob", 62, 120, "Standardisation meeting, CFACC15",
        "We decided what shows criterion 11. I ask for the date of the call in each claim.",
        "Minutes in the quality folder.",
    ),
    DemoCpd(
        "Bob", 20, 450, "A day on the floor at Leeds",
        "The new refund limits and the script for vulnerable customers. I use both in my questions.",
    ),
    DemoCpd(
        "Carol", 62, 120, "Led a standardisation meeting, CFACC15",
        "Two assessors read criterion 11 differently. I sample it for each assessor this quarter.",
        "Minutes in the quality folder.",
    ),
    DemoCpd(
        "Gwen", 40, 90, "Webinar: sampling by risk",
        "New assessors are sampled more. I keep a list of who is new to a unit.",
    ),
)  # fmt: skip
"""What the staff logged."""


def schedule_staff_register(scenario: Scenario) -> None:
    """Schedule what Dan records, and what Bob, Carol and Gwen write."""
    scenario.schedule(RECORDED_DAYS_AGO, 10, lambda: _record_awards(scenario))
    scenario.schedule(RECORDED_DAYS_AGO, 11, lambda: _record_competence(scenario))
    for entry in CPD:
        scenario.schedule(entry.days_ago, 16, lambda entry=entry: _log_cpd(scenario, entry))  # type: ignore[misc]  # binds the loop's value
    scenario.schedule(190, 12, lambda: _declare(scenario, "Bob", INTEREST))
    scenario.schedule(189, 9, lambda: _answer(scenario))
    scenario.schedule(188, 9, lambda: _declare(scenario, "Carol", ""))
    scenario.schedule(2, 12, lambda: _declare(scenario, "Gwen", "I coach two of the advisers at Leeds at weekends."))


def _record_awards(scenario: Scenario) -> None:
    dan, today = scenario.actor("Dan", Role.ADMINISTRATOR), clock.today()
    for name, kind, certificate in AWARDS:
        awards.record_held_award(scenario.people[name], scenario.centre, kind, "", certificate, dan)
    gwen = scenario.people["Gwen"]
    ends_on = today + timedelta(days=RECORDED_DAYS_AGO + 60)
    certificate = Certificate("Highfield", "AICE-3391", date(2022, 2, 4), ends_on, is_seen=True)
    title = "Level 3 Award in Assessing Competence in the Work Environment"
    awards.record_held_award(gwen, scenario.centre, AwardKind.OTHER_ASSESSING, title, certificate, dan)
    target_on = today + timedelta(days=RECORDED_DAYS_AGO + 45)
    awards.record_planned_award(gwen, scenario.centre, AwardKind.LD11, "", target_on, dan)


def _record_competence(scenario: Scenario) -> None:
    dan = scenario.actor("Dan", Role.ADMINISTRATOR)
    for name, code, sector, basis in COMPETENCE:
        awards.record_competence(scenario.people[name], scenario.centre, code, sector, basis, dan)


def _log_cpd(scenario: Scenario, entry: DemoCpd) -> None:
    texts = (entry.title, entry.learning, entry.evidence)
    own_entries.record_cpd(
        scenario.people[entry.name],
        scenario.centre,
        clock.today(),
        entry.minutes,
        texts,
        _act_as_staff(scenario, entry.name),
    )


def _declare(scenario: Scenario, name: str, interest: str) -> None:
    own_entries.declare_interest(scenario.people[name], scenario.centre, interest, _act_as_staff(scenario, name))


def _answer(scenario: Scenario) -> None:
    bob = scenario.people["Bob"]
    declaration = db.session.scalars(select(InterestDeclaration).where(InterestDeclaration.person_id == bob.id)).one()
    answer = "Carol samples every unit of this candidate. Reviewed in six months."
    own_entries.answer_interest(declaration, bob, answer, scenario.actor("Dan", Role.ADMINISTRATOR))


def _act_as_staff(scenario: Scenario, name: str) -> Actor:
    return scenario.actor(name, Role.INTERNAL_VERIFIER if name == "Carol" else Role.ASSESSOR)
