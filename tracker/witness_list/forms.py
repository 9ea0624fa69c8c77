"""Forms of the witness list."""

from wtforms import EmailField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Email, InputRequired, Length, Optional

from tracker.staff.services.checks import MAX_LINE, MAX_TEXT
from tracker.vocabulary import ListedStatus
from tracker.web.forms import MAX_2000_CHARACTERS, PageForm, date_field
from tracker.witness_list.services.listing import TypedWitness

ADDRESS = "Enter an email address, such as name@example.org, or leave it empty."
LINE = Length(max=MAX_LINE, message=f"Use at most {MAX_LINE} characters.")


class ListWitnessForm(PageForm):
    """A witness for the list. Whether something is missing is for the service to say."""

    name = StringField("Name of the witness", [DataRequired("Enter the witness’s name."), LINE])
    email = EmailField(
        "Email address",
        [Optional(), Length(max=254, message=ADDRESS), Email(ADDRESS)],
        filters=[lambda typed: typed.strip() if typed else typed],
    )
    relationship = StringField("Job or relationship", [DataRequired("Enter the job or relationship."), LINE])
    status = RadioField(
        "Status",
        [InputRequired("Choose the status.")],
        choices={each.value: each.label for each in ListedStatus},
    )
    starts_on = date_field("First day of the status")
    ends_on = date_field("Last day of the status")
    inducted_on = date_field("Date of the induction")
    cv = TextAreaField("CV", [Length(max=MAX_TEXT, message=f"Use at most {MAX_TEXT:,} characters.")])

    def read(self) -> TypedWitness:
        """Return what was typed."""
        return TypedWitness(
            name=self.name.data or "",
            email=self.email.data or "",
            relationship=self.relationship.data or "",
            status=ListedStatus(self.status.data),
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data,
            inducted_on=self.inducted_on.data,
            cv=self.cv.data or "",
        )


class RemovalForm(PageForm):
    """The reason for which an entry is removed."""

    reason = TextAreaField("Reason", [DataRequired("Enter the reason."), MAX_2000_CHARACTERS])
