"""Words that only this installation can read back, under keys derived from its SECRET_KEY, one for each purpose."""

from base64 import urlsafe_b64encode
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

DOMAIN = "tracker.encryption.v1"


def encrypt(words: str, purpose: str) -> str:
    return _box(purpose).encrypt(words.encode()).decode()


def decrypt(sealed: str, purpose: str, *, within: timedelta | None = None) -> str | None:
    """What was encrypted for this purpose; None for anything else, also once it is older than `within`."""
    try:
        return _box(purpose).decrypt(sealed.encode(), int(within.total_seconds()) if within else None).decode()
    except InvalidToken:
        return None


def _box(purpose: str) -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=f"{DOMAIN} {purpose}".encode())
    return Fernet(urlsafe_b64encode(key.derive(str(current_app.config["SECRET_KEY"]).encode())))
