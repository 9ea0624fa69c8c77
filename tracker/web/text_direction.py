"""Isolation of typed text that is written from right to left, so that it cannot reorder our own words.

Each text stands between the characters FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE, which no reader sees
(https://www.unicode.org/reports/tr9/#Explicit_Directional_Isolates). They work on screen, in attributes, in `<title>`
and `<option>`, and on paper, where WeasyPrint does not know `<bdi>`. Knows no Flask.
"""

import re
from typing import Any

from markupsafe import Markup

FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE = "\u2068", "\u2069"
DIRECTION_CONTROLS = "\u202a-\u202e\u2066-\u2069"
"""The characters that embed, override or isolate a direction."""
DIRECTION_CONTROL = re.compile(f"[{DIRECTION_CONTROLS}]")
RIGHT_TO_LEFT_BLOCKS = "\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
"""The blocks of Hebrew, Arabic and the other scripts written from right to left, and the right-to-left mark."""
NEEDS_ISOLATION = re.compile(f"[{DIRECTION_CONTROLS}{RIGHT_TO_LEFT_BLOCKS}]")
ISOLATED = re.compile(f"{FIRST_STRONG_ISOLATE}[^{DIRECTION_CONTROLS}]*{POP_DIRECTIONAL_ISOLATE}")
RUN = f"[{RIGHT_TO_LEFT_BLOCKS}](?:(?:[{RIGHT_TO_LEFT_BLOCKS}]|[^\\w\\n]|[\\d_])*[{RIGHT_TO_LEFT_BLOCKS}])?"
"""Letters from right to left, with the spaces, signs and digits between them, on one line."""
TO_ISOLATE = re.compile(f"({ISOLATED.pattern})|({RUN})|{DIRECTION_CONTROL.pattern}")


def isolate(text: str) -> str:
    """Return a text that cannot change the order of the words around it; one without such letters is unchanged.

    A sentence of ours in which each typed text is isolated already is unchanged too.
    """
    if not is_right_to_left(text) or not is_right_to_left(ISOLATED.sub("", text)):
        return text
    return f"{FIRST_STRONG_ISOLATE}{remove_direction_controls(text)}{POP_DIRECTIONAL_ISOLATE}"


def isolate_runs(text: str) -> str:
    """Return a text of ours in which what is written from right to left cannot change the order of the words.

    For a whole text such as an email, in which typed texts can no longer be told from ours: each run of letters from
    right to left is isolated. What is isolated already stays as it is, and other direction controls are removed.
    """
    return TO_ISOLATE.sub(lambda found: found[1] or (isolate(found[2]) if found[2] else ""), text)


def is_right_to_left(text: str) -> bool:
    """Return whether a text has letters from right to left, or characters that change a direction."""
    return NEEDS_ISOLATION.search(text) is not None


def isolate_output(value: Any) -> Any:
    """Isolate the value of a template's expression, unless it is markup: Jinja's `finalize`."""
    return isolate(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def remove_direction_controls(text: str) -> str:
    """Return a text without the characters that embed, override or isolate a direction."""
    return DIRECTION_CONTROL.sub("", text)
