"""Questions of a bank for tests, written by the services that the pages call."""

from tests import factories
from tracker.ledger.transactions import transaction
from tracker.models import BankQuestion, Centre, Person, UnitAttempt
from tracker.records.queries.question_bank import list_marked_criteria
from tracker.records.services.question_bank import QuestionText, change_question, write_question

QUESTION = "When do you refer a refund?"
GUIDANCE = "Names the limit of the organisation."


def write(
    attempt: UnitAttempt,
    author: Person,
    text: str = QUESTION,
    marks: tuple[str, ...] = ("g",),
    centre: Centre | None = None,
    guidance: str = GUIDANCE,
) -> BankQuestion:
    """Add a question about an attempt's unit to the bank of its centre."""
    known = [each.mark for each in list_marked_criteria(attempt.unit)]
    with transaction():
        written = QuestionText(text, marks, guidance)
        return write_question(attempt.unit, centre or attempt.centre, written, known, factories.make_actor(author))


def change(question: BankQuestion, author: Person, text: str, marks: tuple[str, ...] = ("g",)) -> BankQuestion:
    """Write the next version of a question."""
    known = [each.mark for each in list_marked_criteria(question.unit)]
    with transaction():
        return change_question(question, QuestionText(text, marks, GUIDANCE), known, factories.make_actor(author))
