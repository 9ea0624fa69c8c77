"""What browsers send about verification."""

from wtforms import DateField, HiddenField, PasswordField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from tracker.accounts.password_confirmation import password_confirmed
from tracker.web.forms import PageForm

MAX_LENGTH = Length(max=2000, message="At most 2,000 characters.")


class SampleForm(PageForm):
    comment = TextAreaField("Comment on this sample", [MAX_LENGTH])


class SignForm(PageForm):
    snapshot_hash = HiddenField(validators=[Length(max=64)])
    password = PasswordField(
        "Your password", [DataRequired("Type your password to sign."), password_confirmed], id="sign-password"
    )


class ReleaseForm(SignForm):
    """Stands on the same page as the form above, hence the ids of its own."""

    reason = TextAreaField(
        "Why is it released without sampling?", [DataRequired("Say why."), MAX_LENGTH], id="release-reason"
    )
    password = PasswordField(
        "Your password", [DataRequired("Type your password to sign."), password_confirmed], id="release-password"
    )


class ReturnForm(PageForm):
    action = TextAreaField("What must happen?", [DataRequired("Say what must happen."), MAX_LENGTH])
    due_on = DateField("By when?", [Optional()])


class ReopenForm(PageForm):
    reason = TextAreaField("Why is it reopened?", [DataRequired("Say why."), MAX_LENGTH])
