"""The second step of two-step verification before a signature: asked for first, with what was typed kept."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import flash, redirect, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from tracker.accounts.services.signing_two_step import is_asked, is_recent
from tracker.accounts.unsaved_forms import add_parameter, replace_kept_form
from tracker.extensions import db
from tracker.ledger import read_only, transactions
from tracker.models import UnitAttempt
from tracker.vocabulary import Role
from tracker.web.current_user import me
from tracker.web.route_rules import View
from tracker.web.save_confirmation import mark_form_not_saved

NOT_SIGNED = "Nothing was signed: signing needs two-step verification, at most five minutes before."
KEPT = f"{NOT_SIGNED} What you typed is kept for 24 hours. Confirm that it is you, and the form comes back with it."


def is_second_step_missing(role: Role, centre_id: int | None) -> bool:
    """Return whether the signed-in person has to do the second step before they sign in this role at this centre."""
    grant = me().find_grant(role, centre_id) if centre_id else None
    return bool(
        grant
        and me().has_second_factor
        and is_asked(grant.signing_two_step, role)
        and not is_recent(me().second_step)
        and not read_only.is_read_only()
    )


def ask_second_step(page: str) -> Response:
    """Return a redirect to the second step, which leads back to this page."""
    return redirect(url_for("accounts.confirm_sign_in", next=page), 303)


def requires_second_step(role: Role, endpoint: str) -> Callable[[View], View]:
    """Ask for the second step before a view that signs runs, while no lock is held, if it is missing.

    What was typed is kept like the forms of a session that has timed out, and comes back on the page of `endpoint`.
    A form that is only saved (`act` is "save") is not asked. Put the decorator above `requires_password`: no password
    is checked then.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(attempt_id: int, **kwargs: Any) -> Any:
            if request.form.get("act") == "save":
                return view(attempt_id, **kwargs)
            with transactions.reading():
                centre_id = db.session.scalar(select(UnitAttempt.centre_id).where(UnitAttempt.id == attempt_id))
            if not is_second_step_missing(role, centre_id):
                return view(attempt_id, **kwargs)
            page = url_for(endpoint, attempt_id=attempt_id)
            kept_id = replace_kept_form(page)
            mark_form_not_saved()
            flash(KEPT if kept_id else NOT_SIGNED, "needs-you")
            return ask_second_step(add_parameter(page, kept_id) if kept_id else page)

        return cast("View", checked)

    return decorate
