"""Web pages: one line for each block that a browser shows, with the list numbers that it shows.

lxml parses them. It is installed with python-docx, parses 5 MB in a fifth of a second where html5lib takes a minute,
and its HTML parser never uses the network. It silently cuts off very deep nesting, so such pages are refused.
"""

import codecs
import re
from collections.abc import Callable
from typing import Any, Final

from lxml import etree
from lxml import html as parser

from tracker.unit_reader.document_model import Unreadable
from tracker.unit_reader.extraction import html_tables, list_numbers
from tracker.unit_reader.extraction.html_navigation import remove_navigation
from tracker.unit_reader.extraction.line_collector import (
    INDENT_WIDTH,
    ITEM_LABEL,
    LineCollector,
    may_be_heading,
    unmark_bold_headings,
)
from tracker.unit_reader.extraction.plain_text import decode

Element = Any
"""lxml has no types."""
MAX_DEPTH = 400
CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
SPACE = re.compile(r"[ \t\n\r\f]+")
HEADING_TAGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
LIST_TAGS: Final = frozenset({"ol", "ul", "menu", "dir"})
SKIPPED_TAGS: Final = frozenset(
    [
        *("script", "style", "noscript", "template", "head", "svg", "math", "object", "iframe", "canvas", "audio"),
        *("video", "select", "textarea", "input", "datalist", "del", "strike", "map", "area"),
    ]
)
BLOCK_TAGS: Final = frozenset(
    [
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div"),
        *(
            "dl",
            "dt",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "header",
            "hgroup",
            "hr",
            "html",
            "legend",
        ),
        *(
            "li",
            "main",
            "nav",
            "p",
            "pre",
            "section",
            "summary",
            "table",
            "tbody",
            "td",
            "tfoot",
            "th",
            "thead",
            "tr",
        ),
    ]
)
BULLET = "•"
NUMBER = re.compile(r"\s*[+-]?\d{1,6}\s*")
LIST_STYLE = re.compile(
    r"list-style(?:-type)?\s*:[^;]*?([a-z]+(?:-[a-z]+)*)\s*(?:!important\s*)?(?:;|$)", re.IGNORECASE
)
NUMBER_STYLES: dict[str, Callable[[int], str]] = {
    "1": str,
    "decimal": str,
    "decimal-leading-zero": list_numbers.format_two_digits,
    "a": list_numbers.format_letters,
    "lower-alpha": list_numbers.format_letters,
    "lower-latin": list_numbers.format_letters,
    "A": list_numbers.in_upper_case(list_numbers.format_letters),
    "upper-alpha": list_numbers.in_upper_case(list_numbers.format_letters),
    "upper-latin": list_numbers.in_upper_case(list_numbers.format_letters),
    "i": list_numbers.format_roman,
    "lower-roman": list_numbers.format_roman,
    "I": list_numbers.in_upper_case(list_numbers.format_roman),
    "upper-roman": list_numbers.in_upper_case(list_numbers.format_roman),
}
BULLET_STYLES = {"disc", "circle", "square"}


def extract_html(body: bytes) -> dict[str, Any]:
    """Return the lines of a web page, as `LineCollector.as_json` gives them.

    Raises:
        Unreadable: The page nests its elements deeper than any published page.
    """
    page = _parse(_decode(body))
    collector = LineCollector(title=SPACE.sub(" ", page.findtext(".//title") or "").strip())
    remove_navigation(page)
    walker = HtmlWalker(collector)
    walker.walk(page)
    walker.end_line()
    unmark_bold_headings(collector, walker.bold)
    return collector.as_json()


def _decode(body: bytes) -> str:
    """Return the page's text, in the encoding that it declares unless the bytes show another."""
    text, encoding = decode(body)
    declared = CHARSET.search(body[:4096])
    if declared and encoding == "cp1252":
        try:
            text = codecs.decode(body, declared[1].decode("ascii"), "replace")
        except (LookupError, ValueError, TypeError):
            return text
    return str(text)


def _parse(text: str) -> Element:
    text = DECLARATION.sub("", text, count=1).replace("\0", "")
    page = parser.document_fromstring(
        text.encode("utf-8", "replace"),
        parser=parser.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True),
        ensure_head_body=True,
    )
    depth = 0
    for event, _ in etree.iterwalk(page, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise Unreadable(
                f"nests its elements more than {MAX_DEPTH} deep, which no published page does. "
                "Open it in a browser, copy its text into a file, and use that."
            )
    return page


class HtmlWalker:
    """Walker of a web page that adds a line to a collector for each line that a browser shows."""

    def __init__(self, collector: LineCollector, in_cell: bool = False) -> None:
        self.collector = collector
        self.bold: list[int] = []
        """The numbers of lines that are headings only because they are bold."""
        self.level = 0
        self._in_cell = in_cell
        self._marker: str | None = None
        """The marker of the list item that has just started; empty if it shows none, None inside an item."""
        self._parts: list[str] = []
        self._heading_depth = 0
        self._bold_depth = 0
        self._preformatted_depth = 0
        self._characters = self._bold_characters = 0

    def walk(self, element: Element) -> None:
        """Add the lines of one element."""
        tag = element.tag
        if tag in SKIPPED_TAGS or (tag == "button" and not self._heading_depth) or _is_footnote_link(element):
            return
        if tag == "br":
            self.end_line()
        elif tag == "table":
            html_tables.write_table(element, self)
        elif tag in LIST_TAGS:
            self._walk_list(element)
        elif tag in BLOCK_TAGS or tag in HEADING_TAGS:
            self._walk_block(element, tag)
        else:
            self._walk_inline(element, tag)

    def walk_children(self, element: Element) -> None:
        """Add the lines of everything inside an element."""
        self._add_text(element.text)
        for child in element:
            self.walk(child)
            self._add_text(child.tail)

    def end_line(self) -> None:
        """Add the line collected so far, if it has text."""
        text = SPACE.sub(" ", "".join(self._parts)).strip(" ").rstrip()
        characters, bold = self._characters, self._bold_characters
        self._parts, self._characters, self._bold_characters = [], 0, 0
        if not text:
            return
        marker, self._marker = self._marker, None
        indent = " " * INDENT_WIDTH * (self.level if marker is None else max(self.level - 1, 0))
        is_bold = bool(characters) and bold == characters and not self._in_cell and not self.level
        is_bold = is_bold and may_be_heading(text)
        shown = f"{indent}{marker} {text}" if marker else f"{indent}{text}"
        number = self.collector.add(shown, is_heading=bool(self._heading_depth) or is_bold, item=marker or "")
        if is_bold and not self._heading_depth:
            self.bold.append(number)

    def _walk_block(self, element: Element, tag: str) -> None:
        self.end_line()
        is_heading = tag in HEADING_TAGS or element.get("role") == "heading"
        if tag == "li":
            self._marker = BULLET
        indents = tag in {"dd", "li"}
        self.level += indents
        self._heading_depth += is_heading
        self._preformatted_depth += tag == "pre"
        self.walk_children(element)
        self.end_line()
        self._preformatted_depth -= tag == "pre"
        self._heading_depth -= is_heading
        self.level -= indents

    def _walk_inline(self, element: Element, tag: str) -> None:
        is_bold = tag in {"b", "strong"} or "font-weight:bold" in (element.get("style") or "").replace(" ", "")
        self._bold_depth += is_bold
        if tag == "q":
            self._add_text("“")
        self.walk_children(element)
        if tag == "q":
            self._add_text("”")
        self._bold_depth -= is_bold

    def _walk_list(self, element: Element) -> None:
        self.end_line()
        markers = build_item_markers(element)
        if all(ITEM_LABEL.match(_get_first_words(item)) for item in markers):
            # The items have labels of their own, and the page hides those of the browser.
            markers = dict.fromkeys(markers, "")
        self.level += 1
        self._add_text(element.text)
        for child in element:
            if child in markers:
                self._marker = markers[child]
                self.walk_children(child)
                self.end_line()
                self._marker = None
            else:
                self.walk(child)
            self._add_text(child.tail)
        self.end_line()
        self.level -= 1

    def _add_text(self, text: str | None) -> None:
        if not text:
            return
        first, *others = text.split("\n") if self._preformatted_depth else [text]
        self._add_characters(first)
        for other in others:
            self.end_line()
            self._add_characters(other.replace(" ", "\u00a0") if not other.strip() else _keep_indent(other))

    def _add_characters(self, text: str) -> None:
        self._parts.append(text)
        characters = len(text) - sum(map(str.isspace, text))
        self._characters += characters
        self._bold_characters += characters if self._bold_depth else 0


def _is_footnote_link(element: Element) -> bool:
    """Return whether an element is a footnote's sign, or a heading's link to itself."""
    if element.tag == "sup":
        return len(element) == 1 and element[0].tag == "a" and (element[0].get("href") or "").startswith("#")
    return element.tag == "a" and "".join(element.itertext()).strip() in {"¶", "#"}


def _get_first_words(element: Element) -> str:
    return SPACE.sub(" ", "".join(element.itertext())[:200]).strip()


def _keep_indent(text: str) -> str:
    """Return preformatted text with its leading spaces as no-break spaces, which are not merged."""
    kept = text.lstrip(" ")
    return "\u00a0" * (len(text) - len(kept)) + kept


def build_item_markers(element: Element) -> dict[Element, str]:
    """Return the marker of each item of a list, in order; empty if a browser shows none."""
    items = [child for child in element if child.tag == "li"]
    step = -1 if element.get("reversed") is not None else 1
    first = _parse_number(element.get("start"), len(items) if step < 0 else 1)
    list_style = _get_list_style(element) or ("1" if element.tag == "ol" else "disc")
    markers, number = {}, first
    for item in items:
        number = _parse_number(item.get("value"), number)
        kind = _get_list_style(item) or list_style
        markers[item] = _format_marker(kind, number)
        if kind != "none" or element.tag == "ol":
            number += step
    return markers


def _format_marker(kind: str, number: int) -> str:
    if kind == "none":
        return ""
    return f"{NUMBER_STYLES[kind](number)}." if kind in NUMBER_STYLES else BULLET


def _get_list_style(element: Element) -> str:
    """Return the list style that an element's style or attribute names; empty if it names no known one."""
    style = LIST_STYLE.search(element.get("style") or "")
    named = style[1].lower() if style else (element.get("type") or "")
    return named if named in NUMBER_STYLES or named in BULLET_STYLES or named == "none" else ""


def _parse_number(text: str | None, default: int) -> int:
    return int(text) if text and NUMBER.fullmatch(text) else default
