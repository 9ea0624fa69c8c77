"""Published documents as lines: text, HTML, DOCX and PDF, each told by its content.

Only text is read where it is asked for. Everything with a structure that a stranger can bend is taken apart in a
process of its own, which can do little and not for long (`bounded`, `process`).
"""

from tracker.unit_reader.lines import SourceText, Unreadable
from tracker.unit_reader.sources.bounded import read_bounded
from tracker.unit_reader.sources.kinds import Kind, kind_of
from tracker.unit_reader.sources.text import read_text

MEGABYTE = 1024 * 1024
MAX_BYTES = 20 * MEGABYTE
MAX_LINES = 200_000
MAX_WORD_LENGTH = 5_000
"""No unit prints a longer one: ten such lines would be a page."""


def read_source(name: str, body: bytes) -> SourceText:
    """A document's lines. Raises `Unreadable` with what is wrong with it and what to do."""
    if len(body) > MAX_BYTES:
        raise Unreadable(
            f"{name} is larger than {MAX_BYTES // MEGABYTE} MB, and was not opened. "
            "Take the pages of the one unit out of it, and read those."
        )
    kind = kind_of(name, body)
    source = read_text(name, body) if kind is Kind.TEXT else read_bounded(kind, name, body)
    _check(source)
    return source


def _check(source: SourceText) -> None:
    """What no unit holds, and what the steps after this one need not be able to bear."""
    if not any(line.text for line in source.lines):
        raise Unreadable(f"{source.name} holds no text. Look whether it is the right file.")
    if len(source.lines) > MAX_LINES:
        raise Unreadable(
            f"{source.name} holds {len(source.lines):,} lines, far more than any unit. Take the one unit out of it."
        )
    for line in source.lines:
        if len(line.text) > MAX_WORD_LENGTH and max(map(len, line.text.split())) > MAX_WORD_LENGTH:
            raise Unreadable(
                f"Line {line.number} of {source.name} holds one word of more than {MAX_WORD_LENGTH:,} characters, "
                "which no unit does. Take it out, and read the rest."
            )
