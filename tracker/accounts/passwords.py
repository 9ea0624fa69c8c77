"""Passwords: hashed with argon2id, and refused where they are easily guessed."""

import re
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 12
MAX_SCORED_LENGTH = 64
"""Characters of a password that its strength is judged by."""
MIN_REST_LENGTH = 8
"""Characters that are not the person's own name or address."""
MIN_SCORE = 3
"""Of zxcvbn's 0 to 4: safely unguessable, as it calls it."""
WORD = re.compile(r"\w{3,}")
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


def is_guessable(password: str, known: Iterable[str]) -> bool:
    """Whether who knows these words about a person would guess the password within some 10^8 tries."""
    from zxcvbn import zxcvbn

    words = {part.casefold() for each in known for part in (each, *WORD.findall(each))}
    rest = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(rest) < MIN_REST_LENGTH:
        return True
    # what it looks at is bounded, since it takes longer than in proportion to the length
    found = zxcvbn(password[:MAX_SCORED_LENGTH], user_inputs=sorted(words))
    return bool(found["score"] < MIN_SCORE)
