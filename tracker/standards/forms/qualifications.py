"""What browsers send about a centre's own qualification."""

from flask_wtf import FlaskForm
from wtforms import PasswordField, TextAreaField
from wtforms.validators import DataRequired

from tracker.accounts.identity import identity_was_proven


class QualificationForm(FlaskForm):
    text = TextAreaField("The qualification", [DataRequired("Write the qualification, or paste it.")])


class PublishQualificationForm(QualificationForm):
    password = PasswordField("Your password", [identity_was_proven])
