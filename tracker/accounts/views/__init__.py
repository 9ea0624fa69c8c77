"""Views of accounts: signing in, one's own account, and a centre's people."""

from flask import Blueprint

accounts = Blueprint("accounts", __name__)

from tracker.accounts.views import (  # noqa: E402 - they register their routes on the blueprint
    account_changes,
    centres,
    email_confirmation,
    invitation_links,
    own_account,
    people,
    sign_in,
    two_step_sign_in,
    two_step_verification,
    unsaved_texts,
)

__all__ = [
    "account_changes",
    "accounts",
    "centres",
    "email_confirmation",
    "invitation_links",
    "own_account",
    "people",
    "sign_in",
    "two_step_sign_in",
    "two_step_verification",
    "unsaved_texts",
]
