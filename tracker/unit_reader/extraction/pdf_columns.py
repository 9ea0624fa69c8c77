"""Columns of a PDF's page that only white space separates: rows of two cells, or one column after the other."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from tracker.unit_reader import phrases
from tracker.unit_reader.extraction.pdf_words import Strip, usual_gap

STEP = 3.0
"""Points between two places where a gutter is looked for."""
MIN_GUTTER = 0.9
"""Of the type's size. The spaces of justified text are narrower."""
MIN_LINES = 3
MIN_SIGNS = 7
"""On average. A column of labels alone is a hanging indent."""
LABELLED = re.compile(r"\(?(?:[A-Z]{0,3}\d{1,3}(?:\.\d{1,3})*|[a-z]|[ivx]{1,5}|[•▪◦·])[.):]*(?:\s|$)")
FULL = 0.8
BESIDE = 1.2
"""Of the type's size: a row's cells may begin so far apart, since paragraphs have margins of their own."""


@dataclass(frozen=True)
class SideBySide:
    """Lines in two columns; `rows` are those read across, otherwise the left column is read first."""

    left: tuple[Strip, ...]
    right: tuple[Strip, ...]
    rows: tuple[tuple[tuple[Strip, ...], tuple[Strip, ...]], ...] = ()

    @property
    def top(self) -> float:
        return min(strip.top for strip in self.left + self.right)


def split_columns(strips: Sequence[Strip], known: list[float]) -> Iterator[Strip | SideBySide]:
    """The strips in reading order, those that two columns share taken apart.

    `known` are the gutters found so far: where one goes on, a few lines are enough to see it, and new ones are added.
    """
    found = _best_gutter(strips) or _known_gutter(strips, known)
    if found is None:
        yield from strips
        return
    first, last, gutter = found
    known.append(gutter)
    while len(_cut(strips[first : first + 1], gutter)[1]) == 0:
        first += 1  # a heading above both
    left, right = _cut(strips[first:last], gutter)
    rows = tuple(_rows(left, right))
    while (
        rows and last - first > 1 and strips[last - 1].x1 < gutter and _is_below(strips[last - 1], strips[last - 2])
    ):
        last -= 1
        left, right = _cut(strips[first:last], gutter)
        rows = tuple(_rows(left, right))
    yield from split_columns(strips[:first], known)
    yield SideBySide(tuple(left), tuple(right), rows)
    yield from split_columns(strips[last:], known)


def _is_below(strip: Strip, above: Strip) -> bool:
    """A line of its own, under both columns."""
    return strip.top - above.bottom > strip.size


def _known_gutter(strips: Sequence[Strip], known: Sequence[float]) -> tuple[int, int, float] | None:
    for at in dict.fromkeys(known):
        for first, last in _stretches(strips, at, MIN_GUTTER * strips[0].size / 2 if strips else 0):
            left, right = _cut(strips[first:last], at)
            if left and right:
                return first, last, at
    return None


def _best_gutter(strips: Sequence[Strip]) -> tuple[int, int, float] | None:
    """The first and last strip of the longest stretch with a gutter in it, and where that is."""
    if len(strips) < MIN_LINES:
        return None
    size = strips[len(strips) // 2].size
    edge, end = min(strip.x0 for strip in strips), max(strip.x1 for strip in strips)
    best, places = (0, 0, 0), []
    at = edge + size * 3
    while at < end - size * 3:
        for first, last in _stretches(strips, at, size * MIN_GUTTER / 2):
            score = _score(strips[first:last], at)
            if score > best[0]:
                best, places = (score, first, last), [at]
            elif score and score == best[0] and (first, last) == best[1:]:
                places.append(at)
        at += STEP
    return (best[1], best[2], places[len(places) // 2]) if places else None


def _stretches(strips: Sequence[Strip], at: float, clear: float) -> Iterator[tuple[int, int]]:
    """The runs of strips in which nothing is printed at `at`, nor near it."""
    first = None
    for place, strip in enumerate(strips):
        crossed = any(word.x0 < at + clear and word.x1 > at - clear for word in strip.words)
        if crossed and first is not None:
            yield first, place
            first = None
        elif not crossed and first is None:
            first = place
    if first is not None:
        yield first, len(strips)


def _score(strips: Sequence[Strip], at: float) -> int:
    """How much speaks for two columns: the strips with words on both sides; none where a side is only labels."""
    left, right = _cut(strips, at)
    both = len(left) + len(right) - len(strips)
    if min(len(left), len(right)) < MIN_LINES or both < 2:
        return 0
    if min(mean(len(strip.text) for strip in side) for side in (left, right)) < MIN_SIGNS:
        return 0
    starts = [strip for strip in left if any(abs(strip.top - other.top) < strip.size / 2 for other in right)]
    labels = sum(1 for strip in starts if len(strip.text) < MIN_SIGNS and LABELLED.match(strip.text))
    return 0 if labels > len(starts) / 2 else both * 10 + len(strips)


def _cut(strips: Sequence[Strip], at: float) -> tuple[list[Strip], list[Strip]]:
    left, right = [], []
    for strip in strips:
        before = tuple(word for word in strip.words if (word.x0 + word.x1) / 2 < at)
        after = tuple(word for word in strip.words if (word.x0 + word.x1) / 2 >= at)
        if before:
            left.append(Strip(before))
        if after:
            right.append(Strip(after))
    return left, right


def _rows(left: Sequence[Strip], right: Sequence[Strip]) -> Iterator[tuple[tuple[Strip, ...], tuple[Strip, ...]]]:
    """The rows that both columns begin together; none where each column runs on by itself."""
    starts = _shared_starts(left, right)
    if not starts or (_has_parts(left) and _has_parts(right)):
        return
    for top, below in zip(starts, [*starts[1:], float("inf")], strict=True):
        yield (
            tuple(strip for strip in left if top <= strip.top + strip.size / 2 < below),
            tuple(strip for strip in right if top <= strip.top + strip.size / 2 < below),
        )


def _has_parts(strips: Sequence[Strip]) -> bool:
    """Whether headings of a unit's parts stand within the column: so it is in columns of text, never in a table's."""
    return any(phrases.section_of(strip.text) for strip in strips[1:])


def _shared_starts(left: Sequence[Strip], right: Sequence[Strip]) -> list[float]:
    gap = min(usual_gap(left), usual_gap(right))
    ours, theirs = _starts(left, gap), _starts(right, gap)
    if _are_facts(left, right):
        ours, theirs = [strip.top for strip in left], [strip.top for strip in right]
    size = left[0].size
    shared = [top for top in ours if any(-size / 2 < other - top < size * BESIDE for other in theirs)]
    first = min(left[0].top, right[0].top)
    whole = max(left[-1].bottom, right[-1].bottom) - first
    if len(shared) < max(2, len(ours) * 0.7) and not (len(ours) <= 1 and shared):
        return []
    if not _are_facts(left, right) and min(_filled(left), _filled(right)) > whole * FULL:
        return []
    if len(ours) <= 1 and _filled(left) > _filled(right):
        return []  # the end of a second column is shorter than the first
    return sorted({first, *(top for top in shared if top > first + size * BESIDE)})


def _starts(strips: Sequence[Strip], gap: float) -> list[float]:
    """Where something begins: at the top, behind white, at a label."""
    found = [strips[0].top]
    for above, strip in pairwise(strips):
        if (strip.top - above.bottom) / strip.size > gap + 0.35 or LABELLED.match(strip.text):
            found.append(strip.top)
    return found


def _are_facts(left: Sequence[Strip], right: Sequence[Strip]) -> bool:
    """`Level:` beside `2`: each short line on the left names what stands on its right."""
    return len(left) >= len(right) * 0.6 and sum(strip.text.endswith(":") for strip in left) > len(left) * 0.6


def _filled(strips: Sequence[Strip]) -> float:
    """How much of its height a column uses, its wider gaps left out."""
    return sum(strip.bottom - strip.top for strip in strips) * 1.25
