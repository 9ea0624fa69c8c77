"""Tables turned into lines: outcome beside criteria, a label beside its text, columns of criteria."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader import metadata, phrases
from tracker.unit_reader.cleaning import plain
from tracker.unit_reader.document_model import CleanLine
from tracker.unit_reader.line_wrapping import hangs, run_on
from tracker.unit_reader.markers import read_lone_marker, read_markers
from tracker.unit_reader.phrases import CRITERIA, Part

MIN_WORDS = 3
FORM_COLUMNS = 6
"""A table of so many columns is a grid to fill in, never a list of statements."""


def unroll(rows: Sequence[CleanLine]) -> list[CleanLine]:
    """The rows with each table as lines, in reading order; what says something about the unit stays in its cells."""
    found: list[CleanLine] = []
    at = 0
    while at < len(rows):
        if not rows[at].cells:
            found.append(rows[at])
            at += 1
            continue
        end = at
        while end < len(rows) and rows[end].cells:
            end += 1
        found.extend(_table(rows[at:end]))
        at = end
    return found


def _table(rows: Sequence[CleanLine]) -> Iterator[CleanLine]:
    columns: list[Part] = []
    waiting: list[list[CleanLine]] = []
    aside: list[CleanLine] = []
    for row in _without_columns_beside(rows, aside):
        parts = [_part_of(cell) for cell in row.cells]
        if len(set(parts)) > 1 and all(part in CRITERIA for part in parts):
            yield from (each for column in waiting for each in column)
            columns, waiting = [part for part in parts if part], [[] for _ in parts]
        if columns and len(row.cells) == len(columns):
            for column, cell in zip(waiting, row.cells, strict=True):
                column.extend(_cell(row, cell))
        elif _is_form(row) or metadata.fact_of(row):
            yield row
        else:
            yield from _side_by_side(row)
    yield from (each for column in waiting for each in column)
    yield from aside


def _without_columns_beside(rows: Sequence[CleanLine], aside: list[CleanLine]) -> Iterator[CleanLine]:
    """The rows without what stands beside the criteria: columns to fill in by hand, and notes, which go `aside`."""
    width: int | None = None
    for row in rows:
        named = [at for at, cell in enumerate(row.cells) if _part_of(cell) in CRITERIA]
        filled = [at for at, cell in enumerate(row.cells) if _is_beside(cell)]
        if named and filled and min(filled) > max(named):
            width = min(filled)
        if not width or len(row.cells) <= width:
            yield row
            continue
        yield replace(row, cells=row.cells[:width])
        aside.extend(
            each for cell in row.cells[width:] for each in _cell(row, cell) if not phrases.is_filled_in(each.text)
        )


def _is_beside(cell: str) -> bool:
    return phrases.is_filled_in(plain(cell)) or phrases.section_of(plain(cell)) is Part.NOTES


def _part_of(cell: str) -> Part | None:
    text = plain(cell)
    return phrases.section_of(text) or phrases.introduction_of(text)


def _is_form(row: CleanLine) -> bool:
    if any("description of evidence" in cell.casefold() for cell in row.cells):
        return True
    return len(row.cells) >= FORM_COLUMNS and not _is_labelled(row.cells)


def _is_labelled(cells: Sequence[str]) -> bool:
    """Whether a label stands beside a sentence: a grid to fill in holds labels alone."""
    worded = [plain(cell) for cell in cells if plain(cell)]
    return any(read_lone_marker(label) and len(text.split()) >= MIN_WORDS for label, text in pairwise(worded))


def _side_by_side(row: CleanLine) -> Iterator[CleanLine]:
    """One row: its cells one after the other, a label joined to the text beside it."""
    label = ""
    is_head = any(_part_of(cell) in CRITERIA for cell in row.cells)
    for cell in row.cells:
        text = plain(cell)
        if not text or (is_head and phrases.COLUMN.fullmatch(text)):
            continue
        if read_lone_marker(text) and "\n" not in cell.strip():
            label = f"{label} {text}".strip() if not label else text
            continue
        lines = list(_cell(row, cell))
        if label:
            lines[0] = replace(lines[0], text=_labelled(label, lines[0].text))
            label = ""
        yield from lines
    if label:
        yield replace(row, text=label, cells=())


def _labelled(label: str, text: str) -> str:
    """`1.1` beside `.1 Identify` or `1.1 Identify` is one reference printed twice."""
    return text if any(marker.label == label.strip("().") for marker, _ in read_markers(text)) else f"{label} {text}"


def _marked(lines: Sequence[str]) -> list[bool]:
    """Which lines begin with a marker; the article `a` is none where no other letter is there."""
    firsts = [next((marker for marker, _ in read_markers(line)), None) for line in lines]
    letters = {marker.label for marker in firsts if marker and marker.family == "a"}
    return [marker is not None and (marker.family != "a" or len(letters) > 1) for marker in firsts]


def _had_room(above: str, line: str, width: int) -> bool:
    """Whether the line above ended before the cell did, and no sentence hangs: what is below begins anew."""
    return len(above) + 1 + len(line.split(" ", 1)[0]) <= width and not hangs(above)


def _cell(row: CleanLine, cell: str) -> Iterator[CleanLine]:
    """A cell's lines. Where one begins with a marker, those that do not go on with the line above."""
    lines = [text for text in map(plain, cell.split("\n")) if text]
    marked = _marked(lines)
    width = max(map(len, lines), default=0)
    gathered: list[str] = []
    for above, line, has_marker in zip(["", *lines], lines, marked, strict=False):
        joins = gathered and not has_marker and (any(marked) or line[0].islower())
        joins = joins and not (line[0].isupper() and _had_room(above, line, width))
        if (
            joins
            and not phrases.is_introduction(gathered[-1])
            and not (line[0].isupper() and phrases.section_of(line))
        ):
            gathered[-1] = run_on(gathered[-1], line)
        else:
            gathered.append(line)
    for text in gathered:
        yield replace(row, text=text, cells=(), fixed=True)
