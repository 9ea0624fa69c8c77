"""Texts of the emails about accounts: roles, invitations, passwords and two-step verification.

Each function returns the subject and the body.
"""

from tracker.vocabulary import LinkPurpose

NOT_YOU = "If this was not you, change your password at once and tell your centre."


def build_role_given_email(role: str, centre: str, url: str) -> tuple[str, str]:
    """Return the email to somebody with an account who has been given a role; `role` is its label."""
    return f"Your role at {centre}", f"{describe_role(role, centre)} Sign in: {url}"


def describe_role(role: str, centre: str) -> str:
    """Return the sentence that tells somebody which role they have been given."""
    return f"You have been given the role of {role.lower()} at {centre}."


def build_link_email(purpose: LinkPurpose, name: str, url: str, reason: str = "") -> tuple[str, str]:
    """Return the email with a link for choosing a password, confirming the address or signing in with a new browser.

    `reason` is a sentence that says why somebody is invited.
    """
    if purpose is LinkPurpose.CONFIRM_ADDRESS:
        return (
            "Confirm your email address",
            (
                f"Hello {name},\n\nYou asked to confirm this address for your account in the evidence tracker. Open "
                f"this link, sign in and confirm it:\n\n{url}\n\nThe link works once, within 24 hours. If you did "
                "not ask for it, ignore this email.\n"
            ),
        )
    if purpose is LinkPurpose.NEW_BROWSER:
        return (
            "Sign in with a new browser",
            (
                f"Hello {name},\n\nThere were too many wrong passwords for your account in the evidence tracker, so "
                "sign-in with a new browser needs a link. If you asked for one, open it with the browser that you "
                f"want to sign in with:\n\n{url}\n\nThe link works once, within an hour. Your password is asked for "
                "afterwards. If you did not ask for it, ignore this email.\n"
            ),
        )
    if purpose is LinkPurpose.INVITATION:
        subject, opening = "Your invitation to the evidence tracker", "You have been invited to the evidence tracker."
        opening = f"{opening} {reason}".strip()
        validity = "The link works once, within 14 days."
    else:
        subject, opening = "Set a new password", "Somebody asked for a new password for this address."
        validity = "The link works once, within an hour. If you did not ask for it, ignore this email."
    return subject, f"Hello {name},\n\n{opening} Choose your password here:\n\n{url}\n\n{validity}\n"


def build_link_made_by_operator_email() -> tuple[str, str]:
    """Return the email to somebody for whom the operator has made a password link by command line."""
    return (
        "A link to set your password",
        (
            "The system operator of the evidence tracker has made a link with which you can set a password. "
            "You will get the link from them."
        ),
    )


def build_password_changed_email(name: str) -> tuple[str, str]:
    """Return the email to somebody whose password was changed."""
    return (
        "Your password was changed",
        (
            f"Hello {name},\n\nYour password for the evidence tracker was changed just now, and you were signed out "
            "of every other browser. If this was not you, ask for a new password on the sign-in page at once.\n"
        ),
    )


def build_second_factor_added_email(factor: str) -> tuple[str, str]:
    """Return the email to somebody to whose account an authenticator app or passkey was added."""
    return (
        "Two-step verification: a sign-in method was added",
        (
            f"“{factor}” was added to your account just now, and you were signed out of every other browser. You are "
            f"asked for it after your password. {NOT_YOU}"
        ),
    )


def build_second_factor_removed_email(factor: str) -> tuple[str, str]:
    """Return the email to somebody from whose account an authenticator app or passkey was removed."""
    return (
        "Two-step verification: a sign-in method was removed",
        (
            f"“{factor}” was removed from your account just now and can no longer be used to sign in. You were "
            f"signed out of every other browser. {NOT_YOU}"
        ),
    )


def build_recovery_codes_replaced_email() -> tuple[str, str]:
    """Return the email to somebody whose recovery codes were replaced."""
    return (
        "Your recovery codes were replaced",
        (
            "New recovery codes were made for your account just now, and the old ones no longer work. You were "
            f"signed out of every other browser. {NOT_YOU}"
        ),
    )


def build_recovery_code_used_email(codes_left: str) -> tuple[str, str]:
    """Return the email to somebody whose recovery code was used; `codes_left` reads `3 codes`."""
    return (
        "A recovery code was used",
        (
            "Somebody signed in to the evidence tracker as you just now, with your password and one of your recovery "
            f"codes. You have {codes_left} left. {NOT_YOU}"
        ),
    )


def build_two_step_verification_reset_email(by: str) -> tuple[str, str]:
    """Return the email to somebody whose two-step verification was reset; `by` begins the sentence."""
    return (
        "Your two-step verification was reset",
        (
            f"{by} removed your two-step verification and recovery codes, and signed you out of every browser. If "
            "your role needs it, you set it up again when you next sign in. If you did not ask for this, tell your "
            "centre at once."
        ),
    )


def build_sessions_ended_email(centre: str) -> tuple[str, str]:
    """Return the email to somebody whose sessions an administrator of their centre ended."""
    return (
        "You were signed out",
        (
            f"An administrator of {centre} signed you out of every browser just now. Sign in again to continue. If "
            "you do not know why, ask your centre."
        ),
    )


def build_name_changed_email(earlier: str, name: str) -> tuple[str, str]:
    """Return the email to somebody whose name was changed."""
    return (
        "Your name was changed",
        (
            f"Your name in the evidence tracker was changed from {earlier} to {name}. What you signed before keeps "
            "the earlier name. If this is not right, tell your centre."
        ),
    )


def build_account_change_requested_email(
    what: str, asked_by: str, centre: str, when: str, url: str
) -> tuple[str, str]:
    """Return the email to somebody whose account will change; `url` is the link that cancels it."""
    return (
        "Your account will be changed",
        (
            f"{asked_by} at {centre} asked for a change of your account in the evidence tracker.\n\n{what}.\n\n"
            f"It takes effect on {when}, or earlier if a second administrator approves it. If you did not ask for "
            f"this, cancel it here, and tell your centre:\n\n{url}"
        ),
    )


def build_account_change_to_approve_email(
    what: str, name: str, asked_by: str, when: str, url: str
) -> tuple[str, str]:
    """Return the email to the centre's other administrators, who may approve or cancel a change of an account."""
    return (
        f"A change of the account of {name}",
        (
            f"{asked_by} asked for a change of the account of {name}.\n\n{what}.\n\nIt takes effect on {when}. You "
            f"can approve it before, or cancel it. Check with {name} first: {url}"
        ),
    )


def build_account_change_cancelled_email(what: str, name: str, because: str) -> tuple[str, str]:
    """Return the email that a change of somebody's account will not take effect, with the reason if there is one."""
    return (
        "A change of an account was cancelled",
        f"This change of the account of {name} was cancelled: {what}. {because}".rstrip(),
    )


def build_email_changed_email(earlier: str, address: str) -> tuple[str, str]:
    """Return the email to somebody whose address was changed, sent to both addresses."""
    return (
        "Your email address was changed",
        (
            f"Your email address in the evidence tracker was changed from {earlier} to {address}. Sign in with the "
            "new address and your password. If you did not ask for this, tell your centre at once."
        ),
    )
