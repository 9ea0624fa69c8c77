"""What browsers send about accounts."""

from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    Form,
    HiddenField,
    PasswordField,
    RadioField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Email, Length, Optional, StopValidation

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.errors import TrackerError
from tracker.vocabulary import CentreTerms, Role
from tracker.web.current_user import in_terms
from tracker.web.forms import PageForm

ADDRESS = "Write an email address, such as name@example.org."
NAME = "Write the name in at most 200 characters."
DAY = "Write a day, such as 22/11/2026, or leave it empty."
NO_ANSWER = "No passkey answered. It needs JavaScript, and your device’s leave. Try again, or use another way."
PASSKEY_NAME = "Give it a name of at most 60 characters, so that you know it in the list."
ROLE_HELP = {
    Role.CANDIDATE.value: "Collects evidence and claims units. Register them for their units afterwards.",
    Role.ASSESSOR.value: "Judges evidence and signs units off.",
    Role.INTERNAL_VERIFIER.value: "Samples the assessors’ decisions and signs.",
    Role.EXTERNAL_VERIFIER.value: "Reads what a visit names, within its dates.",
    Role.ADMINISTRATOR.value: "Registers candidates, allocates people, invites.",
}


def is_in_living_memory(_form: Form, field: DateField) -> None:
    if field.data and not 2000 <= field.data.year <= 2100:
        raise StopValidation(DAY)


def day_field(label: str) -> DateField:
    return DateField(label, [Optional(), is_in_living_memory], invalid_value_message=DAY)  # type: ignore[call-arg]  # newer than its types


def list_role_choices() -> dict[str, str]:
    """Return the roles as choices, labelled in the terms of the administrator's centre."""
    return {role.value: in_terms(role.label) for role in Role}


def role_field() -> RadioField:
    return RadioField("Role", [DataRequired("Choose a role.")], choices=list_role_choices)


def without_spaces_around(typed: str | None) -> str | None:
    return typed.strip() if typed else typed


class SignInForm(PageForm):
    email = EmailField(
        "Email",
        [DataRequired("Write your email address."), Length(max=254, message=ADDRESS)],
        filters=[without_spaces_around],
    )
    password = PasswordField(
        "Password",
        [DataRequired("Type your password."), Length(max=200, message="A password has at most 200 characters.")],
    )


class ForgottenPasswordForm(PageForm):
    email = EmailField(
        "Email",
        [DataRequired(ADDRESS), Length(max=254, message=ADDRESS), Email(ADDRESS)],
        filters=[without_spaces_around],
    )


class NewPasswordForm(PageForm):
    """How long a password must be, and what it must not be, is the service's to say."""

    password = PasswordField("New password", [DataRequired("Choose a password.")])


class AcceptInvitationForm(PageForm):
    name = StringField("Your name", [DataRequired(NAME), Length(max=200, message=NAME)])
    password = PasswordField("Password", [DataRequired("Choose a password.")])


class ChangePasswordForm(PageForm):
    current = PasswordField("Current password", [DataRequired("Type your current password.")])
    password = PasswordField("New password", [DataRequired("Choose a new password.")])


class CodeForm(PageForm):
    code = StringField("Code", [DataRequired("Type the code."), Length(max=40, message="A code is shorter.")])


class PasskeyAnswerForm(PageForm):
    """What an authenticator answered, as the page's script puts it there."""

    credential = HiddenField(validators=[DataRequired(NO_ANSWER), Length(max=20_000, message=NO_ANSWER)])


class PasswordAgainForm(PageForm):
    password = PasswordField("Your password", [DataRequired("Type your password."), password_confirmed_to_change])


class AddAppForm(CodeForm, PasswordAgainForm):
    key = HiddenField()
    """The app's secret, encrypted for this session: it is kept once the app has shown that it knows it."""


class AddPasskeyForm(PasskeyAnswerForm, PasswordAgainForm):
    name = StringField("Name of this passkey", [DataRequired(PASSKEY_NAME), Length(max=60, message=PASSKEY_NAME)])


class KeptCodesForm(PageForm):
    codes = HiddenField()
    """The codes themselves, encrypted for this session, so that they can be shown until they are kept."""
    kept = BooleanField("I have kept them", [DataRequired("Print the codes or write them down, then tick the box.")])


class InviteForm(PageForm):
    name = StringField("Name", [DataRequired(NAME), Length(max=200, message=NAME)])
    email = EmailField(
        "Email",
        [DataRequired(ADDRESS), Length(max=254, message=ADDRESS), Email(ADDRESS)],
        filters=[without_spaces_around],
    )
    role = role_field()
    starts = day_field("From")
    ends = day_field("Until")


class GrantForm(PageForm):
    role = role_field()
    starts = day_field("From")
    ends = day_field("Until")


class ImportForm(PageForm):
    file = FileField("A CSV file")
    text = TextAreaField(
        "Or paste the rows", [Length(max=1024 * 1024, message="That is larger than 1 MB. Split it.")]
    )


def show_refusal(form: Form, refusal: TrackerError) -> None:
    """Put a service's refusal beside the field it is about, or above the form."""
    field = form._fields.get(getattr(refusal, "field", None) or "")
    if field is None:
        form.form_errors.append(str(refusal))
    else:
        field.errors = [*field.errors, str(refusal)]


class CentreSettingsForm(PageForm):
    """Settings of a centre."""

    terms = RadioField(
        "Terms",
        [DataRequired("Choose the terms your centre uses.")],
        choices={terms.value: terms.label for terms in CentreTerms},
    )
