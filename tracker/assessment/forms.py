"""What browsers send about assessment."""

from wtforms import HiddenField, PasswordField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.accounts.password_confirmation import password_confirmed, password_confirmed_to_change
from tracker.web.forms import PageForm

MAX_LENGTH = Length(max=2000, message="At most 2,000 characters.")


class ReasonForm(PageForm):
    reason = TextAreaField("Why?", [DataRequired("Say why."), MAX_LENGTH])


class SigningForm(PageForm):
    """Signing: what the page showed, and the password again."""

    snapshot_hash = HiddenField(validators=[Length(max=64)])
    version = HiddenField(validators=[Length(max=20)])
    password = PasswordField("Your password", [DataRequired("Type your password to sign."), password_confirmed])

    @property
    def seen_version(self) -> int | None:
        """The attempt's version on the page that was signed; None where the page did not say."""
        typed = self.version.data or ""
        return int(typed) if typed.isascii() and typed.isdecimal() else None


class SignForm(SigningForm):
    comment = TextAreaField(
        "Closing comment, printed on the form", [Length(max=4000, message="At most 4,000 characters.")]
    )
    simulation_reason = TextAreaField("Why does the assessment strategy allow simulated evidence here?", [MAX_LENGTH])


class ConfirmForm(SigningForm):
    """The candidate's."""


class MoveForm(PageForm):
    """Moving attempts to a later version: what the page showed, why, and the password again."""

    seen_hash = HiddenField(validators=[Length(max=64)])
    reason = TextAreaField("Why does it move?", [DataRequired("Say why."), MAX_LENGTH])
    password = PasswordField(
        "Your password", [DataRequired("Type your password to move it."), password_confirmed_to_change]
    )


class DisputeForm(PageForm):
    reason = TextAreaField("Why do you not agree?", [DataRequired("Say why."), MAX_LENGTH])


class ResponseForm(PageForm):
    response = TextAreaField("Your response", [DataRequired("Write your response."), MAX_LENGTH])
