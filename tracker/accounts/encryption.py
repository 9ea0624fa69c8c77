"""Encryption of short texts with keys derived from SECRET_KEY, a separate key for each purpose."""

from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

DOMAIN = "tracker.encryption.v1"
"""Keeps these keys apart from any other key that might be derived from SECRET_KEY."""


def encrypt(text: str, purpose: str) -> str:
    """Return the text encrypted with the key of this purpose."""
    return _get_fernet(purpose).encrypt(text.encode()).decode()


def decrypt(token: str, purpose: str, *, within: timedelta | None = None) -> str | None:
    """Return the text encrypted for this purpose, or None if the token is not valid or is older than `within`."""
    from cryptography.fernet import InvalidToken

    try:
        return _get_fernet(purpose).decrypt(token.encode(), int(within.total_seconds()) if within else None).decode()
    except InvalidToken:
        return None


def _get_fernet(purpose: str) -> "Fernet":
    """Return the cipher of a purpose; the library is imported here, since commands that need no key start faster."""
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = HKDF(SHA256(), 32, salt=None, info=f"{DOMAIN} {purpose}".encode())
    return Fernet(urlsafe_b64encode(key.derive(str(current_app.config["SECRET_KEY"]).encode())))
