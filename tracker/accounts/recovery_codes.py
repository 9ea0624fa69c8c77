"""Recovery codes: single-use codes for signing in without the authenticator app or passkey."""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tracker.accounts.passwords import hash_password, is_password

CODE_COUNT = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the characters that are easily mistaken for one another: i, l, o, 0 and 1."""
GROUP_COUNT, GROUP_LENGTH = 3, 4
Key = TypeVar("Key")


@dataclass(frozen=True)
class NewCode:
    """A new recovery code: its text, shown once, and its hash, which is stored."""

    text: str
    code_hash: str


def make_codes() -> tuple[NewCode, ...]:
    """Return ten new codes of 59 bits each. Hashing them is slow: call it while no lock is held."""
    texts = ["-".join(_make_group() for _ in range(GROUP_COUNT)) for _ in range(CODE_COUNT)]
    return tuple(NewCode(text, hash_password(_normalise(text))) for text in texts)


def find_code(typed: str, stored: Iterable[tuple[Key, str]]) -> Key | None:
    """Return the key of the stored (key, hash) pair that a typed code matches, however it was spaced. Slow too."""
    text = _normalise(typed)
    if len(text) != GROUP_COUNT * GROUP_LENGTH:
        return None
    return next((key for key, code_hash in stored if is_password(code_hash, text)), None)


def list_code_texts(codes: Sequence[NewCode]) -> list[str]:
    """List the codes as their person reads them."""
    return [each.text for each in codes]


def _make_group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH))


def _normalise(typed: str) -> str:
    return re.sub(r"[\s-]+", "", typed).lower()
