"""Labels printed apart from their texts: each on a line of its own, or all in a column read before the texts."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Doubt
from tracker.unit_reader.line_wrapping import ends_unfinished, merge_texts
from tracker.unit_reader.markers import Marker, parse_lone_marker

DOTTED = re.compile(r"\d+(?:\.\d+)+")
MIN_LABELS = 2
MAX_LABELS = 200
MAX_LINES = 12
"""Of one text. If there are more lines, they are not the texts of these labels."""
CONTINUATION_WORD = re.compile(r"(?:and|or|of|to|with|for|in|on|at|by|from|that|which|when|their|than|as)\b")
"""Words with which a line continues the one above; no statement starts with them."""


def merge_lone_labels(lines: Sequence[CleanLine]) -> list[CleanLine]:
    """Merge labels on lines of their own with their texts, which may be below them or above."""
    label_indexes = [index for index, line in enumerate(lines) if not line.cells and parse_lone_marker(line.text)]
    if len(label_indexes) < 2:
        return list(lines)
    label_set = set(label_indexes)
    text_indexes = [index for index in range(len(lines)) if index not in label_set]
    if text_indexes and text_indexes[-1] < label_indexes[-1] and label_indexes[0] > 0:
        return _merge_labels_below(lines, label_set)
    joined: list[CleanLine] = []
    pending: CleanLine | None = None
    for index, line in enumerate(lines):
        if index in label_set:
            pending = line
        elif pending:
            text = f"{pending.text} {_strip_label(line.text, pending.text)}"
            joined.append(
                replace(line, text=text, line_numbers=pending.line_numbers + line.line_numbers, indent=pending.indent)
            )
            pending = None
        else:
            joined.append(line)
    return joined


def _strip_label(text: str, label: str) -> str:
    """Return the text without its label, if that is printed alone and again before the text (`1.1.Outline …`)."""
    match = DOTTED.search(label)
    return re.sub(rf"^{re.escape(match[0])}[.):]?\s*(?=\D)", "", text) if match else text


def _merge_labels_below(lines: Sequence[CleanLine], label_indexes: set[int]) -> list[CleanLine]:
    """Merge labels that are printed below their texts; a text may have several lines and a heading above it."""
    blocks: list[tuple[list[CleanLine], CleanLine | None]] = []
    block: list[CleanLine] = []
    for index, line in enumerate(lines):
        if index in label_indexes:
            blocks.append((block, line))
            block = []
        else:
            block.append(line)
    blocks.append((block, None))
    in_lower_case = sum(block_lines[-1].text[0].islower() for block_lines, _ in blocks if block_lines) * 2 > len(
        blocks
    )
    return [line for block_lines, label in blocks for line in _add_label_to_block(block_lines, label, in_lower_case)]


def _add_label_to_block(block: Sequence[CleanLine], label: CleanLine | None, in_lower_case: bool) -> list[CleanLine]:
    if label is None or not block:
        return list(block)
    start = 0
    while start < len(block) - 1 and (
        block[start].is_heading or block[start + 1].after_blank or (in_lower_case and block[start].text[0].isupper())
    ):
        start += 1
    own = block[start]
    labelled = replace(own, text=f"{label.text} {own.text}", line_numbers=own.line_numbers + label.line_numbers)
    return [*block[:start], labelled, *block[start + 1 :]]


def merge_label_columns(lines: Sequence[CleanLine], doubts: list[Doubt]) -> list[CleanLine]:
    """Merge columns of labels with the texts that were read after them, and add a doubt for each.

    Where each text starts is told from the space left at the ends of the lines, since nothing else separates them.
    """
    merged: list[CleanLine] = []
    counts = _count_labels(lines)
    index = 0
    while index < len(lines):
        labels = lines[index : index + min(counts[index], MAX_LABELS)]
        texts = _find_texts(lines, index + len(labels)) if len(labels) >= MIN_LABELS else []
        if not labels or not len(labels) <= len(texts) <= MAX_LINES * len(labels):
            merged.append(lines[index])
            index += 1
            continue
        merged.extend(_pair_labels_with_texts(labels, texts))
        numbers = tuple(number for line in (*labels, *texts) for number in line.line_numbers)
        doubts.append(
            Doubt(numbers, "labels are printed apart from their texts", "labels and texts were joined in their order")
        )
        index += len(labels) + len(texts)
    return merged


def _count_labels(lines: Sequence[CleanLine]) -> list[int]:
    """Return for each line how many labels stand alone from there, each the next of the one above."""
    counts: list[int] = []
    below: Marker | None = None
    for line in reversed(lines):
        marker = None if line.cells else parse_lone_marker(line.text)
        if marker is None:
            counts.append(0)
        elif below and below.follows(marker):
            counts.append(counts[-1] + 1)
        else:
            counts.append(1)
        below = marker
    return counts[::-1]


def _find_texts(lines: Sequence[CleanLine], start: int) -> list[CleanLine]:
    """Return the lines up to the next label or introduction, without a heading above an introduction."""
    end = start
    while end < len(lines) and not _ends_texts(lines[end]):
        end += 1
    texts = list(lines[start:end])
    heading = next((index for index in range(len(texts) - 1, 0, -1) if texts[index].text[0].isupper()), None)
    is_introduced = end < len(lines) and phrases.is_introduction(lines[end].text)
    return texts[:heading] if is_introduced and heading else texts


def _ends_texts(line: CleanLine) -> bool:
    return bool(line.cells or line.is_heading or phrases.is_introduction(line.text) or parse_lone_marker(line.text))


def _pair_labels_with_texts(labels: Sequence[CleanLine], texts: Sequence[CleanLine]) -> list[CleanLine]:
    breaks = sorted(_find_likely_breaks(texts, len(labels) - 1))
    starts, ends = [0, *breaks], [*breaks, len(texts)]
    return [_merge_label(label, texts[start:end]) for label, start, end in zip(labels, starts, ends, strict=True)]


def _merge_label(label: CleanLine, lines: Sequence[CleanLine]) -> CleanLine:
    text = lines[0].text
    for line in lines[1:]:
        text = merge_texts(text, line.text)
    numbers = (*label.line_numbers, *(number for line in lines for number in line.line_numbers))
    return replace(label, text=f"{label.text} {text}", line_numbers=numbers, ends_paragraph=True)


def _find_likely_breaks(texts: Sequence[CleanLine], count: int) -> list[int]:
    """Return the indexes of lines that start a text: those above which most space is left.

    A line never starts a text if the line above is unfinished, unless nothing else is left.
    """
    if count == len(texts) - 1:
        return list(range(1, len(texts)))
    max_width = max(len(line.text) for line in texts)
    spaces = [
        (_cannot_break(above, below), _compute_space_left(above, below, max_width), index)
        for index, (above, below) in enumerate(pairwise(texts), 1)
    ]
    return [index for _, _, index in sorted(spaces, key=lambda each: (each[0], -each[1]))[:count]]


def _compute_space_left(above: CleanLine, below: CleanLine, max_width: int) -> int:
    """Return how many characters of the first line's width are left with the second line's first word in it."""
    return max_width - len(above.text) - 1 - len(below.text.split(" ", 1)[0])


def _cannot_break(above: CleanLine, below: CleanLine) -> bool:
    """Return whether the first line cannot end a text, or the second cannot start one."""
    return ends_unfinished(above.text) or bool(CONTINUATION_WORD.match(below.text))
