"""XML parts of an office document in a ZIP, read up to a limit, and their relationships."""

import posixpath
import zipfile
from typing import Any

from lxml import etree

MAX_PART_SIZE = 24 * 1024 * 1024
"""In bytes, unpacked; a larger part is not read."""

Element = Any


def parse_part(archive: zipfile.ZipFile, name: str) -> Element | None:
    """Return the root element of a part; None where it is missing or too large."""
    if name not in archive.NameToInfo:
        return None
    with archive.open(name) as part:
        content = part.read(MAX_PART_SIZE + 1)
    if len(content) > MAX_PART_SIZE:
        return None
    return parse_xml(content)


def parse_xml(content: bytes) -> Element:
    """Return the root element of untrusted XML; entities are not expanded and nothing is fetched."""
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def get_name(element: Element) -> str:
    """Return the name of an element without its namespace; empty for comments and processing instructions."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def get_attribute(element: Element, name: str) -> str:
    """Return an attribute by its name without namespace; empty where the element has none."""
    return next((str(value) for key, value in element.attrib.items() if etree.QName(key).localname == name), "")


def list_elements(root: Element | None, name: str) -> list[Element]:
    """Return the elements of this name, in document order."""
    return [] if root is None else [element for element in root.iter() if get_name(element) == name]


def read_relationships(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Return the relationships of a part, by id: the last word of the type, and the name of the target part."""
    folder, name = posixpath.split(part)
    root = parse_part(archive, f"{folder}/_rels/{name}.rels")
    relationships = {}
    for element in list_elements(root, "Relationship"):
        target = posixpath.normpath(posixpath.join("/", folder, element.get("Target", ""))).lstrip("/")
        relationships[element.get("Id", "")] = (element.get("Type", "").rpartition("/")[2], target)
    return relationships
