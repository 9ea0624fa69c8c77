"""Statements printed without any marker: each line that does not continue the one above is an item or a heading."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader.document_model import CleanLine, Doubt, SectionStatements, Statement
from tracker.unit_reader.line_wrapping import is_overlong, run_on


def split_bare(rows: Sequence[CleanLine], width: int) -> SectionStatements:
    """The items of a section that prints neither numbers nor bullets."""
    found = SectionStatements()
    lines = _by_semicolons(_joined(rows, width, found))
    small = sum(row.text[0].islower() for row in lines) * 2 > len(lines)
    stopped = sum(row.text.endswith((".", ";")) for row in lines) * 2 > len(lines)
    marked = any(row.heading for row in lines)
    heading: str | None = None
    for at, row in enumerate(lines):
        if at + 1 < len(lines) and _is_heading(row, small=small, stopped=stopped, marked=marked):
            heading = row.text
        else:
            found.statements.append(Statement(row.text, list(row.numbers), None, heading))
    if found.statements:
        numbers = tuple(number for each in found.statements for number in each.numbers)
        doubt = "statements are printed without numbers or bullets"
        found.doubts.append(Doubt(numbers, doubt, "each line is one statement"))
    return found


def _is_heading(row: CleanLine, *, small: bool, stopped: bool, marked: bool) -> bool:
    if row.heading or row.text.endswith(":"):
        return True
    if marked:
        return False
    if stopped and not row.text.endswith((".", ";", ",")) and len(row.text) < 100:
        return True
    return small and row.text[0].isupper() and not row.text.endswith(".")


def _joined(rows: Sequence[CleanLine], width: int, found: SectionStatements) -> list[CleanLine]:
    lines: list[CleanLine] = []
    before: CleanLine | None = None
    wrapped = _is_wrapped(rows, width)
    for row in rows:
        if before and lines and wrapped and is_overlong(before, row, width):
            last = lines[-1]
            if row.after_break:
                found.doubts.append(
                    Doubt(last.numbers + row.numbers, "a page ends here", "the statement goes on below")
                )
            lines[-1] = replace(last, text=run_on(last.text, row.text), numbers=last.numbers + row.numbers)
        else:
            lines.append(row)
        before = row
    return lines


def _is_wrapped(rows: Sequence[CleanLine], width: int) -> bool:
    """Whether lines were broken at the width: several are full, or what follows a full one is not as other lines are.

    One or two long lines among short ones are merely the longest. Other lines begin with a capital, or below a blank.
    """
    pairs = list(pairwise(rows))
    behind = [row for above, row in pairs if is_overlong(above, row, width) and not row.after_break]
    others = [row for above, row in pairs if not is_overlong(above, row, width)]
    small = sum(row.text[0].islower() for row in others)
    spaced = sum(row.after_blank for row in others)
    return len(behind) > 2 or (bool(behind) and (small * 3 <= len(others) or spaced * 2 >= len(others) > 0))


def _by_semicolons(lines: list[CleanLine]) -> list[CleanLine]:
    """One paragraph that lists everything: `check the site; set the cones; …`."""
    if len(lines) != 1 or lines[0].text.count(";") < 2:
        return lines
    pieces = [piece.strip() for piece in lines[0].text.split(";")]
    pieces = [re.sub(r"^and\s+", "", piece) for piece in pieces]
    return [replace(lines[0], text=piece) for piece in pieces if piece]
