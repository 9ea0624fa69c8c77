"""Reading of a printed PDF by its tags, as a screen reader does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.generic import ContentStream, DictionaryObject

MILLIMETRE = 72 / 25.4
Place = tuple[str, float, float]


@dataclass(frozen=True)
class Cell:
    tag: str
    text: str
    heads: tuple[str, ...]
    """The headings that are announced before the text."""
    scope: str | None
    span: int


class Sheet:
    """A printed sheet."""

    def __init__(self, pdf: bytes) -> None:
        self.reader = PdfReader(BytesIO(pdf))

    @cached_property
    def pages(self) -> list[str]:
        """Return the text of each page, without zero-width spaces."""
        return [text for text, _ in self._extracted]

    @property
    def text(self) -> str:
        return "\n".join(self.pages)

    @cached_property
    def tables(self) -> list[list[list[Cell]]]:
        """Return the tagged tables, one for each page with rows: rows of cells, headings first."""
        return [self._read_table(element) for element in self.elements() if element["/S"] == "/Table"]

    @cached_property
    def tags(self) -> list[tuple[str, str]]:
        """Return every tag with the words directly inside it, in reading order."""
        return [(str(element["/S"])[1:], self._words(element)) for element in self.elements()]

    def elements(self, element: Any = None) -> Iterator[DictionaryObject]:
        """Yield every element of the tree of tags."""
        parent = element or self.reader.trailer["/Root"]["/StructTreeRoot"]
        for child in _kids(parent):
            if isinstance(child, DictionaryObject):
                yield child
                yield from self.elements(child)

    def places(self, number: int) -> list[Place]:
        """Return the pieces of text of a page, with their positions in millimetres from its lower left corner."""
        return self._extracted[number][1]

    @cached_property
    def _extracted(self) -> list[tuple[str, list[Place]]]:
        """Return the text and the places of each page, read at once, since that takes longer than printing."""
        return [_extract(page) for page in self.reader.pages]

    def sizes(self, number: int, text: str) -> float:
        """Return the smallest size, in points, of a piece of text on a page."""
        sizes = []

        def note(piece: str, cm: list[float], tm: list[float], _font: object, size: float) -> None:
            if text in piece:
                sizes.append(size * abs(cm[3] * tm[3]))

        self.reader.pages[number].extract_text(visitor_text=note)
        return min(sizes)

    def _read_table(self, table: DictionaryObject) -> list[list[Cell]]:
        rows = [each for each in self.elements(table) if each["/S"] == "/TR"]
        texts_by_id = {cell["/ID"]: self._words(cell) for row in rows for cell in _kids(row) if "/ID" in cell}
        return [[self._read_cell(cell, texts_by_id) for cell in _kids(row)] for row in rows]

    def _read_cell(self, cell: DictionaryObject, texts_by_id: dict[Any, str]) -> Cell:
        layout = cell["/A"].get_object()
        heads = tuple(texts_by_id[each] for each in layout.get("/Headers", ()))
        scope = layout.get("/Scope")
        return Cell(str(cell["/S"])[1:], self._words(cell), heads, scope and scope[1:], layout.get("/ColSpan", 1))

    def _words(self, element: DictionaryObject) -> str:
        """Return the text inside an element, at any depth."""
        parts = []
        for child in _kids(element):
            if isinstance(child, DictionaryObject):
                parts.append(self._words(child))
            else:
                page = element["/Pg"].get_object().indirect_reference.idnum
                parts.append(self._marked[page].get(int(child), ""))  # a picture has no words
        return " ".join(part for part in parts if part)

    @cached_property
    def _marked(self) -> dict[int, dict[int, str]]:
        """Return the text of each marked piece of each page."""
        return {page.indirect_reference.idnum: self._read_page(page) for page in self.reader.pages}

    def _read_page(self, page: PageObject) -> dict[int, str]:
        fonts = {name: _letters(font.get_object()) for name, font in page["/Resources"]["/Font"].items()}
        texts: dict[int, str] = {}
        piece, letters = None, {}
        for operands, operator in ContentStream(page.get_contents(), self.reader).operations:
            if operator == b"BDC":
                piece = operands[1].get("/MCID") if isinstance(operands[1], DictionaryObject) else None
            elif operator == b"Tf":
                letters = fonts[operands[0]]
            elif operator == b"TJ" and piece is not None:
                glyphs = b"".join(each.original_bytes for each in operands[0] if hasattr(each, "original_bytes"))
                pairs = (glyphs[at : at + 2] for at in range(0, len(glyphs), 2))
                texts[piece] = texts.get(piece, "") + "".join(letters[int.from_bytes(pair)] for pair in pairs)
        return {key: text.replace("\u200b", "") for key, text in texts.items()}


def _extract(page: PageObject) -> tuple[str, list[Place]]:
    """Return the text of a page, without zero-width spaces, and the places of its pieces."""
    places = []

    def note(text: str, cm: list[float], tm: list[float], *_: object) -> None:
        x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
        y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        if text.strip():
            places.append((text.strip(), x / MILLIMETRE, y / MILLIMETRE))

    return page.extract_text(visitor_text=note).replace("\u200b", ""), places


def _kids(element: Any) -> list[Any]:
    kids = element.get("/K", [])
    return [each.get_object() for each in (kids if isinstance(kids, list) else [kids])]


def _letters(font: DictionaryObject) -> dict[int, str]:
    """Return the text of each glyph of a font."""
    lines = font["/ToUnicode"].get_object().get_data().decode()
    pairs = re.findall(r"<([0-9a-fA-F]+)> <([0-9a-fA-F]+)>", lines)
    return {int(glyph, 16): bytes.fromhex(text).decode("utf-16-be") for glyph, text in pairs}
