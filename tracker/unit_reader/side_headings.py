"""Headings in a column of their own beside their text, in text that was copied with its layout."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tracker.unit_reader import metadata, phrases
from tracker.unit_reader.document_model import Line
from tracker.unit_reader.markers import parse_markers
from tracker.unit_reader.phrases import CRITERIA

TEXT_BESIDE = re.compile(r"(\S.*?\S)(\s{3,})(\S.*)")
CRITERION_BESIDE = re.compile(r"(?:\s{3,}|\S.*?\s{2,})(?=\d{1,2}\.\d{1,2}[.)]?\s)")
MAX_LOOKAHEAD = 8
NAME_START = re.compile(
    r"(?:performance|knowledge and|knowledge &|you (?:must|need to|should)\b.{0,20}"
    r"|(?:the )?(?:learner|candidate)\b.{0,20}|relevant|originating|indicative(?: review)?|business|guided learning"
    r"|date|version)",
    re.IGNORECASE,
)
"""How known headings, introductions and names start, if a narrow column breaks them."""


def move_side_headings(lines: Sequence[Line]) -> list[Line]:
    """Move each heading in the side column above its text, or beside it as a name beside its value."""
    moved: list[Line] = []
    index = 0
    while index < len(lines):
        column = _find_right_column(lines[index])
        if (table := _find_table_column(lines, index)) is not None:
            end = _find_table_end(lines, index + 1, table)
            moved.extend(_build_table_rows(lines[index:end], table))
            index = end
            continue
        if column is None:
            moved.append(lines[index])
            index += 1
            continue
        end = index + 1
        name = lines[index].text[:column].strip()
        while end < len(lines) and _is_in_block(lines[end], column, name):
            name = f"{name} {lines[end].text[:column].strip()}".strip()
            end += 1
        moved.extend(_move_heading_above(lines[index:end], column))
        index = end
    return moved


def _find_right_column(line: Line) -> int | None:
    """Return where the right column starts, on a line with a known heading in the left one."""
    match = TEXT_BESIDE.match(line.text) if not line.cells else None
    if not match:
        return None
    left = match[1]
    known = (
        phrases.match_heading(left)
        or phrases.is_introduction(left)
        or metadata.parse_key(left)
        or NAME_START.fullmatch(left)
    )
    return match.start(3) if known else None


def _find_table_column(lines: Sequence[Line], index: int) -> int | None:
    """Return where the second column starts, below a head such as `Learning outcomes   Assessment criteria`.

    A head may be centred over its column: if criteria start further left, they say where it starts.
    """
    match = TEXT_BESIDE.match(lines[index].text) if not lines[index].cells else None
    if not match or not {phrases.match_heading(match[1]), phrases.match_heading(match[3].strip())} <= CRITERIA:
        return None
    criteria_beside = (CRITERION_BESIDE.match(line.text) for line in lines[index + 1 : index + 1 + MAX_LOOKAHEAD])
    return min([match.start(3), *(each.end() for each in criteria_beside if each)])


def _find_table_end(lines: Sequence[Line], start: int, column: int) -> int:
    """Return the index at which the table ends.

    Two blank lines end it, a known heading on a line of its own, or a line written across both columns.
    """
    for index in range(start, len(lines)):
        text = lines[index].text.strip()
        after_blank = index > start and not lines[index - 1].text.strip()
        across = len(lines[index].text) > column and " " not in lines[index].text[column - 2 : column + 1]
        if (not text and after_blank) or (text and phrases.match_heading(text)) or across:
            return index
    return len(lines)


def _build_table_rows(block: Sequence[Line], column: int) -> Iterator[Line]:
    """Yield a row for each entry of the first column, with everything beside it until the next entry."""
    rows: list[tuple[Line, list[str], list[str]]] = []
    for line in block:
        left, right = line.text[:column].strip(), line.text[column:].strip()
        if not left and not right:
            continue
        if not rows or len(rows) == 1 or (left and parse_markers(left)):
            rows.append((line, [], []))
        if left:
            rows[-1][1].append(left)
        if right:
            rows[-1][2].append(right)
    for line, left_lines, right_lines in rows:
        cells = (" ".join(left_lines), "\n".join(right_lines))
        yield replace(line, text=" | ".join(cells), cells=cells)


def _is_in_block(line: Line, column: int, name: str) -> bool:
    """Return whether the line belongs to the block: in the right column, or continuing the name in the left one."""
    text = line.text
    if not text.strip() or line.cells:
        return False
    indent = len(text) - len(text.lstrip())
    if indent >= column - 1:
        return True
    if indent:
        return False
    left = text[:column].strip()
    continues = left[0].islower() or metadata.parse_key(f"{name} {left}") is not None
    match = TEXT_BESIDE.match(text)
    if match:
        return match.start(3) >= column - 1 and (continues or _find_right_column(line) is None)
    return len(text) < column and (
        continues or phrases.is_introduction(left) or NAME_START.fullmatch(left) is not None
    )


def _move_heading_above(block: Sequence[Line], column: int) -> Iterator[Line]:
    left = [(line, line.text[:column].strip()) for line in block]
    right = [(line, line.text[column:].rstrip() if len(line.text) > column else "") for line in block]
    name = " ".join(text for _, text in left if text)
    values = [(line, text) for line, text in right if text.strip()]
    if metadata.parse_key(name):
        value = " ".join(text.strip() for _, text in values)
        yield replace(block[0], text=f"{name} | {value}", cells=(name, value))
        return
    yield replace(block[0], text=name)
    for line, text in values:
        yield replace(line, text=text)
