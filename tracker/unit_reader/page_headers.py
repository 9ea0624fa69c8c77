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
NOISE = re.compile(
    r"(?:[\w%.-]+\.(?:png|jpe?g|gif|svg|webp)|https?://\S+(?:\s+\d{1,4}/\d{1,4})?|"
    r"(?:©|(?:copyright|\(c\))\s*(?:©\s*)?\d{4}).{0,200}|[-_=*·.\s]{3,}|!\[[^\]]*\]\([^)]*\))",
    re.IGNORECASE,
)
MAX_TITLE_LINE = 40
"""The title is expected among so many lines at the top of a document."""
MIN_NAME_LENGTH = 8
MAX_FOOTER_LINES = 3
LONE_NUMBER = re.compile(r"\d{1,3}")
MIN_PARAGRAPH_LENGTH = 60
"""In characters. A shorter line is no paragraph."""
FOOTER = re.compile(rf"\s(?P<foot>(?:{phrases.CODE.pattern})(?: [^\s.;:]+){{0,10}}) (?P<page>\d{{1,3}})$")


def is_noise(text: str) -> bool:
    """Return whether a line is a page number, image name, address, copyright line or rule, and says nothing."""
    return _is_page_number(text) or bool(NOISE.fullmatch(text)) or bool(phrases.READ_MORE.fullmatch(text))


def find_page_headers(lines: Sequence[CleanLine]) -> list[CleanLine]:
    """Return the lines that are page headers, footers, page numbers or noise.

    The unit's title stays once at the top of the document, because it may be printed only there.
    """
    worded = [line for line in lines if line.text]
    names = _list_head_texts(worded)
    certain = set(_find_certain_headers(worded, names))
    certain |= _find_lone_page_numbers(worded, certain)
    for _ in range(MAX_FOOTER_LINES):
        certain |= _find_repeats(worded, certain, names)
    return [line for line in worded if line.line_numbers in certain]


def _find_certain_headers(lines: Sequence[CleanLine], names: set[str]) -> Iterator[tuple[int, ...]]:
    """Yield the line numbers of noise, of page numbers, and of repeated lines that name the unit."""
    numbered = {_mask_page_number(line.text) for line in lines if _is_page_number(line.text)}
    shapes = Counter(_mask_page_number(line.text) for line in lines if _may_repeat(line))
    first: set[str] = set()
    in_head = True
    for line in lines:
        shape = _mask_page_number(line.text)
        in_head = in_head and not _ends_head(line)
        if is_noise(line.text) or shape in numbered or (not in_head and _is_running_name(line, names)):
            yield line.line_numbers
        elif (
            _may_repeat(line)
            and shapes[shape] >= (2 if _names_unit(line.text) else 3)
            and _is_unit_name(line, names, in_head=in_head)
        ):
            if shape in first or not in_head:
                yield line.line_numbers
            first.add(shape)


def _is_unit_name(line: CleanLine, names: set[str], *, in_head: bool = False) -> bool:
    return in_head or _names_unit(line.text) or _strip_codes(line.text) in names


def _find_repeats(lines: Sequence[CleanLine], certain: set[tuple[int, ...]], names: set[str]) -> set[tuple[int, ...]]:
    """Return the line numbers of lines printed three times or more, at least once beside a page header.

    Other repeated lines may be headings.
    """
    candidates = {
        line.line_numbers: _mask_page_number(line.text)
        for line in lines
        if _may_repeat(line) and not _is_unit_name(line, names)
    }
    shapes = Counter(candidates.values())
    at_page_ends = {
        candidates[line.line_numbers]
        for line, above, below in _pair_with_neighbours(lines)
        if line.line_numbers in candidates and not certain.isdisjoint({above, below})
    }
    return {numbers for numbers, shape in candidates.items() if shapes[shape] > 2 and shape in at_page_ends}


def _find_lone_page_numbers(lines: Sequence[CleanLine], certain: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """Return the line numbers of numbers beside a page header that count the pages; lone labels do not."""
    lone_numbers = [each for each in _pair_with_neighbours(lines) if LONE_NUMBER.fullmatch(each[0].text)]
    beside = [line for line, above, below in lone_numbers if not certain.isdisjoint({above, below})]
    counted = [int(line.text) for line in beside]
    steps = {after - before for before, after in pairwise(counted)}
    if steps - {1} or (len(counted) == 1 and len(lone_numbers) > 1):
        return set()
    return {line.line_numbers for line in beside}


def _pair_with_neighbours(lines: Sequence[CleanLine]) -> Iterator[tuple[CleanLine, tuple[int, ...], tuple[int, ...]]]:
    """Yield each line with the line numbers of the one above and the one below."""
    numbers = [(), *(line.line_numbers for line in lines), ()]
    return zip(lines, numbers[:-2], numbers[2:], strict=True)


def _list_head_texts(lines: Sequence[CleanLine]) -> set[str]:
    """Return the texts above the first heading, without their codes; the title is one of them."""
    head = list(takewhile(lambda line: not _ends_head(line), lines[:MAX_TITLE_LINE]))
    return {name for line in head if len(name := _strip_codes(line.text)) >= MIN_NAME_LENGTH}


def _ends_head(line: CleanLine) -> bool:
    return bool(phrases.match_heading(line.text) or phrases.OUTCOME.fullmatch(line.text))


def _is_running_name(line: CleanLine, names: set[str]) -> bool:
    """Return whether the line is only the unit's title or code: a page header, even if printed once."""
    if line.cells or line.is_heading or phrases.starts_item(line.text):
        return False
    coded = bool(phrases.CODE.search(line.text)) or line.text[:5].casefold() == "unit "
    left = _strip_codes(line.text)
    return left in names and (coded or _mask_page_number(line.text) != line.text.casefold())


def _strip_codes(text: str) -> str:
    """Return a line's words in lower case, without codes, page numbers and the signs between them."""
    text = re.sub(
        r"\bpage\s+\d+(?:\s+of\s+\d+)?$|\s\d{1,3}$|^\d{1,3}\s", " ", phrases.CODE.sub(" ", text).casefold().strip()
    )
    return re.sub(r"^\s*(?:unit|urn|code|ref(?:erence)?)\b|[\s()|:–—-]+", " ", text).strip()


def _may_repeat(line: CleanLine) -> bool:
    """Return whether repeating makes this line a page header: it is no item, no known heading and no table."""
    if line.cells or len(line.text) < 4 or line.text.endswith((":", ";", ",")) or line.text[0].islower():
        return False
    if phrases.starts_item(line.text) or phrases.OUTCOME.fullmatch(line.text):
        return False
    return not phrases.match_heading(line.text) and not phrases.is_introduction(line.text)


def _names_unit(text: str) -> bool:
    return bool(phrases.CODE.search(text)) or bool(re.search(r"\bpage\s+\d", text, re.IGNORECASE))


def _is_page_number(text: str) -> bool:
    return bool(PAGE_NUMBER.fullmatch(text)) or bool(
        re.search(r"\bpage\s+\d{1,4}\s+of\s+\d{1,4}$", text, re.IGNORECASE)
    )


def _mask_page_number(text: str) -> str:
    """Return the text with its page number masked, so that a page header is the same on each page."""
    return re.sub(r"\bpage\s+\d+(?:\s+of\s+\d+)?|\s\d+$", "#", text.casefold())


def strip_page_footers(lines: Sequence[CleanLine]) -> list[CleanLine]:
    """Remove the page footer at the end of some lines: the unit's code and a number that counts the pages."""
    footers = [
        (index, match)
        for index, line in enumerate(lines)
        if len(line.text) >= MIN_PARAGRAPH_LENGTH and (match := FOOTER.search(line.text))
    ]
    counted: set[int] = set()
    for (above, upper), (below, lower) in pairwise(footers):
        if upper["foot"] == lower["foot"] and int(lower["page"]) == int(upper["page"]) + 1:
            counted |= {above, below}
    starts = {index: match.start() for index, match in footers if index in counted}
    return [
        replace(line, text=line.text[: starts[index]]) if index in starts else line
        for index, line in enumerate(lines)
    ]
