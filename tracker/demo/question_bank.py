"""The question bank of the demonstration, for the knowledge items of CFACC15, and questions asked in person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from tracker.extensions import db
from tracker.models import BankQuestion
from tracker.portfolio.record_content import Question
from tracker.records.queries.question_bank import list_marked_criteria
from tracker.records.services.drafts import save_observation, start_record
from tracker.records.services.finishing import finish_record
from tracker.records.services.question_bank import QuestionText, change_question, retire_question, write_question
from tracker.records.services.shared_questions import load_shared_questions
from tracker.vocabulary import Outcome, RecordKind, Role

if TYPE_CHECKING:
    from tracker.demo.scenario import Scenario

SHARED = """
unit: CFACC15
questions:
  - question: Which services and products does your contact centre support, and which does it pass on?
    criteria: [a]
    guidance: Names the main ones, and says where a caller is passed to for the others.
  - question: Which rules set what you may say, ask and record in a call?
    criteria: [b, "11"]
    guidance: Data protection, and the rules of the sector. Says what they change in a call, not their names alone.
  - question: How do you know that a caller is the customer?
    criteria: [e]
    guidance: The checks in their order, and what is done when one of them fails.
  - question: Why does it matter that a colleague can turn to you with a query above their limits?
    criteria: [f]
    guidance: For the customer, for the colleague and for the centre.
  - question: What makes a good key performance indicator, and how do you check its figures?
    criteria: [i, "10"]
    guidance: It can be measured, the adviser can change it, and a second source confirms it.
  - question: Who hears about monitoring results from you, how, and what happens then?
    criteria: [j]
  - question: How does your centre collect what customers think of its service?
    criteria: [k]
    guidance: At least two methods, with what each is good for.
"""
OWN = (
    QuestionText(
        "What do the service aims of Harbour say about repeated contacts?", ("c",),
        "One contact is the aim. A second one is booked with a day and a time.",
    ),
    QuestionText(
        "Take me through the procedure when an adviser hands a call over to you.", ("d",),
        "Warm transfer, notes read before the customer repeats anything, and feedback to the adviser.",
    ),
    QuestionText(
        "A customer asks for a refund of £80. What do you do?", ("g",),
        "£50 is the limit. The duty manager decides above it, and the customer is told when.",
    ),
    QuestionText(
        "Which problem of a single customer did you report because others may have it too?", ("h",),
        "A real case, what it showed, and whom it was reported to.",
    ),
)  # fmt: skip
"""Questions of the centre's own."""
ASKED = (
    Question(
        "What do the service aims of Harbour say about repeated contacts?",
        "“One contact if we can. If not, I give them a day and a time, and I put it in the notes.”", "c", Outcome.MET,
    ),
    Question(
        "How does your centre collect what customers think of its service?",
        "“The survey after the call.” Could not name a second method.", "k", Outcome.NEEDS_MORE,
    ),
)  # fmt: skip
"""What Bob asked Alice in person, and her answers."""
RETIRED = QuestionText("Which form do you fill in for a complaint by post?", ("d",), "Form C4.")
REWORDED = "A customer asks you for a refund of £80. What may you do yourself, and what do you do then?"


def schedule_question_bank(scenario: Scenario) -> None:
    """Schedule what the operator loads, and what Bob and Dan write, change and retire."""
    scenario.schedule(150, 9, _load)
    scenario.schedule(149, 10, lambda: _write(scenario))
    scenario.schedule(60, 15, lambda: _change(scenario))


def schedule_questions_asked(scenario: Scenario) -> None:
    """Schedule questions that Bob asks Alice in person."""
    scenario.schedule(2, 15, lambda: _ask(scenario))


def _ask(scenario: Scenario) -> None:
    bob = scenario.actor("Bob", Role.ASSESSOR)
    record = start_record(scenario.attempt("Alice", "CFACC15"), RecordKind.QUESTIONS, bob)
    save_observation(
        record, {"questions": ASKED, "place": "Leeds, meeting room", "starts": "15:00", "ends": "15:20"}, None
    )
    finish_record(record, bob)


def _load() -> None:
    load_shared_questions(SHARED)


def _write(scenario: Scenario) -> None:
    unit, bob = scenario.attempt("Chloe", "CFACC15").unit, scenario.actor("Bob", Role.ASSESSOR)
    marks = [each.mark for each in list_marked_criteria(unit)]
    for each in (*OWN, RETIRED):
        write_question(unit, scenario.centre, each, marks, bob)


def _change(scenario: Scenario) -> None:
    unit, dan = scenario.attempt("Chloe", "CFACC15").unit, scenario.actor("Dan", Role.ADMINISTRATOR)
    marks = [each.mark for each in list_marked_criteria(unit)]
    retire_question(_find(RETIRED), dan)
    refund = OWN[2]
    change_question(
        _find(refund),
        QuestionText(REWORDED, refund.marks, refund.guidance),
        marks,
        scenario.actor("Bob", Role.ASSESSOR),
    )


def _find(written: QuestionText) -> BankQuestion:
    return db.session.scalars(select(BankQuestion).where(BankQuestion.text == written.text)).one()
