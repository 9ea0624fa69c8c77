"""Forms of assessment, sign-off, dispute and version moves."""

from wtforms import BooleanField, HiddenField, PasswordField, SelectField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.accounts.password_confirmation import password_confirmed, password_confirmed_to_change
from tracker.web.forms import MAX_2000_CHARACTERS, PageForm


class RetractForm(PageForm):
    """The reason for retracting a signature."""

    reason = TextAreaField("Reason", [DataRequired("Enter the reason."), MAX_2000_CHARACTERS])


class SigningForm(PageForm):
    """A signature: the hash of the snapshot that the page showed, and the password."""

    snapshot_hash = HiddenField(validators=[Length(max=64)])
    version = HiddenField(validators=[Length(max=20)])
    password = PasswordField("Your password", [DataRequired("Enter your password to sign."), password_confirmed])

    @property
    def seen_version(self) -> int | None:
        """The attempt's version on the page that was signed; None if the page did not say."""
        value = self.version.data or ""
        return int(value) if value.isascii() and value.isdecimal() else None


class SignOffForm(SigningForm):
    """The assessor's sign-off."""

    guidance_hash = HiddenField(validators=[Length(max=64)])
    comment = TextAreaField(
        "Closing comment, printed on the form", [Length(max=4000, message="Use at most 4,000 characters.")]
    )
    simulation_reason = TextAreaField("Why the assessment strategy allows simulated evidence", [MAX_2000_CHARACTERS])
    warnings_reason = TextAreaField("Why the evidence is sufficient", [MAX_2000_CHARACTERS])


class ConfirmForm(SigningForm):
    """The candidate's confirmation."""


class CountersignForm(SigningForm):
    """The countersigner's signature under a unit."""


class DisagreeForm(PageForm):
    """Why a countersigner disagrees."""

    reason = TextAreaField("Why do you disagree?", [DataRequired("Enter why you disagree."), MAX_2000_CHARACTERS])


class CountersigningForm(PageForm):
    """Whether decisions of a centre's assessors without an award are countersigned."""

    is_on = BooleanField("Have decisions of assessors without an award countersigned")


class CountersignerForm(PageForm):
    """Who countersigns for an assessor."""

    person = SelectField("Countersigner", [DataRequired("Choose the countersigner.")], coerce=str)


class MoveForm(PageForm):
    """A version move: the hash of the plan that the page showed, the reason, and the password."""

    seen_hash = HiddenField(validators=[Length(max=64)])
    reason = TextAreaField("Reason", [DataRequired("Enter the reason."), MAX_2000_CHARACTERS])
    password = PasswordField(
        "Your password", [DataRequired("Enter your password to move the unit."), password_confirmed_to_change]
    )


class DisputeForm(PageForm):
    """The candidate's dispute."""

    reason = TextAreaField("Why do you disagree?", [DataRequired("Enter why you disagree."), MAX_2000_CHARACTERS])


class ResponseForm(PageForm):
    """The assessor's response to an action point."""

    response = TextAreaField("Your response", [DataRequired("Write your response."), MAX_2000_CHARACTERS])
