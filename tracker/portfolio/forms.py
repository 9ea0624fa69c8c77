"""What browsers send about evidence."""

from typing import Any

from flask_wtf.file import MultipleFileField
from wtforms import BooleanField, DateField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Optional

from tracker.models import EVIDENCE_FIELDS
from tracker.vocabulary import Method
from tracker.web.forms import PageForm

NOT_WORDS = {"method", "happened_from", "happened_until"}
HELP = {method.value: method.help for method in Method}
NOT_A_DAY = "That is not a day. Choose it from the calendar, or type it as 2026-11-22."
UNREADABLE = {
    "method": "That is not in the list. Choose one of the methods.",
    "happened_from": NOT_A_DAY,
    "happened_until": NOT_A_DAY,
}
BREAKS = "\n\t"


class VersionedForm(PageForm):
    """A form that carries the draft's version as it was shown."""

    version = HiddenField()

    @property
    def seen_version(self) -> int | None:
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


class EvidenceForm(VersionedForm):
    """One item, as complete as it is; lengths and days are the service's rule."""

    key = HiddenField()
    """Names a new item's form, so that sent twice it begins one draft."""
    title = StringField("What is it?")
    method = RadioField(
        "How was it gathered?",
        [Optional()],
        choices={method.value: method.label for method in Method},
        validate_choice=True,
    )
    happened_from = DateField("When? A day, or the first of several", [Optional()])
    happened_until = DateField("Until", [Optional()])
    occasion = StringField("Occasion")
    customers = StringField("Customers")
    narrative = TextAreaField("What did you do?")
    files = MultipleFileField("Files")
    kept_where = StringField("Where is it?")
    kept_by = StringField("Who holds it?")
    kept_seen_by = StringField("Who saw it?")

    def read(self, names: set[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """The named evidence fields as they were sent, and for those that cannot be read the reason."""
        self.validate()
        unreadable = {name: UNREADABLE[name] for name in names if self[name].errors}
        return {name: self._value(name) for name in names if name not in unreadable}, unreadable

    @property
    def says_anything(self) -> bool:
        """Whether anything was typed or chosen."""
        return any(self[name].raw_data and any(self[name].raw_data) for name in EVIDENCE_FIELDS)

    def show_problems(self, problems: dict[str, str]) -> None:
        """Put each sentence beside its field; one that belongs to no field goes above the form."""
        for name in EVIDENCE_FIELDS:
            self[name].errors = [problems[name]] if name in problems else []
        self.form_errors = [sentence for name, sentence in problems.items() if name not in EVIDENCE_FIELDS]

    def _value(self, name: str) -> Any:
        value = self[name].data
        if name == "method":
            return Method(value) if value and value.strip() else None
        return value if name in NOT_WORDS else tidy(value, keep=BREAKS if name == "narrative" else "")


class DeclarationForm(VersionedForm):
    declared = BooleanField(validators=[DataRequired("Tick the declaration to submit.")])


def tidy(text: str | None, keep: str) -> str:
    """Line ends as the database keeps them, spaces where a line cannot break, and no control characters."""
    text = (text or "").replace("\r\n", "\n").replace("\r", "\n")
    if not keep:
        text = text.replace("\n", " ").replace("\t", " ")
    return "".join(character for character in text if character >= " " or character in keep).replace("\x7f", "")
