"""Encryption of texts under SECRET_KEY: read for their purpose only, unchanged only, and for as long as they may be."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask

from tracker import clock
from tracker.web.encryption import decrypt, encrypt

pytestmark = pytest.mark.one_database

HOUR = timedelta(hours=1)


def test_a_text_is_read_for_its_purpose_and_under_its_secret_key_only(app: Flask) -> None:
    token = encrypt("Schlüssel", "app")
    assert decrypt(token, "app") == "Schlüssel"
    assert decrypt(token, "unsaved text") is None
    app.config["SECRET_KEY"] = "another"
    assert decrypt(token, "app") is None


def test_a_changed_byte_anywhere_is_noticed(app: Flask) -> None:
    content = urlsafe_b64decode(encrypt("a secret", "app"))
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        assert decrypt(urlsafe_b64encode(changed).decode(), "app") is None, place


@pytest.mark.parametrize("token", ["", "x", "AAAA", "A" * 30, "é", "gAAAAA", "gAAAAABx", "A" * 300])
def test_what_was_never_encrypted_is_no_text(app: Flask, token: str) -> None:
    assert decrypt(token, "app") is None


def test_a_text_is_read_until_it_is_too_old(app: Flask, freeze_clock: Callable[..., None]) -> None:
    start = clock.now()
    freeze_clock(start)
    token = encrypt("a secret", "app")
    freeze_clock(start + HOUR - timedelta(seconds=1))
    assert decrypt(token, "app", within=HOUR) == "a secret"
    freeze_clock(start + HOUR + timedelta(seconds=1))
    assert decrypt(token, "app", within=HOUR) is None
    assert decrypt(token, "app") == "a secret"


def test_the_same_text_is_never_encrypted_in_the_same_way(app: Flask) -> None:
    assert len({encrypt("a secret", "app") for _ in range(20)}) == 20


def test_what_an_earlier_version_encrypted_is_still_read(app: Flask) -> None:
    key = HKDF(SHA256(), 32, salt=None, info=b"tracker.encryption.v1 app").derive(app.config["SECRET_KEY"].encode())
    token = Fernet(urlsafe_b64encode(key)).encrypt(b"a secret").decode()
    assert decrypt(token, "app", within=HOUR) == "a secret"
    assert decrypt(token, "unsaved text") is None
