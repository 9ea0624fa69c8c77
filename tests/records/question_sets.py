"""Set questions for tests, made by the services that the pages call."""

from datetime import date

from tests import factories
from tests.records.questions import write
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, EvidenceVersion, Person, QuestionSet, UnitAttempt
from tracker.portfolio.queries.question_sets import find_set
from tracker.records.services.answers import list_criteria, save_answers, submit_answers
from tracker.records.services.question_sets import build_questions, set_questions, take_questions_back

OWN = ("Whom do you tell about a fault?", "h")


def set_for(
    attempt: UnitAttempt,
    assessor: Person,
    note: str = "",
    due_on: date | None = None,
    typed: tuple[tuple[str, str], ...] = (OWN,),
    *,
    from_bank: bool = True,
) -> QuestionSet:
    """Set a question of the bank and one that the unit's assessor types."""
    chosen = [write(attempt, assessor)] if from_bank else []
    with transaction():
        attempt = db.session.get_one(UnitAttempt, attempt.id)
        questions = build_questions(chosen, typed, list_criteria(attempt))
        return set_questions(attempt, questions, note, due_on, factories.make_actor(assessor))


def answer(question_set: QuestionSet, *answers: str, help_used: str = "") -> None:
    """Save answers, in the order of the questions."""
    with transaction():
        found = reload(question_set)
        assert not save_answers(found, dict(enumerate(answers, 1)), help_used, None)


def submit_saved(question_set: QuestionSet) -> EvidenceVersion:
    """Submit the saved answers as the candidate does."""
    with transaction():
        found = reload(question_set)
        return submit_answers(found, factories.make_actor(found.attempt.candidate), None)


def take_back_set(
    question_set: QuestionSet, assessor: Person, reason: str = "You answered them in the meeting."
) -> None:
    """Take questions back as the unit's assessor does."""
    with transaction():
        found = reload(question_set)
        take_questions_back(found, found.attempt, reason, factories.make_actor(assessor))


def reload(question_set: QuestionSet) -> QuestionSet:
    """Return the set as it is stored now."""
    found = find_set(question_set.id)
    assert found
    db.session.refresh(found.evidence)
    return found


def get_evidence(question_set: QuestionSet) -> Evidence:
    """Return the evidence that the answers are."""
    db.session.rollback()
    return db.session.get_one(Evidence, question_set.evidence_id)
