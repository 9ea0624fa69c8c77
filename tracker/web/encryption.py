"""Encryption of short texts with AES-256-GCM, by keys derived from SECRET_KEY, a separate one for each purpose."""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta

from flask import current_app

from tracker import clock

DOMAIN = "tracker.encryption.v2"
"""Keeps these keys apart from any other key that might be derived from SECRET_KEY."""
FORMER_DOMAIN = "tracker.encryption.v1"
FORMER_START = "gAAAAA"
"""How the texts begin that an earlier version encrypted as Fernet tokens; they are still read."""
TIME_LENGTH, NONCE_LENGTH = 8, 12
"""Bytes of the time, in whole seconds since 1970, and of the random nonce; the encrypted text follows them."""


def encrypt(text: str, purpose: str) -> str:
    """Return the text encrypted with the key of this purpose, and authenticated together with the time."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    time = int(clock.now().timestamp()).to_bytes(TIME_LENGTH)
    nonce = secrets.token_bytes(NONCE_LENGTH)
    encrypted = AESGCM(_derive_key(DOMAIN, purpose)).encrypt(nonce, text.encode(), time)
    return urlsafe_b64encode(time + nonce + encrypted).decode()


def decrypt(token: str, purpose: str, *, within: timedelta | None = None) -> str | None:
    """Return the text encrypted for this purpose, or None if the token is not valid or is older than `within`."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if token.startswith(FORMER_START):
        return _decrypt_former(token, purpose, within)
    try:
        content = urlsafe_b64decode(token.encode())
        time, nonce = content[:TIME_LENGTH], content[TIME_LENGTH : TIME_LENGTH + NONCE_LENGTH]
        encrypted = content[TIME_LENGTH + NONCE_LENGTH :]
        text = AESGCM(_derive_key(DOMAIN, purpose)).decrypt(nonce, encrypted, time).decode()
    except (binascii.Error, ValueError, InvalidTag):  # ValueError: a nonce that is too short
        return None
    age = clock.now().timestamp() - int.from_bytes(time)
    return text if within is None or age <= within.total_seconds() else None


def _decrypt_former(token: str, purpose: str, within: timedelta | None) -> str | None:
    from cryptography.fernet import Fernet, InvalidToken

    fernet = Fernet(urlsafe_b64encode(_derive_key(FORMER_DOMAIN, purpose)))
    try:
        return fernet.decrypt(token.encode(), int(within.total_seconds()) if within else None).decode()
    except InvalidToken:
        return None


def _derive_key(domain: str, purpose: str) -> bytes:
    """Return 32 bytes; the library is imported here, since commands that need no key start faster."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    secret = str(current_app.config["SECRET_KEY"]).encode()
    return HKDF(SHA256(), 32, salt=None, info=f"{domain} {purpose}".encode()).derive(secret)
