"""Forms of the account pages."""

from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Email, Length, NumberRange, Optional

from tracker.accounts.password_confirmation import password_confirmed_to_change
from tracker.vocabulary import CentreTerms, Role, SigningTwoStep
from tracker.web.current_user import in_terms
from tracker.web.forms import PageForm, date_field

ADDRESS = "Enter an email address, such as name@example.org."
NAME = "Enter a name of at most 200 characters."
NO_ANSWER = "No passkey answered. Passkeys need JavaScript and your permission. Try again, or use another method."
PASSKEY_NAME = "Enter a name for this passkey, of at most 60 characters."
ROLE_HELP = {
    Role.CANDIDATE.value: "Collects evidence and claims criteria. Register them for their units afterwards.",
    Role.ASSESSOR.value: "Assesses evidence and signs units off.",
    Role.INTERNAL_VERIFIER.value: "Samples assessment decisions and signs verified units.",
    Role.EXTERNAL_VERIFIER.value: "Reads the units that a visit names, on the dates of the visit.",
    Role.ADMINISTRATOR.value: "Registers candidates, allocates assessors and verifiers, and invites people.",
}


def list_role_choices() -> dict[str, str]:
    """List the roles as choices, labelled in the terms of the administrator's centre."""
    return {role.value: in_terms(role.label) for role in Role}


def role_field() -> RadioField:
    """Return a field for choosing one of the roles."""
    return RadioField("Role", [DataRequired("Choose a role.")], choices=list_role_choices)


def strip_spaces(typed: str | None) -> str | None:
    """Return what was typed without spaces around it."""
    return typed.strip() if typed else typed


class SignInForm(PageForm):
    """The email address and password of the sign-in page."""

    email = EmailField(
        "Email",
        [DataRequired("Enter your email address."), Length(max=254, message=ADDRESS)],
        filters=[strip_spaces],
    )
    password = PasswordField(
        "Password",
        [DataRequired("Enter your password."), Length(max=200, message="Use at most 200 characters.")],
    )


class ForgottenPasswordForm(PageForm):
    """The email address to which a link for a new password is sent."""

    email = EmailField(
        "Email",
        [DataRequired(ADDRESS), Length(max=254, message=ADDRESS), Email(ADDRESS)],
        filters=[strip_spaces],
    )


class NewPasswordForm(PageForm):
    """A new password; the service checks its length and strength."""

    password = PasswordField("New password", [DataRequired("Choose a password.")])


class AcceptInvitationForm(PageForm):
    """The name and password of somebody who accepts an invitation."""

    name = StringField("Your name", [DataRequired(NAME), Length(max=200, message=NAME)])
    password = PasswordField("Password", [DataRequired("Choose a password.")])


class ChangePasswordForm(PageForm):
    """The current and the new password on the account page."""

    current = PasswordField("Current password", [DataRequired("Enter your current password.")])
    password = PasswordField("New password", [DataRequired("Choose a new password.")])


class CodeForm(PageForm):
    """A code from an authenticator app, or a recovery code."""

    code = StringField(
        "Code", [DataRequired("Enter the code."), Length(max=40, message="This code is too long. Enter it again.")]
    )


class PasskeyAnswerForm(PageForm):
    """An authenticator's response, which the page's script puts into a hidden field."""

    credential = HiddenField(validators=[DataRequired(NO_ANSWER), Length(max=20_000, message=NO_ANSWER)])


class ConfirmPasswordForm(PageForm):
    """The password that confirms a change."""

    password = PasswordField("Your password", [DataRequired("Enter your password."), password_confirmed_to_change])


class ChangeNameForm(PageForm):
    """The new name of a person."""

    name = StringField("Name", [DataRequired(NAME), Length(max=200, message=NAME)])


class ChangeEmailForm(ConfirmPasswordForm):
    """The new email address of a person, and the administrator's password."""

    email = EmailField(
        "New email address",
        [DataRequired(ADDRESS), Length(max=254, message=ADDRESS), Email(ADDRESS)],
        filters=[strip_spaces],
    )


class AddAppForm(CodeForm, ConfirmPasswordForm):
    """The code and password with which an authenticator app is added."""

    key = HiddenField()
    """The app's secret, encrypted for this session: stored only once the app has shown a right code."""


class AddPasskeyForm(PasskeyAnswerForm, ConfirmPasswordForm):
    """The name, response and password with which a passkey is added."""

    name = StringField("Name of this passkey", [DataRequired(PASSKEY_NAME), Length(max=60, message=PASSKEY_NAME)])


class RecoveryCodesForm(PageForm):
    """The confirmation that recovery codes have been saved."""

    codes = HiddenField()
    """The codes, encrypted for this session, so that the page can show them again until they are saved."""
    saved = BooleanField(
        "I have saved these codes", [DataRequired("Print the codes or write them down, then tick the box.")]
    )


class InviteForm(PageForm):
    """A person to invite, their role and its dates."""

    name = StringField("Name", [DataRequired(NAME), Length(max=200, message=NAME)])
    email = EmailField(
        "Email",
        [DataRequired(ADDRESS), Length(max=254, message=ADDRESS), Email(ADDRESS)],
        filters=[strip_spaces],
    )
    role = role_field()
    starts = date_field("From")
    ends = date_field("Until")


class GrantForm(PageForm):
    """A role to give to a person, and its dates."""

    role = role_field()
    starts = date_field("From")
    ends = date_field("Until")


class CentreSettingsForm(PageForm):
    """Settings of a centre."""

    terms = RadioField(
        "Terms",
        [DataRequired("Choose the terms your centre uses.")],
        choices={terms.value: terms.label for terms in CentreTerms},
    )
    unsampled_reasons = TextAreaField(
        "Reasons for releasing a unit without sampling", [Length(max=5_000, message="Use at most 5,000 characters.")]
    )
    evidence_age_limit = IntegerField(
        "Age of evidence to warn about, in months",
        [Optional(), NumberRange(1, 600, "Enter a number of months from 1 to 600.")],
    )
    form_annex = BooleanField("Print an annex with recording forms")
    candidate_two_step = BooleanField("Candidates need two-step verification")
    signing_two_step = RadioField(
        "Signing asks for two-step verification",
        [Optional()],
        choices={each.value: each.label for each in SigningTwoStep},
    )
