"""Labels on lines of their own, brought to their text: it stands below them, or above."""

import re
from collections.abc import Sequence
from dataclasses import replace

from tracker.unit_reader.markers import read_lone_marker
from tracker.unit_reader.rows import Row

DOTTED = re.compile(r"\d+(?:\.\d+)+")


def join_lone_labels(rows: Sequence[Row]) -> list[Row]:
    """Labels on lines of their own brought to their text, which may stand below them or above."""
    lone = [at for at, row in enumerate(rows) if not row.cells and read_lone_marker(row.text)]
    if len(lone) < 2:
        return list(rows)
    alone = set(lone)
    worded = [at for at in range(len(rows)) if at not in alone]
    if worded and worded[-1] < lone[-1] and lone[0] > 0:
        return _labels_behind(rows, alone)
    joined: list[Row] = []
    waiting: Row | None = None
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


def _labels_behind(rows: Sequence[Row], lone: set[int]) -> list[Row]:
    """The number stands on the line after its text, which may take several lines and have a heading above it."""
    blocks: list[tuple[list[Row], Row | None]] = []
    block: list[Row] = []
    for at, row in enumerate(rows):
        if at in lone:
            blocks.append((block, row))
            block = []
        else:
            block.append(row)
    blocks.append((block, None))
    small = sum(found[-1].text[0].islower() for found, _ in blocks if found) * 2 > len(blocks)
    return [row for found, label in blocks for row in _with_label(found, label, small)]


def _with_label(block: Sequence[Row], label: Row | None, small: bool) -> list[Row]:
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
