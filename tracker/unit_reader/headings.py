"""Headings of sections: recognising them, and splitting or joining the lines that hold them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile, zip_longest

from tracker.unit_reader import metadata, phrases
from tracker.unit_reader.document_model import CleanLine
from tracker.unit_reader.line_wrapping import OPEN_END, run_on
from tracker.unit_reader.phrases import CRITERIA, Part

ABOUT = frozenset(
    {Part.OVERVIEW, Part.SCOPE, Part.SKILLS, Part.VALUES, Part.BEHAVIOURS, Part.LINKS, Part.NOTES, Part.RULES}
)
MORE = re.compile(r":|\b(?:you|learners?|candidates?)\b|\bThis (?:standard|unit)\b", re.IGNORECASE)
"""What a heading can be followed by in its own line."""
MIN_RUN_ON_LENGTH = 80
HEAD = 40
"""How far down a document its title may stand."""
MIN_NAME_LENGTH = 8
RUN_ON = re.compile(
    r"(?<=\S)\s+(?=(?:Performance [Cc]riteria|Knowledge (?:and|&) [Uu]nderstanding|Assessment [Cc]riteria"
    r"|PERFORMANCE [A-Z]+|KNOWLEDGE(?: [A-Z]+){0,3})\s*:?\s+"
    r"(?:You|The (?:learner|candidate))\b|Overview This (?:standard|unit)\b)"
)


@dataclass(frozen=True)
class Headed:
    """A heading: its part, and the words that stand behind it in the row."""

    part: Part
    name: str
    rest: str = ""


def heading_at(text: str) -> Headed | None:
    """The known heading that the row is, or that it begins with: with its introduction, or with what it names."""
    if part := phrases.section_of(text) or _part_of_cells(text):
        return Headed(part, text)
    if not text[0].isupper() or not MORE.search(text):
        return None
    pieces = text.split(" ")
    for count in range(min(6, len(pieces) - 1), 0, -1):
        name, rest = " ".join(pieces[:count]), " ".join(pieces[count:])
        part = phrases.section_of(name)
        if part in CRITERIA and (phrases.is_introduction(rest) or split_introduction(rest)):
            return Headed(part, name, rest)
        if part is Part.OVERVIEW and re.match(r"This (?:standard|unit)\b", rest):
            return Headed(part, name, rest)
        if part in ABOUT and name.endswith(":") and rest[:1].isupper():
            return Headed(part, name, rest)
    return None


def _part_of_cells(text: str) -> Part | None:
    """`Knowledge and understanding / Evidence reference`: a table's head written in one line, its cells ruled off."""
    cells = text.split(" / ") if len(text) <= phrases.MAX_HEADING_LENGTH else []
    parts = [phrases.section_of(cell) for cell in cells]
    filled_in = [phrases.is_filled_in(cell) for cell in cells]
    if len(cells) < 2 or not all(part or filled for part, filled in zip(parts, filled_in, strict=True)):
        return None
    return Part.FORM if filled_in[0] else parts[0]


def break_headings(rows: Sequence[CleanLine]) -> Iterator[CleanLine]:
    """Rows that run on over a heading (`… the work. Performance criteria You must …`), cut before it."""
    for row in without_running_names(rows):
        if len(row.text) < MIN_RUN_ON_LENGTH or row.cells:
            yield row
            continue
        start = 0
        for match in RUN_ON.finditer(row.text):
            yield replace(row, text=row.text[start : match.start()].rstrip())
            start = match.end()
        yield replace(row, text=row.text[start:], after_blank=row.after_blank and start == 0)


def without_running_names(rows: Sequence[CleanLine]) -> Iterator[CleanLine]:
    """Headings that have the unit's own title before them in their line, as on each page's head, without it."""
    head = takewhile(lambda row: not phrases.section_of(row.text), rows[:HEAD])
    names = tuple(f"{row.text} " for row in head if len(row.text) >= MIN_NAME_LENGTH)
    for row, following in zip_longest(rows, rows[1:]):
        name = next((each for each in names if row.text.startswith(each)), "")
        rest = row.text.removeprefix(name)
        below = following.text if following and following.text[0].islower() else ""
        is_heading = bool(name) and bool(phrases.section_of(rest) or phrases.section_of(f"{rest} {below}"))
        yield replace(row, text=rest) if is_heading else row


def join_broken(rows: Sequence[CleanLine]) -> list[CleanLine]:
    """Headings, introductions and names that a narrow column broke over two lines, as one row each."""
    found: list[CleanLine] = []
    for row in rows:
        if (
            found
            and not row.after_blank
            and not row.cells
            and not found[-1].cells
            and _is_broken(found[-1].text, row.text)
        ):
            last = found[-1]
            found[-1] = replace(last, text=run_on(last.text, row.text), numbers=last.numbers + row.numbers)
        else:
            found.append(row)
    return found


def _is_broken(above: str, below: str) -> bool:
    if len(above) > 60 or len(below) > 200:
        return False
    joined = f"{above} {below}"
    if not below[0].islower():
        return bool(metadata.key_of(joined)) and not metadata.key_of(above) and not phrases.section_of(above)
    if (
        (phrases.is_introduction(above) and not OPEN_END.search(above))
        or metadata.key_of(above)
        or phrases.starts_item(above)
    ):
        return False
    if phrases.is_introduction(joined) or split_introduction(joined) or metadata.key_of(joined):
        return True
    if _part_of_cells(joined):
        return True
    return phrases.section_of(joined) is not None and phrases.section_of(above) in {None, phrases.section_of(joined)}


def split_introduction(text: str) -> tuple[str, str] | None:
    """An introduction with the first statement behind it in one line."""
    match = re.match(r"([^:]{8,120}:)\s*(\S.*)", text)
    return (match[1], match[2]) if match and phrases.is_introduction(match[1]) else None


MIN_LENGTH = 60
"""What is shorter is a line of its own."""
CODED = re.compile(r"(?<=[a-z)])\s+(?=(?P<letters>PC?|KU?)(?P<number>\d{1,3})\s+\S)")
"""Where a code stands behind words that are no sentence."""


def cut_before_codes(rows: Sequence[CleanLine]) -> Iterator[CleanLine]:
    """`Agree the work P1 ask … P2 tell …` as two rows: the words before the first code are a heading."""
    for row in rows:
        match = CODED.search(row.text) if len(row.text) >= MIN_LENGTH and not row.cells else None
        following = rf"\s{match['letters']}{int(match['number']) + 1}\s" if match else ""
        if match and not phrases.starts_item(row.text) and re.search(following, row.text[match.end() :]):
            if phrases.is_introduction(row.text[: match.start()]) or match.start() > phrases.MAX_HEADING_LENGTH:
                yield row
                continue
            yield replace(row, text=row.text[: match.start()], heading=True)
            yield replace(row, text=row.text[match.end() :], after_blank=False)
        else:
            yield row
