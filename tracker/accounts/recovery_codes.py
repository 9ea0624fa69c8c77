"""Codes on paper that stand in for a lost second factor, in signs that are not mistaken for one another."""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tracker.accounts.passwords import hash_password, is_password

COUNT = 10
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP = 3, 4
Key = TypeVar("Key")


@dataclass(frozen=True)
class NewCode:
    """A code as its person reads it, this once, and as it is kept."""

    words: str
    code_hash: str


def make_codes() -> tuple[NewCode, ...]:
    """Ten codes of 59 bits each, hashed like passwords, which takes a while: call it with no lock held."""
    made = ["-".join(_group() for _ in range(GROUPS)) for _ in range(COUNT)]
    return tuple(NewCode(words, hash_password(_plain(words))) for words in made)


def find_code(typed: str, kept: Iterable[tuple[Key, str]]) -> Key | None:
    """Which of the kept (key, hash) pairs this is, however it was spaced; likewise slow."""
    words = _plain(typed)
    if len(words) != GROUPS * GROUP:
        return None
    return next((key for key, code_hash in kept if is_password(code_hash, words)), None)


def list_code_texts(codes: Sequence[NewCode]) -> list[str]:
    return [each.words for each in codes]


def _group() -> str:
    return "".join(secrets.choice(SIGNS) for _ in range(GROUP))


def _plain(typed: str) -> str:
    return re.sub(r"[\s-]+", "", typed).lower()
