"""What browsers send about registrations."""

from wtforms import (
    DateField,
    EmailField,
    Form,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, Email, InputRequired, Length, Optional, StopValidation

from tracker.web.forms import PageForm

REASON = Length(max=2000, message="At most 2,000 characters.")
NUMBER = Length(max=40, message="At most 40 characters.")
NAME = Length(max=200, message="At most 200 characters.")
ADDRESS = "Write an email address, such as name@example.org."
DAY = "Write a day, such as 22/11/2026."
SOMEBODY_NEW = NOBODY_YET = 0
"""In a list of people, where none of them is meant."""
SINGLE_UNITS = 0
"""In a list of qualifications, where none of them is meant."""


def is_in_living_memory(_form: Form, field: DateField) -> None:
    if field.data and not 2000 <= field.data.year <= 2100:
        raise StopValidation(DAY)


def day_field(label: str, missing: str) -> DateField:
    return DateField(label, [InputRequired(missing), is_in_living_memory], invalid_value_message=DAY)  # type: ignore[call-arg]  # newer than its types


class RegisterForm(PageForm):
    candidate = SelectField("Candidate", coerce=int)
    name = StringField("Name", [NAME])
    email = EmailField("Email", [Optional(), Length(max=254, message=ADDRESS), Email(ADDRESS)])
    candidate_number = StringField(
        "Candidate number", [DataRequired("Write the centre's number for the candidate."), NUMBER]
    )
    awarding_body_number = StringField(
        "Awarding body's registration number", [DataRequired("Write the awarding body's number."), NUMBER]
    )
    awarding_body_date = day_field(
        "Awarding body's registration date", "Give the day on which the awarding body registered the candidate."
    )
    qualification = SelectField("Qualification", coerce=int, default=SINGLE_UNITS)
    units = SelectMultipleField("Units", coerce=int)
    assessor = SelectField("Assessor", coerce=int)
    internal_verifier = SelectField("Internal verifier", coerce=int)

    def validate_units(self, field: SelectMultipleField) -> None:
        if not field.data and not self.qualification.data:
            raise ValidationError("Choose a qualification or at least one unit.")

    def validate_candidate(self, field: SelectField) -> None:
        names_somebody = [bool((each.data or "").strip()) for each in (self.name, self.email)]
        if field.data == SOMEBODY_NEW and not all(names_somebody):
            raise ValidationError("Choose who it is, or write the name and the email of somebody new.")
        if field.data != SOMEBODY_NEW and any(names_somebody):
            raise ValidationError("Choose somebody, or write somebody new, not both.")


class ChooseQualificationForm(PageForm):
    qualification = SelectField("Qualification", coerce=int, default=SINGLE_UNITS)


class AllocateForm(PageForm):
    person = SelectField("Who", [DataRequired("Choose who it is.")], coerce=int)
    reason = StringField("Why does it change hands?", [REASON])


class ReasonForm(PageForm):
    reason = TextAreaField("Why?", [DataRequired("Say why."), REASON])


class VisitForm(PageForm):
    person = SelectField("External verifier", [DataRequired("Choose who visits.")], coerce=int)
    starts = day_field("From", "Give the first day.")
    ends = day_field("Until", "Give the last day.")
    attempts = SelectMultipleField(
        "Units in scope", [DataRequired("Choose the units that are in scope.")], coerce=int
    )
