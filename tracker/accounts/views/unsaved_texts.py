"""Views of unsaved text, and the CSRF token that a page which is still open asks for."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from tracker.accounts.services.unsaved_texts import delete_unsaved_form, list_unsaved_forms
from tracker.accounts.unsaved_forms import add_parameter
from tracker.accounts.views import accounts
from tracker.web.current_user import me
from tracker.web.route_rules import signed_in


@accounts.get("/account/unsaved-text")
@signed_in
def list_unsaved_texts() -> ResponseReturnValue:
    """List what this person sent after their session had timed out, with links to the forms."""
    here = url_for(".list_unsaved_texts")
    forms = [
        (each, "" if each.page.partition("?")[0] == here else add_parameter(each.page, each.id))
        for each in list_unsaved_forms(me().person_id)
    ]
    return render_template("accounts/list_unsaved_texts.html", unsaved=forms)


@accounts.post("/account/unsaved-text/<int:unsaved_id>/delete")
@signed_in
def delete_unsaved_text(unsaved_id: int) -> ResponseReturnValue:
    """Delete one of them."""
    delete_unsaved_form(me().person_id, unsaved_id)
    flash("Deleted.")
    return redirect(url_for(".list_unsaved_texts"), 303)


@accounts.get("/csrf-token")
@signed_in
def get_csrf_token() -> ResponseReturnValue:
    """Return a CSRF token for this session and the id of its person, as JSON."""
    return {"token": generate_csrf(), "person": me().person_id}
