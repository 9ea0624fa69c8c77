"""PDFs: printed lines in reading order, tables as rows, page headers and footers left out."""

import io
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pdfplumber
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfminer.pdfpage import PDFPage

from tracker.unit_reader.document_model import Unreadable
from tracker.unit_reader.extraction.line_collector import (
    MAX_TYPE_HEADING_LENGTH,
    LineCollector,
    may_be_heading,
    unmark_bold_headings,
)
from tracker.unit_reader.extraction.pdf_columns import ColumnPair, split_columns
from tracker.unit_reader.extraction.pdf_page_headers import PdfPage, find_repeated_items
from tracker.unit_reader.extraction.pdf_tables import TableRow, extract_tables
from tracker.unit_reader.extraction.pdf_words import PrintedLine, compute_usual_gap, read_words, split_printed_lines

PlumberPage = Any
MAX_PAGES = 200
CPU_SECONDS = 3
"""A little less than the subprocess has, so that its own message is shown instead of that of a stopped subprocess."""
MIN_HEADING_RATIO = 1.15
MAX_EDGE_DISTANCE = 12
MIN_PARAGRAPH_GAP = 0.35
"""White space in addition to that between two lines of a paragraph, as a share of the size of type."""
MAX_UNKNOWN_SHARE = 0.2
HAS_NO_TEXT = (
    "is a scan: it has pictures of pages and no text. "
    "Run text recognition (OCR) on it, or type its text, and use that."
)
HAS_PASSWORD = "is password protected. Save a copy without a password and use that."  # noqa: S105 - a sentence
HAS_UNKNOWN_FONTS = (
    "does not say which letters its fonts print, so its text cannot be read. "
    "Print it to a new PDF from the program that made it, or run text recognition (OCR) on it."
)

PageItem = PrintedLine | TableRow


def extract_pdf(body: bytes) -> dict[str, Any]:
    """Return the lines of a PDF, as `LineCollector.as_json` gives them.

    Raises:
        Unreadable: The PDF has a password, no text, fonts without known letters, or too many pages.
    """
    try:
        document = pdfplumber.open(io.BytesIO(body), strict_metadata=False, raise_unicode_errors=False)
    except Exception as error:
        if isinstance(error, PDFPasswordIncorrect) or any(
            isinstance(each, PDFPasswordIncorrect) for each in error.args
        ):
            raise Unreadable(HAS_PASSWORD) from error
        raise
    if next(itertools.islice(PDFPage.create_pages(document.doc), MAX_PAGES, None), None) is not None:
        raise Unreadable(f"has more than {MAX_PAGES} pages. Save one unit’s pages as a separate file and use that.")
    deadline = time.process_time() + CPU_SECONDS
    pages = [_read_page(plumber_page, len(document.pages), deadline) for plumber_page in document.pages]
    _check_text(pages)
    writer = LineWriter(pages)
    writer.write()
    for plumber_page, page in zip(document.pages, pages, strict=True):
        if not page.items and plumber_page.images:
            writer.collector.add_doubt(
                (), f"page {page.number} is a picture without text", "nothing was read from it"
            )
    return writer.collector.as_json()


def _read_page(plumber_page: PlumberPage, page_count: int, deadline: float) -> PdfPage:
    if time.process_time() > deadline:
        raise Unreadable(
            f"has {page_count} pages, more than can be read in the time allowed. "
            "Save one unit’s pages as a separate file and use that."
        )
    all_words = read_words(plumber_page)
    rows, words = extract_tables(plumber_page, all_words)
    items: list[PageItem] = [*rows, *split_printed_lines(words)]
    sizes: Counter[float] = Counter()
    for word in all_words:
        sizes[round(word.size * 2) / 2] += word.characters
    page = PdfPage(
        plumber_page.page_number, float(plumber_page.height), tuple(sorted(items, key=lambda item: item.top)), sizes
    )
    plumber_page.flush_cache()
    return page


def _check_text(pages: Sequence[PdfPage]) -> None:
    text = "".join(item.text for page in pages for item in page.items)
    if not text.strip():
        raise Unreadable(HAS_NO_TEXT)
    if text.count("\ufffd") > len(text) * MAX_UNKNOWN_SHARE:
        raise Unreadable(HAS_UNKNOWN_FONTS)


class LineWriter:
    """Writer of the pages' printed lines and table rows as lines."""

    def __init__(self, pages: Sequence[PdfPage]) -> None:
        repeated, title = find_repeated_items(pages)
        self.collector = LineCollector(title=title)
        gutters: list[float] = []
        self._pages = [
            (
                page.number,
                list(
                    _order_items(
                        (each for index, each in enumerate(page.items) if (page.number, index) not in repeated),
                        gutters,
                    )
                ),
            )
            for page in pages
        ]
        items = [item for _, page in self._pages for item in page]
        lines = [item for item in items if isinstance(item, PrintedLine)]
        columns = [item for item in items if isinstance(item, ColumnPair)]
        self._size = sum((page.sizes for page in pages), Counter()).most_common(1)[0][0]
        self._edge = _compute_left_edge(lines)
        self._gap = compute_usual_gap([*lines, *(line for each in columns for line in (*each.left, *each.right))])
        self._bold: list[int] = []
        self._above: PageItem | None = None
        self._header: tuple[str, ...] = ()
        self._was_row = False
        self._unknown_lines: list[int] = []

    def write(self) -> None:
        """Write all pages."""
        for number, items in self._pages:
            self._above = None
            for item in items:
                if isinstance(item, TableRow):
                    self._write_row(item, number)
                elif isinstance(item, PrintedLine):
                    self._write_printed_line(item, number, self._edge)
                elif item.rows:
                    for row in item.rows:
                        self._write_row(_build_row(*row), number)
                else:
                    self._write_columns(item, number)
        unmark_bold_headings(self.collector, self._bold)
        if self._unknown_lines:
            self.collector.add_doubt(
                tuple(self._unknown_lines), "some letters could not be read", "each is shown as �"
            )

    def _write_columns(self, columns: ColumnPair, page: int) -> None:
        first = len(self.collector.lines) + 1
        for side in (columns.left, columns.right):
            self._above = None
            edge = min(line.x0 for line in side)
            for line in side:
                self._write_printed_line(line, page, edge)
        self._above = None
        self.collector.add_doubt(
            (first, len(self.collector.lines)),
            f"page {page} is printed in two columns",
            "the left column was read first, then the right one",
        )

    def _write_printed_line(self, line: PrintedLine, page: int, edge: float) -> None:
        is_large = line.size > self._size * MIN_HEADING_RATIO and len(line.text) <= MAX_TYPE_HEADING_LENGTH
        is_bold = not is_large and line.is_bold and may_be_heading(line.text)
        if self._above and self._has_gap_above(self._above, line):
            self.collector.add("", page)
        indent = max(0, round((line.x0 - edge) / (self._size / 2)))
        number = self.collector.add(" " * indent + line.text, page, is_heading=is_large or is_bold)
        if is_bold:
            self._bold.append(number)
        self._note_unknown_letters(number)
        self._above, self._was_row = line, False

    def _write_row(self, row: TableRow, page: int) -> None:
        continues = self._above is None and self._was_row
        self._above = row
        if continues and row.cells == self._header:
            self._above = None  # a table that continues on the next page prints its head again
            return
        if continues and self._finishes_row(row):
            above = self.collector.lines.pop()
            cells = tuple("\n".join(filter(None, pair)) for pair in zip(above[3], row.cells, strict=True))
            self.collector.add_row(cells, above[1])
        else:
            self._note_unknown_letters(self.collector.add_row(row.cells, page))
        self._was_row = True
        if row.is_first:
            self._header = row.cells

    def _finishes_row(self, row: TableRow) -> bool:
        """Return whether a row is the rest of one cut by the page's end: it starts inside a sentence."""
        above = self.collector.lines[-1][3] if self.collector.lines else ()
        filled = [cell for cell in row.cells if cell]
        return len(above) == len(row.cells) and bool(filled) and all(cell.lstrip()[0].islower() for cell in filled)

    def _has_gap_above(self, above: PageItem, line: PrintedLine) -> bool:
        return isinstance(above, TableRow) or (line.top - above.bottom) / line.size > self._gap + MIN_PARAGRAPH_GAP

    def _note_unknown_letters(self, number: int) -> None:
        if "\ufffd" in self.collector.lines[number - 1][0]:
            self._unknown_lines.append(number)


def _order_items(items: Iterable[PageItem], gutters: list[float]) -> Iterator[PageItem | ColumnPair]:
    """Yield a page's items in reading order, with columns split between one table and the next."""
    lines: list[PrintedLine] = []
    for item in items:
        if isinstance(item, PrintedLine):
            lines.append(item)
            continue
        yield from split_columns(lines, gutters)
        lines = []
        yield item
    yield from split_columns(lines, gutters)


def _build_row(left: Sequence[PrintedLine], right: Sequence[PrintedLine]) -> TableRow:
    both = [*left, *right]
    cells = (_join_lines(left), _join_lines(right))
    return TableRow(cells, min(line.top for line in both), max(line.bottom for line in both))


def _compute_left_edge(lines: Sequence[PrintedLine]) -> float:
    """Return where lines without indent start; a page header slightly further left does not count."""
    positions = Counter(round(line.x0) for line in lines)
    first = min(positions, default=0)
    return float(
        min(
            (position for position, count in positions.items() if count > 1 and position - first < MAX_EDGE_DISTANCE),
            default=first,
        )
    )


def _join_lines(lines: Sequence[PrintedLine]) -> str:
    edge = min((line.x0 for line in lines), default=0.0)
    return "\n".join(" " * round((line.x0 - edge) / (line.size / 2)) + line.text for line in lines)
