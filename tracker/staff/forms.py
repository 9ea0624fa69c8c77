"""Forms of the staff register."""

from decimal import Decimal

from wtforms import BooleanField, DecimalField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from tracker.staff.services.checks import MAX_LINE, MAX_TEXT
from tracker.vocabulary import AwardKind
from tracker.web.forms import MAX_2000_CHARACTERS, PageForm, date_field

HELD, PLANNED = "held", "planned"
HOURS = "Enter the hours, such as 2 or 1.5."
LINE = Length(max=MAX_LINE, message=f"Use at most {MAX_LINE} characters.")
TEXT = Length(max=MAX_TEXT, message=f"Use at most {MAX_TEXT:,} characters.")


class CertificateForm(PageForm):
    """What the certificate of an award says. Whether something is missing is for the service to say."""

    awarding_body = StringField("Awarding body", [LINE])
    certificate_number = StringField("Certificate number", [Length(max=80, message="Use at most 80 characters.")])
    awarded_on = date_field("Date of the award")
    ends_on = date_field("Valid until (last day)")
    is_seen = BooleanField("I have seen the certificate")


class AwardForm(CertificateForm):
    """An award that a person holds, or works towards."""

    kind = SelectField(
        "Award",
        [DataRequired("Choose the award.")],
        choices={"": "Choose an award", **{kind.value: kind.label for kind in AwardKind}},
    )
    title = StringField("Name of the award", [LINE])
    state = RadioField(
        "Is it held?",
        [InputRequired("Choose whether the award is held.")],
        choices={HELD: "Held, with a certificate", PLANNED: "Working towards it"},
    )
    target_on = date_field("Target date")


class CompetenceForm(PageForm):
    """Occupational competence in a unit or a sector."""

    unit_code = StringField("Unit code", [Length(max=40, message="Use at most 40 characters.")])
    sector = StringField("Sector", [LINE])
    basis = TextAreaField("Basis of competence", [DataRequired("Enter what the competence rests on."), TEXT])


class CpdForm(PageForm):
    """Continuing professional development."""

    title = StringField("What you did", [DataRequired("Enter what you did."), LINE])
    happened_on = date_field("Date", "Enter the date.")
    hours = DecimalField("Hours", [InputRequired(HOURS), NumberRange(Decimal("0.02"), 1000, HOURS)])
    learning = TextAreaField(
        "What you learned and how you use it", [DataRequired("Enter what you learned and how you use it."), TEXT]
    )
    evidence = TextAreaField("Evidence", [TEXT])

    @property
    def minutes(self) -> int:
        """Return the hours as whole minutes."""
        return round((self.hours.data or Decimal(0)) * 60)


class DeclarationForm(PageForm):
    """A conflict of interest, or that there is none."""

    NOTHING, SOMETHING = "nothing", "something"

    what = RadioField(
        "What you declare",
        [InputRequired("Choose what you declare.")],
        choices={NOTHING: "I have no conflict of interest", SOMETHING: "I have a conflict of interest"},
    )
    interest = TextAreaField("Whom or what it concerns", [TEXT])


class AnswerForm(PageForm):
    """What the centre does about a declared interest."""

    answer = TextAreaField(
        "What the centre does about it", [DataRequired("Enter what the centre does about it."), TEXT]
    )


class ReasonForm(PageForm):
    """The reason for which an entry is removed or a declaration ends."""

    reason = TextAreaField("Reason", [DataRequired("Enter the reason."), MAX_2000_CHARACTERS])
