"""Words and printed lines of a PDF's page, with their size and weight of type."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

from pdfplumber.utils.text import extract_words

PlumberPage = Any
BOLD = re.compile(r"bold|black|heavy|semibold|demi|-bd|,bd", re.IGNORECASE)
UNKNOWN = re.compile(r"\(cid:\d+\)")
MIN_SPACE_RATIO = 0.2
"""As a share of the size of type: a wider gap ends a word if no space is printed."""
MIN_WIDE_GAP = 1.5
MAX_SLANT = 0.1
BOX = tuple[float, float, float, float]


@dataclass(frozen=True)
class Word:
    """One word of a page. Positions and size are in points, `characters` and `bold` are counts."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    characters: int
    bold: int


@dataclass(frozen=True)
class PrintedLine:
    """Words on one baseline, from left to right. `top` and `bottom` are points from the page's top."""

    words: tuple[Word, ...]

    @cached_property
    def text(self) -> str:
        """Return the words, with three spaces for a wide gap."""
        parts = [self.words[0].text]
        for before, word in pairwise(self.words):
            parts.append("   " if word.x0 - before.x1 > self.size * MIN_WIDE_GAP else " ")
            parts.append(word.text)
        return "".join(parts)

    @cached_property
    def x0(self) -> float:
        """Return the left end, in points."""
        return self.words[0].x0

    @cached_property
    def x1(self) -> float:
        """Return the right end, in points."""
        return max(word.x1 for word in self.words)

    @cached_property
    def top(self) -> float:
        """Return the upper edge, in points from the page's top."""
        return min(word.top for word in self.words)

    @cached_property
    def bottom(self) -> float:
        """Return the lower edge, in points from the page's top."""
        return max(word.bottom for word in self.words)

    @cached_property
    def size(self) -> float:
        """Return the usual size of type, in points."""
        return median(word.size for word in self.words)

    @cached_property
    def is_bold(self) -> bool:
        """Return whether every character is bold."""
        return sum(word.bold for word in self.words) == sum(word.characters for word in self.words) > 0


def read_words(page: PlumberPage) -> list[Word]:
    """Return the page's words; slanted text such as a watermark only if most of the page is slanted."""
    chars = list(_remove_double_printing(page.chars))
    upright = [char for char in chars if abs(char["matrix"][1]) <= abs(char["matrix"][0]) * MAX_SLANT]
    chosen = upright if len(upright) * 2 > len(chars) else chars
    words = extract_words(chosen, x_tolerance_ratio=MIN_SPACE_RATIO, y_tolerance=3, return_chars=True)
    return [_build_word(each) for each in words]


def split_printed_lines(words: Iterable[Word]) -> list[PrintedLine]:
    """Return the words as printed lines, from the top down."""
    line_words: list[list[Word]] = []
    for word in sorted(words, key=lambda each: (each.bottom, each.x0)):
        if line_words and _stands_beside(word, line_words[-1][-1]):
            line_words[-1].append(word)
        else:
            line_words.append([word])
    printed_lines = [
        PrintedLine(tuple(sorted(words_of_line, key=lambda each: each.x0))) for words_of_line in line_words
    ]
    return sorted(printed_lines, key=lambda line: (line.top + line.bottom) / 2)


def select_inside(words: Iterable[Word], box: BOX) -> list[Word]:
    """Return the words whose centre is inside a box."""
    x0, top, x1, bottom = box
    return [
        word
        for word in words
        if x0 <= (word.x0 + word.x1) / 2 <= x1 and top <= (word.top + word.bottom) / 2 <= bottom
    ]


def compute_usual_gap(lines: Sequence[PrintedLine]) -> float:
    """Return the white space between two lines of a paragraph, as a share of the size of type."""
    gaps = [
        (below.top - above.bottom) / above.size
        for above, below in pairwise(lines)
        if below.x0 < above.x1 and above.x0 < below.x1 and -0.3 < (below.top - above.bottom) / above.size < 1.5
    ]
    return sorted(gaps)[len(gaps) // 4] if gaps else 0.2


def _remove_double_printing(chars: Iterable[Any]) -> Iterator[Any]:
    """Yield each character once; heavy type is often made by printing it twice, slightly apart."""
    seen: dict[str, list[tuple[float, float]]] = {}
    for char in chars:
        places = seen.setdefault(char["text"], [])
        x, y = char["x0"], char["top"]
        near = max(char["size"] * 0.12, 0.3)
        if char["text"].isspace() or not any(abs(x - a) < near and abs(y - b) < near for a, b in places[-4:]):
            places.append((x, y))
            yield char


def _build_word(properties: dict[str, Any]) -> Word:
    chars = properties["chars"]
    bold = sum(1 for char in chars if BOLD.search(char["fontname"] or ""))
    size = float(median(char["size"] for char in chars)) or 1.0
    return Word(
        UNKNOWN.sub("\ufffd", properties["text"]),
        float(properties["x0"]),
        float(properties["x1"]),
        float(properties["top"]),
        float(properties["bottom"]),
        size,
        len(chars),
        bold,
    )


def _stands_beside(word: Word, last: Word) -> bool:
    """Return whether two words share a baseline, or the smaller is raised or lowered beside the larger."""
    shared = min(word.bottom, last.bottom) - max(word.top, last.top)
    return shared > 0.5 * min(word.bottom - word.top, last.bottom - last.top)
