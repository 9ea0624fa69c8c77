"""What browsers send about privacy."""

from wtforms import HiddenField, IntegerField, PasswordField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, NumberRange

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.web.forms import PageForm


class ExportForm(PageForm):
    password = PasswordField("Your password", [DataRequired("Type your password."), password_confirmed_to_change])


def months_field(label: str) -> IntegerField:
    said = f"{label}: write a number from 1 to 600."
    return IntegerField(label, [InputRequired(said), NumberRange(1, 600, said)])


class RetentionForm(PageForm):
    awarding_body = StringField("Awarding body", [Length(max=200, message="At most 200 characters.")])
    evidence_months = months_field("Months for evidence")
    record_months = months_field("Months for decisions, signatures and forms")


class HoldForm(PageForm):
    reason = TextAreaField("Why?", [DataRequired("Say why."), Length(max=2000, message="At most 2,000 characters.")])


class EraseForm(PageForm):
    EVIDENCE, EVERYTHING = "evidence", "everything"

    what = HiddenField(validators=[AnyOf([EVIDENCE, EVERYTHING])])
    password = PasswordField(
        "Your password", [DataRequired("Type your password to erase it."), password_confirmed_to_change]
    )
