"""Parts of a DOCX file: its package, its styles, and its automatic numbering.

Only the parts that are needed are unpacked, and only up to a limit. Numbers follow ECMA-376 part 1, 17.9.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from tracker.unit_reader.document_model import Unreadable
from tracker.unit_reader.extraction import list_numbers

Element = Any
MEGABYTE = 1024 * 1024
MAX_ENTRIES = 5_000
MAX_UNPACKED_SIZE = 400 * MEGABYTE
MAX_PART_SIZE = 40 * MEGABYTE
STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
TRANSITIONAL = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
W = f"{{{TRANSITIONAL.decode()}}}"
RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
UNPACKS_TOO_LARGE = (
    "unpacks to far more than any document, so it was not opened. Save it again from Word and use that."
)
HAS_ENTITIES = (
    "defines XML entities, which Word never does, so it was not opened. Save it again from Word and use that."
)
BULLET = "•"
MAX_DEPTH = 9
MAX_CHAIN_LENGTH = 30
LEVEL_PLACEHOLDER = re.compile(r"%([1-9])")
NUMBER = re.compile(r"-?\d{1,6}")
FORMATS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "decimalZero": list_numbers.format_two_digits,
    "lowerLetter": list_numbers.format_repeated_letters,
    "upperLetter": list_numbers.in_upper_case(list_numbers.format_repeated_letters),
    "lowerRoman": list_numbers.format_roman,
    "upperRoman": list_numbers.in_upper_case(list_numbers.format_roman),
    "none": lambda _: "",
}


class Package:
    """A DOCX file, whose parts are found by their relationship to the document.

    Raises:
        Unreadable: The file is protected, unpacks to too much, or defines XML entities.
    """

    def __init__(self, body: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(body))
        entries = self._archive.infolist()
        if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_SIZE:
            raise Unreadable(UNPACKS_TOO_LARGE)
        if any(entry.flag_bits & 1 for entry in entries):
            raise Unreadable("is password protected. Save a copy without a password and use that.")
        self._names = {entry.filename for entry in entries}
        self._main = self._find_related("", "officeDocument") or "word/document.xml"

    def load_body(self) -> Element:
        """Return the document's body."""
        return self._parse(self._main).find(f"{W}body")

    def load_part(self, kind: str) -> Element | None:
        """Return the part related to the document as `styles` or `numbering`, or None."""
        name = self._find_related(self._main, kind)
        return self._parse(name) if name in self._names else None

    def _find_related(self, source: str, kind: str) -> str:
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
            body = part.read(MAX_PART_SIZE + 1)
        if len(body) > MAX_PART_SIZE:
            raise Unreadable(UNPACKS_TOO_LARGE)
        start = body[:4096].replace(b"\0", b"")  # the part may be UTF-16
        if b"<!DOCTYPE" in start or b"<!ENTITY" in start or b"<!DOCTYPE" in body:
            raise Unreadable(HAS_ENTITIES)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
        root = etree.fromstring(body.replace(STRICT, TRANSITIONAL), parser)
        if root.getroottree().docinfo.doctype:
            raise Unreadable(HAS_ENTITIES)
        return root


@dataclass(frozen=True)
class ListLevel:
    """How one level of a list counts, and what it prints."""

    start: int = 1
    format: str = "decimal"
    text: str = ""
    restart: int | None = None
    """The level, from 1, whose use restarts this one; 0 for never, None for any level above."""
    style: str = ""
    legal: bool = False
    """Its numbers are Arabic, whatever the levels above print for themselves."""


@dataclass(frozen=True)
class NumberedList:
    """A numbering that paragraphs refer to: its counter, its levels, and the numbers at which levels start again."""

    counter: str
    levels: dict[int, ListLevel]
    starts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The numbered lists of a document, and how far each has counted."""

    def __init__(self, part: Element | None) -> None:
        self._lists = dict(_parse_lists(part)) if part is not None else {}
        self._counts: dict[str, dict[int, int]] = {}
        self._started: set[tuple[str, int]] = set()

    def find_level(self, number: str, style: str) -> int:
        """Return the level of a list that a style is linked to."""
        levels = self._lists[number].levels if number in self._lists else {}
        return next(
            (level_number for level_number, level in levels.items() if level.style and level.style == style), 0
        )

    def next_marker(self, number: str, level_number: int) -> str:
        """Count one paragraph, and return what is printed before it; empty if the list does not exist."""
        numbered_list = self._lists.get(number)
        if numbered_list is None or level_number not in numbered_list.levels:
            return ""
        counts = self._counts.setdefault(numbered_list.counter, {})
        level = numbered_list.levels[level_number]
        if level_number in numbered_list.starts and (number, level_number) not in self._started:
            self._started.add((number, level_number))
            counts[level_number] = numbered_list.starts[level_number]
        else:
            counts[level_number] = counts[level_number] + 1 if level_number in counts else level.start
        for deeper_level in [each for each in counts if each > level_number]:
            restart = numbered_list.levels[deeper_level].restart if deeper_level in numbered_list.levels else None
            if restart is None or level_number < restart:
                del counts[deeper_level]
        return _format_marker(numbered_list, level_number, counts)


def _format_marker(numbered_list: NumberedList, level_number: int, counts: dict[int, int]) -> str:
    level = numbered_list.levels[level_number]
    if level.format == "bullet":
        return BULLET

    def number(place: re.Match[str]) -> str:
        placed_level = int(place[1]) - 1
        shown = numbered_list.levels.get(placed_level, ListLevel())
        style = "decimal" if level.legal else shown.format
        return FORMATS.get(style, str)(counts.get(placed_level, shown.start - 1))

    return LEVEL_PLACEHOLDER.sub(number, level.text).strip()


def _parse_lists(part: Element) -> Iterator[tuple[str, NumberedList]]:
    patterns = {each.get(f"{W}abstractNumId"): each for each in part.iterchildren(f"{W}abstractNum")}
    by_style = {get_value(each, "styleLink"): key for key, each in patterns.items() if get_value(each, "styleLink")}
    for each in part.iterchildren(f"{W}num"):
        key = get_value(each, "abstractNumId")
        key = by_style.get(get_value(patterns[key], "numStyleLink"), key) if key in patterns else key
        if key not in patterns:
            continue
        levels = {
            level_number: _parse_level(level)
            for level in patterns[key].iterchildren(f"{W}lvl")
            if (level_number := _get_level_number(level)) < MAX_DEPTH
        }
        starts = {}
        for override in each.iterchildren(f"{W}lvlOverride"):
            level_number = _get_level_number(override)
            own = override.find(f"{W}lvl")
            if own is not None:
                levels[level_number] = _parse_level(own)
                starts[level_number] = levels[level_number].start
            if (start := get_value(override, "startOverride")) and NUMBER.fullmatch(start):
                starts[level_number] = int(start)
                levels[level_number] = replace(levels.get(level_number, ListLevel()), start=int(start))
        yield each.get(f"{W}numId"), NumberedList(key, levels, starts)


def _parse_level(element: Element) -> ListLevel:
    restart = get_value(element, "lvlRestart")
    return ListLevel(
        start=_parse_number(get_value(element, "start"), 0),
        format=get_value(element, "numFmt") or "decimal",
        text=get_value(element, "lvlText"),
        restart=_parse_number(restart, 0) if restart else None,
        style=get_value(element, "pStyle"),
        legal=element.find(f"{W}isLgl") is not None,
    )


def _get_level_number(element: Element) -> int:
    return _parse_number(element.get(f"{W}ilvl"), 0)


def _parse_number(text: str | None, default: int) -> int:
    return int(text) if text and NUMBER.fullmatch(text) else default


def get_value(element: Element | None, *path: str) -> str:
    """Return the `w:val` of the element at a path below, or an empty text."""
    child = element.find("/".join(f"{W}{each}" for each in path)) if element is not None else None
    return (child.get(f"{W}val") or "") if child is not None else ""


def is_on(element: Element | None, *path: str) -> bool | None:
    """Return whether a property such as bold is on; None if it is not set."""
    child = element.find("/".join(f"{W}{each}" for each in path)) if element is not None else None
    return None if child is None else (child.get(f"{W}val") or "1") not in {"0", "false", "off"}


@dataclass(frozen=True)
class Style:
    """The properties of a paragraph's style that matter here, with those inherited from its base styles."""

    is_heading: bool = False
    bold: bool = False
    number: str = ""
    level: int | None = None


class StyleSheet:
    """The paragraph styles of a document."""

    def __init__(self, part: Element | None) -> None:
        styles = part.iterchildren(f"{W}style") if part is not None else ()
        self._elements = {each.get(f"{W}styleId"): each for each in styles}
        self._resolved: dict[str, Style] = {}
        self.default = next((key for key, each in self._elements.items() if _is_default_style(each)), "")

    def find(self, key: str) -> Style:
        """Return a style by its key, with its inherited properties."""
        if key not in self._resolved:
            self._resolved[key] = self._resolve(key)
        return self._resolved[key]

    def _resolve(self, key: str) -> Style:
        chain: list[Element] = []
        while key in self._elements and len(chain) < MAX_CHAIN_LENGTH:
            chain.append(self._elements[key])
            key = get_value(chain[-1], "basedOn")
        bold = next((setting for each in chain if (setting := is_on(each, "rPr", "b")) is not None), False)
        number = next(filter(None, (get_value(each, "pPr", "numPr", "numId") for each in chain)), "")
        level = next(filter(None, (get_value(each, "pPr", "numPr", "ilvl") for each in chain)), "")
        return Style(
            is_heading=any(map(_is_heading_style, chain)),
            bold=bool(bold),
            number=number,
            level=int(level) if level.isdecimal() and len(level) < 3 else None,
        )


def _is_heading_style(style: Element) -> bool:
    name = get_value(style, "name").casefold()
    outline = get_value(style, "pPr", "outlineLvl")
    return (
        name == "title"
        or bool(re.match(r"heading \d", name))
        or (outline.isdecimal() and int(outline[:2]) < MAX_DEPTH)
    )


def _is_default_style(style: Element) -> bool:
    return style.get(f"{W}type") == "paragraph" and style.get(f"{W}default") in {"1", "true", "on"}
