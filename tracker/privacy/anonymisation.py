"""Anonymisation of other people in the export of a person's own data: they are called by their role."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

MIN_NAME_LENGTH = 3
"""Shorter parts of a name are not replaced: they would be found inside ordinary words."""


class NameReplacer:
    """Replaces people's names and email addresses in free text: “your assessor”, “the candidate”."""

    def __init__(self, words: Mapping[tuple[str, str], str]) -> None:
        """Take the word to put in place of each person, by a name and email address that they have or had."""
        replacements: dict[str, str] = {}
        for (name, email), word in words.items():
            parts = [part for part in name.split() if len(part) >= MIN_NAME_LENGTH]
            replacements |= dict.fromkeys([*(each for each in (name, email) if each), *parts], word)
        self.words = {each.casefold(): word for each, word in replacements.items()}
        named = sorted(map(re.escape, replacements), key=len, reverse=True)
        self.pattern = re.compile(rf"(?<!\w)(?:{'|'.join(named)})(?!\w)", re.IGNORECASE) if named else None

    def replace_names(self, text: str | None) -> str | None:
        """Return the text with each of these people replaced by their word."""
        if not text or not self.pattern:
            return text
        return self.pattern.sub(lambda match: self.words[match[0].casefold()], text)


def to_json_value(value: Any) -> Any:
    """Return a column's value for JSON: dates and times in ISO 8601, enum members as their labels."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return getattr(value, "label", value.value) if isinstance(value, Enum) else value


def read_columns(row: Any, *names: str) -> dict[str, Any]:
    """Return these columns of a row as JSON values, by name."""
    return {name: to_json_value(getattr(row, name)) for name in names}
