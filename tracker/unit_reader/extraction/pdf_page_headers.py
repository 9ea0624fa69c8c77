"""Page headers, footers and page numbers of a PDF, found by where they stand and how they repeat."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracker.unit_reader.extraction.pdf_tables import TableRow
from tracker.unit_reader.extraction.pdf_words import Strip

MARGIN = 0.14
"""The share of a page, at its top and at its bottom, where furniture stands."""
MAX_LINES = 6
NUMBER = re.compile(r"\d+")
PAGE = re.compile(
    r"(?:page\s*)?[-–|]?\s*\d{1,4}\s*(?:[-–|]|(?:of|/)\s*\d{1,4})?(?:\s*page)?|page\s*\|?\s*\d{1,4}.{0,20}",
    re.IGNORECASE,
)
OF_PAGES = re.compile(r".{0,100}\bpage\s+\d{1,4}\s+of\s+\d{1,4}", re.IGNORECASE)
NEAR = 4.0


@dataclass(frozen=True)
class Sheet:
    """One page: what is printed on it, from the top down."""

    number: int
    height: float
    pieces: tuple[Strip | TableRow, ...]
    sizes: Counter[float]
    """How many signs are printed in each size of type."""


@dataclass(frozen=True)
class _Place:
    page: int
    at: int
    top: float
    text: str
    is_head: bool


def find_furniture(sheets: Sequence[Sheet]) -> tuple[set[tuple[int, int]], str]:
    """The pieces to leave out, as (page, place on the page), and the title that runs along the pages.

    A running head's first appearance stays where it opens the document, since it may be the title.
    """
    places = [place for sheet in sheets for place in _margins(sheet)]
    found: set[tuple[int, int]] = set()
    title = ""
    for group in _repeated(places, len(sheets)):
        found.update((place.page, place.at) for place in group)
        first = group[0]
        if first.is_head and first.page == 1 and first.text and not PAGE.fullmatch(first.text):
            found.discard((first.page, first.at))
        if not title and len(NUMBER.sub("", first.text).strip()) > 3 and not PAGE.fullmatch(first.text):
            title = first.text
    found.update((place.page, place.at) for place in _page_numbers(places, len(sheets)))
    return found, title


def _margins(sheet: Sheet) -> Iterator[_Place]:
    last = len(sheet.pieces)
    for at, piece in enumerate(sheet.pieces):
        is_head = piece.top < sheet.height * MARGIN and at < MAX_LINES
        is_foot = piece.bottom > sheet.height * (1 - MARGIN) and at >= last - MAX_LINES
        if is_head or is_foot:
            yield _Place(sheet.number, at, piece.top, " ".join(piece.text.split()), is_head)


def _repeated(places: Sequence[_Place], pages: int) -> Iterator[list[_Place]]:
    """The same words, at the same height, on most pages or on three in a row; their page numbers may count on."""
    shapes: dict[tuple[str, bool], list[_Place]] = defaultdict(list)
    for place in places:
        shapes[NUMBER.sub("#", place.text.casefold()), place.is_head].append(place)
    for alike in shapes.values():
        for group in _at_one_height(alike):
            count = len({place.page for place in group})
            if count >= 2 and (count >= 3 or count * 2 >= pages) and _only_pages_differ(group):
                yield group


def _at_one_height(places: Sequence[_Place]) -> Iterator[list[_Place]]:
    ordered = sorted(places, key=lambda place: place.top)
    group: list[_Place] = []
    for place in ordered:
        if group and place.top - group[-1].top > NEAR:
            yield sorted(group, key=lambda each: each.page)
            group = []
        group.append(place)
    if group:
        yield sorted(group, key=lambda each: each.page)


def _only_pages_differ(group: Sequence[_Place]) -> bool:
    """Numbers in it stay the same or count with the pages: `3. greet` and `7. greet` are items, no running head."""
    numbers = [[int(each[:9]) for each in NUMBER.findall(place.text)] for place in group]
    for values in zip(*numbers, strict=True):
        offsets = {value - place.page for value, place in zip(values, group, strict=True)}
        if len(set(values)) > 1 and len(offsets) > 1:
            return False
    return True


def _page_numbers(places: Sequence[_Place], pages: int) -> Iterator[_Place]:
    """`Page 2 of 3` wherever it stands in a margin; a bare number where it counts with the pages."""
    yield from (place for place in places if OF_PAGES.fullmatch(place.text))
    bare = [place for place in places if PAGE.fullmatch(place.text)]
    offsets = {place.page - int(NUMBER.findall(place.text)[0][:9]) for place in bare}
    for place in bare:
        says_so = not place.text.isdigit()
        if says_so or (len(offsets) == 1 and (pages > 1 or offsets == {0})):
            yield place
