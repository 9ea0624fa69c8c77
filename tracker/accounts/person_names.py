"""Names of people and titles without invisible characters."""

import unicodedata

from tracker.web.typed_text import clean_typed_text

JOINERS = "\u200c\u200d"
"""The zero-width characters that join or separate letters in Persian, Hindi and other languages."""


def clean_name(name: str) -> str:
    """Return a name with single spaces and without invisible characters, but with the joiners that scripts need."""
    return " ".join(remove_invisible_characters(name).split())


def is_name(name: str) -> bool:
    """Return whether a name has a letter and at most 200 characters."""
    return len(name) <= 200 and any(unicodedata.category(each).startswith("L") for each in name)


def remove_invisible_characters(text: str) -> str:
    """Return a text without control and format characters, but with its line breaks and with the joiners."""
    return "".join(each for each in clean_typed_text(text) if each in JOINERS or unicodedata.category(each) != "Cf")
