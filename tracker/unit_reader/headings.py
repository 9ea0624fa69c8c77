"""Headings of sections: recognising them, and splitting or joining the lines that hold them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile, zip_longest

from tracker.unit_reader import metadata, phrases
from tracker.unit_reader.document_model import CleanLine
from tracker.unit_reader.line_wrapping import UNFINISHED_END, merge_texts
from tracker.unit_reader.page_headers import MAX_TITLE_LINE, MIN_NAME_LENGTH, MIN_PARAGRAPH_LENGTH
from tracker.unit_reader.phrases import CRITERIA, Part

DESCRIPTIVE_PARTS = frozenset(
    {Part.OVERVIEW, Part.SCOPE, Part.SKILLS, Part.VALUES, Part.BEHAVIOURS, Part.LINKS, Part.NOTES, Part.RULES}
)
AFTER_HEADING = re.compile(r":|\b(?:you|learners?|candidates?)\b|\bThis (?:standard|unit)\b", re.IGNORECASE)
"""What can follow a heading in the same line."""
MIN_RUN_ON_LENGTH = 80
RUN_ON_HEADING = re.compile(
    r"(?<=\S)\s+(?=(?:Performance [Cc]riteria|Knowledge (?:and|&) [Uu]nderstanding|Assessment [Cc]riteria"
    r"|PERFORMANCE [A-Z]+|KNOWLEDGE(?: [A-Z]+){0,3})\s*:?\s+"
    r"(?:You|The (?:learner|candidate))\b|Overview This (?:standard|unit)\b)"
)
CODE_WITHIN_LINE = re.compile(r"(?<=[a-z)])\s+(?=(?P<letters>PC?|KU?)(?P<number>\d{1,3})\s+\S)")
"""A code after words that are no sentence."""


@dataclass(frozen=True)
class ParsedHeading:
    """A heading: its part of a unit, its name, and the text after it in the same line."""

    part: Part
    name: str
    rest: str = ""


def parse_heading(text: str) -> ParsedHeading | None:
    """Return the known heading that the line is, or starts with.

    A line may continue after its heading with an introduction (`Performance criteria You must …`) or its first
    sentence.
    """
    if part := phrases.match_heading(text) or _match_table_head(text):
        return ParsedHeading(part, text)
    if not text[0].isupper() or not AFTER_HEADING.search(text):
        return None
    words = text.split(" ")
    for count in range(min(6, len(words) - 1), 0, -1):
        name, rest = " ".join(words[:count]), " ".join(words[count:])
        part = phrases.match_heading(name)
        if part in CRITERIA and (phrases.is_introduction(rest) or split_introduction(rest)):
            return ParsedHeading(part, name, rest)
        if part is Part.OVERVIEW and re.match(r"This (?:standard|unit)\b", rest):
            return ParsedHeading(part, name, rest)
        if part in DESCRIPTIVE_PARTS and name.endswith(":") and rest[:1].isupper():
            return ParsedHeading(part, name, rest)
    return None


def _match_table_head(text: str) -> Part | None:
    """Return the part named by a table's head that is printed in one line with slashes.

    `Knowledge and understanding / Evidence reference` is such a head in units copied from a web page.
    """
    cells = text.split(" / ") if len(text) <= phrases.MAX_HEADING_LENGTH else []
    parts = [phrases.match_heading(cell) for cell in cells]
    filled_in = [phrases.is_form_column(cell) for cell in cells]
    if len(cells) < 2 or not all(part or filled for part, filled in zip(parts, filled_in, strict=True)):
        return None
    return Part.FORM if filled_in[0] else parts[0]


def split_run_on_headings(lines: Sequence[CleanLine]) -> Iterator[CleanLine]:
    """Split lines that continue across a heading (`… the work. Performance criteria You must …`)."""
    for line in strip_running_titles(lines):
        if len(line.text) < MIN_RUN_ON_LENGTH or line.cells:
            yield line
            continue
        start = 0
        for match in RUN_ON_HEADING.finditer(line.text):
            yield replace(line, text=line.text[start : match.start()].rstrip())
            start = match.end()
        yield replace(line, text=line.text[start:], after_blank=line.after_blank and start == 0)


def strip_running_titles(lines: Sequence[CleanLine]) -> Iterator[CleanLine]:
    """Remove the unit's title where it is printed in the same line before a heading, as page headers are."""
    head = takewhile(lambda line: not phrases.match_heading(line.text), lines[:MAX_TITLE_LINE])
    names = tuple(f"{line.text} " for line in head if len(line.text) >= MIN_NAME_LENGTH)
    for line, following in zip_longest(lines, lines[1:]):
        name = next((each for each in names if line.text.startswith(each)), "")
        rest = line.text.removeprefix(name)
        below = following.text if following and following.text[0].islower() else ""
        is_heading = bool(name) and bool(phrases.match_heading(rest) or phrases.match_heading(f"{rest} {below}"))
        yield replace(line, text=rest) if is_heading else line


def merge_broken_headings(lines: Sequence[CleanLine]) -> list[CleanLine]:
    """Merge headings, introductions and names that a narrow column broke over two lines."""
    merged: list[CleanLine] = []
    for line in lines:
        if (
            merged
            and not line.after_blank
            and not line.cells
            and not merged[-1].cells
            and _is_broken_heading(merged[-1].text, line.text)
        ):
            last = merged[-1]
            merged[-1] = replace(
                last, text=merge_texts(last.text, line.text), line_numbers=last.line_numbers + line.line_numbers
            )
        else:
            merged.append(line)
    return merged


def _is_broken_heading(above: str, below: str) -> bool:
    """Return whether two lines together are one heading, introduction or name."""
    if len(above) > 60 or len(below) > 200:
        return False
    joined = f"{above} {below}"
    if not below[0].islower():
        return bool(metadata.parse_key(joined)) and not metadata.parse_key(above) and not phrases.match_heading(above)
    if (
        (phrases.is_introduction(above) and not UNFINISHED_END.search(above))
        or metadata.parse_key(above)
        or phrases.starts_item(above)
    ):
        return False
    if phrases.is_introduction(joined) or split_introduction(joined) or metadata.parse_key(joined):
        return True
    if _match_table_head(joined):
        return True
    return phrases.match_heading(joined) is not None and phrases.match_heading(above) in {
        None,
        phrases.match_heading(joined),
    }


def split_introduction(text: str) -> tuple[str, str] | None:
    """Return an introduction and the statement after it in the same line, or None."""
    match = re.match(r"([^:]{8,120}:)\s*(\S.*)", text)
    return (match[1], match[2]) if match and phrases.is_introduction(match[1]) else None


def split_before_codes(lines: Sequence[CleanLine]) -> Iterator[CleanLine]:
    """Split `Agree the work P1 ask … P2 tell …` before its first code: the words before it are a heading."""
    for line in lines:
        match = (
            CODE_WITHIN_LINE.search(line.text) if len(line.text) >= MIN_PARAGRAPH_LENGTH and not line.cells else None
        )
        following = rf"\s{match['letters']}{int(match['number']) + 1}\s" if match else ""
        if match and not phrases.starts_item(line.text) and re.search(following, line.text[match.end() :]):
            if phrases.is_introduction(line.text[: match.start()]) or match.start() > phrases.MAX_HEADING_LENGTH:
                yield line
                continue
            yield replace(line, text=line.text[: match.start()], is_heading=True)
            yield replace(line, text=line.text[match.end() :], after_blank=False)
        else:
            yield line
