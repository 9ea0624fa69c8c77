"""Passwords: hashed with argon2id, checked before any transaction begins."""

from functools import wraps
from typing import Any, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import g, request
from wtforms import ValidationError

from tracker.access import View, me
from tracker.errors import WrongPassword

SHORTEST = 12
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_nobody = _hasher.hash("nobody's password, checked so that an unknown address takes as long as a known one")


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether this is the password; takes as long when there is no such person."""
    try:
        return _hasher.verify(password_hash or _nobody, password) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def proving_identity(view: View) -> View:
    """Check the `password` field of a signing form before the view's first query, while no lock is held.

    The form's own field then asks `identity_was_proven`, so that a slip keeps what else was typed.
    """

    @wraps(view)
    def identified(*args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            g.identity_proven = is_password(me().password_hash, request.form.get("password", ""))
        return view(*args, **kwargs)

    return cast("View", identified)


def identity_was_proven(_form: Any, _field: Any) -> None:
    """A WTForms validator for the password with which one signs."""
    if not g.get("identity_proven"):
        raise ValidationError(str(WrongPassword()))
