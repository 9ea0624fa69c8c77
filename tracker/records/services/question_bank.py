"""Questions of a bank: written, changed by a new version, and retired.

A centre's assessors and administrators keep its bank; the installation's operator keeps the shared one
(docs/rules.md, Question banks and questions asked, rule 1).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import BankQuestion, Centre, Unit
from tracker.portfolio.record_content import MAX_QUESTION

MAX_GUIDANCE = 5_000
MAX_IN_BANK = 500
"""Questions of a unit in one bank."""


@dataclass(frozen=True)
class QuestionText:
    """What is written of a question: its words, the criteria that it covers, and what a good answer has."""

    text: str
    marks: Sequence[str]
    guidance: str = ""


def write_question(
    unit: Unit, centre: Centre | None, written: QuestionText, known_marks: Collection[str], actor: Actor
) -> BankQuestion:
    """Add a question to a bank.

    Args:
        unit: the version of the unit whose criteria it covers.
        centre: whose bank it is; None for the shared one.
        written: the question.
        known_marks: the marks of the unit's criteria.
        actor: who writes it.

    Raises:
        Invalid: the text, a criterion or the guidance is missing or wrong, or the bank has the question already.
        Refused: the bank has as many questions of the unit as it may have.
    """
    written = _check(written, known_marks)
    centre_id = centre.id if centre else None
    in_bank = (
        BankQuestion.unit_id == unit.id,
        BankQuestion.centre_id.is_(None) if centre_id is None else BankQuestion.centre_id == centre_id,
        BankQuestion.ended_at.is_(None),
    )
    if db.session.scalar(select(BankQuestion.id).where(*in_bank, BankQuestion.text == written.text).limit(1)):
        raise Invalid("The bank has this question for this unit already. Nothing was added.", "text")
    if (db.session.scalar(select(func.count(BankQuestion.id)).where(*in_bank)) or 0) >= MAX_IN_BANK:
        raise Refused(
            f"The bank has {MAX_IN_BANK} questions for this unit, which is the maximum. Nothing was added. Retire "
            "some first."
        )
    question = _build(unit.id, centre_id, written, actor, number=1, replaces_id=None)
    record("bank_question_written", question, actor, centre=centre_id, unit=unit.id)
    return question


def change_question(
    question: BankQuestion, written: QuestionText, known_marks: Collection[str], actor: Actor
) -> BankQuestion:
    """Write the next version of a question. Records and sets of questions keep the words of the version before.

    Raises:
        Conflict: it was changed or retired since it was shown.
        Invalid: as `write_question`, or nothing was changed.
    """
    written = _check(written, known_marks)
    _lock_current(question)
    if (written.text, list(written.marks), written.guidance) == (question.text, question.marks, question.guidance):
        raise Invalid("Nothing is changed yet. Change the question, its criteria or the guidance.", "text")
    question.ended_at, question.ended_by_id = now(), actor.person_id
    newer = _build(
        question.unit_id, question.centre_id, written, actor, number=question.number + 1, replaces_id=question.id
    )
    record("bank_question_changed", newer, actor, centre=question.centre_id, unit=question.unit_id)
    return newer


def retire_question(question: BankQuestion, actor: Actor) -> None:
    """Take a question out of use. Raises `Conflict` where it was changed or retired since it was shown."""
    _lock_current(question)
    question.ended_at, question.ended_by_id = now(), actor.person_id
    record("bank_question_retired", question, actor, centre=question.centre_id, unit=question.unit_id)


def _build(
    unit_id: int, centre_id: int | None, written: QuestionText, actor: Actor, *, number: int, replaces_id: int | None
) -> BankQuestion:
    question = BankQuestion(
        centre_id=centre_id,
        unit_id=unit_id,
        number=number,
        replaces_id=replaces_id,
        text=written.text,
        marks=list(written.marks),
        guidance=written.guidance,
        written_at=now(),
        written_by_id=actor.person_id,
    )
    db.session.add(question)
    db.session.flush()
    return question


def _lock_current(question: BankQuestion) -> None:
    lock_rows(BankQuestion, [question.id])
    if question.ended_at is not None:
        raise Conflict(
            "This question was changed or retired since you opened this page. Nothing was changed. Open the bank "
            "to see what it has now."
        )


def _check(written: QuestionText, known_marks: Collection[str]) -> QuestionText:
    """Return a question as it is stored; raise `Invalid` for what is missing, too long or names no criterion."""
    text, guidance = (value.replace("\r\n", "\n").strip() for value in (written.text, written.guidance))
    if not text:
        raise Invalid("Enter the question.", "text")
    if len(text) > MAX_QUESTION:
        raise Invalid(f"A question can have at most {MAX_QUESTION:,} characters. Shorten it.", "text")
    if len(guidance) > MAX_GUIDANCE:
        raise Invalid(f"The guidance can have at most {MAX_GUIDANCE:,} characters. Shorten it.", "guidance")
    unknown = [mark for mark in written.marks if mark not in known_marks]
    if unknown:
        raise Invalid(f"The unit has no criterion {', '.join(unknown)}. Choose others.", "marks")
    marks = [mark for mark in known_marks if mark in written.marks]
    if not marks:
        raise Invalid("Choose at least one criterion that the question covers.", "marks")
    return QuestionText(text, marks, guidance)
