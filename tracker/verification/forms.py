"""Forms of verification."""

from typing import Any

from wtforms import HiddenField, PasswordField, RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from tracker.accounts.password_confirmation import password_confirmed
from tracker.web.forms import MAX_2000_CHARACTERS, PageForm, date_field

OWN_REASON = "other"
"""The value of the choice that is not one of the centre's reasons."""


class VerifyForm(PageForm):
    """The verifier's signature: the hash of the snapshot that the page showed, and the password."""

    snapshot_hash = HiddenField(validators=[Length(max=64)])
    password = PasswordField(
        "Your password", [DataRequired("Enter your password to sign."), password_confirmed], id="sign-password"
    )


class ReleaseForm(VerifyForm):
    """A signature without sampling, on the same page as `VerifyForm`; its fields have ids of their own."""

    reason = RadioField(
        "Reason for releasing without sampling", [InputRequired("Choose a reason.")], id="release-reason"
    )
    own_reason = TextAreaField("Reason in your own words", [MAX_2000_CHARACTERS], id="release-own-reason")
    password = PasswordField(
        "Your password", [DataRequired("Enter your password to sign."), password_confirmed], id="release-password"
    )

    def __init__(self, reasons: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reason.choices = [*((reason, reason) for reason in reasons), (OWN_REASON, "Another reason")]

    @property
    def chosen_reason(self) -> str:
        """The reason chosen from the centre's list, or the verifier's own."""
        own = self.reason.data == OWN_REASON
        return (self.own_reason.data if own else self.reason.data) or ""


class ReturnForm(PageForm):
    """A return with an action point."""

    action = TextAreaField("Action required", [DataRequired("Enter the action required."), MAX_2000_CHARACTERS])
    due_on = date_field("Due date", "Enter the due date.")


class AskAgainForm(PageForm):
    """A further action point, after a response that does not satisfy the verifier."""

    action = TextAreaField("Action still required", [DataRequired("Enter the action required."), MAX_2000_CHARACTERS])
    due_on = date_field("Due date", "Enter the due date.")


class ReopenForm(PageForm):
    """The reason for reopening a verified unit."""

    reason = TextAreaField("Reason for reopening", [DataRequired("Enter the reason."), MAX_2000_CHARACTERS])
