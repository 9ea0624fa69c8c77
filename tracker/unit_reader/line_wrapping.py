"""Line wrapping: whether a line continues the one above or stands for itself."""

import re
from collections.abc import Sequence

from tracker.unit_reader.document_model import CleanLine

BROKEN_WORD = re.compile(r"[A-Za-z]-$")
SUSPENDED_HYPHEN = re.compile(r"(?:and|or|to)\b")
UNFINISHED_END = re.compile(
    r"(?:\b(?:and|or|the|a|an|of|to|your|their|its|that|which|as)|[,(–-]|\.{3}|…)$", re.IGNORECASE
)
"""Words and signs with which no statement or introduction ends."""
UNFINISHED_PREPOSITION = re.compile(r"\b(?:for|with|in|on|at|by|from|when|is|are|be)$")
MIN_WRAP_WIDTH = 50
MAX_UNUSED_WIDTH = 15
"""A wrapped line may be so much shorter than the full width, because a long word did not fit."""
MAX_WRAP_WIDTH = 130
"""Longer lines are paragraphs: nobody wraps lines by hand so late."""


def ends_unfinished(text: str) -> bool:
    """Return whether the text ends in a word or sign with which no sentence ends."""
    return bool(UNFINISHED_END.search(text) or UNFINISHED_PREPOSITION.search(text))


def merge_texts(above: str, below: str) -> str:
    """Return two pieces of one text as one: `made-to-` takes no space, `pre-` before `and post-` does."""
    broken = BROKEN_WORD.search(above[-2:]) and below[:1].islower() and not SUSPENDED_HYPHEN.match(below)
    return f"{above}{below}" if broken else f"{above} {below}"


def compute_wrap_width(widths: Sequence[int]) -> int:
    """Return the width in characters at which the document wraps its lines.

    It is the widest line's, apart from a few lines that were left whole among wrapped ones.
    """
    wrapped = [width for width in widths if width <= MAX_WRAP_WIDTH]
    wrap_width, unwrapped = max(wrapped, default=0), len(widths) - len(wrapped)
    at_full_width = sum(width > wrap_width - MAX_UNUSED_WIDTH for width in wrapped)
    return wrap_width if wrap_width >= MIN_WRAP_WIDTH and at_full_width > 3 * unwrapped else max(widths, default=0)


def continues(previous: CleanLine, line: CleanLine, width: int) -> bool:
    """Return whether the line continues the one above, which had become too long."""
    if previous.ends_paragraph or line.ends_paragraph or line.is_heading != previous.is_heading:
        return False
    if line.after_blank:
        return False
    first_word = line.text.split(" ", 1)[0]
    could_fit = previous.indent + len(previous.text) + 1 + len(first_word) <= width
    if not could_fit and width <= MAX_WRAP_WIDTH:
        return True
    if line.text[0].islower() and UNFINISHED_END.search(previous.text):
        return True
    # A number that is a label was recognised before this.
    may_continue = line.text[0].islower() or line.text[0].isdigit()
    return may_continue and width <= MAX_WRAP_WIDTH and not previous.text.endswith((".", ";", ":"))


def continues_full_line(previous: CleanLine, line: CleanLine, width: int) -> bool:
    """Return whether the line above was full, so that its end says nothing and this line continues it."""
    if (
        previous.ends_paragraph
        or line.ends_paragraph
        or line.after_blank
        or not MIN_WRAP_WIDTH <= width <= MAX_WRAP_WIDTH
    ):
        return False
    return previous.indent + len(previous.text) + 1 + len(line.text.split(" ", 1)[0]) > width
