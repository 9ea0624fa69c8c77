"""Proving again who one is, where it matters: the password, checked before any lock is held, slowed after slips."""

from functools import wraps
from typing import Any, cast

from flask import g, request
from wtforms import ValidationError

from tracker.accounts.passwords import is_password
from tracker.accounts.services.signing_in import MAX_PER_ACCOUNT, THROTTLED, keep_failure, refuse_when_throttled
from tracker.accounts.sessions import hash_token
from tracker.errors import Invalid, WrongPassword
from tracker.ledger.transactions import reading
from tracker.web.current_user import me
from tracker.web.route_rules import View

WRONG = str(WrongPassword("{}"))


def proving_identity(view: View) -> View:
    """Check the `password` field of a signing form before the view's first query, while no lock is held.

    The form's own field then asks `identity_was_proven`, so that a slip keeps what else was typed. Slips are counted
    as at sign-in, under a key of their own: a session that was left open is no place to guess a password.
    """

    @wraps(view)
    def identified(*args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            g.identity_fault = fault_in(request.form.get("password", ""))
        return view(*args, **kwargs)

    return cast("View", identified)


def identity_was_proven(_form: Any, _field: Any, kept: str = "Nothing was signed.") -> None:
    """A WTForms validator for the password with which one signs."""
    if fault := g.get("identity_fault", WRONG):
        raise ValidationError(fault.format(kept))


def identity_was_proven_to_change(form: Any, field: Any) -> None:
    """The same for what is changed with a password, rather than signed."""
    identity_was_proven(form, field, "Nothing was changed.")


def fault_in(password: str) -> str:
    """Why this does not prove who is signed in, with a place for what was kept; empty where it does."""
    if not password:
        return WRONG
    account, address = hash_token(f"sign {me().person_id}"), request.remote_addr or ""
    try:
        with reading():
            refuse_when_throttled(account, address, MAX_PER_ACCOUNT, THROTTLED)
    except Invalid as error:
        return f"{error} {{}}"
    if is_password(me().password_hash, password):
        return ""
    keep_failure(account, address)
    return WRONG
