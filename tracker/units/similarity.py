"""How alike two statements of standards are, in per cent. Deterministic and explainable; no model.

What the two share counts by how seldom it is in the units compared: "validation" says more than "customer", which
stands in half the lines, and small words say next to nothing. Half of the mark is for the words themselves, half for
their standing in the same order. 100 means the same words in the same order, and nothing else does.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
SMALL_WEIGHT = 0.2
SMALL = frozenset(
    """
    a about after against all an and any are as at be been before being between both but by can could do each
    for from had has have how if in into is it its may must of on or other out over own shall should so such
    than that the their them then there these they this those through to under up upon was were what when
    where which while who whose why will with within would you your
    """.split()  # noqa: SIM905 - sixty words read best as words
)
"""Words that every line has."""
ENDINGS = (
    ("fication", "fy"),
    ("ies", "y"),
    ("ied", "y"),
    ("sses", "ss"),
    ("ss", "ss"),
    ("s", ""),
)
STEM_ENDINGS = (("ment", ""), ("ion", ""), ("ing", ""), ("ed", ""))
"""Taken off after those above."""
SHARE_OF_ORDER = 0.5


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two statements are as alike as they are: for a person who wonders."""

    per_cent: int
    shared: tuple[str, ...]
    """Words they have in common, the most telling first."""
    only_one: tuple[str, ...]
    only_other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A text made ready to be compared."""

    text: str
    words: tuple[str, ...]
    """As written, but for case."""
    stems: tuple[str, ...]
    counts: Mapping[str, int]


class Scale:
    """Weighs words by how seldom they are in the texts it is made over, and measures likeness by these weights."""

    def __init__(self, texts: Iterable[str]) -> None:
        found = [set(stems_of(text)) for text in texts]
        self._lines = len(found)
        self._in_lines = Counter(stem for stems in found for stem in stems)

    def weight(self, stem: str) -> float:
        """Between 0.2 and about 5: what it says that two lines share this word."""
        if stem in SMALL:
            return SMALL_WEIGHT
        return 1 + math.log((self._lines + 1) / (self._in_lines[stem] + 1))

    def likeness(self, one: str, other: str) -> int:
        """How alike two texts are, 0 to 100."""
        return self.compare(read(one), read(other))

    def compare(self, one: Statement, other: Statement, at_least: int = 0) -> int:
        """The same of texts already read; 0 without a closer look where it cannot come to `at_least`."""
        if one.words == other.words:
            return 100
        whole = self._sum(one.counts) + self._sum(other.counts)
        if not whole:
            return 0
        common = 2 * self._sum(shared_counts(one, other)) / whole
        if 100 * common < at_least:  # order never adds to the words
            return 0
        ordered = 2 * self._heaviest_run(one.stems, other.stems) / whole
        return min(99, round(100 * (common * (1 - SHARE_OF_ORDER) + ordered * SHARE_OF_ORDER)))

    def explain(self, one: str, other: str) -> Explanation:
        """The likeness with the words that make it, and those that are against it."""
        first, second = read(one), read(other)
        shared = {stem for stem in first.counts if stem in second.counts}
        return Explanation(
            self.compare(first, second),
            self._telling(first, shared),
            self._telling(first, first.counts.keys() - shared),
            self._telling(second, second.counts.keys() - shared),
        )

    def _telling(self, statement: Statement, stems: Iterable[str]) -> tuple[str, ...]:
        wanted = set(stems) - SMALL
        words = {stem: word for word, stem in zip(statement.words, statement.stems, strict=True) if stem in wanted}
        return tuple(words[stem] for stem in sorted(words, key=lambda stem: (-self.weight(stem), stem)))

    def _sum(self, counts: Mapping[str, int]) -> float:
        return sum(self.weight(stem) * count for stem, count in counts.items())

    def _heaviest_run(self, one: Sequence[str], other: Sequence[str]) -> float:
        """The weight of the heaviest words that stand in both in the same order, others between them."""
        best = [0.0] * (len(other) + 1)
        for stem in one:
            weight, diagonal = self.weight(stem), 0.0
            for at, against in enumerate(other, start=1):
                above = best[at]
                best[at] = max(above, best[at - 1], diagonal + weight if stem == against else 0.0)
                diagonal = above
        return best[-1]


def read(text: str) -> Statement:
    """A text as words and stems."""
    words = words_of(text)
    stems = tuple(map(stem_of, words))
    return Statement(text, words, stems, Counter(stems))


def words_of(text: str) -> tuple[str, ...]:
    return tuple(word.casefold().replace("’", "'") for word in WORD.findall(text))


def stems_of(text: str) -> tuple[str, ...]:
    return tuple(map(stem_of, words_of(text)))


def stem_of(word: str) -> str:
    """A word without its ending, roughly: `validating` and `validation` meet, and `colleagues'` is `colleague`."""
    if word in SMALL:
        return word
    word = word.split("'", maxsplit=1)[0] or word
    stem = _without(_without(word, ENDINGS, shortest=3), STEM_ENDINGS, shortest=4)
    return stem.removesuffix("e") if len(stem) > 4 else stem


def _without(word: str, endings: Iterable[tuple[str, str]], shortest: int) -> str:
    for ending, instead in endings:
        if word.endswith(ending) and len(word) - len(ending) >= shortest:
            return word.removesuffix(ending) + instead
    return word


def shared_counts(one: Statement, other: Statement) -> dict[str, int]:
    return {stem: min(count, other.counts[stem]) for stem, count in one.counts.items() if stem in other.counts}
