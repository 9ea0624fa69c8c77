"""Markers: the numbers, letters and bullets that statements begin with, and which one follows which."""

import re
from dataclasses import dataclass

ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50}
BULLET = re.compile(r"([•·◦▪■●○‣➢►◆♦✓✔§–—*]|\uf0b7|\uf0a7|-(?=\s)|o(?=\s))\s*")
CODE = re.compile(
    r"\(?([A-Z]{1,3}|[A-Z]&[A-Z]|[A-Z][a-z])\s?(\d{1,3}(?:\.\d{1,2})*)"
    r"(?:(?=[A-Za-z][a-z]{2})|([a-z])?(?![\w%/]))\)?[.:)]?\s*"
)
DOTTED = re.compile(r"\(?(\d{1,2}(?:\.\d{1,2})+)(?![\d%])(?:([a-z])(?![a-z]))?\)?[.):]?\s*")
BRACKETED = re.compile(r"[(\[](\d{1,3}|[a-z]{1,2}|[ivxl]{1,6}|[A-Z])[)\]]\.?\s*")
NUMBERED = re.compile(r"(\d{1,3})([.):\]])(?!\d)\s*")
SPACED = re.compile(r"(\d{1,3})(\s+|$)")
GLUED = re.compile(r"(\d{1,3})(?=[A-Za-z][a-z]{2})(?!(?:st|nd|rd|th)\b)")
LETTERED = re.compile(r"([a-z]|[ivxl]{2,6}|[A-Z])([.)])(?!\w\.)(?:\s+|$|(?=[A-Z]))")
BARE_LETTER = re.compile(r"([a-z])(?:\s+(?=\S)|(?=[A-Z][a-z]))")
FIRST_SUB_ITEM = re.compile(r"(?<=:)\s+(?=(?:\(?(?:a|i|1)\)|(?:a|i|1)\.)\s+\S)")
"""The first sub-item after a colon, in the same line."""
RANGE_END = re.compile(r"(?:[–—-]|to\b|and\b)\s*[A-Z]{1,3}&?[A-Z]?\s?\d{1,3}\b")
"""`P1 – P3 by observation` speaks of statements and is none."""
REPEATED_REFERENCE = re.compile(r"\.\d{1,2}\s+")
"""The rest of a reference that is printed twice: `1.1 | .1 Identify`."""
CELL_SEPARATOR = re.compile(r"[/|]\s+")
"""What is left between a label and its text if two cells were written in one line: `1 / How to …`."""


@dataclass(frozen=True)
class Marker:
    """A marker as printed. The markers of a sequence share their `style`; `numbers` is the place in it."""

    style: str
    """`1.`, `1)`, `(1)`, `1`, `1.1`, `P1`, `P1.1`, `a)`, `(a)`, `a`, `A)`, `i)`, `(i)` or a bullet's own sign."""
    label: str
    """Without brackets and full stops: `1`, `a`, `P3`, `1.10`; empty for a bullet."""
    numbers: tuple[int, ...] = ()
    is_ambiguous: bool = False
    """It could be the first word of a sentence: it counts only if it is the next of its sequence."""

    @property
    def is_bullet(self) -> bool:
        """Return whether it is a bullet, which has no label."""
        return not self.label

    @property
    def is_first(self) -> bool:
        """Return whether it is the first of its sequence: `1`, `a)`, `2.1`."""
        return bool(self.numbers) and self.numbers[-1] == 1

    @property
    def is_coded(self) -> bool:
        """Return whether letters are before its number: `P3`, `KU 2`."""
        return self.label[:1].isupper() and self.label[-1].isdigit()

    def follows(self, previous: "Marker") -> bool:
        """Return whether it is the next of the same sequence; a bullet follows any bullet of its sign."""
        if self.style != previous.style:
            return False
        if self.is_bullet:
            return True
        return self.numbers == (*previous.numbers[:-1], previous.numbers[-1] + 1)

    def count_missing_after(self, previous: "Marker") -> int:
        """Return how many are missing between the two, or -1 if this one is not later in the sequence."""
        if self.is_bullet or self.style != previous.style or self.numbers[:-1] != previous.numbers[:-1]:
            return -1
        return self.numbers[-1] - previous.numbers[-1] - 1

    def is_within(self, previous: "Marker") -> bool:
        """Return whether it is one level below: `4.1` is within `4`, and `P4.1` within `P4`."""
        return (
            len(self.numbers) == len(previous.numbers) + 1
            and self.numbers[:-1] == previous.numbers
            and self.label.startswith(previous.label)
        )


def parse_markers(text: str) -> list[tuple[Marker, str]]:
    """Return the markers that the line may start with, the likeliest first, each with the text after it.

    `i)` may be a letter or a Roman number: both are returned, and the sequence decides.
    """
    bullet = BULLET.match(text)
    if bullet and bullet.end() < len(text) and _is_bullet(bullet, text):
        rest = text[bullet.end() :]
        if (second := BULLET.match(rest)) and second.end() < len(rest) and _is_bullet(second, rest):
            return parse_markers(rest)  # a dash was printed before the source's own bullet
        inner = [
            (marker, remainder)
            for marker, remainder in _parse_labels(rest)
            if not marker.is_ambiguous or marker.style == "1"
        ]
        return [*inner, (Marker(bullet[1], ""), rest)]
    return _parse_labels(text)


def parse_lone_marker(text: str) -> Marker | None:
    """Return the marker that is all of the line, or None."""
    bullet = BULLET.match(text)
    markers = [
        marker for marker, remainder in _parse_labels(text[bullet.end() :] if bullet else text) if not remainder
    ]
    return markers[0] if markers else None


def build_next_marker_pattern(marker: Marker) -> re.Pattern[str] | None:
    """Return a pattern for the next marker of the sequence inside a line, or None if it cannot be told."""
    if marker.is_bullet:
        return re.compile(rf"(?<=\S)\s+(?={re.escape(marker.style)}\s+\S)") if marker.style in "•·▪■●○◆♦" else None
    label = re.escape(_compute_next_label(marker))
    shapes = {
        "1.": rf"(?<=[^\d\s])\s+(?={label}\.\s*[A-Za-z])|(?<=[a-z.;])(?={label}\.\s+[A-Za-z])",
        "1)": rf"(?<=\S)\s+(?={label}\)\s*\S)",
        "(1)": rf"(?<=\S)\s*(?=\({label}\)\s*\S)",
        "1": (
            rf"(?<=[.;:])\s+(?={label}\s+[A-Z])|(?<=[a-z][.;])(?={label}\s+[A-Z])"
            rf"|(?<=[a-z.;])\s*(?={label}[A-Z][a-z])"
        ),
        "1.1": rf"(?<=[^\d\s.])\s*(?={label}(?!\d)[.)]?\s*[A-Za-z])",
        "a)": rf"(?<=\S)\s+(?={label}\)\s*\S)",
        "a.": rf"(?<=[.;:,])\s+(?={label}\.\s+\S)",
        "(a)": rf"(?<=\S)\s*(?=\({label}\)\s*\S)",
        "i)": rf"(?<=\S)\s+(?={label}\)\s*\S)",
        "(i)": rf"(?<=\S)\s*(?=\({label}\)\s*\S)",
    }
    if marker.style[0].isupper() and marker.label[-1].isdigit():
        return re.compile(rf"(?<=\S)\s*(?={label}(?![\d.]\d)[.:)]?\s*[A-Za-z])")
    shape = shapes.get(marker.style)
    return re.compile(shape) if shape else None


def _is_bullet(bullet: re.Match[str], text: str) -> bool:
    """Return whether a sign is a bullet: a dash or a star needs a space after it, other signs do not."""
    return text[bullet.end() - 1].isspace() or bullet[1] not in "–—*"


def _parse_labels(text: str) -> list[tuple[Marker, str]]:
    return [
        (marker, CELL_SEPARATOR.sub("", rest) if CELL_SEPARATOR.match(rest) else rest)
        for marker, rest in _parse_styles(text)
    ]


def _parse_styles(text: str) -> list[tuple[Marker, str]]:
    options: list[tuple[Marker, str]] = []
    if match := DOTTED.match(text):
        options.append(_parse_dotted(match, text[match.end() :]))
    elif match := CODE.match(text):
        options.extend([] if RANGE_END.match(text[match.end() :]) else _parse_code(match, text))
    elif match := BRACKETED.match(text):
        options.extend(_parse_bracketed(match, text))
    elif match := NUMBERED.match(text):
        closing = "." if match[2] in ".:" else ")"
        if inner := DOTTED.match(
            text[match.end() :]
        ):  # a list's number before the printed one, as in `1. 1.1 Explain`
            options.append(_parse_dotted(inner, text[match.end() + inner.end() :]))
        options.append((Marker(f"1{closing}", match[1], (int(match[1]),)), text[match.end() :]))
    elif (match := SPACED.match(text)) or (match := GLUED.match(text)):
        options.append((Marker("1", match[1], (int(match[1]),), is_ambiguous=True), text[match.end() :]))
    elif match := LETTERED.match(text):
        options.extend(_parse_letter(match[1], match[2], text[match.end() :]))
    elif match := BARE_LETTER.match(text):
        options.append(
            (Marker("a", match[1], (_get_letter_position(match[1]),), is_ambiguous=True), text[match.end() :])
        )
    return options


def _parse_dotted(match: re.Match[str], rest: str) -> tuple[Marker, str]:
    """Return the marker `1.1`, which may be printed twice, or `1.1a`, whose letter makes it a sub-item."""
    label = f"{match[1]}{match[2] or ''}"
    numbers = tuple(map(int, match[1].split(".")))
    rest = (REPEATED_REFERENCE.sub("", rest, count=1) if REPEATED_REFERENCE.match(rest) else rest).removeprefix(
        f"{label} "
    )
    if match[2]:
        return Marker("1.1a", label, (*numbers, _get_letter_position(match[2]))), rest
    return Marker("1.1", label, numbers), rest


def _parse_code(match: re.Match[str], text: str) -> list[tuple[Marker, str]]:
    """Return the marker `P3`, `K12`, `PC1`, `P4.1` or `KU 3`; the letter of `P3a` makes it a sub-item."""
    prefix, number, letter = match[1], match[2], match[3] or ""
    numbers = tuple(map(int, number.split(".")))
    label = f"{prefix}{number}{letter}"
    numbers = (*numbers, _get_letter_position(letter)) if letter else numbers
    rest = text[match.end() :].removeprefix(f"{label} ")
    depth = ".1" * number.count(".") + ("a" if letter else "")
    return [(Marker(f"{prefix}1{depth}", label, numbers, is_ambiguous=len(prefix) > 2), rest)]


def _parse_bracketed(match: re.Match[str], text: str) -> list[tuple[Marker, str]]:
    label, rest = match[1], text[match.end() :]
    if label.isdigit():
        return [(Marker("(1)", label, (int(label),)), rest)]
    if label.isupper():
        return [(Marker("(A)", label, (_get_letter_position(label.lower()),)), rest)]
    options = []
    if len(label) == 1:
        options.append((Marker("(a)", label, (_get_letter_position(label),)), rest))
    if number := _parse_roman(label):
        options.append((Marker("(i)", label, (number,)), rest))
    elif len(label) == 2 and label[0] == label[1]:
        options.append((Marker("(a)", label, (26 + _get_letter_position(label[0]),)), rest))
    return options


def _parse_letter(label: str, closing: str, rest: str) -> list[tuple[Marker, str]]:
    options = []
    if len(label) == 1:
        style = ("A" if label.isupper() else "a") + closing
        options.append(
            (Marker(style, label, (_get_letter_position(label.lower()),), is_ambiguous=closing == "."), rest)
        )
    if label.islower() and (number := _parse_roman(label)):
        options.append((Marker(f"i{closing}", label, (number,)), rest))
    return options


def _compute_next_label(marker: Marker) -> str:
    if marker.style.strip("().") == "i":
        return _format_roman(marker.numbers[-1] + 1)
    if marker.label[-1].isdigit():
        head = marker.label[: len(marker.label) - len(str(marker.numbers[-1]))]
        return f"{head}{marker.numbers[-1] + 1}"
    return marker.label[:-1] + chr(ord(marker.label[-1]) + 1) if marker.label[-1] not in "zZ" else "\0"


def _get_letter_position(letter: str) -> int:
    return ord(letter) - ord("a") + 1


def _parse_roman(label: str) -> int:
    """Return the value of a Roman number, or 0 if it is none."""
    total = 0
    values = [ROMAN.get(letter, 0) for letter in label]
    for value, after in zip(values, [*values[1:], 0], strict=True):
        total += -value if value < after else value
    return total if total and _format_roman(total) == label else 0


def _format_roman(number: int) -> str:
    signs = ((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
    written = ""
    for value, sign in signs:
        while number >= value:
            written, number = written + sign, number - value
    return written
