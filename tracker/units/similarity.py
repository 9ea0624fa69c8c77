"""Similarity of two criteria in per cent, from shared words and their order. Deterministic; no language model.

Rare words count more than common ones (inverse document frequency over the units compared), and stop words hardly
count. Half of the value is for the shared words, half for their order (heaviest common subsequence). 100 means the
same words in the same order, ignoring case and punctuation.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
STOP_WORD_WEIGHT = 0.2
STOP_WORDS = frozenset(
    """
    a about after against all an and any are as at be been before being between both but by can could do each
    for from had has have how if in into is it its may must of on or other out over own shall should so such
    than that the their them then there these they this those through to under up upon was were what when
    where which while who whose why will with within would you your
    """.split()  # noqa: SIM905 - sixty words read best as words
)
"""Words that are in nearly every criterion."""
SUFFIXES = (
    ("fication", "fy"),
    ("ies", "y"),
    ("ied", "y"),
    ("sses", "ss"),
    ("ss", "ss"),
    ("s", ""),
)
"""Suffixes and what replaces them; the first that fits is applied."""
SECOND_SUFFIXES = (("ment", ""), ("ion", ""), ("ing", ""), ("ed", ""))
"""Suffixes removed after those above."""
ORDER_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class TokenisedText:
    """A text prepared for comparison."""

    text: str
    words: tuple[str, ...]
    """As written, in lower case."""
    stems: tuple[str, ...]
    counts: Mapping[str, int]


class SimilarityMeasure:
    """Similarity of texts by words weighted with their inverse document frequency in the given texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        stem_sets = [set(list_stems(text)) for text in texts]
        self._text_count = len(stem_sets)
        self._document_frequencies = Counter(stem for stems in stem_sets for stem in stems)

    def weight(self, stem: str) -> float:
        """Return the weight of a word stem, between 0.2 and about 5."""
        if stem in STOP_WORDS:
            return STOP_WORD_WEIGHT
        return 1 + math.log((self._text_count + 1) / (self._document_frequencies[stem] + 1))

    def similarity(self, one: str, other: str) -> int:
        """Return the similarity of two texts, from 0 to 100."""
        return self.compare(tokenise(one), tokenise(other))

    def compare(self, one: TokenisedText, other: TokenisedText, at_least: int = 0) -> int:
        """Return the similarity of two tokenised texts, from 0 to 100; 0 if it cannot reach `at_least`."""
        if one.words == other.words:
            return 100
        total = self._add_weights(one.counts) + self._add_weights(other.counts)
        if not total:
            return 0
        common = 2 * self._add_weights(count_shared_stems(one, other)) / total
        if 100 * common < at_least:  # shared order cannot add to shared words
            return 0
        ordered = 2 * self._weigh_common_subsequence(one.stems, other.stems) / total
        return min(99, round(100 * (common * (1 - ORDER_WEIGHT) + ordered * ORDER_WEIGHT)))

    def _add_weights(self, counts: Mapping[str, int]) -> float:
        return sum(self.weight(stem) * count for stem, count in counts.items())

    def _weigh_common_subsequence(self, one: Sequence[str], other: Sequence[str]) -> float:
        """Return the weight of the heaviest common subsequence of the two texts."""
        best = [0.0] * (len(other) + 1)
        for stem in one:
            weight, diagonal = self.weight(stem), 0.0
            for at, against in enumerate(other, start=1):
                above = best[at]
                best[at] = max(above, best[at - 1], diagonal + weight if stem == against else 0.0)
                diagonal = above
        return best[-1]


def tokenise(text: str) -> TokenisedText:
    """Return the text with its words and stems."""
    words = split_words(text)
    stems = tuple(map(stem_word, words))
    return TokenisedText(text, words, stems, Counter(stems))


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of the text in lower case."""
    return tuple(word.casefold().replace("’", "'") for word in WORD.findall(text))


def list_stems(text: str) -> tuple[str, ...]:
    """Return the stems of the words of the text."""
    return tuple(map(stem_word, split_words(text)))


def stem_word(word: str) -> str:
    """Return a word without its ending: `validating` and `validation` have the same stem."""
    if word in STOP_WORDS:
        return word
    word = word.split("'", maxsplit=1)[0] or word
    stem = _replace_suffix(_replace_suffix(word, SUFFIXES, shortest=3), SECOND_SUFFIXES, shortest=4)
    return stem.removesuffix("e") if len(stem) > 4 else stem


def _replace_suffix(word: str, endings: Iterable[tuple[str, str]], shortest: int) -> str:
    for ending, replacement in endings:
        if word.endswith(ending) and len(word) - len(ending) >= shortest:
            return word.removesuffix(ending) + replacement
    return word


def count_shared_stems(one: TokenisedText, other: TokenisedText) -> dict[str, int]:
    """Return how often each shared stem is in both texts."""
    return {stem: min(count, other.counts[stem]) for stem, count in one.counts.items() if stem in other.counts}
