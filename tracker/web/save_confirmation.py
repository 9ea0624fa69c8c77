"""Confirmation to the browser that one form was saved, so that it may drop its own copy of what was typed.

static/js/autosave.js sends `save_id` with a form and looks on the next page for the cookie with that id. Nothing else
lets it drop the copy: the next page may be the sign-in page.
"""

import re

from flask import Flask, Response, current_app, g, request
from flask_login import current_user

from tracker.config import HOST_PREFIX

FIELD = "save_id"
SAVE_ID = re.compile(r"[0-9a-f]{32}")
COOKIE_PREFIX = "saved-"
COOKIE_SECONDS = 3600


def init_app(app: Flask) -> None:
    """Confirm each form that a view has saved, of a signed-in person or of a witness."""

    @app.after_request
    def confirm_save(response: Response) -> Response:
        if was_form_saved(response) and SAVE_ID.fullmatch(save_id := request.form.get(FIELD, "")):
            is_https = current_app.config["SESSION_COOKIE_SECURE"]
            response.set_cookie(
                f"{HOST_PREFIX if is_https else ''}{COOKIE_PREFIX}{save_id}",
                "1",
                max_age=COOKIE_SECONDS,
                samesite="Lax",
                secure=is_https,
            )
        return response


def mark_form_not_saved() -> None:
    """Note that this request redirects without having saved its form."""
    g.is_form_unsaved = True


def mark_form_saved() -> None:
    """Note that this request, which may be of nobody signed in, has saved its form where it redirects."""
    g.is_form_saved = True


def was_form_saved(response: Response) -> bool:
    """Return whether this response redirects after a form that a signed-in person sent: every view that acts does.

    A public view says with `mark_form_saved` that it saved its form.

    A signature that waits for the second step redirects too, and says so with `mark_form_not_saved`.
    """
    return (
        request.method == "POST"
        and response.status_code in {302, 303}
        and request.endpoint is not None
        and not g.get("is_form_unsaved", False)
        and (g.get("is_form_saved", False) or (bool(current_user) and current_user.is_authenticated))
    )
