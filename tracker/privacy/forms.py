"""Forms of the privacy pages."""

from wtforms import HiddenField, IntegerField, PasswordField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, NumberRange

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.web.forms import PageForm


class ExportForm(PageForm):
    """The password that confirms a download of one's own data."""

    password = PasswordField("Your password", [DataRequired("Enter your password."), password_confirmed_to_change])


def months_field(label: str) -> IntegerField:
    """Return a field for a number of months."""
    message = f"{label}: enter a number from 1 to 600."
    return IntegerField(label, [InputRequired(message), NumberRange(1, 600, message)])


class RetentionForm(PageForm):
    """How long a centre keeps evidence and records for one awarding body."""

    awarding_body = StringField("Awarding body", [Length(max=200, message="Use at most 200 characters.")])
    evidence_months = months_field("Months for evidence")
    record_months = months_field("Months for decisions, signatures and forms")


class RetentionHoldForm(PageForm):
    """The reason for a retention hold, or for lifting it."""

    reason = TextAreaField(
        "Reason", [DataRequired("Enter the reason."), Length(max=2000, message="Use at most 2,000 characters.")]
    )


class ErasureForm(PageForm):
    """The password that confirms an erasure."""

    password = PasswordField(
        "Your password", [DataRequired("Enter your password to erase it."), password_confirmed_to_change]
    )


class EraseForm(ErasureForm):
    """The extent of an erasure, and the password that confirms it."""

    EVIDENCE, EVERYTHING = "evidence", "everything"

    what = HiddenField(validators=[AnyOf([EVIDENCE, EVERYTHING])])
