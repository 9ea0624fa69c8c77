"""Canonical JSON, the form in which values are hashed and signed (docs/integrity.md, Canonical JSON)."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

MAX_INTEGER = 2**53
NEEDS_CHECK = re.compile(rb"\\|\d{16}")
"""Bytes that may not be canonical: an escaped character, or a number that may be too large."""


def canonical_json(value: Any) -> bytes:
    """Return a value as ASCII JSON with sorted keys and NFC strings.

    Raises:
        ValueError: the value holds a float, an integer of 2^53 or more, or a type that JSON does not have.
    """
    return ENCODER.encode(_normalise(value)).encode("ascii")


def encode_value(value: Any) -> bytes:
    """Return the canonical JSON of a value, several times faster where it is short: a text in ASCII, a small number.

    Raises:
        ValueError: as `canonical_json`.
    """
    kind = type(value)
    if kind is str and value.isascii():
        return encode_basestring_ascii(value).encode("ascii")
    if kind is int and -MAX_INTEGER < value < MAX_INTEGER:
        return b"%d" % value
    return canonical_json(value)


def encode_words(words: Mapping[str, Any]) -> bytes:
    """Return the canonical JSON of a dictionary, faster where it is of names and hashes in ASCII.

    Raises:
        ValueError: as `canonical_json`.
    """
    try:
        letters = "".join([*words, *words.values()])
    except TypeError:
        return canonical_json(words)
    if not (letters.isascii() and letters.replace("_", "").isalnum()):
        return canonical_json(words)
    return ("{" + ",".join([f'"{name}":"{words[name]}"' for name in sorted(words)]) + "}").encode("ascii")


def parse_canonical(body: bytes) -> tuple[Any, bool]:
    """Return the value that the bytes hold, and whether the bytes are its canonical form.

    Raises:
        ValueError: the bytes are no JSON, or hold a float.
    """
    value = DECODER.decode(body.decode("ascii"))
    if NEEDS_CHECK.search(body):
        return value, canonical_json(value) == body
    # Without escapes and long numbers `_normalise` changes nothing, and this is several times faster.
    return value, ENCODER.encode(value).encode("ascii") == body


def _refuse_inexact_number(number: str) -> Any:
    raise ValueError(f"{number} is not exact")


def sha256(domain: str, body: bytes) -> str:
    """Return the SHA-256, in hex, of a domain tag, a zero byte and the bytes.

    The tag keeps the hashes of different kinds of content different, even where the bytes are the same.
    """
    return hashlib.sha256(domain.encode("ascii") + b"\0" + body).hexdigest()


def _normalise(value: Any) -> Any:
    if value is None:
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", str(value))
    if isinstance(value, int):  # or a bool
        if abs(value) >= MAX_INTEGER:
            raise ValueError(f"{value} is too large to be written down exactly")
        return value
    if isinstance(value, dict):
        return {_normalise(key): _normalise(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_normalise(element) for element in value]
    raise ValueError(f"{type(value).__name__} has no canonical form")


ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))
DECODER = json.JSONDecoder(parse_float=_refuse_inexact_number, parse_constant=_refuse_inexact_number)
