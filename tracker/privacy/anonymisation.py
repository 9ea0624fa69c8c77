"""Other people in somebody's own data: named by what they are to that person, never by name or address."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

MIN_NAME_LENGTH = 3
"""A part of a name that is shorter is left standing: it would be found in ordinary words."""


class Names:
    """Whom free text may name, and the word to put in place of each: “your assessor”, “the candidate”."""

    def __init__(self, words: Mapping[tuple[str, str], str]) -> None:
        """`words`: by name and address."""
        found: dict[str, str] = {}
        for (name, email), word in words.items():
            parts = [part for part in name.split() if len(part) >= MIN_NAME_LENGTH]
            found |= dict.fromkeys([*(each for each in (name, email) if each), *parts], word)
        self.words = {each.casefold(): word for each, word in found.items()}
        named = sorted(map(re.escape, found), key=len, reverse=True)
        self.pattern = re.compile(rf"(?<!\w)(?:{'|'.join(named)})(?!\w)", re.IGNORECASE) if named else None

    def left_out(self, text: str | None) -> str | None:
        """The text with each of these people called by their word."""
        if not text or not self.pattern:
            return text
        return self.pattern.sub(lambda found: self.words[found[0].casefold()], text)


def plain(value: Any) -> Any:
    """A column's value as JSON takes it: moments and days as ISO text, words as their labels."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return getattr(value, "label", value.value) if isinstance(value, Enum) else value


def told(thing: Any, *names: str) -> dict[str, Any]:
    """These columns of a row, by name."""
    return {name: plain(getattr(thing, name)) for name in names}
