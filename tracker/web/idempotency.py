"""Idempotency keys, with which a signing or submitting form acts once, however often it is sent."""

import hashlib
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, make_response, redirect, request
from markupsafe import Markup
from sqlalchemy.exc import IntegrityError

from tracker.clock import now
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger.transactions import rollback
from tracker.models import IdempotencyKey
from tracker.web.current_user import me

FIELD = "idempotency_key"
NOT_HASHED = {FIELD, "csrf_token", "password", "save_id", "unsaved_text"}


def idempotent(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let a POST act once for each key.

    The same form sent again redirects to where it redirected first; with another body it is refused. Put the
    decorator below `requires` and the confirmation of a password. A view that has acted must redirect.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        key = request.form.get(FIELD, "")
        if request.method != "POST" or not key:
            return view(*args, **kwargs)
        body_hash = _hash_body()
        row = IdempotencyKey(person_id=me().person_id, key=key[:64], body_hash=body_hash, location="", used_at=now())
        earlier = db.session.get(IdempotencyKey, (row.person_id, row.key))
        if earlier is None:
            db.session.add(row)
            try:
                db.session.flush()
            except IntegrityError:
                rollback()  # the same form arrived twice at the same moment, and the other was first
                earlier = db.session.get(IdempotencyKey, (row.person_id, row.key))
        if earlier:
            if earlier.body_hash != body_hash:
                raise Conflict("This form was already used for something else. Open the page again.")
            return redirect(earlier.location, 303)
        response = make_response(view(*args, **kwargs))
        if response.status_code in {302, 303}:  # any other response did not act, and is rolled back with the key
            row.location = response.location
        return response

    return wrapper


def init_app(app: Flask) -> None:
    """Register the template global `idempotency_field`."""

    @app.template_global()
    def idempotency_field() -> Markup:
        """Return the hidden field that a form needs for `idempotent`."""
        return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, secrets.token_urlsafe(24))


def _hash_body() -> str:
    digest = hashlib.sha256(request.path.encode())
    for name, values in sorted(request.form.lists()):
        if name not in NOT_HASHED:
            digest.update(repr((name, values)).encode())
    return digest.hexdigest()
