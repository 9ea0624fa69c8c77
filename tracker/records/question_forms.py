"""Forms for the questions of a bank."""

from collections.abc import Sequence

from wtforms import SelectMultipleField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.models import BankQuestion
from tracker.portfolio.record_content import MAX_QUESTION
from tracker.records.services.question_bank import MAX_GUIDANCE, QuestionText
from tracker.records.stamps import MarkedCriterion
from tracker.web.forms import PageForm


class QuestionForm(PageForm):
    """A question of a bank."""

    text = TextAreaField(
        "Question",
        [
            DataRequired("Enter the question."),
            Length(max=MAX_QUESTION, message=f"Use at most {MAX_QUESTION:,} characters."),
        ],
    )
    marks = SelectMultipleField(
        "Criteria that it covers",
        [DataRequired("Choose at least one criterion that the question covers.")],
        validate_choice=False,
    )
    guidance = TextAreaField(
        "What a good answer has", [Length(max=MAX_GUIDANCE, message=f"Use at most {MAX_GUIDANCE:,} characters.")]
    )

    def offer(self, criteria: Sequence[MarkedCriterion]) -> None:
        """Offer the criteria of a unit; the service refuses any other."""
        self.marks.choices = [(each.mark, f"{each.mark} {each.column.text}") for each in criteria]

    def fill(self, question: BankQuestion) -> None:
        """Fill in a question that is to be changed."""
        self.text.data, self.marks.data, self.guidance.data = question.text, question.marks, question.guidance

    def read(self) -> QuestionText:
        """Return what was typed and chosen."""
        return QuestionText(self.text.data or "", self.marks.data or [], self.guidance.data or "")
