"""Password confirmation before signatures and sensitive changes, limited by itself for each session."""

from functools import wraps
from typing import Any, cast

from flask import g, request
from wtforms import ValidationError

from tracker import security_log
from tracker.accounts.passwords import is_password
from tracker.accounts.services.attempt_limits import PASSWORD_CONFIRMATION, count_attempt, forget_attempts
from tracker.errors import Invalid, WrongPassword
from tracker.ledger.transactions import transaction
from tracker.web.current_user import me
from tracker.web.route_rules import View

WRONG = str(WrongPassword("{}"))


def requires_password(view: View) -> View:
    """Check the `password` field of a POST before the view runs, while no lock is held.

    The form's password field reports the error through `password_confirmed`, so the page keeps everything else that
    was typed. Wrong passwords are counted for the session, apart from those at sign-in: an unattended session must
    not allow guessing, and nobody else's attempts keep its owner from signing.
    """

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            g.password_error = find_password_error(request.form.get("password", ""))
        return view(*args, **kwargs)

    return cast("View", checked)


def password_confirmed(_form: Any, _field: Any, outcome: str = "Nothing was signed.") -> None:
    """Validate the password field of a form that signs (a WTForms validator)."""
    if error := g.get("password_error", WRONG):
        raise ValidationError(error.format(outcome))


def password_confirmed_to_change(form: Any, field: Any) -> None:
    """Validate the password field of a form that changes something without signing (a WTForms validator)."""
    password_confirmed(form, field, "Nothing was changed.")


def find_password_error(password: str) -> str:
    """Return why this is not the signed-in person's password, or an empty string if it is.

    The error has a `{}` for a sentence that says what was not done.
    """
    if not password:
        return WRONG
    account, session = f"person {me().person_id}", f"session {me().session_id}"
    try:
        count_attempt(PASSWORD_CONFIRMATION, account, session)
    except Invalid as error:
        return f"{error} {{}}"
    if not is_password(me().password_hash, password):
        security_log.write("password_confirmation_failed")
        return WRONG
    with transaction():  # of its own: the password was right, even if the form is refused for another reason
        forget_attempts(PASSWORD_CONFIRMATION, account, session)
    return ""
