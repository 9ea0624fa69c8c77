"""Passwords: hashing with Argon2id, and an estimate of how easily one is guessed."""

import re
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 12
MAX_SCORED_LENGTH = 64
"""Characters of a password that zxcvbn looks at: the time it takes grows faster than the length."""
MIN_REST_LENGTH = 8
"""Characters that must be left when the person's own name and email address are taken out."""
MIN_SCORE = 3
"""Of zxcvbn's scores 0 to 4: 3 means safely unguessable."""
CONTEXT_WORDS = (
    "administrator", "assessor", "assurer", "candidate", "centre", "competency", "evidence", "password", "portfolio",
    "qualification", "tracker", "training", "verifier",
)  # fmt: skip
"""Words of this product and its trade, which count for nothing in a password (docs/rules.md, Sign-in, rule 12)."""
WORD = re.compile(r"\w{3,}")
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_dummy_hash = _hasher.hash("checked where no account exists, so that an unknown address takes as long as a known one")


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password. Slow: call it while no lock is held."""
    return _hasher.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Return whether this is the password; takes as long when there is no hash to compare with."""
    try:
        return _hasher.verify(password_hash or _dummy_hash, password) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def is_guessable(password: str, known: Iterable[str]) -> bool:
    """Return whether a password can be guessed in about 10^8 tries by somebody who knows these words."""
    from zxcvbn import zxcvbn

    words = {part.casefold() for each in known for part in (each, *WORD.findall(each))}
    other_characters = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        other_characters = other_characters.replace(word, "")
    if len(other_characters) < MIN_REST_LENGTH:
        return True
    estimate = zxcvbn(password[:MAX_SCORED_LENGTH], user_inputs=sorted(words))
    return bool(estimate["score"] < MIN_SCORE)
