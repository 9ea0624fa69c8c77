"""The shared question bank, which the installation's operator keeps by command."""

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.events import OPERATOR
from tracker.library.queries.units import find_unit_by_code
from tracker.models import BankQuestion
from tracker.portfolio.record_content import MAX_QUESTION
from tracker.records.queries.question_bank import list_marked_criteria, list_shared_texts
from tracker.records.services.question_bank import MAX_GUIDANCE, QuestionText, retire_question, write_question


class SharedQuestionSchema(Schema):
    """A question of the file."""

    question = fields.String(required=True, validate=validate.Length(min=1, max=MAX_QUESTION))
    criteria = fields.List(fields.String(), required=True, validate=validate.Length(min=1))
    guidance = fields.String(load_default="", validate=validate.Length(max=MAX_GUIDANCE))


class SharedBankSchema(Schema):
    """The file: a unit, and questions about it."""

    unit = fields.String(required=True)
    version = fields.String(load_default=None)
    questions = fields.List(fields.Nested(SharedQuestionSchema), required=True, validate=validate.Length(min=1))


def load_shared_questions(text: str) -> tuple[int, int]:
    """Add the questions of a YAML text to the shared bank. Return how many were added, and how many it had already.

    Raises:
        Invalid: the text is no such YAML, or names a unit or criterion that does not exist. Nothing is added.
    """
    try:
        document = SharedBankSchema().load(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise Invalid(f"The file cannot be read: {error}. Nothing was added.") from error
    unit = find_unit_by_code(document["unit"], document["version"])
    if unit is None:
        raise Invalid(f"There is no unit {document['unit']}. Nothing was added.")
    marks = [each.mark for each in list_marked_criteria(unit)]
    known = list_shared_texts(unit.id)
    new = [each for each in document["questions"] if each["question"].strip() not in known]
    for each in new:
        written = QuestionText(each["question"], [mark.strip() for mark in each["criteria"]], each["guidance"])
        write_question(unit, None, written, marks, OPERATOR)
    return len(new), len(document["questions"]) - len(new)


def retire_shared_question(question_id: int) -> None:
    """Take a shared question out of use. Raises `Invalid` for any other, `Conflict` for one that is not in use."""
    question = db.session.get(BankQuestion, question_id)
    if question is None or not question.is_shared:
        raise Invalid(f"There is no shared question {question_id}. Nothing was changed.")
    retire_question(question, OPERATOR)
