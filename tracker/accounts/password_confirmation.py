"""Proving again who one is, where it matters: the password, checked before any lock is held, slowed after slips."""

from functools import wraps
from typing import Any, cast

from flask import g, request
from wtforms import ValidationError

from tracker.accounts.passwords import is_password
from tracker.accounts.services.sign_in import MAX_PER_ACCOUNT, THROTTLED, check_rate_limit, record_failure
from tracker.accounts.sessions import hash_token
from tracker.errors import Invalid, WrongPassword
from tracker.ledger.transactions import reading
from tracker.web.current_user import me
from tracker.web.route_rules import View

WRONG = str(WrongPassword("{}"))


def requires_password(view: View) -> View:
    """Check the `password` field of a signing form before the view's first query, while no lock is held.

    The form's own field then asks `password_confirmed`, so that a slip keeps what else was typed. Slips are counted
    as at sign-in, under a key of their own: a session that was left open is no place to guess a password.
    """

    @wraps(view)
    def identified(*args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            g.password_error = find_password_error(request.form.get("password", ""))
        return view(*args, **kwargs)

    return cast("View", identified)


def password_confirmed(_form: Any, _field: Any, kept: str = "Nothing was signed.") -> None:
    """A WTForms validator for the password with which one signs."""
    if fault := g.get("password_error", WRONG):
        raise ValidationError(fault.format(kept))


def password_confirmed_to_change(form: Any, field: Any) -> None:
    """The same for what is changed with a password, rather than signed."""
    password_confirmed(form, field, "Nothing was changed.")


def find_password_error(password: str) -> str:
    """Why this does not prove who is signed in, with a place for what was kept; empty where it does."""
    if not password:
        return WRONG
    account, address = hash_token(f"sign {me().person_id}"), request.remote_addr or ""
    try:
        with reading():
            check_rate_limit(account, address, MAX_PER_ACCOUNT, THROTTLED)
    except Invalid as error:
        return f"{error} {{}}"
    if is_password(me().password_hash, password):
        return ""
    record_failure(account, address)
    return WRONG
