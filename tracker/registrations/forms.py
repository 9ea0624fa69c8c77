"""Forms of the registration pages."""

from wtforms import (
    EmailField,
    FileField,
    IntegerField,
    SearchField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, Email, Length, Optional
from wtforms.widgets import HiddenInput

from tracker.registrations.registration_changes import RegistrationNumbers
from tracker.vocabulary import Role
from tracker.web.forms import PageForm, date_field
from tracker.web.lists import MAX_SEARCH_LENGTH

REASON = Length(max=2000, message="Use at most 2,000 characters.")
NUMBER = Length(max=40, message="Use at most 40 characters.")
NAME = Length(max=200, message="Use at most 200 characters.")
ADDRESS = "Enter an email address, such as name@example.org."
NEW_PERSON = NOBODY_YET = 0
"""The choice of no person in a list of people."""
SINGLE_UNITS = 0
"""The choice of no qualification in a list of qualifications."""


FIND = "find"
"""The act of a form that searches for people to choose, and saves nothing."""


def find_field(label: str) -> SearchField:
    """Return the field that searches for people where they are too many to offer them all."""
    return SearchField(label, [Length(max=MAX_SEARCH_LENGTH, message="Use at most 100 characters.")])


class NumbersForm(PageForm):
    """A candidate's number, and the number and date of the registration with the awarding body, once there is one."""

    candidate_number = StringField(
        "Candidate number", [DataRequired("Enter the centre’s number for the candidate."), NUMBER]
    )
    awarding_body_number = StringField("Awarding body’s registration number", [NUMBER])
    awarding_body_date = date_field("Awarding body’s registration date")

    def read_numbers(self) -> RegistrationNumbers:
        """Return the numbers and the date as they were typed, without spaces around them."""
        return RegistrationNumbers(
            (self.candidate_number.data or "").strip(),
            (self.awarding_body_number.data or "").strip() or None,
            self.awarding_body_date.data,
        )


class ChangeRegistrationForm(NumbersForm):
    """The numbers and the date of a registration that exists."""

    changes_seen = IntegerField(widget=HiddenInput(), validators=[Optional()])
    """How many changes the page showed, so that nobody overwrites a change that they have not seen."""


class RegisterForm(NumbersForm):
    """A candidate to register: an existing or a new person, their numbers, units, assessor and verifier."""

    find_candidate = find_field("Find a candidate")
    candidate = SelectField("Candidate", coerce=int)
    name = StringField("Name", [NAME])
    email = EmailField("Email", [Optional(), Length(max=254, message=ADDRESS), Email(ADDRESS)])
    qualification = SelectField("Qualification", coerce=int, default=SINGLE_UNITS)
    units = SelectMultipleField("Units", coerce=int)
    find_assessor = find_field("Find an assessor")
    assessor = SelectField("Assessor", coerce=int)
    find_internal_verifier = find_field("Find an internal verifier")
    internal_verifier = SelectField("Internal verifier", coerce=int)

    def validate_units(self, field: SelectMultipleField) -> None:
        """Require a qualification or at least one unit."""
        if not field.data and not self.qualification.data:
            raise ValidationError("Choose a qualification or at least one unit.")

    def validate_candidate(self, field: SelectField) -> None:
        """Require either an existing person or the name and email address of a new one."""
        has_details = [bool((each.data or "").strip()) for each in (self.name, self.email)]
        if field.data == NEW_PERSON and not all(has_details):
            raise ValidationError("Choose a candidate, or enter the name and email address of a new person.")
        if field.data != NEW_PERSON and any(has_details):
            raise ValidationError("Choose a candidate or enter a new person, not both.")


class ChooseQualificationForm(PageForm):
    """The qualification a registration is for."""

    qualification = SelectField("Qualification", coerce=int, default=SINGLE_UNITS)


class AllocateForm(PageForm):
    """The person to whom a unit is allocated, and the reason for a change."""

    find_person = find_field("Find a person")
    person = SelectField("Allocate to", [DataRequired("Choose a person.")], coerce=int)
    reason = StringField("Reason for the change", [REASON])


class ChangeAllocationsForm(PageForm):
    """The people to whom the chosen units are allocated, and the reason for changes."""

    find_assessor = find_field("Find an assessor")
    assessor = SelectField("Assessor", coerce=int, default=NOBODY_YET)
    find_internal_verifier = find_field("Find an internal verifier")
    internal_verifier = SelectField("Internal verifier", coerce=int, default=NOBODY_YET)
    reason = StringField("Reason for the change", [REASON])

    @property
    def role_fields(self) -> dict[Role, SelectField]:
        """The fields in which people are chosen, by role."""
        return {Role.ASSESSOR: self.assessor, Role.INTERNAL_VERIFIER: self.internal_verifier}

    def list_choices(self) -> dict[Role, int]:
        """Return the ids of the people chosen, by role, without the roles that stay as they are."""
        return {role: field.data for role, field in self.role_fields.items() if field.data}

    def validate_assessor(self, _field: SelectField) -> None:
        """Require an assessor or an internal verifier."""
        if not self.list_choices():
            raise ValidationError("Choose an assessor, an internal verifier or both.")


class ImportForm(PageForm):
    """A CSV file of people, registrations and allocations, or its text."""

    file = FileField("CSV file")
    text = TextAreaField(
        "Or paste the rows",
        [Length(max=1024 * 1024, message="The pasted rows are larger than 1 MB. Split them into smaller parts.")],
    )


class ReasonForm(PageForm):
    """The reason for an act that needs one."""

    reason = TextAreaField("Reason", [DataRequired("Enter the reason."), REASON])


class VisitForm(PageForm):
    """An external verifier's visit: who, on which dates, and the units in scope."""

    find_person = find_field("Find an external verifier")
    person = SelectField("External verifier", [DataRequired("Choose the external verifier.")], coerce=int)
    starts = date_field("From", "Enter the first day.")
    ends = date_field("Until", "Enter the last day.")
    find_candidates = find_field("Find a candidate")
    candidates = SelectMultipleField("Candidates", coerce=int, validate_choice=False)
    """Those of whom every unit is in scope; the ids of others choose nothing."""
    attempts = SelectMultipleField("Units in scope", coerce=int)

    def validate_attempts(self, field: SelectMultipleField) -> None:
        """Require a unit, or a candidate with all of their units."""
        if not field.data and not self.candidates.data:
            raise ValidationError("Choose the units in scope.")
