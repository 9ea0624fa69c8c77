"""Word documents: paragraphs and tables in order, with the numbers that Word prints before them.

They are read from their XML. python-docx unpacks the whole file as it opens it, however large that becomes, and it
shows no automatic numbers, content controls, text boxes or tracked changes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tracker.unit_reader.extraction.docx_parts import Numbering, Package, Styles, W, is_on, value
from tracker.unit_reader.extraction.line_collector import TAB, Gathered, may_be_heading, unmark_bold

Element = Any
WIDE: Final = 720
"""Half an inch, in the twentieths of a point that Word counts in: one step of indenting."""
MAX_STEPS = 6
MAX_COLUMNS = 100
COMPATIBLE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
MATHS = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
GONE: Final = {f"{W}{name}" for name in ("del", "moveFrom", "rPr", "pPr", "instrText", "delText", "rt")}
SIGNS: Final = {f"{W}tab": "\t", f"{W}ptab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
SAID: Final = {f"{W}t", f"{W}sym", f"{MATHS}t"}
WHOLE: Final = re.compile(r"-?\d{1,6}")


def read_docx(body: bytes) -> dict[str, Any]:
    """The document's lines. Raises `Unreadable` where the file is no honest document."""
    package = Package(body)
    gathered = Gathered()
    reader = Reader(gathered, Styles(package.part("styles")), Numbering(package.part("numbering")))
    reader.blocks(package.document())
    unmark_bold(gathered, reader.bold)
    return gathered.answer()


@dataclass
class Text:
    """What a paragraph says, and the text boxes that are anchored in it."""

    parts: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    signs: int = 0
    bold: int = 0


class Reader:
    def __init__(self, gathered: Gathered, styles: Styles, numbering: Numbering) -> None:
        self.gathered = gathered
        self.bold: list[int] = []
        """The lines that are headings by their bold type alone."""
        self._styles = styles
        self._numbering = numbering
        self._carried: Text | None = None
        """Of a paragraph whose end was deleted: it goes on in the next."""

    def blocks(self, parent: Element, in_cell: bool = False) -> None:
        """Write the paragraphs and tables of a body, a cell or a text box."""
        for element in _blocks(parent):
            if element.tag == f"{W}p":
                self._paragraph(element, in_cell)
            else:
                self._table(element)
        if self._carried and self._carried.parts:
            text, self._carried = self._carried, None
            self._write("".join(text.parts), "", 0, heading=False, text=text, in_cell=in_cell)

    def _paragraph(self, element: Element, in_cell: bool) -> None:
        text, self._carried = self._carried or Text(), None
        properties = element.find(f"{W}pPr")
        key = value(properties, "pStyle") or self._styles.default
        style = self._styles.find(key)
        _gather(element, text, style.bold)
        if is_on(properties, "rPr", "del"):
            self._carried = text
            return
        said = "".join(text.parts).strip(" \n")
        marker, level = self._marker(properties, key)
        marker = marker if said.strip() else ""  # Word counts an empty paragraph, too
        heading = style.heading or value(properties, "outlineLvl") in set("012345678")
        self._write(said, marker, _indent(properties, level, marker), heading and not in_cell, text, in_cell)
        for box in text.boxes:
            self.blocks(box, in_cell)

    def _write(self, said: str, marker: str, indent: int, heading: bool, text: Text, in_cell: bool) -> None:
        is_bold = not heading and not in_cell and not marker and bool(text.signs) and text.bold == text.signs
        is_bold = is_bold and "\n" not in said and may_be_heading(said.strip())
        first, *others = said.split("\n")
        shown = f"{marker} {first.lstrip()}" if marker else first
        number = self.gathered.add(" " * indent + shown, heading=heading or is_bold, item=marker)
        if is_bold:
            self.bold.append(number)
        for other in others:
            self.gathered.add(" " * (indent + TAB if marker else indent) + other.strip(), heading=heading)

    def _marker(self, properties: Element | None, key: str) -> tuple[str, int]:
        """What Word prints before the paragraph, and how deeply it is nested."""
        style = self._styles.find(key)
        number = value(properties, "numPr", "numId") or style.number
        own = value(properties, "numPr", "ilvl")
        if not number or number == "0":
            return "", 0
        if own.isdecimal() and len(own) < 3:
            level = int(own)
        else:
            level = style.level if style.level is not None else self._numbering.level_of_style(number, key)
        return self._numbering.next_marker(number, level), level

    def _table(self, table: Element) -> None:
        rows = [row for row in _within(table, f"{W}tr") if is_on(row, "trPr", "del") is None]
        cells = [list(_within(row, f"{W}tc")) for row in rows]
        if _is_layout(cells):
            for cell in (each for row in cells for each in row):
                if _has_text(cell):
                    self.blocks(cell)
            return
        for row, own in zip(rows, cells, strict=True):
            said = self._row(row, own)
            if any(said):
                self.gathered.add_row(said)

    def _row(self, row: Element, cells: Sequence[Element]) -> tuple[str, ...]:
        said = [""] * _count(value(row, "trPr", "gridBefore"), 0)
        for cell in cells[:MAX_COLUMNS]:
            said.append("" if _is_below(cell) else self._cell(cell))
            said.extend([""] * (_count(value(cell, "tcPr", "gridSpan"), 1) - 1))
        return tuple(said[:MAX_COLUMNS])

    def _cell(self, cell: Element) -> str:
        outside, self.gathered = self.gathered, Gathered()
        self.blocks(cell, in_cell=True)
        inside, self.gathered = self.gathered, outside
        return "\n".join(line[0] for line in inside.lines if line[0]).strip()


def _gather(element: Element, text: Text, bold: bool) -> None:
    """Add what an element of a paragraph says."""
    for child in element:
        tag = child.tag
        if tag in GONE or not isinstance(tag, str):
            continue
        if tag == f"{W}r":
            own = is_on(child, "rPr", "b")
            if not is_on(child, "rPr", "vanish"):
                _gather(child, text, bold if own is None else own)
        elif tag == f"{W}txbxContent":
            text.boxes.append(child)
        elif tag in SIGNS:
            text.parts.append(SIGNS[tag])
        elif tag in SAID:
            _add(text, _symbol(child) if tag == f"{W}sym" else child.text or "", bold)
        else:
            _gather(_chosen(child), text, bold)


def _chosen(element: Element) -> Element:
    """Of two ways to say the same the first; nothing of what a content control shows before it is filled in."""
    if element.tag == f"{W}sdt" and is_on(element, "sdtPr", "showingPlcHdr"):
        return ()
    choice = element.find(f"{COMPATIBLE}Choice") if element.tag == f"{COMPATIBLE}AlternateContent" else None
    return element if choice is None else choice


def _add(text: Text, said: str, bold: bool) -> None:
    text.parts.append(said)
    signs = len(said) - sum(map(str.isspace, said))
    text.signs += signs
    text.bold += signs if bold else 0


def _symbol(element: Element) -> str:
    """A sign of a symbol font; those of the private area mean nothing without it."""
    code = element.get(f"{W}char") or ""
    sign = chr(int(code, 16)) if re.fullmatch(r"[0-9A-Fa-f]{4}", code) else ""
    return sign if sign.isprintable() and not "\ue000" <= sign <= "\uf8ff" else ""


def _blocks(parent: Element) -> Iterator[Element]:
    """The paragraphs and tables below, content controls and tracked insertions looked into."""
    for child in parent:
        if child.tag in {f"{W}p", f"{W}tbl"}:
            yield child
        elif child.tag == f"{W}sdt":
            content = child.find(f"{W}sdtContent")
            if content is not None and not is_on(child, "sdtPr", "showingPlcHdr"):
                yield from _blocks(content)
        elif child.tag in {f"{W}ins", f"{W}moveTo", f"{W}customXml", f"{W}smartTag"}:
            yield from _blocks(child)


def _within(parent: Element, tag: str) -> Iterator[Element]:
    """A table's rows or a row's cells, those in content controls too, those of tables inside it not."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in {f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}customXml"}:
            yield from _within(child, tag)


def _is_layout(rows: Sequence[Sequence[Element]]) -> bool:
    """A table that frames text, or holds other tables: what is in it is read in order."""
    if all(sum(map(_has_text, row)) <= 1 for row in rows):
        return True
    inner = (table for row in rows for cell in row for table in cell.iter(f"{W}tbl"))
    return any(sum(1 for _ in _within(table, f"{W}tr")) > 1 for table in inner)


def _is_below(cell: Element) -> bool:
    """It continues the cell above."""
    merge = cell.find(f"{W}tcPr/{W}vMerge")
    return merge is not None and merge.get(f"{W}val") != "restart"


def _has_text(cell: Element) -> bool:
    return any((each.text or "").strip() for each in cell.iter(f"{W}t"))


def _indent(properties: Element | None, level: int, marker: str) -> int:
    if marker:
        return TAB * level
    found = properties.find(f"{W}ind") if properties is not None else None
    left = (found.get(f"{W}left") or found.get(f"{W}start") or "") if found is not None else ""
    steps = round(int(left) / WIDE) if WHOLE.fullmatch(left) else 0
    return TAB * max(0, min(steps, MAX_STEPS))


def _count(text: str, otherwise: int) -> int:
    return min(int(text), MAX_COLUMNS) if text.isdecimal() and len(text) < 7 else otherwise
