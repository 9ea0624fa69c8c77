"""What browsers send about assessment."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.accounts.passwords import identity_was_proven

LONGEST = Length(max=2000, message="At most 2,000 characters.")


class ReasonForm(FlaskForm):
    reason = TextAreaField("Why?", [DataRequired("Say why."), LONGEST])


class SignForm(FlaskForm):
    snapshot_hash = HiddenField(validators=[Length(max=64)])
    comment = TextAreaField(
        "Closing comment, printed on the form", [Length(max=4000, message="At most 4,000 characters.")]
    )
    simulation_reason = TextAreaField("Why does the assessment strategy allow simulated evidence here?", [LONGEST])
    password = PasswordField("Your password", [DataRequired("Type your password to sign."), identity_was_proven])


class ConfirmForm(FlaskForm):
    snapshot_hash = HiddenField(validators=[Length(max=64)])
    password = PasswordField("Your password", [DataRequired("Type your password to sign."), identity_was_proven])


class DisputeForm(FlaskForm):
    reason = TextAreaField("Why do you not agree?", [DataRequired("Say why."), LONGEST])


class ResponseForm(FlaskForm):
    response = TextAreaField("Your response", [DataRequired("Write your response."), LONGEST])
