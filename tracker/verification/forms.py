"""Forms of verification."""

from wtforms import HiddenField, PasswordField, TextAreaField
from wtforms.validators import DataRequired, Length

from tracker.accounts.password_confirmation import password_confirmed
from tracker.web.forms import MAX_2000_CHARACTERS, PageForm, date_field


class SampleForm(PageForm):
    """A sample of decisions."""

    comment = TextAreaField("Comment on this sample", [MAX_2000_CHARACTERS])


class VerifyForm(PageForm):
    """The verifier's signature: the hash of the snapshot that the page showed, and the password."""

    snapshot_hash = HiddenField(validators=[Length(max=64)])
    password = PasswordField(
        "Your password", [DataRequired("Enter your password to sign."), password_confirmed], id="sign-password"
    )


class ReleaseForm(VerifyForm):
    """A signature without sampling, on the same page as `VerifyForm`; its fields have ids of their own."""

    reason = TextAreaField(
        "Reason for releasing without sampling",
        [DataRequired("Enter the reason."), MAX_2000_CHARACTERS],
        id="release-reason",
    )
    password = PasswordField(
        "Your password", [DataRequired("Enter your password to sign."), password_confirmed], id="release-password"
    )


class ReturnForm(PageForm):
    """A return with an action point."""

    action = TextAreaField("Action required", [DataRequired("Enter the action required."), MAX_2000_CHARACTERS])
    due_on = date_field("Due date", "Enter the due date.")


class ReopenForm(PageForm):
    """The reason for reopening a verified unit."""

    reason = TextAreaField("Reason for reopening", [DataRequired("Enter the reason."), MAX_2000_CHARACTERS])
