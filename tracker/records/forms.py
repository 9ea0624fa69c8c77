"""Forms for records of assessment: the observation, its declaration, and the answers to it."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import time
from typing import Any

from wtforms import BooleanField, DateField, MultipleFileField, RadioField, StringField, TextAreaField, TimeField
from wtforms.validators import DataRequired, Optional

from tracker.errors import NotFound
from tracker.portfolio.record_content import MAX_QUESTIONS, ObservationContent, Question
from tracker.vocabulary import AcknowledgementAnswer, Outcome
from tracker.web.forms import VersionedForm

TEXTS = ("narrative", "feedback", "further_action")
FIELDS = ("narrative", "happened_from", "starts", "ends", "place", "feedback", "further_action")
QUESTION_FIELD = re.compile(r"(question|answer|mark|outcome)-([0-9]{1,3})")
UNREADABLE = {
    "happened_from": "Enter a real date. Choose it from the calendar, or type it as 2026-11-22.",
    "starts": "Enter a time such as 10:05.",
    "ends": "Enter a time such as 10:05.",
}


class ObservationForm(VersionedForm):
    """An observation, finished or not; the service checks lengths, dates and times."""

    narrative = TextAreaField("Narrative")
    happened_from = DateField("Date", [Optional()])
    starts = TimeField("Starts", [Optional()])
    ends = TimeField("Ends", [Optional()])
    place = StringField("Place")
    feedback = TextAreaField("Feedback")
    further_action = TextAreaField("Further action")
    files = MultipleFileField("Photographs and other files")

    def read(
        self, names: Collection[str], sent: Mapping[str, str], questions: Sequence[Question], *, sends_all: bool
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values of the named fields, and the problem of each that cannot be read.

        Args:
            names: the fields to read.
            sent: what the browser sent.
            questions: the questions as they are stored.
            sends_all: whether every question was sent, so that those without any text end.
        """
        self.validate()
        unreadable = {name: UNREADABLE[name] for name in FIELDS if name in names and self[name].errors}
        fields = {name: self._value(name) for name in FIELDS if name in names and name not in unreadable}
        if any(QUESTION_FIELD.fullmatch(name) for name in names):
            fields["questions"] = read_questions(sent, names, () if sends_all else questions, sends_all=sends_all)
        return fields, unreadable

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Show each problem beside its field; one that belongs to no field is shown above the form."""
        for name in (*FIELDS, "files"):
            self[name].errors = [problems[name]] if name in problems else []
        self.form_errors = [sentence for name, sentence in problems.items() if name not in {*FIELDS, "files"}]

    def _value(self, name: str) -> Any:
        value = self[name].data
        if name == "happened_from":
            return value
        if name in {"starts", "ends"}:
            return f"{value:%H:%M}" if value else ""
        text = (value or "").replace("\r\n", "\n").replace("\r", "\n")
        return text if name in TEXTS else text.replace("\n", " ").replace("\t", " ")


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


def fill_form(form: ObservationForm, content: ObservationContent) -> None:
    """Fill in the fields of the content, as they are stored."""
    for name in ("place", "feedback", "further_action"):
        form[name].data = getattr(content, name)
    for name in ("starts", "ends"):
        text = getattr(content, name)
        form[name].data = time.fromisoformat(text) if text else None


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
