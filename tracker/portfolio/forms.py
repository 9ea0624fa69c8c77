"""Forms for evidence: the draft and the declaration."""

from typing import Any

from flask_wtf.file import MultipleFileField
from wtforms import BooleanField, DateField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Optional

from tracker.models import ADDED_FIELDS, EVIDENCE_FIELDS
from tracker.vocabulary import Method
from tracker.web.forms import VersionedForm

NOT_TEXT = {"method", "happened_from", "happened_until"}
METHOD_HELP = {method.value: method.help for method in Method}
USUAL_METHODS = [
    method.value
    for method in (Method.WORK_PRODUCT, Method.REFLECTIVE_ACCOUNT, Method.OBSERVATION, Method.WITNESS_TESTIMONY)
]
"""The methods that the form shows as buttons; the others are folded."""
NOT_A_DATE = "Enter a real date. Choose it from the calendar, or type it as 2026-11-22."
UNREADABLE = {
    "method": "Choose one of the methods in the list.",
    "happened_from": NOT_A_DATE,
    "happened_until": NOT_A_DATE,
}
TEXT_AREAS = {"narrative", "response"}


class EvidenceForm(VersionedForm):
    """One item of evidence, complete or not; the service checks lengths and dates."""

    key = HiddenField()
    """The idempotency key of a new item: sent twice, the form creates one draft."""
    title = StringField("Title")
    method = RadioField(
        "How was it gathered?",
        [Optional()],
        choices={method.value: method.label for method in Method},
        validate_choice=True,
    )
    happened_from = DateField("Date, or start date", [Optional()])
    happened_until = DateField("End date (optional)", [Optional()])
    occasion = StringField("Occasion")
    customers = StringField("Customers")
    narrative = TextAreaField("Your written account of what you did")
    response = TextAreaField("Your answer")
    files = MultipleFileField("Files")
    workplace_location = StringField("Where it is kept")
    workplace_holder = StringField("Who keeps it")
    workplace_seen_by = StringField("Who has seen it")
    witness_name = StringField("Name of the witness")
    witness_relationship = StringField("Job or relationship to you")
    witness_status = StringField("Status of an expert witness")

    def read(self, names: set[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values of the named fields, and the problem of each field that cannot be read."""
        self.validate()
        unreadable = {name: UNREADABLE[name] for name in names if self[name].errors}
        return {name: self._value(name) for name in names if name not in unreadable}, unreadable

    @property
    def sent_fields(self) -> set[str]:
        """The names of the fields that were sent: a page may have some of them only."""
        return {name for name in EVIDENCE_FIELDS if self[name].raw_data}

    @property
    def has_content(self) -> bool:
        """Return whether anything was typed or chosen. The date does not count, since the page fills it in."""
        typed = set(EVIDENCE_FIELDS) - {"happened_from"}
        return any(self[name].raw_data and any(self[name].raw_data) for name in typed)

    def show_problems(self, problems: dict[str, str]) -> None:
        """Show each problem beside its field; one that belongs to no field is shown above the form."""
        for name in EVIDENCE_FIELDS:
            self[name].errors = [problems[name]] if name in problems else []
        self.form_errors = [sentence for name, sentence in problems.items() if name not in EVIDENCE_FIELDS]

    def _value(self, name: str) -> Any:
        value = self[name].data
        if name == "method":
            return Method(value) if value and value.strip() else None
        if name in NOT_TEXT:
            return value
        text = read_lines(value) if name in TEXT_AREAS else read_line(value)
        return text.strip() or None if name in ADDED_FIELDS else text


class DeclarationForm(VersionedForm):
    """The declaration of authenticity that submits a draft."""

    declared = BooleanField(validators=[DataRequired("Tick the declaration to submit.")])


def read_lines(text: str | None) -> str:
    """Return a field's text with line feeds only."""
    return (text or "").replace("\r\n", "\n").replace("\r", "\n")


def read_line(text: str | None) -> str:
    """Return the text of a single-line field, with spaces in place of tabs and line breaks."""
    return read_lines(text).replace("\n", " ").replace("\t", " ")
