"""List numbers as web pages and Word print them: 3 as `3`, `c`, `C`, `iii` or `III`."""

from collections.abc import Callable

ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
MAX_ROMAN = 3999


def format_letters(number: int) -> str:
    """Return a number as a web page letters it: after z come aa, ab, …."""
    if number < 1:
        return str(number)
    text = ""
    while number:
        number, place = divmod(number - 1, 26)
        text = chr(ord("a") + place) + text
    return text


def format_repeated_letters(number: int) -> str:
    """Return a number as Word letters it: after z come aa, bb, …."""
    if not 1 <= number <= 780:
        return str(number)
    return chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)


def format_roman(number: int) -> str:
    """Return a number as a Roman numeral in lower case."""
    if not 1 <= number <= MAX_ROMAN:
        return str(number)
    text = ""
    for value, letters in ROMAN:
        while number >= value:
            text, number = text + letters, number - value
    return text


def format_two_digits(number: int) -> str:
    """Return a number with at least two digits."""
    return f"{number:02}"


def in_upper_case(style: Callable[[int], str]) -> Callable[[int], str]:
    """Return a formatting function whose result is in upper case."""
    return lambda number: style(number).upper()
