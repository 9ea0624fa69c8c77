"""Changes between two versions of a written account, word by word."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

WORD = re.compile(r"\S+\s*|\s+")
"""A word with the space after it, so that spaces between changed words do not count as the same."""
MAX_COMPARED_WORDS = 3_000
"""Words of the longer of two texts; more take too long to compare."""


@dataclass(frozen=True, slots=True)
class TextRun:
    """A run of text that both versions have, that was removed, or that was added."""

    kind: Literal["same", "removed", "added"]
    text: str


def compare_texts(before: str, after: str) -> list[TextRun] | None:
    """Return the later text as runs, with what was removed and added.

    Returns:
        The runs in order; None where nothing changed or the texts are too long to compare.
    """
    old, new = WORD.findall(before), WORD.findall(after)
    if before == after or max(len(old), len(new)) > MAX_COMPARED_WORDS:
        return None
    runs: list[TextRun] = []
    for tag, old_start, old_end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        removed, added = "".join(old[old_start:old_end]), "".join(new[new_start:new_end])
        if tag == "equal":
            runs.append(TextRun("same", added))
            continue
        runs += [run for run in (TextRun("removed", removed), TextRun("added", added)) if run.text]
    return runs
