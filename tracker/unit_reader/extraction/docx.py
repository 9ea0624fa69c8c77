"""Word documents: paragraphs and tables in order, with the numbers that Word prints before them.

They are read from their XML. python-docx unpacks the whole file as it opens it, however large that becomes, and it
shows no automatic numbers, content controls, text boxes or tracked changes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tracker.unit_reader.extraction.docx_parts import Numbering, Package, StyleSheet, W, get_value, is_on
from tracker.unit_reader.extraction.line_collector import (
    INDENT_WIDTH,
    LineCollector,
    may_be_heading,
    unmark_bold_headings,
)

Element = Any
TWIPS_PER_INDENT: Final = 720
"""One step of indenting is half an inch, in twentieths of a point."""
MAX_INDENTS = 6
MAX_COLUMNS = 100
COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
MATHS = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
SKIPPED_TAGS: Final = {f"{W}{name}" for name in ("del", "moveFrom", "rPr", "pPr", "instrText", "delText", "rt")}
CHARACTER_TAGS: Final = {f"{W}tab": "\t", f"{W}ptab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
TEXT_TAGS: Final = {f"{W}t", f"{W}sym", f"{MATHS}t"}
INTEGER: Final = re.compile(r"-?\d{1,6}")


def extract_docx(body: bytes) -> dict[str, Any]:
    """Return the lines of a Word document, as `LineCollector.as_json` gives them.

    Raises:
        Unreadable: The file is protected, unpacks to too much, or defines XML entities.
    """
    package = Package(body)
    collector = LineCollector()
    walker = DocxWalker(collector, StyleSheet(package.load_part("styles")), Numbering(package.load_part("numbering")))
    walker.walk_blocks(package.load_body())
    unmark_bold_headings(collector, walker.bold)
    return collector.as_json()


@dataclass
class ParagraphText:
    """Text of a paragraph, with the text boxes that are anchored in it."""

    parts: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    characters: int = 0
    bold: int = 0


class DocxWalker:
    """Walker of a Word document that adds its paragraphs and tables to a line collector."""

    def __init__(self, collector: LineCollector, styles: StyleSheet, numbering: Numbering) -> None:
        self.collector = collector
        self.bold: list[int] = []
        """The numbers of lines that are headings only because they are bold."""
        self._styles = styles
        self._numbering = numbering
        self._unfinished: ParagraphText | None = None
        """The text of a paragraph whose end was deleted, so that it continues in the next."""

    def walk_blocks(self, parent: Element, in_cell: bool = False) -> None:
        """Add the paragraphs and tables of a body, a cell or a text box."""
        for element in _iterate_blocks(parent):
            if element.tag == f"{W}p":
                self._walk_paragraph(element, in_cell)
            else:
                self._walk_table(element)
        if self._unfinished and self._unfinished.parts:
            paragraph, self._unfinished = self._unfinished, None
            self._write_lines("".join(paragraph.parts), "", 0, is_heading=False, paragraph=paragraph, in_cell=in_cell)

    def _walk_paragraph(self, element: Element, in_cell: bool) -> None:
        paragraph, self._unfinished = self._unfinished or ParagraphText(), None
        properties = element.find(f"{W}pPr")
        key = get_value(properties, "pStyle") or self._styles.default
        style = self._styles.find(key)
        _collect_text(element, paragraph, style.bold)
        if is_on(properties, "rPr", "del"):
            self._unfinished = paragraph
            return
        text = "".join(paragraph.parts).strip(" \n")
        marker, level = self._find_marker(properties, key)
        marker = marker if text.strip() else ""  # Word counts an empty paragraph, and prints no number
        is_heading = style.is_heading or get_value(properties, "outlineLvl") in set("012345678")
        self._write_lines(
            text, marker, _compute_indent(properties, level, marker), is_heading and not in_cell, paragraph, in_cell
        )
        for box in paragraph.boxes:
            self.walk_blocks(box, in_cell)

    def _write_lines(
        self, text: str, marker: str, indent: int, is_heading: bool, paragraph: ParagraphText, in_cell: bool
    ) -> None:
        is_bold = (
            not is_heading
            and not in_cell
            and not marker
            and bool(paragraph.characters)
            and paragraph.bold == paragraph.characters
        )
        is_bold = is_bold and "\n" not in text and may_be_heading(text.strip())
        first, *others = text.split("\n")
        shown = f"{marker} {first.lstrip()}" if marker else first
        number = self.collector.add(" " * indent + shown, is_heading=is_heading or is_bold, item=marker)
        if is_bold:
            self.bold.append(number)
        for other in others:
            self.collector.add(
                " " * (indent + INDENT_WIDTH if marker else indent) + other.strip(), is_heading=is_heading
            )

    def _find_marker(self, properties: Element | None, key: str) -> tuple[str, int]:
        """Return the number that Word prints before the paragraph, and its depth."""
        style = self._styles.find(key)
        number = get_value(properties, "numPr", "numId") or style.number
        setting = get_value(properties, "numPr", "ilvl")
        if not number or number == "0":
            return "", 0
        if setting.isdecimal() and len(setting) < 3:
            level = int(setting)
        else:
            level = style.level if style.level is not None else self._numbering.find_level(number, key)
        return self._numbering.next_marker(number, level), level

    def _walk_table(self, table: Element) -> None:
        rows = [row for row in _iterate_descendants(table, f"{W}tr") if is_on(row, "trPr", "del") is None]
        cells = [list(_iterate_descendants(row, f"{W}tc")) for row in rows]
        if _is_layout(cells):
            for cell in (each for row in cells for each in row):
                if _has_text(cell):
                    self.walk_blocks(cell)
            return
        for row, row_cells in zip(rows, cells, strict=True):
            texts = self._read_row(row, row_cells)
            if any(texts):
                self.collector.add_row(texts)

    def _read_row(self, row: Element, cells: Sequence[Element]) -> tuple[str, ...]:
        texts = [""] * _parse_count(get_value(row, "trPr", "gridBefore"), 0)
        for cell in cells[:MAX_COLUMNS]:
            texts.append("" if _continues_cell_above(cell) else self._read_cell(cell))
            texts.extend([""] * (_parse_count(get_value(cell, "tcPr", "gridSpan"), 1) - 1))
        return tuple(texts[:MAX_COLUMNS])

    def _read_cell(self, cell: Element) -> str:
        outside, self.collector = self.collector, LineCollector()
        self.walk_blocks(cell, in_cell=True)
        cell_collector, self.collector = self.collector, outside
        return "\n".join(line[0] for line in cell_collector.lines if line[0]).strip()


def _collect_text(element: Element, paragraph: ParagraphText, bold: bool) -> None:
    """Add the text of an element of a paragraph."""
    for child in element:
        tag = child.tag
        if tag in SKIPPED_TAGS or not isinstance(tag, str):
            continue
        if tag == f"{W}r":
            setting = is_on(child, "rPr", "b")
            if not is_on(child, "rPr", "vanish"):
                _collect_text(child, paragraph, bold if setting is None else setting)
        elif tag == f"{W}txbxContent":
            paragraph.boxes.append(child)
        elif tag in CHARACTER_TAGS:
            paragraph.parts.append(CHARACTER_TAGS[tag])
        elif tag in TEXT_TAGS:
            _add(paragraph, _parse_symbol(child) if tag == f"{W}sym" else child.text or "", bold)
        else:
            _collect_text(_choose_alternative(child), paragraph, bold)


def _choose_alternative(element: Element) -> Element:
    """Return the first of two alternatives; nothing for a content control that shows its placeholder."""
    if element.tag == f"{W}sdt" and is_on(element, "sdtPr", "showingPlcHdr"):
        return ()
    choice = element.find(f"{COMPATIBILITY}Choice") if element.tag == f"{COMPATIBILITY}AlternateContent" else None
    return element if choice is None else choice


def _add(paragraph: ParagraphText, text: str, bold: bool) -> None:
    paragraph.parts.append(text)
    characters = len(text) - sum(map(str.isspace, text))
    paragraph.characters += characters
    paragraph.bold += characters if bold else 0


def _parse_symbol(element: Element) -> str:
    """Return a symbol's character; private-use characters mean nothing without their font."""
    code = element.get(f"{W}char") or ""
    symbol = chr(int(code, 16)) if re.fullmatch(r"[0-9A-Fa-f]{4}", code) else ""
    return symbol if symbol.isprintable() and not "\ue000" <= symbol <= "\uf8ff" else ""


def _iterate_blocks(parent: Element) -> Iterator[Element]:
    """Yield the paragraphs and tables below, including those in content controls and tracked insertions."""
    for child in parent:
        if child.tag in {f"{W}p", f"{W}tbl"}:
            yield child
        elif child.tag == f"{W}sdt":
            content = child.find(f"{W}sdtContent")
            if content is not None and not is_on(child, "sdtPr", "showingPlcHdr"):
                yield from _iterate_blocks(content)
        elif child.tag in {f"{W}ins", f"{W}moveTo", f"{W}customXml", f"{W}smartTag"}:
            yield from _iterate_blocks(child)


def _iterate_descendants(parent: Element, tag: str) -> Iterator[Element]:
    """Yield a table's rows or a row's cells, including those in content controls, but not of nested tables."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in {f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}customXml"}:
            yield from _iterate_descendants(child, tag)


def _is_layout(rows: Sequence[Sequence[Element]]) -> bool:
    """Return whether a table only frames text or holds other tables, so that its cells are read in order."""
    if all(sum(map(_has_text, row)) <= 1 for row in rows):
        return True
    inner = (table for row in rows for cell in row for table in cell.iter(f"{W}tbl"))
    return any(sum(1 for _ in _iterate_descendants(table, f"{W}tr")) > 1 for table in inner)


def _continues_cell_above(cell: Element) -> bool:
    """Return whether the cell is merged with the one above."""
    merge = cell.find(f"{W}tcPr/{W}vMerge")
    return merge is not None and merge.get(f"{W}val") != "restart"


def _has_text(cell: Element) -> bool:
    return any((each.text or "").strip() for each in cell.iter(f"{W}t"))


def _compute_indent(properties: Element | None, level: int, marker: str) -> int:
    if marker:
        return INDENT_WIDTH * level
    indent_element = properties.find(f"{W}ind") if properties is not None else None
    left = (
        (indent_element.get(f"{W}left") or indent_element.get(f"{W}start") or "")
        if indent_element is not None
        else ""
    )
    steps = round(int(left) / TWIPS_PER_INDENT) if INTEGER.fullmatch(left) else 0
    return INDENT_WIDTH * max(0, min(steps, MAX_INDENTS))


def _parse_count(text: str, default: int) -> int:
    return min(int(text), MAX_COLUMNS) if text.isdecimal() and len(text) < 7 else default
