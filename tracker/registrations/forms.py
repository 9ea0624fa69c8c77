"""What browsers send about registrations."""

from flask_wtf import FlaskForm
from wtforms import DateField, SelectField, SelectMultipleField, StringField, TextAreaField, widgets
from wtforms.validators import DataRequired, Length

REASON = Length(max=2000, message="At most 2,000 characters.")
NUMBER = Length(max=40, message="At most 40 characters.")


class Ticks(SelectMultipleField):
    """A list of boxes to tick."""

    widget = widgets.ListWidget(prefix_label=False)
    option_widget = widgets.CheckboxInput()


class RegisterForm(FlaskForm):
    candidate = SelectField("Candidate", coerce=int, validate_choice=True)
    candidate_number = StringField(
        "Candidate number", [DataRequired("Write the centre's number for the candidate."), NUMBER]
    )
    awarding_body_number = StringField(
        "Awarding body's registration number", [DataRequired("Write the number."), NUMBER]
    )
    awarding_body_date = DateField("Awarding body's registration date", [DataRequired("Give the day.")])
    units = Ticks("Units", coerce=int)


class AllocateForm(FlaskForm):
    person = SelectField("Who", coerce=int)
    reason = StringField("Why does it change hands?", [REASON])


class ReasonForm(FlaskForm):
    reason = TextAreaField("Why?", [DataRequired("Say why."), REASON])


class VisitForm(FlaskForm):
    person = SelectField("External verifier", coerce=int)
    starts = DateField("From", [DataRequired("Give the first day.")])
    ends = DateField("Until", [DataRequired("Give the last day.")])
    attempts = Ticks("Units in scope", coerce=int)
