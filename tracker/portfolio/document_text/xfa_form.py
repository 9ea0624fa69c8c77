"""Text of an XFA form: what was filled in, which is data inside the PDF and not on its pages.

The format is Adobe's XML Forms Architecture 3.3: the packet `datasets` has an element for each field, and the packet
`template` the captions of the fields.
"""

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]  # it carries no types
from lxml import etree
from pypdfium2 import raw

from tracker.portfolio.document_text.xml_parts import (
    MAX_PART_SIZE,
    Element,
    get_attribute,
    get_name,
    list_elements,
    parse_xml,
)

DATA = "{http://www.xfa.org/schema/xfa-data/1.0/}data"
XHTML = "{http://www.w3.org/1999/xhtml}"
NAMES_READ = {"datasets", "template", ""}
"""The packets that are read; a form that is one stream has one packet without a name, which holds them all."""
MAX_PACKETS = 100
EMPTY_LINES = re.compile(r"\n{3,}")
NOTHING_FILLED_IN = "No field of this form is filled in."


def read_xfa(source: Path) -> str:
    """Return a line for each field that is filled in: its caption, or else its name, and its value.

    Raises `ValueError` where the form has no data that can be read.
    """
    roots = list(_read_packets(source))
    data = next((each for root in roots for each in root.iter(DATA)), None)
    if data is None:
        raise ValueError("the form has no data")
    captions = _read_captions(roots)
    lines = "\n".join(_list_lines(data, captions)).strip()
    return EMPTY_LINES.sub("\n\n", lines) or NOTHING_FILLED_IN


def _read_packets(source: Path) -> Iterator[Element]:
    """Yield the root element of each packet that is read and is well-formed."""
    with pypdfium2.PdfDocument(source) as document:
        for index in range(min(raw.FPDF_GetXFAPacketCount(document), MAX_PACKETS)):
            length = raw.FPDF_GetXFAPacketName(document, index, None, 0)
            name = ctypes.create_string_buffer(length)
            raw.FPDF_GetXFAPacketName(document, index, name, length)
            size = ctypes.c_ulong()
            raw.FPDF_GetXFAPacketContent(document, index, None, 0, size)
            if name.value.decode("utf-8", "replace") not in NAMES_READ or not 0 < size.value <= MAX_PART_SIZE:
                continue
            content = ctypes.create_string_buffer(size.value)
            raw.FPDF_GetXFAPacketContent(document, index, content, size.value, size)
            try:
                yield parse_xml(content.raw)
            except etree.XMLSyntaxError:
                continue


def _read_captions(roots: list[Element]) -> dict[str, str]:
    """Return the caption of each field by its name, of the fields whose name has one caption only."""
    captions: dict[str, set[str]] = {}
    for root in roots:
        for field in (*list_elements(root, "field"), *list_elements(root, "exclGroup")):
            own = (each for each in field if get_name(each) == "caption")
            texts = (" ".join("".join(each.itertext()).split()) for each in own)
            captions.setdefault(get_attribute(field, "name"), set()).add(next(texts, "").rstrip(": "))
    return {name: next(iter(texts)) for name, texts in captions.items() if len(texts) == 1 and any(texts)}


def _list_lines(group: Element, captions: dict[str, str]) -> Iterator[str]:
    """Yield the lines of a group of fields, those of each group inside it between empty lines."""
    for element in group.iterchildren("{*}*"):
        if any(not each.tag.startswith(XHTML) for each in element.iterchildren("{*}*")):
            lines = list(_list_lines(element, captions))
            yield from ("", *lines, "") if lines else ()
        elif value := _read_value(element):
            name = get_name(element)
            yield f"{captions.get(name, name)}: {value}"


def _read_value(field: Element) -> str:
    if get_attribute(field, "contentType").startswith("image/"):
        return "a picture, which is not shown here"
    return "".join(field.itertext()).strip()
