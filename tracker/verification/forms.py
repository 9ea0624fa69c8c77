"""Forms of verification."""

from wtforms import HiddenField, PasswordField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.accounts.password_confirmation import password_confirmed
from tracker.web.forms import PageForm, date_field

MAX_LENGTH = Length(max=2000, message="At most 2,000 characters.")


class SampleForm(PageForm):
    """A sample of decisions."""

    comment = TextAreaField("Comment on this sample", [MAX_LENGTH])


class VerifyForm(PageForm):
    """The verifier's signature: the hash of what the page showed, and the password again."""

    snapshot_hash = HiddenField(validators=[Length(max=64)])
    password = PasswordField(
        "Your password", [DataRequired("Enter your password to sign."), password_confirmed], id="sign-password"
    )


class ReleaseForm(VerifyForm):
    """A signature without sampling. It is on the same page as `VerifyForm`, so its fields have ids of their own."""

    reason = TextAreaField(
        "Reason for releasing without sampling", [DataRequired("Give a reason."), MAX_LENGTH], id="release-reason"
    )
    password = PasswordField(
        "Your password", [DataRequired("Enter your password to sign."), password_confirmed], id="release-password"
    )


class ReturnForm(PageForm):
    """A return with an action point."""

    action = TextAreaField("Action required", [DataRequired("Enter the action required."), MAX_LENGTH])
    due_on = date_field("Due date", "Enter the due date.")


class ReopenForm(PageForm):
    """The reason for reopening a verified unit."""

    reason = TextAreaField("Reason for reopening", [DataRequired("Give a reason."), MAX_LENGTH])
