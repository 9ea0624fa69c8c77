"""Headings in a column of their own beside their text, in text that was copied with its layout."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tracker.unit_reader import metadata, phrases
from tracker.unit_reader.document_model import Line
from tracker.unit_reader.markers import read_markers
from tracker.unit_reader.phrases import CRITERIA

BESIDE = re.compile(r"(\S.*?\S)(\s{3,})(\S.*)")
CRITERION_BESIDE = re.compile(r"(?:\s{3,}|\S.*?\s{2,})(?=\d{1,2}\.\d{1,2}[.)]?\s)")
LOOKED_AHEAD = 8
BEGINNINGS = re.compile(
    r"(?:performance|knowledge and|knowledge &|you (?:must|need to|should)\b.{0,20}"
    r"|(?:the )?(?:learner|candidate)\b.{0,20}|relevant|originating|indicative(?: review)?|business|guided learning"
    r"|date|version)",
    re.IGNORECASE,
)
"""What a narrow column leaves on its first line of the known headings, introductions and names."""


def bring_in_margins(lines: Sequence[Line]) -> list[Line]:
    """The lines with each heading of the margin above what it stands beside, or as a name beside its value."""
    found: list[Line] = []
    at = 0
    while at < len(lines):
        column = _column_of(lines[at])
        if (table := _table_column(lines, at)) is not None:
            end = _end_of_table(lines, at + 1, table)
            found.extend(_rows_of_table(lines[at:end], table))
            at = end
            continue
        if column is None:
            found.append(lines[at])
            at += 1
            continue
        end = at + 1
        name = lines[at].text[:column].strip()
        while end < len(lines) and _belongs(lines[end], column, name):
            name = f"{name} {lines[end].text[:column].strip()}".strip()
            end += 1
        found.extend(_brought_in(lines[at:end], column))
        at = end
    return found


def _column_of(line: Line) -> int | None:
    """Where the right column begins, on a line whose left one holds a known heading."""
    match = BESIDE.match(line.text) if not line.cells else None
    if not match:
        return None
    left = match[1]
    known = (
        phrases.section_of(left)
        or phrases.is_introduction(left)
        or metadata.key_of(left)
        or BEGINNINGS.fullmatch(left)
    )
    return match.start(3) if known else None


def _table_column(lines: Sequence[Line], at: int) -> int | None:
    """Where the second column begins, under a head such as `Learning outcomes   Assessment criteria`.

    A head may be set in the middle of its column: where criteria stand further left, they say where it begins.
    """
    match = BESIDE.match(lines[at].text) if not lines[at].cells else None
    if not match or not {phrases.section_of(match[1]), phrases.section_of(match[3].strip())} <= CRITERIA:
        return None
    beside = (CRITERION_BESIDE.match(line.text) for line in lines[at + 1 : at + 1 + LOOKED_AHEAD])
    return min([match.start(3), *(each.end() for each in beside if each)])


def _end_of_table(lines: Sequence[Line], start: int, column: int) -> int:
    """Two blank lines end it, a known heading on a line of its own, or a line written across both columns."""
    for at in range(start, len(lines)):
        text = lines[at].text.strip()
        after_blank = at > start and not lines[at - 1].text.strip()
        across = len(lines[at].text) > column and " " not in lines[at].text[column - 2 : column + 1]
        if (not text and after_blank) or (text and phrases.section_of(text)) or across:
            return at
    return len(lines)


def _rows_of_table(block: Sequence[Line], column: int) -> Iterator[Line]:
    """A row for each entry of the first column, with all that stands beside it until the next."""
    rows: list[tuple[Line, list[str], list[str]]] = []
    for line in block:
        left, right = line.text[:column].strip(), line.text[column:].strip()
        if not left and not right:
            continue
        if not rows or len(rows) == 1 or (left and read_markers(left)):
            rows.append((line, [], []))
        if left:
            rows[-1][1].append(left)
        if right:
            rows[-1][2].append(right)
    for line, left_lines, right_lines in rows:
        cells = (" ".join(left_lines), "\n".join(right_lines))
        yield replace(line, text=" | ".join(cells), cells=cells)


def _belongs(line: Line, column: int, name: str) -> bool:
    """A line of the same block: in the right column, or in the left one, where it goes on with the name above."""
    text = line.text
    if not text.strip() or line.cells:
        return False
    indent = len(text) - len(text.lstrip())
    if indent >= column - 1:
        return True
    if indent:
        return False
    left = text[:column].strip()
    goes_on = left[0].islower() or metadata.key_of(f"{name} {left}") is not None
    match = BESIDE.match(text)
    if match:
        return match.start(3) >= column - 1 and (goes_on or _column_of(line) is None)
    return len(text) < column and (goes_on or phrases.is_introduction(left) or BEGINNINGS.fullmatch(left) is not None)


def _brought_in(block: Sequence[Line], column: int) -> Iterator[Line]:
    left = [(line, line.text[:column].strip()) for line in block]
    right = [(line, line.text[column:].rstrip() if len(line.text) > column else "") for line in block]
    name = " ".join(text for _, text in left if text)
    values = [(line, text) for line, text in right if text.strip()]
    if metadata.key_of(name):
        value = " ".join(text.strip() for _, text in values)
        yield replace(block[0], text=f"{name} | {value}", cells=(name, value))
        return
    yield replace(block[0], text=name)
    for line, text in values:
        yield replace(line, text=text)
