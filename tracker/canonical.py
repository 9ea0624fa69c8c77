"""Canonical JSON: the one way in which things are written down before they are hashed."""

import hashlib
import json
import unicodedata
from typing import Any

LARGEST = 2**53


def canonical_json(value: Any) -> bytes:
    """ASCII JSON with sorted keys, NFC strings, no floats and no integer of 2^53 or more (ValueError)."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def sha256(domain: str, body: bytes) -> str:
    """Hex SHA-256 over a domain tag and the bytes, so that one thing's hash never stands for another's."""
    return hashlib.sha256(domain.encode("ascii") + b"\0" + body).hexdigest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", str(value))
    if isinstance(value, int):
        if abs(value) >= LARGEST:
            raise ValueError(f"{value} is too large to be written down exactly")
        return value
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    raise ValueError(f"{type(value).__name__} has no canonical form")
