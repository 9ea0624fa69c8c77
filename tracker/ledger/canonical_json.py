"""Canonical JSON: the one way in which things are written down before they are hashed."""

import hashlib
import json
import re
import unicodedata
from typing import Any

MAX_SIZE = 2**53
NEEDS_A_LOOK = re.compile(rb"\\|\d{16}")
"""A sign that is escaped, or what may be a number too large."""


def canonical_json(value: Any) -> bytes:
    """ASCII JSON with sorted keys, NFC strings, no floats and no integer of 2^53 or more (ValueError)."""
    return ENCODER.encode(_plain(value)).encode("ascii")


def parse_canonical(body: bytes) -> tuple[Any, bool]:
    """What the bytes say, and whether they are the canonical way to say it. ValueError for what is no JSON."""
    value = DECODER.decode(body.decode("ascii"))
    if NEEDS_A_LOOK.search(body):
        return value, canonical_json(value) == body
    # nothing in it that `_plain` would change or refuse, so that a hundred thousand are compared in seconds
    return value, ENCODER.encode(value).encode("ascii") == body


def _refuse(number: str) -> Any:
    raise ValueError(f"{number} is not exact")


def sha256(domain: str, body: bytes) -> str:
    """Hex SHA-256 over a domain tag and the bytes, so that one thing's hash never stands for another's."""
    return hashlib.sha256(domain.encode("ascii") + b"\0" + body).hexdigest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", str(value))
    if isinstance(value, int):
        if abs(value) >= MAX_SIZE:
            raise ValueError(f"{value} is too large to be written down exactly")
        return value
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    raise ValueError(f"{type(value).__name__} has no canonical form")


ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))
DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
