"""Cleaning of typed text: without control characters and without characters that change its direction."""

import re

from tracker.web.text_direction import remove_direction_controls

LINE_BREAK = re.compile("[\v\f\x85\u2028\u2029]")
"""Vertical tab, form feed and the other characters that end a line; word processors put them into copied text."""
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
"""Control characters, but for tab, line feed and carriage return. PostgreSQL cannot store the first of them."""


def clean_typed_text(text: str) -> str:
    """Return a text as it is kept (docs/rules.md, Typed text, rule 6).

    A vertical tab or a form feed becomes a line break, so that the words beside it are not joined.
    """
    return remove_direction_controls(CONTROL.sub("", LINE_BREAK.sub("\n", text)))
