"""Word documents made for the tests, with Word's own lists and any XML that a test adds."""

import io
import zipfile
from typing import Any

from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

Level = tuple[str, str]
"""How a level counts (`decimal`, `lowerLetter`, `bullet`) and what it prints (`%1.`)."""


class WordDocument:
    def __init__(self) -> None:
        self.document = Document()
        self._numbering = self.document.part.numbering_part.element
        self._next = 50

    def add_list(self, *levels: Level, level_xml: str = "") -> int:
        """Define a list, and return the number that paragraphs name it by. `level_xml` goes into each level."""
        self._next += 1
        inner = "".join(
            f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{style}"/>{level_xml}<w:lvlText w:val="{text}"/></w:lvl>'
            for at, (style, text) in enumerate(levels)
        )
        pattern = parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{self._next}">{inner}</w:abstractNum>')
        self._numbering.insert(0, pattern)
        return self.add_number(self._next)

    def add_number(self, pattern: int, overrides: str = "") -> int:
        self._next += 1
        self._numbering.append(
            parse_xml(
                f'<w:num {nsdecls("w")} w:numId="{self._next}"><w:abstractNumId w:val="{pattern}"/>{overrides}</w:num>'
            )
        )
        return self._next

    def add(self, text: str, number: int | None = None, level: int = 0, style: str | None = None) -> Any:
        paragraph = self.document.add_paragraph(text, style)
        if number is not None:
            paragraph._p.get_or_add_pPr().append(
                parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')
            )
        return paragraph

    def add_xml(self, xml: str) -> None:
        """Add XML before the properties of the section, which end the document."""
        opening = '<w:body xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
        opening += 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        for element in list(parse_xml(f"{opening}{nsdecls('w')}>{xml}</w:body>")):
            self.document.element.body.insert(len(self.document.element.body) - 1, element)

    def body(self) -> bytes:
        target = io.BytesIO()
        self.document.save(target)
        return target.getvalue()


def altered(body: bytes, name: str, content: bytes) -> bytes:
    """Return the same file with one part replaced or added."""
    source, target = zipfile.ZipFile(io.BytesIO(body)), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in source.namelist():
            if each != name:
                archive.writestr(each, source.read(each))
        archive.writestr(name, content)
    return target.getvalue()


def part(body: bytes, name: str) -> bytes:
    return zipfile.ZipFile(io.BytesIO(body)).read(name)
