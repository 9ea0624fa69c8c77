"""What browsers send about a centre's own qualification."""

from wtforms import PasswordField, TextAreaField
from wtforms.validators import DataRequired

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.web.forms import PageForm


class QualificationForm(PageForm):
    text = TextAreaField("The qualification", [DataRequired("Write the qualification, or paste it.")])


class PublishQualificationForm(QualificationForm):
    password = PasswordField("Your password", [password_confirmed_to_change])
