"""Line wrapping: whether a line continues the one above or stands for itself."""

import re
from collections.abc import Sequence

from tracker.unit_reader.document_model import CleanLine

BROKEN_WORD = re.compile(r"[A-Za-z]-$")
SUSPENDED = re.compile(r"(?:and|or|to)\b")
OPEN_END = re.compile(r"(?:\b(?:and|or|the|a|an|of|to|your|their|its|that|which|as)|[,(–-]|\.{3}|…)$", re.IGNORECASE)
"""Where no statement ends, and no introduction either."""
HANGING = re.compile(r"\b(?:for|with|in|on|at|by|from|when|is|are|be)$")
MIN_WRAP_WIDTH = 50
SLACK = 15
"""What a wrapped line may lack of the full width: a long word did not fit."""
MAX_WRAP_WIDTH = 130
"""Lines longer than this are paragraphs: nobody wrapped them by hand."""


def hangs(text: str) -> bool:
    """Whether no statement ends so, nor any other sentence."""
    return bool(OPEN_END.search(text) or HANGING.search(text))


def run_on(above: str, below: str) -> str:
    """Two pieces of one text as one: `made-to-` goes on without a space, `pre-` before `and post-` does not."""
    broken = BROKEN_WORD.search(above[-2:]) and below[:1].islower() and not SUSPENDED.match(below)
    return f"{above}{below}" if broken else f"{above} {below}"


def wall_of(widths: Sequence[int]) -> int:
    """Where the document wraps its lines: the widest line, but for a few that were left whole among wrapped ones."""
    wrapped = [width for width in widths if width <= MAX_WRAP_WIDTH]
    wall, whole = max(wrapped, default=0), len(widths) - len(wrapped)
    at_wall = sum(width > wall - SLACK for width in wrapped)
    return wall if wall >= MIN_WRAP_WIDTH and at_wall > 3 * whole else max(widths, default=0)


def continues(before: CleanLine, row: CleanLine, width: int) -> bool:
    """Whether the row is the rest of the line above, which had become too long."""
    if before.fixed or row.fixed or row.heading != before.heading:
        return False
    if row.after_blank:
        return False
    first_word = row.text.split(" ", 1)[0]
    could_fit = before.indent + len(before.text) + 1 + len(first_word) <= width
    if not could_fit and width <= MAX_WRAP_WIDTH:
        return True
    if row.text[0].islower() and OPEN_END.search(before.text):
        return True
    goes_on = row.text[0].islower() or row.text[0].isdigit()  # a number in its turn was taken for a label before
    return goes_on and width <= MAX_WRAP_WIDTH and not before.text.endswith((".", ";", ":"))


def is_overlong(before: CleanLine, row: CleanLine, width: int) -> bool:
    """Whether the line above was full: its end says nothing, and the row goes on with it."""
    if before.fixed or row.fixed or row.after_blank or not MIN_WRAP_WIDTH <= width <= MAX_WRAP_WIDTH:
        return False
    return before.indent + len(before.text) + 1 + len(row.text.split(" ", 1)[0]) > width
