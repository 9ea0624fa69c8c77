"""Forms sent after the session had timed out, or signed without the second step: kept, and filled in again.

docs/security.md, Unsaved text, has the limits.
"""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, Response, current_app, flash, redirect, request, url_for
from flask_login import current_user
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as RedirectResponse

from tracker.accounts.services.unsaved_texts import (
    Pairs,
    UnsavedForm,
    delete_unsaved_form,
    find_unsaved_form,
    keep_unsaved_form,
)
from tracker.accounts.sessions import find_timed_out_person_id
from tracker.errors import NotFound
from tracker.ledger import read_only, transactions
from tracker.ledger.transactions import SAFE_METHODS
from tracker.web.current_user import SignedIn
from tracker.web.form_filling import fill_form
from tracker.web.formatting import moment
from tracker.web.requests import parse_id
from tracker.web.route_rules import find_route_rule
from tracker.web.save_confirmation import was_form_saved

PARAMETER = "unsaved_text"
"""The query parameter, and the hidden field, with the id of a kept form."""
FIELDS_NOT_KEPT = {"csrf_token", "idempotency_key", "save_id", PARAMETER, "current", "credential"}
"""Fields that are never kept, besides those with `password` in their names."""
CODE_VALUE = re.compile(r"[0-9a-z_.:/-]*")
"""A value that a button, an id, a date or a choice sends; a form with no other values is not kept."""
KEEP_CHOICES = "keep_choices"
"""The hidden field of a form that is kept even with no other values, because its choices are work of their own."""
KEPT_MESSAGE = (
    "Your session ended before this was saved. What you typed is kept for 24 hours: sign in again, and the form "
    "comes back with it. Files are not kept."
)
TOO_LARGE_MESSAGE = (
    "Your session ended before this was saved, and it is too long to be kept. Go back in your browser and copy what "
    "you typed before you sign in."
)
NOT_ON_PAGE_NOTICE = Markup(
    '<p class="flash needs-you" role="status">The form that you sent, which was not saved, is not on this page. '
    'What you typed is kept for 24 hours: <a href="{}">Unsaved text</a>.</p>'
)
MAIN_TAG = '<main id="main" tabindex="-1">'


def init_app(app: Flask) -> None:
    """Register the hooks; call it after the CSRF check is registered and before the routes' rules."""

    @app.before_request
    def keep_form() -> RedirectResponse | None:
        """Keep a form whose session has timed out, and redirect to the sign-in page."""
        if not should_form_be_kept() or read_only.is_read_only():
            return None
        person_id = find_timed_out_person_id(request)
        page = find_page_of_form()
        form = read_sent_form(page)
        if person_id is None or not is_worth_keeping(form.fields):
            return None
        kept_id = keep_unsaved_form(person_id, form)
        flash(TOO_LARGE_MESSAGE if kept_id is None else KEPT_MESSAGE, "needs-you")
        target = page if kept_id is None else add_parameter(page, kept_id)
        return redirect(url_for("accounts.sign_in", next=target), 303)

    @app.after_request
    def fill_in_form(response: Response) -> Response:
        """Fill in a kept form on its page, or delete it once it has been saved."""
        # A refused request may have a body that is too large to be read.
        parameters = request.args if response.status_code >= 400 else request.values
        if unsaved_id := parse_id(parameters.get(PARAMETER, "")):
            if was_form_saved(response) and request.accept_mimetypes.best != "application/json":
                delete_kept_form(unsaved_id)
            elif request.method == "GET" and response.mimetype == "text/html":
                fill_in_page(response, unsaved_id)
        return response


def should_form_be_kept() -> bool:
    """Return whether this is a form of a page that needs a sign-in, sent by a browser that is not signed in."""
    if request.method in SAFE_METHODS or not request.endpoint or isinstance(current_user, SignedIn):
        return False
    rule = find_route_rule(current_app, request.endpoint)
    return bool(rule and not rule.public and not rule.step) and request.accept_mimetypes.best != "application/json"


def read_sent_form(page: str, *, was_signed_in: bool = False) -> UnsavedForm:
    """Return the form of this request as it is kept, for the page that it comes back on."""
    fields = tuple((name, value) for name, value in request.form.items(multi=True) if is_kept_field(name))
    has_files = any(each.filename for each in request.files.values())
    return UnsavedForm(request.path, page, fields, has_files, was_signed_in)


def replace_kept_form(page: str) -> int | None:
    """Keep the form that the signed-in person sent, instead of one that it was filled in from; return the new id.

    None if nothing was typed into it, or if it is too large to be kept: then the earlier one stays.
    """
    form = read_sent_form(page, was_signed_in=True)
    kept_id = keep_unsaved_form(current_user.person_id, form) if is_worth_keeping(form.fields) else None
    if kept_id and (earlier_id := parse_id(request.form.get(PARAMETER, ""))):
        delete_kept_form(earlier_id)
    return kept_id


def is_kept_field(name: str) -> bool:
    """Return whether a field may be kept: no password, code or token."""
    return "password" not in name.lower() and name not in FIELDS_NOT_KEPT


def is_worth_keeping(fields: Pairs) -> bool:
    """Return whether a person typed something into the form, or made choices in one that is kept for them."""
    return any(name == KEEP_CHOICES or (name != "key" and not CODE_VALUE.fullmatch(value)) for name, value in fields)


def find_page_of_form() -> str:
    """Return the address of the page that the form was sent from; that of the list of unsaved text if unknown."""
    referrer = urlsplit(request.referrer or "")
    paths = [(referrer.path, referrer.query)] if referrer.netloc == request.host else []
    for path, query in [*paths, (request.path, "")]:
        try:
            current_app.url_map.bind("").match(path, method="GET")
        except HTTPException:
            continue
        return f"{path}?{query}" if query else path
    return url_for("accounts.list_unsaved_texts")


def add_parameter(page: str, unsaved_id: int) -> str:
    """Return the page's address with the id of the kept form."""
    path, _, query = page.partition("?")
    other_parameters = [(name, value) for name, value in parse_qsl(query) if name != PARAMETER]
    return f"{path}?{urlencode([*other_parameters, (PARAMETER, unsaved_id)])}"


def fill_in_page(response: Response, unsaved_id: int) -> None:
    """Fill in the kept form for its own person; if the page has no such form, add a notice that links to the text."""
    if not isinstance(current_user, SignedIn) or not current_user.is_authenticated:
        return
    form = find_unsaved_form(current_user.person_id, unsaved_id)
    if form is None or urlsplit(form.page).path != request.path:
        return
    html = response.get_data(as_text=True)
    filled_html = fill_form(
        html,
        request.path,
        form.action,
        form.fields,
        notice=render_notice(form),
        extra=' data-unsaved-text="{}"',
    )
    if filled_html is None:
        filled_html = html.replace(
            MAIN_TAG, f"{MAIN_TAG}{NOT_ON_PAGE_NOTICE.format(url_for('accounts.list_unsaved_texts'))}", 1
        )
    response.set_data(filled_html)


def render_notice(form: UnsavedForm) -> Markup:
    """Return the notice at the beginning of a form that was filled in, with the id of the kept form."""
    reason = "without two-step verification" if form.was_signed_in else "after your session had ended"
    outcome = ("signed", "sign") if form.was_signed_in else ("saved", "save")
    files = " The files you chose were not kept: add them again." if form.has_files else ""
    return Markup(
        '<p class="flash needs-you" role="status">You sent this on {}, {}. It is not {} yet: check it, then {} it.{}'
        '</p><input type="hidden" name="{}" value="{}">'
    ).format(moment(form.kept_at), reason, *outcome, files, PARAMETER, form.id)


def delete_kept_form(unsaved_id: int) -> None:
    """Delete a kept form that has now been saved."""
    try:
        with transactions.transaction():
            delete_unsaved_form(current_user.person_id, unsaved_id)
    except NotFound:
        return
