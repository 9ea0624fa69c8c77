"""A DOCX file as a package: only the parts that are read are unpacked, and no more of them than a unit can need."""

import io
import posixpath
import zipfile
from typing import Any

from lxml import etree

from tracker.unit_reader.lines import Unreadable

Element = Any
MEGABYTE = 1024 * 1024
MAX_ENTRIES = 5_000
MAX_UNPACKED = 400 * MEGABYTE
MAX_OF_PART = 40 * MEGABYTE
STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
TRANSITIONAL = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
W = f"{{{TRANSITIONAL.decode()}}}"
RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
BOMB = "unpacks to far more than any document. It was not opened. Save it anew from Word, and read that."
ENTITIES = "defines XML entities, which no program that writes documents does. It was not opened."


class Package:
    """The parts of a document by what they are to it. Raises `Unreadable` where the file is no honest document."""

    def __init__(self, body: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(body))
        entries = self._archive.infolist()
        if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
            raise Unreadable(BOMB)
        if any(entry.flag_bits & 1 for entry in entries):
            raise Unreadable("has a password. Save it without one, and read that.")
        self._names = {entry.filename for entry in entries}
        self._main = self._related("", "officeDocument") or "word/document.xml"

    def document(self) -> Element:
        """The document's body."""
        return self._parse(self._main).find(f"{W}body")

    def part(self, kind: str) -> Element | None:
        """What is related to the document as `styles` or `numbering`, if anything is."""
        name = self._related(self._main, kind)
        return self._parse(name) if name in self._names else None

    def _related(self, source: str, kind: str) -> str:
        folder, name = posixpath.split(source)
        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if relations not in self._names:
            return ""
        for relation in self._parse(relations).iter(RELATIONSHIP):
            if (relation.get("Type") or "").endswith(f"/{kind}"):
                return posixpath.normpath(posixpath.join("/", folder, relation.get("Target") or "")).lstrip("/")
        return ""

    def _parse(self, name: str) -> Element:
        with self._archive.open(name) as part:
            body = part.read(MAX_OF_PART + 1)
        if len(body) > MAX_OF_PART:
            raise Unreadable(BOMB)
        start = body[:4096].replace(b"\0", b"")  # it may be UTF-16
        if b"<!DOCTYPE" in start or b"<!ENTITY" in start or b"<!DOCTYPE" in body:
            raise Unreadable(ENTITIES)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
        root = etree.fromstring(body.replace(STRICT, TRANSITIONAL), parser)
        if root.getroottree().docinfo.doctype:
            raise Unreadable(ENTITIES)
        return root
