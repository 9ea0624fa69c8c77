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
from tracker.unit_reader.extraction.line_collector import MAX_HEADING_LENGTH, Gathered, may_be_heading, unmark_bold
from tracker.unit_reader.extraction.pdf_columns import SideBySide, split_columns
from tracker.unit_reader.extraction.pdf_page_headers import Sheet, find_furniture
from tracker.unit_reader.extraction.pdf_tables import TableRow, tables_of
from tracker.unit_reader.extraction.pdf_words import Strip, strips_of, usual_gap, words_of

Plumbed = Any
MAX_PAGES = 200
CPU_SECONDS = 3
"""A little less than the subprocess has: the message is better than that of a subprocess that was stopped."""
LARGER = 1.15
NEAR = 12
BLANK = 0.35
"""More white than between two lines of a paragraph, as a share of the type's size."""
UNKNOWN_SIGNS = 0.2
SCANNED = (
    "holds pictures of pages and no text, as a scanner makes them. "
    "Have its text recognised (OCR) by the program that scanned it, or type its text, and read that."
)
PASSWORD = "has a password. Save it without one, and read that."  # noqa: S105 - a sentence
FONTS = (
    "does not say which letters its fonts print, so its text cannot be told. "
    "Print it to a new PDF from the program that made it, or have its text recognised (OCR)."
)

Piece = Strip | TableRow


def read_pdf(body: bytes) -> dict[str, Any]:
    """The document's lines. Raises `Unreadable` where it has no text, a password, or too many pages."""
    try:
        document = pdfplumber.open(io.BytesIO(body), strict_metadata=False, raise_unicode_errors=False)
    except Exception as error:
        if isinstance(error, PDFPasswordIncorrect) or any(
            isinstance(each, PDFPasswordIncorrect) for each in error.args
        ):
            raise Unreadable(PASSWORD) from error
        raise
    if next(itertools.islice(PDFPage.create_pages(document.doc), MAX_PAGES, None), None) is not None:
        raise Unreadable(
            f"has more than {MAX_PAGES} pages. Take the pages of the one unit out of it, and read those."
        )
    deadline = time.process_time() + CPU_SECONDS
    sheets = [_sheet(page, len(document.pages), deadline) for page in document.pages]
    _check(sheets)
    writer = Writer(sheets)
    writer.write()
    for page, sheet in zip(document.pages, sheets, strict=True):
        if not sheet.pieces and page.images:
            writer.gathered.doubt((), f"page {sheet.number} is a picture without text", "nothing was read from it")
    return writer.gathered.answer()


def _sheet(page: Plumbed, pages: int, deadline: float) -> Sheet:
    if time.process_time() > deadline:
        raise Unreadable(
            f"has {pages} pages, more than could be read in the time that one unit takes. "
            "Take the pages of the one unit out of it, and read those."
        )
    all_words = words_of(page)
    rows, words = tables_of(page, all_words)
    pieces: list[Piece] = [*rows, *strips_of(words)]
    sizes: Counter[float] = Counter()
    for word in all_words:
        sizes[round(word.size * 2) / 2] += word.signs
    sheet = Sheet(page.page_number, float(page.height), tuple(sorted(pieces, key=lambda piece: piece.top)), sizes)
    page.flush_cache()
    return sheet


def _check(sheets: Sequence[Sheet]) -> None:
    text = "".join(piece.text for sheet in sheets for piece in sheet.pieces)
    if not text.strip():
        raise Unreadable(SCANNED)
    if text.count("\ufffd") > len(text) * UNKNOWN_SIGNS:
        raise Unreadable(FONTS)


class Writer:
    """Writes the pages' pieces as lines."""

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        left_out, title = find_furniture(sheets)
        self.gathered = Gathered(title=title)
        gutters: list[float] = []
        self._pages = [
            (
                sheet.number,
                list(
                    _laid_out(
                        (each for at, each in enumerate(sheet.pieces) if (sheet.number, at) not in left_out), gutters
                    )
                ),
            )
            for sheet in sheets
        ]
        pieces = [piece for _, page in self._pages for piece in page]
        strips = [piece for piece in pieces if isinstance(piece, Strip)]
        columns = [piece for piece in pieces if isinstance(piece, SideBySide)]
        self._size = sum((sheet.sizes for sheet in sheets), Counter()).most_common(1)[0][0]
        self._edge = _usual_edge(strips)
        self._gap = usual_gap([*strips, *(strip for each in columns for strip in (*each.left, *each.right))])
        self._bold: list[int] = []
        self._above: Piece | None = None
        self._header: tuple[str, ...] = ()
        self._was_row = False
        self._unknown: list[int] = []

    def write(self) -> None:
        for number, pieces in self._pages:
            self._above = None
            for piece in pieces:
                if isinstance(piece, TableRow):
                    self._row(piece, number)
                elif isinstance(piece, Strip):
                    self._strip(piece, number, self._edge)
                elif piece.rows:
                    for row in piece.rows:
                        self._row(_as_row(*row), number)
                else:
                    self._columns(piece, number)
        unmark_bold(self.gathered, self._bold)
        if self._unknown:
            self.gathered.doubt(tuple(self._unknown), "some letters could not be told", "a � stands for each")

    def _columns(self, columns: SideBySide, page: int) -> None:
        first = len(self.gathered.lines) + 1
        for side in (columns.left, columns.right):
            self._above = None
            edge = min(strip.x0 for strip in side)
            for strip in side:
                self._strip(strip, page, edge)
        self._above = None
        self.gathered.doubt(
            (first, len(self.gathered.lines)),
            f"page {page} is printed in two columns",
            "the left one was read first, then the right one",
        )

    def _strip(self, strip: Strip, page: int, edge: float) -> None:
        is_large = strip.size > self._size * LARGER and len(strip.text) <= MAX_HEADING_LENGTH
        is_bold = not is_large and strip.is_bold and may_be_heading(strip.text)
        if self._above and self._is_apart(self._above, strip):
            self.gathered.add("", page)
        indent = max(0, round((strip.x0 - edge) / (self._size / 2)))
        number = self.gathered.add(" " * indent + strip.text, page, heading=is_large or is_bold)
        if is_bold:
            self._bold.append(number)
        self._number(number)
        self._above, self._was_row = strip, False

    def _row(self, row: TableRow, page: int) -> None:
        goes_on = self._above is None and self._was_row
        self._above = row
        if goes_on and row.cells == self._header:
            self._above = None  # a table that goes on prints its head again
            return
        if goes_on and self._finishes_row(row):
            above = self.gathered.lines.pop()
            cells = tuple("\n".join(filter(None, pair)) for pair in zip(above[3], row.cells, strict=True))
            self.gathered.add_row(cells, above[1])
        else:
            self._number(self.gathered.add_row(row.cells, page))
        self._was_row = True
        if row.begins:
            self._header = row.cells

    def _finishes_row(self, row: TableRow) -> bool:
        """The rest of a row that the page's end cut: it begins in the middle of a sentence."""
        above = self.gathered.lines[-1][3] if self.gathered.lines else ()
        said = [cell for cell in row.cells if cell]
        return len(above) == len(row.cells) and bool(said) and all(cell.lstrip()[0].islower() for cell in said)

    def _is_apart(self, above: Piece, strip: Strip) -> bool:
        return isinstance(above, TableRow) or (strip.top - above.bottom) / strip.size > self._gap + BLANK

    def _number(self, number: int) -> None:
        if "\ufffd" in self.gathered.lines[number - 1][0]:
            self._unknown.append(number)


def _laid_out(pieces: Iterable[Piece], gutters: list[float]) -> Iterator[Piece | SideBySide]:
    """The pieces in reading order, with columns taken apart between one table and the next."""
    strips: list[Strip] = []
    for piece in pieces:
        if isinstance(piece, Strip):
            strips.append(piece)
            continue
        yield from split_columns(strips, gutters)
        strips = []
        yield piece
    yield from split_columns(strips, gutters)


def _as_row(left: Sequence[Strip], right: Sequence[Strip]) -> TableRow:
    both = [*left, *right]
    cells = (_joined(left), _joined(right))
    return TableRow(cells, min(strip.top for strip in both), max(strip.bottom for strip in both))


def _usual_edge(strips: Sequence[Strip]) -> float:
    """Where lines begin that are not indented; a running head that stands a hair further left does not count."""
    places = Counter(round(strip.x0) for strip in strips)
    first = min(places, default=0)
    return float(min((place for place, count in places.items() if count > 1 and place - first < NEAR), default=first))


def _joined(strips: Sequence[Strip]) -> str:
    edge = min((strip.x0 for strip in strips), default=0.0)
    return "\n".join(" " * round((strip.x0 - edge) / (strip.size / 2)) + strip.text for strip in strips)
