"""Text as it is printed: long words with break points, long texts shortened."""

import re

LONG_WORD = re.compile(r"\S{30,}")
BREAK = "\u200b"
"""A zero-width space: a line may end there, inside a word."""


def add_break_points(text: str) -> str:
    """Return text whose long words may be broken after every fifth character.

    A style sheet can do the same, but then each line of a long word measures all the rest of it: ten thousand
    characters took 25 seconds.
    """
    return LONG_WORD.sub(lambda word: BREAK.join(re.findall(".{1,5}", word[0])), text)


def shorten(text: str, length: int) -> str:
    """Return the text, or its beginning with an ellipsis where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
