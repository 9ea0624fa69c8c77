"""What browsers send about evidence."""

from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import MultipleFileField
from wtforms import BooleanField, DateField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Optional

from tracker.models import EVIDENCE_FIELDS
from tracker.vocabulary import Method

NOT_WORDS = {"method", "happened_from", "happened_until"}
HELP = {method.value: method.help for method in Method}


class EvidenceForm(FlaskForm):
    """One item, as complete as it is; lengths and days are the service's rule."""

    version = HiddenField()
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

    def fields(self, names: set[str] | None = None) -> dict[str, Any]:
        """The evidence fields as they were sent; only the named ones, when names are given."""
        wanted = names if names is not None else set(EVIDENCE_FIELDS)
        found = {name: self[name].data for name in EVIDENCE_FIELDS if name in wanted}
        if "method" in found:
            found["method"] = Method(found["method"]) if found["method"] else None
        return {name: _tidy(name, value) for name, value in found.items()}

    @property
    def seen_version(self) -> int | None:
        text = self.version.data or ""
        return int(text) if text.isdecimal() and len(text) < 10 else None


class DeclarationForm(FlaskForm):
    declared = BooleanField(validators=[DataRequired("Tick the declaration to submit.")])


def _tidy(name: str, value: Any) -> Any:
    """Line ends as the database keeps them, and none of the characters PostgreSQL refuses."""
    if name in NOT_WORDS:
        return value
    if not value:
        return ""
    return value.replace("\r\n", "\n").replace("\x00", "")
