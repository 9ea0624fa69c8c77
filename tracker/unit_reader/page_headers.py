"""Page headers, footers, page numbers, and other lines that are on pages and no part of the unit."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, takewhile

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine

PAGE_NUMBER = re.compile(
    r"(?:page\s*:?\s*\d{1,4}(?:\s*(?:of|/)\s*\d{1,4})?|\d{1,4}\s*(?:of|/)\s*\d{1,4}|-\s*\d{1,4}\s*-|–\s*\d{1,4}\s*–"
    r"|\d{1,4}\s*\|\s*page|page\s*\|\s*\d{1,4})",
    re.IGNORECASE,
)
STRAY = re.compile(
    r"(?:[\w%.-]+\.(?:png|jpe?g|gif|svg|webp)|https?://\S+(?:\s+\d{1,4}/\d{1,4})?|"
    r"(?:©|(?:copyright|\(c\))\s*(?:©\s*)?\d{4}).{0,200}|[-_=*·.\s]{3,}|!\[[^\]]*\]\([^)]*\))",
    re.IGNORECASE,
)
HEAD = 40
"""How far down a document its title may stand."""
MIN_NAME_LENGTH = 8
MAX_FOOT_LINES = 3
LONE_NUMBER = re.compile(r"\d{1,3}")


def is_stray(text: str) -> bool:
    """A page number, the name of an image, an address, a ruled line: says nothing, wherever it stands."""
    return _is_page_number(text) or bool(STRAY.fullmatch(text)) or bool(phrases.READ_MORE.fullmatch(text))


def find_furniture(rows: Sequence[CleanLine]) -> list[CleanLine]:
    """Page numbers, running heads and feet, strays. A running title stays once at the head: it may be the title."""
    worded = [row for row in rows if row.text]
    names = _names_in_head(worded)
    certain = set(_certain_furniture(worded, names))
    certain |= _lone_page_numbers(worded, certain)
    for _ in range(MAX_FOOT_LINES):
        certain |= _plain_repeats(worded, certain, names)
    return [row for row in worded if row.numbers in certain]


def _certain_furniture(rows: Sequence[CleanLine], names: set[str]) -> Iterator[tuple[int, ...]]:
    """Strays, what bears a page number, and what repeats or names the unit with its code."""
    numbered = {_shape(row.text) for row in rows if _is_page_number(row.text)}
    shapes = Counter(_shape(row.text) for row in rows if _may_repeat(row))
    first: set[str] = set()
    in_head = True
    for row in rows:
        shape = _shape(row.text)
        in_head = in_head and not _ends_head(row)
        if is_stray(row.text) or shape in numbered or (not in_head and _is_running_name(row, names)):
            yield row.numbers
        elif (
            _may_repeat(row)
            and shapes[shape] >= (2 if _names_unit(row.text) else 3)
            and _is_name(row, names, in_head=in_head)
        ):
            if shape in first or not in_head:
                yield row.numbers
            first.add(shape)


def _is_name(row: CleanLine, names: set[str], *, in_head: bool = False) -> bool:
    return in_head or _names_unit(row.text) or _without_codes(row.text) in names


def _plain_repeats(rows: Sequence[CleanLine], certain: set[tuple[int, ...]], names: set[str]) -> set[tuple[int, ...]]:
    """Lines that stand three times or more, at least once beside other furniture: else they may be headings."""
    plain_rows = {row.numbers: _shape(row.text) for row in rows if _may_repeat(row) and not _is_name(row, names)}
    shapes = Counter(plain_rows.values())
    at_page_ends = {
        plain_rows[row.numbers]
        for row, above, below in _with_neighbours(rows)
        if row.numbers in plain_rows and not certain.isdisjoint({above, below})
    }
    return {numbers for numbers, shape in plain_rows.items() if shapes[shape] > 2 and shape in at_page_ends}


def _lone_page_numbers(rows: Sequence[CleanLine], certain: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """Numbers alone on a line, beside a running head or foot, that count the pages; lone labels do not."""
    lone = [each for each in _with_neighbours(rows) if LONE_NUMBER.fullmatch(each[0].text)]
    beside = [row for row, above, below in lone if not certain.isdisjoint({above, below})]
    counted = [int(row.text) for row in beside]
    steps = {after - before for before, after in pairwise(counted)}
    if steps - {1} or (len(counted) == 1 and len(lone) > 1):
        return set()
    return {row.numbers for row in beside}


def _with_neighbours(rows: Sequence[CleanLine]) -> Iterator[tuple[CleanLine, tuple[int, ...], tuple[int, ...]]]:
    """Each row with the lines of the one above and the one below."""
    numbers = [(), *(row.numbers for row in rows), ()]
    return zip(rows, numbers[:-2], numbers[2:], strict=True)


def _names_in_head(rows: Sequence[CleanLine]) -> set[str]:
    """What the lines above the first heading say, without their codes: the title is one of them."""
    head = list(takewhile(lambda row: not _ends_head(row), rows[:HEAD]))
    return {name for row in head if len(name := _without_codes(row.text)) >= MIN_NAME_LENGTH}


def _ends_head(row: CleanLine) -> bool:
    return bool(phrases.section_of(row.text) or phrases.OUTCOME.fullmatch(row.text))


def _is_running_name(row: CleanLine, names: set[str]) -> bool:
    """The unit's own title or code with nothing else in the line: a running head, though it be printed once only."""
    if row.cells or row.heading or phrases.starts_item(row.text):
        return False
    coded = bool(phrases.CODE.search(row.text)) or row.text[:5].casefold() == "unit "
    left = _without_codes(row.text)
    return left in names and (coded or _shape(row.text) != row.text.casefold())


def _without_codes(text: str) -> str:
    """The words of a line in small letters, without codes, page numbers and what stands between them."""
    text = re.sub(
        r"\bpage\s+\d+(?:\s+of\s+\d+)?$|\s\d{1,3}$|^\d{1,3}\s", " ", phrases.CODE.sub(" ", text).casefold().strip()
    )
    return re.sub(r"^\s*(?:unit|urn|code|ref(?:erence)?)\b|[\s()|:–—-]+", " ", text).strip()


def _may_repeat(row: CleanLine) -> bool:
    """A line whose repeating means that it is furniture: no item, no heading that units are made of, no table."""
    if row.cells or len(row.text) < 4 or row.text.endswith((":", ";", ",")) or row.text[0].islower():
        return False
    if phrases.starts_item(row.text) or phrases.OUTCOME.fullmatch(row.text):
        return False
    return not phrases.section_of(row.text) and not phrases.is_introduction(row.text)


def _names_unit(text: str) -> bool:
    return bool(phrases.CODE.search(text)) or bool(re.search(r"\bpage\s+\d", text, re.IGNORECASE))


def _is_page_number(text: str) -> bool:
    return bool(PAGE_NUMBER.fullmatch(text)) or bool(
        re.search(r"\bpage\s+\d{1,4}\s+of\s+\d{1,4}$", text, re.IGNORECASE)
    )


def _shape(text: str) -> str:
    """A running head with its page number is the same on each page."""
    return re.sub(r"\bpage\s+\d+(?:\s+of\s+\d+)?|\s\d+$", "#", text.casefold())


MIN_LENGTH = 60
"""What is shorter is a line of its own."""
FOOT = re.compile(rf"\s(?P<foot>(?:{phrases.CODE.pattern})(?: [^\s.;:]+){{0,10}}) (?P<page>\d{{1,3}})$")


def without_feet(rows: Sequence[CleanLine]) -> list[CleanLine]:
    """The rows without the foot of the page that some end with: the unit's code, and numbers that count the pages."""
    feet = [
        (at, match) for at, row in enumerate(rows) if len(row.text) >= MIN_LENGTH and (match := FOOT.search(row.text))
    ]
    counted: set[int] = set()
    for (above, one), (below, other) in pairwise(feet):
        if one["foot"] == other["foot"] and int(other["page"]) == int(one["page"]) + 1:
            counted |= {above, below}
    starts = {at: match.start() for at, match in feet if at in counted}
    return [replace(row, text=row.text[: starts[at]]) if at in starts else row for at, row in enumerate(rows)]
