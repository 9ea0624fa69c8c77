"""Forms for testimonies of witnesses: what is asked, what the witness answers, and the assessor's answer."""

from typing import Any

from wtforms import BooleanField, EmailField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Email, Length, Optional

from tracker.errors import Invalid
from tracker.records.services.testifying import TypedTestimony
from tracker.records.services.testimony_requests import AskedTestimony
from tracker.vocabulary import WitnessStatus
from tracker.web.forms import PageForm, date_field

ADDRESS = "Enter the witness’s email address, such as name@example.org."
NAME = "Enter the witness’s name, in at most 200 characters."
CONTACT = "Enter an email address, such as name@example.org, or leave it empty."
AUTHENTICATE, REFUSE = "authenticate", "refuse"


class AskWitnessForm(PageForm):
    """What a witness is asked to confirm; the service checks lengths and criteria."""

    witness_name = StringField("Name of the witness", [DataRequired(NAME), Length(max=200, message=NAME)])
    email = EmailField(
        "Email address of the witness",
        [Optional(), Length(max=254, message=ADDRESS), Email(ADDRESS)],
        filters=[lambda typed: typed.strip() if typed else typed],
    )
    title = StringField("What they saw", [DataRequired("Enter what the witness saw.")])
    happened_on = date_field("Date", "Enter the date on which the witness saw the work.")
    place = StringField("Place", [DataRequired("Enter the place.")])

    def read(self, criterion_ids: list[int]) -> AskedTestimony:
        """Return what was typed, with the criteria that were ticked."""
        happened_on = self.happened_on.data
        assert happened_on is not None  # noqa: S101 - the field is required
        return AskedTestimony(
            self.witness_name.data or "",
            self.email.data or "",
            self.title.data or "",
            happened_on,
            self.place.data or "",
            criterion_ids,
        )


class WitnessForm(PageForm):
    """What a witness types and ticks, and their signature; the service checks it."""

    name = StringField("Your full name")
    job = StringField("Your job")
    relationship = StringField("How you know the candidate")
    status = RadioField(
        "Which describes you?", [Optional()], choices={each.value: each.label for each in WitnessStatus}
    )
    is_unrelated = BooleanField("I am not a relative or partner of the candidate")
    contact = EmailField(
        "Your email address",
        [Optional(), Length(max=254, message=CONTACT), Email(CONTACT)],
        filters=[lambda typed: typed.strip() if typed else typed],
    )
    narrative = TextAreaField("What did the candidate do?")
    code = StringField("Code")
    signed_name = StringField("Type your full name to sign")

    def read(self, criterion_ids: list[int]) -> TypedTestimony:
        """Return what was typed, with the criteria that were ticked. Raises `Invalid` for an unreadable address."""
        self.validate()  # an unknown status counts as none
        texts: dict[str, Any] = {
            name: self[name].data or ""
            for name in ("name", "job", "relationship", "narrative", "signed_name", "code", "contact")
        }
        if self.contact.errors:
            self.contact.errors = []
            raise Invalid(CONTACT, "contact")
        status = WitnessStatus(self.status.data) if self.status.data and not self.status.errors else None
        self.status.errors = []
        return TypedTestimony(
            status=status, is_unrelated=bool(self.is_unrelated.data), criterion_ids=criterion_ids, **texts
        )


class AnswerTestimonyForm(PageForm):
    """An assessor's answer to a signed testimony."""

    answer = RadioField(
        "Is this testimony authentic?",
        [DataRequired("Choose one.")],
        choices={AUTHENTICATE: "Yes, use it as evidence", REFUSE: "No, do not use it"},
    )
    reason = TextAreaField("Reason")
