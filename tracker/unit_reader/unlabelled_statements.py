"""Statements printed without any marker: each line that does not continue the one above is an item or a heading."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tracker.unit_reader.document_model import CleanLine, Doubt, SectionStatements, Statement
from tracker.unit_reader.line_wrapping import continues_full_line, merge_texts


def split_unlabelled(lines: Sequence[CleanLine], width: int) -> SectionStatements:
    """Return the statements of a section that prints neither numbers nor bullets."""
    result = SectionStatements()
    items = _split_at_semicolons(_merge_wrapped_lines(lines, width, result))
    in_lower_case = sum(line.text[0].islower() for line in items) * 2 > len(items)
    end_in_stops = sum(line.text.endswith((".", ";")) for line in items) * 2 > len(items)
    has_headings = any(line.is_heading for line in items)
    heading: str | None = None
    for index, line in enumerate(items):
        if index + 1 < len(items) and _is_heading(
            line, in_lower_case=in_lower_case, end_in_stops=end_in_stops, has_headings=has_headings
        ):
            heading = line.text
        else:
            result.statements.append(Statement(line.text, list(line.line_numbers), None, heading))
    if result.statements:
        numbers = tuple(number for each in result.statements for number in each.line_numbers)
        doubt = "statements are printed without numbers or bullets"
        result.doubts.append(Doubt(numbers, doubt, "each line is one statement"))
    return result


def _is_heading(line: CleanLine, *, in_lower_case: bool, end_in_stops: bool, has_headings: bool) -> bool:
    if line.is_heading or line.text.endswith(":"):
        return True
    if has_headings:
        return False
    if end_in_stops and not line.text.endswith((".", ";", ",")) and len(line.text) < 100:
        return True
    return in_lower_case and line.text[0].isupper() and not line.text.endswith(".")


def _merge_wrapped_lines(lines: Sequence[CleanLine], width: int, result: SectionStatements) -> list[CleanLine]:
    merged: list[CleanLine] = []
    previous: CleanLine | None = None
    is_wrapped = _is_wrapped(lines, width)
    for line in lines:
        if previous and merged and is_wrapped and continues_full_line(previous, line, width):
            last = merged[-1]
            if line.after_break:
                result.doubts.append(
                    Doubt(
                        last.line_numbers + line.line_numbers,
                        "a page ends inside a statement",
                        "the statement continues on the next page",
                    )
                )
            merged[-1] = replace(
                last, text=merge_texts(last.text, line.text), line_numbers=last.line_numbers + line.line_numbers
            )
        else:
            merged.append(line)
        previous = line
    return merged


def _is_wrapped(lines: Sequence[CleanLine], width: int) -> bool:
    """Return whether lines were wrapped at the width.

    They were if several are full, or if the lines after full ones differ from the others, which start with a capital
    or below a blank line. One or two long lines among short ones are merely the longest.
    """
    pairs = list(pairwise(lines))
    after_full_lines = [
        line for above, line in pairs if continues_full_line(above, line, width) and not line.after_break
    ]
    other_lines = [line for above, line in pairs if not continues_full_line(above, line, width)]
    in_lower_case = sum(line.text[0].islower() for line in other_lines)
    below_blank = sum(line.after_blank for line in other_lines)
    return len(after_full_lines) > 2 or (
        bool(after_full_lines) and (in_lower_case * 3 <= len(other_lines) or below_blank * 2 >= len(other_lines) > 0)
    )


def _split_at_semicolons(lines: list[CleanLine]) -> list[CleanLine]:
    """Split one paragraph that lists everything: `check the site; set the cones; …`."""
    if len(lines) != 1 or lines[0].text.count(";") < 2:
        return lines
    pieces = [piece.strip() for piece in lines[0].text.split(";")]
    pieces = [re.sub(r"^and\s+", "", piece) for piece in pieces]
    return [replace(lines[0], text=piece) for piece in pieces if piece]
