"""Columns of a PDF's page that only white space separates: rows of two cells, or one column after the other."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from tracker.unit_reader import phrases
from tracker.unit_reader.extraction.pdf_words import PrintedLine, compute_usual_gap

GUTTER_STEP = 3.0
"""Points between two positions at which a gutter is looked for."""
MIN_GUTTER = 0.9
"""As a share of the size of type. The spaces of justified text are narrower."""
MIN_LINES = 3
MIN_MEAN_LENGTH = 7
"""Of the lines of a column, in characters. A column of labels alone is a hanging indent."""
LABEL_START = re.compile(r"\(?(?:[A-Z]{0,3}\d{1,3}(?:\.\d{1,3})*|[a-z]|[ivx]{1,5}|[•▪◦·])[.):]*(?:\s|$)")
MAX_FILLED_SHARE = 0.8
MAX_ROW_OFFSET = 1.2
"""As a share of the size of type: a row's cells may start so far apart, since paragraphs have margins."""


@dataclass(frozen=True)
class ColumnPair:
    """Printed lines in two columns. `rows` are those read across; without them the left column is read first."""

    left: tuple[PrintedLine, ...]
    right: tuple[PrintedLine, ...]
    rows: tuple[tuple[tuple[PrintedLine, ...], tuple[PrintedLine, ...]], ...] = ()

    @property
    def top(self) -> float:
        """Return where the columns start, in points from the page's top."""
        return min(line.top for line in self.left + self.right)


def split_columns(lines: Sequence[PrintedLine], known_gutters: list[float]) -> Iterator[PrintedLine | ColumnPair]:
    """Yield the lines in reading order, with stretches in two columns as `ColumnPair`.

    `known_gutters` are those found so far, and new ones are added: a few lines are enough to recognise one again.
    """
    best = _find_best_gutter(lines) or _find_known_gutter(lines, known_gutters)
    if best is None:
        yield from lines
        return
    first, last, gutter = best
    known_gutters.append(gutter)
    while len(_split_at_gutter(lines[first : first + 1], gutter)[1]) == 0:
        first += 1  # a heading above both columns
    left, right = _split_at_gutter(lines[first:last], gutter)
    rows = tuple(_pair_rows(left, right))
    while rows and last - first > 1 and lines[last - 1].x1 < gutter and _is_below(lines[last - 1], lines[last - 2]):
        last -= 1
        left, right = _split_at_gutter(lines[first:last], gutter)
        rows = tuple(_pair_rows(left, right))
    yield from split_columns(lines[:first], known_gutters)
    yield ColumnPair(tuple(left), tuple(right), rows)
    yield from split_columns(lines[last:], known_gutters)


def _is_below(line: PrintedLine, above: PrintedLine) -> bool:
    """Return whether a line stands alone below both columns."""
    return line.top - above.bottom > line.size


def _find_known_gutter(lines: Sequence[PrintedLine], known_gutters: Sequence[float]) -> tuple[int, int, float] | None:
    for x in dict.fromkeys(known_gutters):
        for first, last in _find_stretches(lines, x, MIN_GUTTER * lines[0].size / 2 if lines else 0):
            left, right = _split_at_gutter(lines[first:last], x)
            if left and right:
                return first, last, x
    return None


def _find_best_gutter(lines: Sequence[PrintedLine]) -> tuple[int, int, float] | None:
    """Return the first and last line of the longest stretch with a gutter, and the gutter's position."""
    if len(lines) < MIN_LINES:
        return None
    size = lines[len(lines) // 2].size
    edge, end = (
        min(line.x0 for line in lines),
        max(line.x1 for line in lines),
    )
    best, positions = (0, 0, 0), []
    x = edge + size * 3
    while x < end - size * 3:
        for first, last in _find_stretches(lines, x, size * MIN_GUTTER / 2):
            score = _score(lines[first:last], x)
            if score > best[0]:
                best, positions = (score, first, last), [x]
            elif score and score == best[0] and (first, last) == best[1:]:
                positions.append(x)
        x += GUTTER_STEP
    return (best[1], best[2], positions[len(positions) // 2]) if positions else None


def _find_stretches(lines: Sequence[PrintedLine], x: float, min_distance: float) -> Iterator[tuple[int, int]]:
    """Yield the stretches of lines in which nothing is printed at or near `x`."""
    first = None
    for index, line in enumerate(lines):
        crossed = any(word.x0 < x + min_distance and word.x1 > x - min_distance for word in line.words)
        if crossed and first is not None:
            yield first, index
            first = None
        elif not crossed and first is None:
            first = index
    if first is not None:
        yield first, len(lines)


def _score(lines: Sequence[PrintedLine], x: float) -> int:
    """Return how much suggests two columns: lines with words on both sides; 0 if a side is only labels."""
    left, right = _split_at_gutter(lines, x)
    both = len(left) + len(right) - len(lines)
    if min(len(left), len(right)) < MIN_LINES or both < 2:
        return 0
    if min(mean(len(line.text) for line in side) for side in (left, right)) < MIN_MEAN_LENGTH:
        return 0
    starts = [line for line in left if any(abs(line.top - other.top) < line.size / 2 for other in right)]
    labels = sum(1 for line in starts if len(line.text) < MIN_MEAN_LENGTH and LABEL_START.match(line.text))
    return 0 if labels > len(starts) / 2 else both * 10 + len(lines)


def _split_at_gutter(lines: Sequence[PrintedLine], x: float) -> tuple[list[PrintedLine], list[PrintedLine]]:
    left, right = [], []
    for line in lines:
        before = tuple(word for word in line.words if (word.x0 + word.x1) / 2 < x)
        after = tuple(word for word in line.words if (word.x0 + word.x1) / 2 >= x)
        if before:
            left.append(PrintedLine(before))
        if after:
            right.append(PrintedLine(after))
    return left, right


def _pair_rows(
    left: Sequence[PrintedLine], right: Sequence[PrintedLine]
) -> Iterator[tuple[tuple[PrintedLine, ...], tuple[PrintedLine, ...]]]:
    """Yield the rows that start in both columns together; none if each column runs on by itself."""
    starts = _find_shared_starts(left, right)
    if not starts or (_has_section_headings(left) and _has_section_headings(right)):
        return
    for top, below in zip(starts, [*starts[1:], float("inf")], strict=True):
        yield (
            tuple(line for line in left if top <= line.top + line.size / 2 < below),
            tuple(line for line in right if top <= line.top + line.size / 2 < below),
        )


def _has_section_headings(lines: Sequence[PrintedLine]) -> bool:
    """Return whether headings of a unit's parts are in the column, as in columns of text and never in a table."""
    return any(phrases.match_heading(line.text) for line in lines[1:])


def _find_shared_starts(left: Sequence[PrintedLine], right: Sequence[PrintedLine]) -> list[float]:
    gap = min(compute_usual_gap(left), compute_usual_gap(right))
    left_starts, right_starts = _find_starts(left, gap), _find_starts(right, gap)
    if _is_metadata(left, right):
        left_starts, right_starts = (
            [line.top for line in left],
            [line.top for line in right],
        )
    size = left[0].size
    shared = [
        top for top in left_starts if any(-size / 2 < other - top < size * MAX_ROW_OFFSET for other in right_starts)
    ]
    first = min(left[0].top, right[0].top)
    whole = max(left[-1].bottom, right[-1].bottom) - first
    if len(shared) < max(2, len(left_starts) * 0.7) and not (len(left_starts) <= 1 and shared):
        return []
    if (
        not _is_metadata(left, right)
        and min(_compute_filled_height(left), _compute_filled_height(right)) > whole * MAX_FILLED_SHARE
    ):
        return []
    if len(left_starts) <= 1 and _compute_filled_height(left) > _compute_filled_height(right):
        return []  # the last lines of a second column, which is shorter than the first
    return sorted({first, *(top for top in shared if top > first + size * MAX_ROW_OFFSET)})


def _find_starts(lines: Sequence[PrintedLine], gap: float) -> list[float]:
    """Return where something starts in a column: at its top, after white space, or at a label."""
    tops = [lines[0].top]
    for above, line in pairwise(lines):
        if (line.top - above.bottom) / line.size > gap + 0.35 or LABEL_START.match(line.text):
            tops.append(line.top)
    return tops


def _is_metadata(left: Sequence[PrintedLine], right: Sequence[PrintedLine]) -> bool:
    """Return whether the columns are names and values, such as `Level:` beside `2`."""
    return len(left) >= len(right) * 0.6 and sum(line.text.endswith(":") for line in left) > len(left) * 0.6


def _compute_filled_height(lines: Sequence[PrintedLine]) -> float:
    """Return how much of its height a column uses, without its wider gaps."""
    return sum(line.bottom - line.top for line in lines) * 1.25
