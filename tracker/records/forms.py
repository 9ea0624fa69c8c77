"""Forms for records of assessment: the observation, its declaration, and the answers to it."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from wtforms import BooleanField, DateField, MultipleFileField, RadioField, StringField, TextAreaField, TimeField
from wtforms.validators import DataRequired, Optional

from tracker.errors import NotFound
from tracker.portfolio.record_content import MAX_QUESTIONS, ObservationContent, Question, WrittenContent
from tracker.records.written_forms import TIMES, WrittenForm
from tracker.vocabulary import AcknowledgementAnswer, Outcome
from tracker.web.forms import VersionedForm

QUESTION_FIELD = re.compile(r"(question|answer|mark|outcome)-([0-9]{1,3})")


class ObservationForm(WrittenForm):
    """An observation or a record of questions, finished or not."""

    TEXTS = ("narrative", "feedback", "further_action")
    DATES = ("happened_from",)
    FIELDS = (*TEXTS, *DATES, *TIMES, "place")
    questions: Sequence[Question] = ()
    """Beside the fields: the questions as they are stored, or as they were typed."""

    narrative = TextAreaField("Narrative")
    happened_from = DateField("Date", [Optional()])
    starts = TimeField("Starts", [Optional()])
    ends = TimeField("Ends", [Optional()])
    place = StringField("Place")
    feedback = TextAreaField("Feedback")
    further_action = TextAreaField("Further action")
    files = MultipleFileField("Photographs and other files")

    def fill(self, content: WrittenContent) -> None:
        """Fill in the fields of the content and the questions, as they are stored."""
        super().fill(content)
        self.questions = list_questions(content)

    def read(
        self, names: Collection[str], sent: Mapping[str, str], content: WrittenContent, *, sends_all: bool
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return as any form of a record does; where the whole form was sent, questions without any text end."""
        fields, unreadable = super().read(names, sent, content, sends_all=sends_all)
        if any(QUESTION_FIELD.fullmatch(name) for name in names):
            stored = () if sends_all else list_questions(content)
            fields["questions"] = read_questions(sent, names, stored, sends_all=sends_all)
        return fields, unreadable

    def show_problems(self, problems: Mapping[str, str], sent: Mapping[str, str]) -> None:
        """Show each problem beside its field, and the questions as they were typed."""
        super().show_problems(problems, sent)
        self.questions = read_questions(sent, sent, (), sends_all=True)


def list_questions(content: WrittenContent) -> Sequence[Question]:
    """Return the questions of a content; none where its kind has none."""
    return content.questions if isinstance(content, ObservationContent) else ()


def read_questions(
    sent: Mapping[str, str], names: Collection[str], stored: Sequence[Question], *, sends_all: bool
) -> tuple[Question, ...]:
    """Return the questions with what was sent, each at its place. Raises `NotFound` for an unknown outcome."""
    places: dict[int, dict[str, Any]] = {}
    for name in names:
        if match := QUESTION_FIELD.fullmatch(name):
            places.setdefault(int(match[2]), {})[match[1]] = _read_part(match[1], sent.get(name, ""))
    questions = list(stored)
    for place in sorted(places):
        if place > MAX_QUESTIONS:
            continue
        questions += [Question()] * (place + 1 - len(questions))
        before = questions[place]
        parts = {each: getattr(before, each) for each in ("question", "answer", "mark", "outcome")}
        questions[place] = Question(**{**parts, **places[place]})
    return tuple(each for each in questions if not (sends_all and each.is_empty))


def _read_part(part: str, value: str) -> Any:
    if part != "outcome":
        return value.replace("\r\n", "\n").strip()
    if not value:
        return None
    try:
        return Outcome(value)
    except ValueError:
        raise NotFound from None


class FinishForm(VersionedForm):
    """The declaration that finishes an observation."""

    declared = BooleanField(validators=[DataRequired("Tick the declaration to finish.")])


class AnswerForm(VersionedForm):
    """The candidate's answer to a record."""

    answer = RadioField(
        "Is this what happened?",
        [DataRequired("Choose one.")],
        choices={
            AcknowledgementAnswer.AGREED.value: "Yes, this is what happened",
            AcknowledgementAnswer.OBJECTED.value: "No, I object",
        },
    )
    reason = TextAreaField("Why do you object?")


class WithdrawForm(VersionedForm):
    """The author's withdrawal of a record."""

    reason = TextAreaField("Why do you withdraw it?")


class ObjectionForm(VersionedForm):
    """An internal verifier's decision on an objection."""

    answer = RadioField(
        "Decision on the objection",
        [DataRequired("Choose one.")],
        choices={
            AcknowledgementAnswer.UPHELD.value: "Uphold: the record does not count",
            AcknowledgementAnswer.DISMISSED.value: "Dismiss: the record counts",
        },
    )
    reason = TextAreaField("Reason")
