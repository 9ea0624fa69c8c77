"""Counts in words, such as `1 unit` and `1,204 units`."""


def format_count(number: int, word: str) -> str:
    """Return the number with its thousands separated and the word in the singular or, with an s, in the plural."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
