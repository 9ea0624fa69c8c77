"""What browsers send about accounts."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import DateField, EmailField, PasswordField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Email, Length, Optional

from tracker.vocabulary import Role

ADDRESS = "Write an email address, such as name@example.org."


class SignInForm(FlaskForm):
    email = EmailField("Email", [DataRequired(ADDRESS), Length(max=254)])
    password = PasswordField("Password", [DataRequired("Type your password."), Length(max=200)])


class ForgottenPasswordForm(FlaskForm):
    email = EmailField("Email", [DataRequired(ADDRESS), Email(ADDRESS), Length(max=254)])


class NewPasswordForm(FlaskForm):
    password = PasswordField("New password", [DataRequired("Choose a password."), Length(max=1000)])


class ChangePasswordForm(FlaskForm):
    current = PasswordField("Current password", [DataRequired("Type your current password."), Length(max=1000)])
    password = PasswordField("New password", [DataRequired("Choose a new password."), Length(max=1000)])


class InviteForm(FlaskForm):
    name = StringField(
        "Name", [DataRequired("Write the person's name."), Length(max=200, message="At most 200 characters.")]
    )
    email = EmailField("Email", [DataRequired(ADDRESS), Email(ADDRESS), Length(max=254)])
    role = RadioField("Role", [DataRequired("Choose a role.")], choices={role.value: role.label for role in Role})
    starts = DateField("From", [Optional()])
    ends = DateField("Until", [Optional()])


class GrantForm(FlaskForm):
    role = SelectField("Role", choices={role.value: role.label for role in Role})
    starts = DateField("From", [Optional()])
    ends = DateField("Until", [Optional()])


class ImportForm(FlaskForm):
    file = FileField("A CSV file")
    text = TextAreaField("Or paste the rows", [Length(max=1024 * 1024)])
