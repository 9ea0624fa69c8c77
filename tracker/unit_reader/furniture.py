"""Furniture: page numbers, running heads and feet, and what else stands on pages and is no part of the unit."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from tracker.unit_reader import words
from tracker.unit_reader.rows import Row

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
    return _is_page_number(text) or bool(STRAY.fullmatch(text)) or bool(words.READ_MORE.fullmatch(text))


def find_furniture(rows: Sequence[Row]) -> list[Row]:
    """Page numbers, running heads and feet, strays. A running title stays once at the head: it may be the title."""
    worded = [row for row in rows if row.text]
    names = _names_in_head(worded)
    certain = set(_certain_furniture(worded, names))
    certain |= _lone_page_numbers(worded, certain)
    for _ in range(MAX_FOOT_LINES):
        certain |= _plain_repeats(worded, certain, names)
    return [row for row in worded if row.numbers in certain]


def _certain_furniture(rows: Sequence[Row], names: set[str]) -> Iterator[tuple[int, ...]]:
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


def _is_name(row: Row, names: set[str], *, in_head: bool = False) -> bool:
    return in_head or _names_unit(row.text) or _without_codes(row.text) in names


def _plain_repeats(rows: Sequence[Row], certain: set[tuple[int, ...]], names: set[str]) -> set[tuple[int, ...]]:
    """Lines that stand three times or more, at least once beside other furniture: else they may be headings."""
    plain_rows = {row.numbers: _shape(row.text) for row in rows if _may_repeat(row) and not _is_name(row, names)}
    shapes = Counter(plain_rows.values())
    at_page_ends = {
        plain_rows[row.numbers]
        for row, above, below in _with_neighbours(rows)
        if row.numbers in plain_rows and not certain.isdisjoint({above, below})
    }
    return {numbers for numbers, shape in plain_rows.items() if shapes[shape] > 2 and shape in at_page_ends}


def _lone_page_numbers(rows: Sequence[Row], certain: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """Numbers alone on a line, beside a running head or foot, that count the pages; lone labels do not."""
    lone = [each for each in _with_neighbours(rows) if LONE_NUMBER.fullmatch(each[0].text)]
    beside = [row for row, above, below in lone if not certain.isdisjoint({above, below})]
    counted = [int(row.text) for row in beside]
    steps = {after - before for before, after in pairwise(counted)}
    if steps - {1} or (len(counted) == 1 and len(lone) > 1):
        return set()
    return {row.numbers for row in beside}


def _with_neighbours(rows: Sequence[Row]) -> Iterator[tuple[Row, tuple[int, ...], tuple[int, ...]]]:
    """Each row with the lines of the one above and the one below."""
    numbers = [(), *(row.numbers for row in rows), ()]
    return zip(rows, numbers[:-2], numbers[2:], strict=True)


def _names_in_head(rows: Sequence[Row]) -> set[str]:
    """What the lines above the first heading say, without their codes: the title is one of them."""
    head = list(takewhile(lambda row: not _ends_head(row), rows[:HEAD]))
    return {name for row in head if len(name := _without_codes(row.text)) >= MIN_NAME_LENGTH}


def _ends_head(row: Row) -> bool:
    return bool(words.section_of(row.text) or words.OUTCOME.fullmatch(row.text))


def _is_running_name(row: Row, names: set[str]) -> bool:
    """The unit's own title or code with nothing else in the line: a running head, though it be printed once only."""
    if row.cells or row.heading or words.starts_item(row.text):
        return False
    coded = bool(words.CODE.search(row.text)) or row.text[:5].casefold() == "unit "
    left = _without_codes(row.text)
    return left in names and (coded or _shape(row.text) != row.text.casefold())


def _without_codes(text: str) -> str:
    """The words of a line in small letters, without codes, page numbers and what stands between them."""
    text = re.sub(
        r"\bpage\s+\d+(?:\s+of\s+\d+)?$|\s\d{1,3}$|^\d{1,3}\s", " ", words.CODE.sub(" ", text).casefold().strip()
    )
    return re.sub(r"^\s*(?:unit|urn|code|ref(?:erence)?)\b|[\s()|:–—-]+", " ", text).strip()


def _may_repeat(row: Row) -> bool:
    """A line whose repeating means that it is furniture: no item, no heading that units are made of, no table."""
    if row.cells or len(row.text) < 4 or row.text.endswith((":", ";", ",")) or row.text[0].islower():
        return False
    if words.starts_item(row.text) or words.OUTCOME.fullmatch(row.text):
        return False
    return not words.section_of(row.text) and not words.is_introduction(row.text)


def _names_unit(text: str) -> bool:
    return bool(words.CODE.search(text)) or bool(re.search(r"\bpage\s+\d", text, re.IGNORECASE))


def _is_page_number(text: str) -> bool:
    return bool(PAGE_NUMBER.fullmatch(text)) or bool(
        re.search(r"\bpage\s+\d{1,4}\s+of\s+\d{1,4}$", text, re.IGNORECASE)
    )


def _shape(text: str) -> str:
    """A running head with its page number is the same on each page."""
    return re.sub(r"\bpage\s+\d+(?:\s+of\s+\d+)?|\s\d+$", "#", text.casefold())
