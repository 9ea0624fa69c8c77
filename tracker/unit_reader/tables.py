"""Tables turned into lines: outcome beside criteria, a label beside its text, columns of criteria."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader import metadata, phrases
from tracker.unit_reader.cleaning import clean_text
from tracker.unit_reader.document_model import CleanLine
from tracker.unit_reader.line_wrapping import ends_unfinished, merge_texts
from tracker.unit_reader.markers import parse_lone_marker, parse_markers
from tracker.unit_reader.phrases import CRITERIA, Part

MIN_WORDS = 3
FORM_COLUMNS = 6
"""A table with so many columns is a grid to fill in, and never a list of statements."""


def flatten_tables(rows: Sequence[CleanLine]) -> list[CleanLine]:
    """Return the lines with each table as lines, in reading order; metadata stays in its cells."""
    flattened: list[CleanLine] = []
    index = 0
    while index < len(rows):
        if not rows[index].cells:
            flattened.append(rows[index])
            index += 1
            continue
        end = index
        while end < len(rows) and rows[end].cells:
            end += 1
        flattened.extend(_flatten_table(rows[index:end]))
        index = end
    return flattened


def _flatten_table(rows: Sequence[CleanLine]) -> Iterator[CleanLine]:
    columns: list[Part] = []
    pending: list[list[CleanLine]] = []
    set_aside: list[CleanLine] = []
    for row in _remove_form_columns(rows, set_aside):
        parts = [_match_cell(cell) for cell in row.cells]
        if len(set(parts)) > 1 and all(part in CRITERIA for part in parts):
            yield from (each for column in pending for each in column)
            columns, pending = [part for part in parts if part], [[] for _ in parts]
        if columns and len(row.cells) == len(columns):
            for column, cell in zip(pending, row.cells, strict=True):
                column.extend(_split_cell(row, cell))
        elif _is_form(row) or metadata.parse_entry(row):
            yield row
        else:
            yield from _flatten_row(row)
    yield from (each for column in pending for each in column)
    yield from set_aside


def _remove_form_columns(rows: Sequence[CleanLine], set_aside: list[CleanLine]) -> Iterator[CleanLine]:
    """Yield the rows without columns beside the criteria that are filled in by hand or hold notes.

    Notes are added to `set_aside`.
    """
    width: int | None = None
    for row in rows:
        named = [index for index, cell in enumerate(row.cells) if _match_cell(cell) in CRITERIA]
        filled = [index for index, cell in enumerate(row.cells) if _is_form_or_notes_column(cell)]
        if named and filled and min(filled) > max(named):
            width = min(filled)
        if not width or len(row.cells) <= width:
            yield row
            continue
        yield replace(row, cells=row.cells[:width])
        set_aside.extend(
            each
            for cell in row.cells[width:]
            for each in _split_cell(row, cell)
            if not phrases.is_form_column(each.text)
        )


def _is_form_or_notes_column(cell: str) -> bool:
    return phrases.is_form_column(clean_text(cell)) or phrases.match_heading(clean_text(cell)) is Part.NOTES


def _match_cell(cell: str) -> Part | None:
    text = clean_text(cell)
    return phrases.match_heading(text) or phrases.match_introduction(text)


def _is_form(row: CleanLine) -> bool:
    """Return whether a row belongs to a recording form."""
    if any("description of evidence" in cell.casefold() for cell in row.cells):
        return True
    return len(row.cells) >= FORM_COLUMNS and not _is_labelled(row.cells)


def _is_labelled(cells: Sequence[str]) -> bool:
    """Return whether a label is beside a sentence; a recording form's grid holds labels alone."""
    worded = [clean_text(cell) for cell in cells if clean_text(cell)]
    return any(parse_lone_marker(label) and len(text.split()) >= MIN_WORDS for label, text in pairwise(worded))


def _flatten_row(row: CleanLine) -> Iterator[CleanLine]:
    """Yield the cells of one row as lines, each label joined to the text beside it."""
    label = ""
    is_head = any(_match_cell(cell) in CRITERIA for cell in row.cells)
    for cell in row.cells:
        text = clean_text(cell)
        if not text or (is_head and phrases.LABEL_COLUMN.fullmatch(text)):
            continue
        if parse_lone_marker(text) and "\n" not in cell.strip():
            label = f"{label} {text}".strip() if not label else text
            continue
        lines = list(_split_cell(row, cell))
        if label:
            lines[0] = replace(lines[0], text=_add_label(label, lines[0].text))
            label = ""
        yield from lines
    if label:
        yield replace(row, text=label, cells=())


def _add_label(label: str, text: str) -> str:
    """Return the text with its label; `1.1` beside `.1 Identify` or `1.1 Identify` is one reference printed twice."""
    return text if any(marker.label == label.strip("().") for marker, _ in parse_markers(text)) else f"{label} {text}"


def _detect_markers(lines: Sequence[str]) -> list[bool]:
    """Return which lines start with a marker; the article `a` is none if no other letter is there."""
    firsts = [next((marker for marker, _ in parse_markers(line)), None) for line in lines]
    letters = {marker.label for marker in firsts if marker and marker.style == "a"}
    return [marker is not None and (marker.style != "a" or len(letters) > 1) for marker in firsts]


def _ended_early(above: str, line: str, width: int) -> bool:
    """Return whether the line above ended before the cell's width and is finished, so that this one starts anew."""
    return len(above) + 1 + len(line.split(" ", 1)[0]) <= width and not ends_unfinished(above)


def _split_cell(row: CleanLine, cell: str) -> Iterator[CleanLine]:
    """Yield a cell's lines, each merged with those that continue it."""
    lines = [text for text in map(clean_text, cell.split("\n")) if text]
    have_markers = _detect_markers(lines)
    width = max(map(len, lines), default=0)
    merged: list[str] = []
    for above, line, has_marker in zip(["", *lines], lines, have_markers, strict=False):
        joins = merged and not has_marker and (any(have_markers) or line[0].islower())
        joins = joins and not (line[0].isupper() and _ended_early(above, line, width))
        if (
            joins
            and not phrases.is_introduction(merged[-1])
            and not (line[0].isupper() and phrases.match_heading(line))
        ):
            merged[-1] = merge_texts(merged[-1], line)
        else:
            merged.append(line)
    for text in merged:
        yield replace(row, text=text, cells=(), ends_paragraph=True)
