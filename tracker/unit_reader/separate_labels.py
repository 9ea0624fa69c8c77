"""Labels printed apart from their texts: each on a line of its own, or all in a column read before the texts."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Doubt
from tracker.unit_reader.line_wrapping import hangs, run_on
from tracker.unit_reader.markers import Marker, read_lone_marker

DOTTED = re.compile(r"\d+(?:\.\d+)+")


def join_lone_labels(rows: Sequence[CleanLine]) -> list[CleanLine]:
    """Labels on lines of their own brought to their text, which may stand below them or above."""
    lone = [at for at, row in enumerate(rows) if not row.cells and read_lone_marker(row.text)]
    if len(lone) < 2:
        return list(rows)
    alone = set(lone)
    worded = [at for at in range(len(rows)) if at not in alone]
    if worded and worded[-1] < lone[-1] and lone[0] > 0:
        return _labels_behind(rows, alone)
    joined: list[CleanLine] = []
    waiting: CleanLine | None = None
    for at, row in enumerate(rows):
        if at in alone:
            waiting = row
        elif waiting:
            text = f"{waiting.text} {_without_label(row.text, waiting.text)}"
            joined.append(replace(row, text=text, numbers=waiting.numbers + row.numbers, indent=waiting.indent))
            waiting = None
        else:
            joined.append(row)
    return joined


def _without_label(text: str, label: str) -> str:
    """The text without its label, where a page prints that alone and again before the words (`1.1.Outline …`)."""
    found = DOTTED.search(label)
    return re.sub(rf"^{re.escape(found[0])}[.):]?\s*(?=\D)", "", text) if found else text


def _labels_behind(rows: Sequence[CleanLine], lone: set[int]) -> list[CleanLine]:
    """The number stands on the line after its text, which may take several lines and have a heading above it."""
    blocks: list[tuple[list[CleanLine], CleanLine | None]] = []
    block: list[CleanLine] = []
    for at, row in enumerate(rows):
        if at in lone:
            blocks.append((block, row))
            block = []
        else:
            block.append(row)
    blocks.append((block, None))
    small = sum(found[-1].text[0].islower() for found, _ in blocks if found) * 2 > len(blocks)
    return [row for found, label in blocks for row in _with_label(found, label, small)]


def _with_label(block: Sequence[CleanLine], label: CleanLine | None, small: bool) -> list[CleanLine]:
    if label is None or not block:
        return list(block)
    start = 0
    while start < len(block) - 1 and (
        block[start].heading or block[start + 1].after_blank or (small and block[start].text[0].isupper())
    ):
        start += 1
    own = block[start]
    labelled = replace(own, text=f"{label.text} {own.text}", numbers=own.numbers + label.numbers)
    return [*block[:start], labelled, *block[start + 1 :]]


MINIMUM = 2
MAX_LABELS = 200
MAX_LINES = 12
"""Of one text; where there are more, they are not the texts of these labels."""
GOES_ON = re.compile(r"(?:and|or|of|to|with|for|in|on|at|by|from|that|which|when|their|than|as)\b")
"""What a line begins with that is the rest of the one above; statements begin otherwise."""


def join_label_columns(rows: Sequence[CleanLine], doubts: list[Doubt]) -> list[CleanLine]:
    """The rows with each label of such a column before its own text; what was assumed is added to `doubts`.

    The texts are told apart by the room that is left at the ends of their lines, since nothing else parts them.
    """
    found: list[CleanLine] = []
    counts = _label_counts(rows)
    at = 0
    while at < len(rows):
        labels = rows[at : at + min(counts[at], MAX_LABELS)]
        texts = _texts_from(rows, at + len(labels)) if len(labels) >= MINIMUM else []
        if not labels or not len(labels) <= len(texts) <= MAX_LINES * len(labels):
            found.append(rows[at])
            at += 1
            continue
        found.extend(_joined(labels, texts))
        numbers = tuple(number for row in (*labels, *texts) for number in row.numbers)
        doubts.append(
            Doubt(numbers, "labels are printed apart from their texts", "they belong together in this order")
        )
        at += len(labels) + len(texts)
    return found


def _label_counts(rows: Sequence[CleanLine]) -> list[int]:
    """For each row, how many labels stand alone from there on, each the next of the one above."""
    counts: list[int] = []
    below: Marker | None = None
    for row in reversed(rows):
        marker = None if row.cells else read_lone_marker(row.text)
        if marker is None:
            counts.append(0)
        elif below and below.follows(marker):
            counts.append(counts[-1] + 1)
        else:
            counts.append(1)
        below = marker
    return counts[::-1]


def _texts_from(rows: Sequence[CleanLine], start: int) -> list[CleanLine]:
    """The lines up to the next label or introduction, without the heading that stands above that."""
    end = start
    while end < len(rows) and not _ends_texts(rows[end]):
        end += 1
    texts = list(rows[start:end])
    heading = next((at for at in range(len(texts) - 1, 0, -1) if texts[at].text[0].isupper()), None)
    is_introduced = end < len(rows) and phrases.is_introduction(rows[end].text)
    return texts[:heading] if is_introduced and heading else texts


def _ends_texts(row: CleanLine) -> bool:
    return bool(row.cells or row.heading or phrases.is_introduction(row.text) or read_lone_marker(row.text))


def _joined(labels: Sequence[CleanLine], texts: Sequence[CleanLine]) -> list[CleanLine]:
    breaks = sorted(_likeliest_breaks(texts, len(labels) - 1))
    starts, ends = [0, *breaks], [*breaks, len(texts)]
    return [_labelled(label, texts[start:end]) for label, start, end in zip(labels, starts, ends, strict=True)]


def _labelled(label: CleanLine, lines: Sequence[CleanLine]) -> CleanLine:
    text = lines[0].text
    for line in lines[1:]:
        text = run_on(text, line.text)
    numbers = (*label.numbers, *(number for line in lines for number in line.numbers))
    return replace(label, text=f"{label.text} {text}", numbers=numbers, fixed=True)


def _likeliest_breaks(texts: Sequence[CleanLine], count: int) -> list[int]:
    """Before which lines a text begins: those above which most room was left, and no sentence hangs."""
    if count == len(texts) - 1:
        return list(range(1, len(texts)))
    wall = max(len(row.text) for row in texts)
    rooms = [
        (_hangs(above, below), _room(above, below, wall), at) for at, (above, below) in enumerate(pairwise(texts), 1)
    ]
    return [at for _, _, at in sorted(rooms, key=lambda each: (each[0], -each[1]))[:count]]


def _room(above: CleanLine, below: CleanLine, wall: int) -> int:
    """How much narrower the first line could have been with the second's first word in it."""
    return wall - len(above.text) - 1 - len(below.text.split(" ", 1)[0])


def _hangs(above: CleanLine, below: CleanLine) -> bool:
    """Whether the first line cannot end a text, or the second not begin one."""
    return hangs(above.text) or bool(GOES_ON.match(below.text))
