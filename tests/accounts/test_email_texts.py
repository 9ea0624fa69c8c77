"""Wording of the emails about accounts, registrations and retention."""

from datetime import date

import pytest

from tracker.accounts import emails as account_emails
from tracker.privacy import emails as privacy_emails
from tracker.registrations import emails as registration_emails
from tracker.vocabulary import LinkPurpose, Role

URL = "https://tracker.example.org/x"
SUPERVISE = registration_emails.AllocatedUnit("CFACC15", "Supervise", "Alice Moran")
IMPROVE = registration_emails.AllocatedUnit("INSCC004", "Improve", "Alice Moran")


@pytest.mark.parametrize(
    ("email", "subject", "sentence"),
    [
        (
            account_emails.build_role_given_email("Assessor", "Northgate", URL),
            "Your role at Northgate",
            "You have been given the role of assessor at Northgate. Sign in: https://tracker.example.org/x",
        ),
        (
            account_emails.build_link_email(LinkPurpose.INVITATION, "Ivy Okafor", URL, "You are an assessor."),
            "Your invitation to the evidence tracker",
            "You have been invited to the evidence tracker. You are an assessor. Choose your password here:",
        ),
        (
            account_emails.build_link_email(LinkPurpose.RESET, "Ivy Okafor", URL),
            "Set a new password",
            "The link works once, within an hour. If you did not ask for it, ignore this email.",
        ),
        (
            account_emails.build_password_changed_email("Ivy Okafor"),
            "Your password was changed",
            "If this was not you, ask for a new password on the sign-in page at once.",
        ),
        (
            account_emails.build_second_factor_added_email("Bob’s laptop"),
            "Two-step verification: a sign-in method was added",
            "“Bob’s laptop” was added to your account just now, and you were signed out of every other browser.",
        ),
        (
            account_emails.build_second_factor_removed_email("Bob’s laptop"),
            "Two-step verification: a sign-in method was removed",
            "“Bob’s laptop” was removed from your account just now and can no longer be used to sign in.",
        ),
        (
            account_emails.build_recovery_codes_replaced_email(),
            "Your recovery codes were replaced",
            "no longer work. You were signed out of every other browser. If this was not you, change your password at once",
        ),
        (
            account_emails.build_recovery_code_used_email("3 codes"),
            "A recovery code was used",
            "You have 3 codes left.",
        ),
        (
            account_emails.build_two_step_verification_reset_email("Your operator"),
            "Your two-step verification was reset",
            "If you did not ask for this, tell your centre at once.",
        ),
        (
            registration_emails.build_allocation_made_email(Role.ASSESSOR, [SUPERVISE], URL),
            "CFACC15: Alice Moran has been allocated to you",
            "You have been allocated CFACC15, Supervise, of Alice Moran, to assess: https://tracker.example.org/x",
        ),
        (
            registration_emails.build_allocation_ended_email(Role.INTERNAL_VERIFIER, [SUPERVISE], URL),
            "CFACC15: Alice Moran has been allocated to somebody else",
            "CFACC15, Supervise, of Alice Moran is no longer allocated to you to verify. It is now allocated to somebody else.",
        ),
        (
            registration_emails.build_assessor_allocated_email("Bob Archer", [SUPERVISE], URL),
            "Your assessor for CFACC15",
            "Bob Archer is now your assessor for CFACC15, Supervise: https://tracker.example.org/x",
        ),
        (
            registration_emails.build_allocation_made_email(Role.ASSESSOR, [SUPERVISE, IMPROVE], URL),
            "2 units have been allocated to you",
            "to assess:\n\n- CFACC15, Supervise, of Alice Moran\n- INSCC004, Improve, of Alice Moran\n\nhttps://tracker.example.org/x",
        ),
        (
            registration_emails.build_allocation_ended_email(Role.ASSESSOR, [SUPERVISE, IMPROVE], URL),
            "2 units have been allocated to somebody else",
            "These 2 units are no longer allocated to you to assess. They are now allocated to somebody else.",
        ),
        (
            registration_emails.build_assessor_allocated_email("Bob Archer", [SUPERVISE, IMPROVE], URL),
            "Your assessor for 2 units",
            "Bob Archer is now your assessor for:\n\n- CFACC15, Supervise\n- INSCC004, Improve\n\nhttps",
        ),
        (
            registration_emails.build_visit_opened_email("Northgate", date(2026, 11, 2), date(2026, 11, 6), URL),
            "Your visit to Northgate",
            "from 2 November 2026 until the end of 6 November 2026: https://tracker.example.org/x",
        ),
        (
            privacy_emails.build_erasure_due_email("2 registrations", URL),
            "Registrations due for erasure",
            "The retention period has ended for evidence or records of 2 registrations.",
        ),
    ],
)
def test_email_has_this_subject_and_sentence(email: tuple[str, str], subject: str, sentence: str) -> None:
    assert email[0] == subject
    assert sentence in email[1]
