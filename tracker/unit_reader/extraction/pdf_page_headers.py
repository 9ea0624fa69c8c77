"""Page headers, footers and page numbers of a PDF, found by where they stand and how they repeat."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracker.unit_reader.extraction.pdf_tables import TableRow
from tracker.unit_reader.extraction.pdf_words import PrintedLine

MARGIN_SHARE = 0.14
"""The share of a page, at its top and at its bottom, that holds page headers and footers."""
MAX_MARGIN_LINES = 6
NUMBER = re.compile(r"\d+")
PAGE_NUMBER = re.compile(
    r"(?:page\s*)?[-–|]?\s*\d{1,4}\s*(?:[-–|]|(?:of|/)\s*\d{1,4})?(?:\s*page)?|page\s*\|?\s*\d{1,4}.{0,20}",
    re.IGNORECASE,
)
PAGE_OF_PAGES = re.compile(r".{0,100}\bpage\s+\d{1,4}\s+of\s+\d{1,4}", re.IGNORECASE)
MAX_HEIGHT_DIFFERENCE = 4.0


@dataclass(frozen=True)
class PdfPage:
    """One page: what is printed on it, from the top down."""

    number: int
    height: float
    items: tuple[PrintedLine | TableRow, ...]
    sizes: Counter[float]
    """How many characters are printed in each size of type."""


@dataclass(frozen=True)
class _MarginItem:
    page: int
    index: int
    top: float
    text: str
    is_at_top: bool


def find_repeated_items(pages: Sequence[PdfPage]) -> tuple[set[tuple[int, int]], str]:
    """Return the items to leave out, as (page, index), and the title in the page headers.

    A page header that opens the document stays on its first page, because it may be the title.
    """
    items = [item for page in pages for item in _list_margin_items(page)]
    repeated: set[tuple[int, int]] = set()
    title = ""
    for group in _find_repeated(items, len(pages)):
        repeated.update((item.page, item.index) for item in group)
        first = group[0]
        if first.is_at_top and first.page == 1 and first.text and not PAGE_NUMBER.fullmatch(first.text):
            repeated.discard((first.page, first.index))
        if not title and len(NUMBER.sub("", first.text).strip()) > 3 and not PAGE_NUMBER.fullmatch(first.text):
            title = first.text
    repeated.update((item.page, item.index) for item in _find_page_numbers(items, len(pages)))
    return repeated, title


def _list_margin_items(page: PdfPage) -> Iterator[_MarginItem]:
    last = len(page.items)
    for index, item in enumerate(page.items):
        is_at_top = item.top < page.height * MARGIN_SHARE and index < MAX_MARGIN_LINES
        is_at_bottom = item.bottom > page.height * (1 - MARGIN_SHARE) and index >= last - MAX_MARGIN_LINES
        if is_at_top or is_at_bottom:
            yield _MarginItem(page.number, index, item.top, " ".join(item.text.split()), is_at_top)


def _find_repeated(items: Sequence[_MarginItem], pages: int) -> Iterator[list[_MarginItem]]:
    """Yield items of the same text and height on most pages or on three; their page numbers may count on."""
    shapes: dict[tuple[str, bool], list[_MarginItem]] = defaultdict(list)
    for item in items:
        shapes[NUMBER.sub("#", item.text.casefold()), item.is_at_top].append(item)
    for similar in shapes.values():
        for group in _group_by_height(similar):
            count = len({item.page for item in group})
            if count >= 2 and (count >= 3 or count * 2 >= pages) and _only_pages_differ(group):
                yield group


def _group_by_height(items: Sequence[_MarginItem]) -> Iterator[list[_MarginItem]]:
    ordered = sorted(items, key=lambda item: item.top)
    group: list[_MarginItem] = []
    for item in ordered:
        if group and item.top - group[-1].top > MAX_HEIGHT_DIFFERENCE:
            yield sorted(group, key=lambda each: each.page)
            group = []
        group.append(item)
    if group:
        yield sorted(group, key=lambda each: each.page)


def _only_pages_differ(group: Sequence[_MarginItem]) -> bool:
    """Return whether numbers in the items are constant or count the pages; `3. greet`, `7. greet` are items."""
    numbers = [[int(each[:9]) for each in NUMBER.findall(item.text)] for item in group]
    for values in zip(*numbers, strict=True):
        offsets = {value - item.page for value, item in zip(values, group, strict=True)}
        if len(set(values)) > 1 and len(offsets) > 1:
            return False
    return True


def _find_page_numbers(items: Sequence[_MarginItem], pages: int) -> Iterator[_MarginItem]:
    """Yield `Page 2 of 3` anywhere in a margin, and bare numbers if they count the pages."""
    yield from (item for item in items if PAGE_OF_PAGES.fullmatch(item.text))
    numbers_alone = [item for item in items if PAGE_NUMBER.fullmatch(item.text)]
    offsets = {item.page - int(NUMBER.findall(item.text)[0][:9]) for item in numbers_alone}
    for item in numbers_alone:
        has_page_word = not item.text.isdigit()
        if has_page_word or (len(offsets) == 1 and (pages > 1 or offsets == {0})):
            yield item
