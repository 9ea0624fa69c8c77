"""Forms for set questions: the choice of them, the answers, and taking them back."""

from collections.abc import Mapping

from wtforms import BooleanField, TextAreaField
from wtforms.validators import Length

from tracker.portfolio.record_content import MAX_QUESTIONS
from tracker.records.services.question_sets import MAX_NOTE
from tracker.web.forms import PageForm, VersionedForm, date_field
from tracker.web.requests import parse_id

TYPED_ROWS = 3
"""Rows for questions that the assessor types, besides those that are filled in."""


class SetQuestionsForm(PageForm):
    """What goes with the questions that an assessor sets."""

    due_on = date_field("Answer by")
    note = TextAreaField("Note", [Length(max=MAX_NOTE, message=f"Use at most {MAX_NOTE:,} characters.")])


class AnswersForm(VersionedForm):
    """A candidate's answers, submitted or not; the service checks lengths."""

    help_used = TextAreaField("Who or what helped you")
    declared = BooleanField()


class TakeBackForm(PageForm):
    """Why questions are taken back."""

    reason = TextAreaField("Why do you take them back?")


def read_typed(sent: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the words and the criteria of each question that was typed."""
    rows = range(1, MAX_QUESTIONS + 1)
    typed = [(_read(sent, f"question-{row}"), _read(sent, f"mark-{row}")) for row in rows]
    return [each for each in typed if any(each)]


def read_typed_answers(sent: Mapping[str, str], names: set[str]) -> dict[int, str]:
    """Return the answers among the named fields, by the number of the question."""
    numbers = {parse_id(name.removeprefix("answer-")) or 0 for name in names if name.startswith("answer-")}
    return {number: _read(sent, f"answer-{number}") for number in numbers if 1 <= number <= MAX_QUESTIONS}


def _read(sent: Mapping[str, str], name: str) -> str:
    return sent.get(name, "").replace("\r\n", "\n").replace("\r", "\n").strip()
