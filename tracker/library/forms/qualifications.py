"""Forms to write and publish a centre's own qualification."""

from wtforms import PasswordField, TextAreaField
from wtforms.validators import DataRequired

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.web.forms import PageForm


class QualificationForm(PageForm):
    """A qualification typed in YAML."""

    text = TextAreaField("The qualification", [DataRequired("Write the qualification, or paste it.")])


class PublishQualificationForm(QualificationForm):
    """A qualification to publish, with the password."""

    password = PasswordField("Your password", [password_confirmed_to_change])
