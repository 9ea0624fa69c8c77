"""A unit printed for tests of the reader: as HTML, as a PDF made from it, as a Word document with automatic numbers."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import groupby

import docx
import weasyprint
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.text.paragraph import Paragraph

from tests.unit_reader.expectation import ExpectedCriterion

OPENERS = {"performance": "You must be able to:", "knowledge": "You need to know and understand:"}
SECTIONS = {"performance": "Performance criteria", "knowledge": "Knowledge and understanding"}


@dataclass
class Node:
    criterion: ExpectedCriterion
    children: list["Node"] = field(default_factory=list)

    @property
    def printed_label(self) -> str:
        """Return the label as it is printed, or an empty text for an assigned one."""
        return self.criterion.label if self.criterion.label_origin == "published" else ""


@dataclass
class PrintedUnit:
    """The printed parts of a unit: its first lines, an overview, and its criteria."""

    title: str
    code: str | None
    document_type: str
    criteria: list[ExpectedCriterion]
    sqa: str | None = None
    overview: str = ""

    @property
    def first_lines(self) -> list[str]:
        if self.document_type == "sqa_unit":
            return [f"{self.sqa} ({self.code}) {self.title}"]
        if self.document_type == "learning_outcomes":
            return [self.title, f"Unit reference number: {self.code}", "Level: 2", "Credit value: 3"]
        return [self.title, f"URN: {self.code}"] if self.code else [self.title]

    def groups(self, *kinds: str) -> Iterator[tuple[str | None, list[Node]]]:
        """Yield each heading with its statements, nested ones within their parents."""
        numbered = [(position, each) for position, each in enumerate(self.criteria, 1) if each.kind in kinds]
        for heading, members in groupby(numbered, key=lambda each: each[1].heading):
            nodes: dict[int, Node] = {}
            top: list[Node] = []
            for position, each in members:
                nodes[position] = Node(each)
                (nodes[each.parent].children if each.parent else top).append(nodes[position])
            yield heading, top

    def outcomes(self) -> list[tuple[str | None, list[Node]]]:
        """Return both kinds in the order of their numbers, as a unit of learning outcomes prints them."""
        groups = list(self.groups("performance", "knowledge"))
        return sorted(groups, key=lambda group: int(group[1][0].criterion.label.split(".")[0]))


def as_html(unit: PrintedUnit, *, lists: bool = False, marker: str = "{}") -> str:
    """Return a page with the labels as text, or as the numbers of ordered lists where HTML has such numbers."""
    first, *other_lines = unit.first_lines
    parts = [f"<h1>{escape(first)}</h1>", *(f"<p>{escape(each)}</p>" for each in other_lines)]
    if unit.overview:
        parts += ["<h2>Overview</h2>", f"<p>{escape(unit.overview)}</p>"]
    if unit.document_type == "learning_outcomes":
        parts.append("<h2>Learning outcomes and assessment criteria</h2>")
        for number, (heading, nodes) in enumerate(unit.outcomes(), 1):
            parts += [f"<h3>{number}. {escape(heading or '')}</h3>", *_html_items(nodes, lists=False, marker=marker)]
    else:
        for kind, name in SECTIONS.items():
            parts += [f"<h2>{name}</h2>", f"<p>{OPENERS[kind]}</p>"]
            for heading, nodes in unit.groups(kind):
                parts += [f"<h3>{escape(heading)}</h3>"] if heading else []
                parts += _html_items(nodes, lists=lists, marker=marker)
    return _page(unit.title, "\n".join(parts))


def as_table(unit: PrintedUnit) -> str:
    """Return a page with outcomes beside their criteria in a ruled table, an outcome across its rows."""
    first, *other_lines = unit.first_lines
    rows = ["<tr><th>Learning outcomes</th><th>Assessment criteria</th></tr>"]
    for number, (heading, nodes) in enumerate(unit.outcomes(), 1):
        cells = [f"<td>{each.printed_label} {escape(each.criterion.text)}</td>" for each in nodes]
        rows.append(f'<tr><td rowspan="{len(cells)}">{number}. {escape(heading or "")}</td>{cells[0]}</tr>')
        rows += [f"<tr>{cell}</tr>" for cell in cells[1:]]
    paragraphs = "".join(f"<p>{escape(each)}</p>" for each in other_lines)
    return _page(unit.title, f"<h1>{escape(first)}</h1>{paragraphs}<table>{''.join(rows)}</table>")


def _page(title: str, body: str) -> str:
    head = f"<title>{escape(title)}</title>"
    return f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{head}</head>\n<body>\n{body}\n</body></html>\n'


def _html_items(nodes: list[Node], *, lists: bool, marker: str) -> list[str]:
    if not nodes[0].printed_label:
        return ["<ul>", *(f"<li>{escape(each.criterion.text)}{_html_under(each)}</li>" for each in nodes), "</ul>"]
    numbers = [each.printed_label for each in nodes]
    if lists and numbers == [str(int(numbers[0]) + n) if numbers[0].isdecimal() else "" for n in range(len(nodes))]:
        items = [f"<li>{escape(each.criterion.text)}{_html_under(each)}</li>" for each in nodes]
        return [f'<ol start="{numbers[0]}">', *items, "</ol>"]
    return [
        f"<p>{marker.format(each.printed_label)} {escape(each.criterion.text)}</p>{_html_under(each, marker)}"
        for each in nodes
    ]


def _html_under(node: Node, marker: str = "{}") -> str:
    points = "".join(f"<li>{escape(each)}</li>" for each in node.criterion.points)
    nested = "".join(
        f'<p style="margin-left: 2em">{marker.format(each.printed_label)} {escape(each.criterion.text)}</p>'
        f"{_html_under(each, marker)}"
        for each in node.children
    )
    return (f"<ul>{points}</ul>" if points else "") + nested


RULED = "table { border-collapse: collapse } td, th { border: 1px solid; padding: 4px; vertical-align: top }"
LAYOUTS = {
    "single": "@page { size: A4; margin: 2cm }",
    "ruled": f"@page {{ size: A4; margin: 2cm }} {RULED}",
    "columns": "@page { size: A4 landscape; margin: 2cm } body { columns: 2; column-gap: 2cm }",
    "page headers": (
        '@page { size: 14cm 9cm; margin: 2cm; @top-left { content: "PAGE HEADER" }'
        ' @bottom-right { content: "Page " counter(page) " of " counter(pages) } }'
    ),
}


def as_pdf(html: str, layout: str, page_header: str = "") -> bytes:
    style = LAYOUTS[layout].replace("PAGE HEADER", page_header) + " body { font: 10pt sans-serif }"
    body: bytes = weasyprint.HTML(string=html).write_pdf(stylesheets=[weasyprint.CSS(string=style)])
    return body


FORMATS = [
    (re.compile(r"(?P<before>[A-Z])\d+"), "decimal", "{before}%{level}"),
    (re.compile(r"\d+"), "decimal", "%{level}."),
    (re.compile(r"[a-h]"), "lowerLetter", "%{level})"),
    (re.compile(r"[ivx]+"), "lowerRoman", "%{level}."),
    (re.compile(r"\d+\.\d+"), "decimal", "%{above}.%{level}"),
    (re.compile(r"(?P<before>[A-Z])\d+\.\d+"), "decimal", "{before}%{above}.%{level}"),
]


class Word:
    """Word document whose labels are automatic numbers, and not in its text."""

    def __init__(self) -> None:
        self.document: Document = docx.Document()
        self.numbering = self.document.part.numbering_part.element
        self.last = 900

    def definition(self, formats: list[tuple[str, str, int]]) -> int:
        """Add a list. Each level has its number format, its text and the number that it begins with."""
        self.last += 1
        levels = "".join(
            f'<w:lvl w:ilvl="{number}"><w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>'
            f'<w:lvlText w:val="{text}"/><w:lvlJc w:val="left"/></w:lvl>'
            for number, (kind, text, start) in enumerate(formats)
        )
        abstract = f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{self.last}">{levels}</w:abstractNum>'
        first = self.numbering.find(qn("w:num"))
        first.addprevious(parse_xml(abstract))
        number = f'<w:num {nsdecls("w")} w:numId="{self.last}"><w:abstractNumId w:val="{self.last}"/></w:num>'
        self.numbering.append(parse_xml(number))
        return self.last

    def item(self, text: str, number: int, level: int) -> Paragraph:
        paragraph = self.document.add_paragraph(text, style="List Paragraph")
        properties = paragraph._p.get_or_add_pPr()
        properties.append(
            parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')
        )
        return paragraph

    def get_bytes(self) -> bytes:
        body = io.BytesIO()
        self.document.save(body)
        return body.getvalue()


def as_docx(unit: PrintedUnit) -> bytes:
    word = Word()
    first, *other_lines = unit.first_lines
    word.document.add_heading(first, 0)
    for each in other_lines:
        word.document.add_paragraph(each)
    if unit.document_type == "learning_outcomes":
        word.document.add_heading("Learning outcomes and assessment criteria", 1)
        number = word.definition([("decimal", "%1.", 1), ("decimal", "%1.%2", 1)])
        for heading, nodes in unit.outcomes():
            word.item(heading or "", number, 0)
            for node in nodes:
                word.item(node.criterion.text, number, 1)
        return word.get_bytes()
    for kind, name in SECTIONS.items():
        word.document.add_heading(name, 1)
        word.document.add_paragraph(OPENERS[kind])
        number = 0
        for heading, nodes in unit.groups(kind):
            if heading:
                word.document.add_heading(heading, 2)
            if not number or nodes[0].printed_label in {"1", "a"}:
                number = word.definition(list(_formats(nodes)))
            _add_items(word, nodes, number, 0)
    return word.get_bytes()


def _formats(nodes: list[Node]) -> Iterator[tuple[str, str, int]]:
    level = 1
    while nodes:
        yield _format(nodes[0].printed_label, level)
        nodes = [child for each in nodes for child in each.children]
        level += 1
    yield ("bullet", "•", 1)


def _format(label: str, level: int) -> tuple[str, str, int]:
    for pattern, kind, text in FORMATS:
        if match := pattern.fullmatch(label):
            start = int(re.sub(r"\D", "", label)) if label.isdecimal() else 1
            return kind, text.format(level=level, above=level - 1, **match.groupdict()), start
    return "bullet", "•", 1


def _add_items(word: Word, nodes: list[Node], number: int, level: int) -> None:
    for node in nodes:
        word.item(node.criterion.text, number, level)
        if node.criterion.points:
            bullets = word.definition([("bullet", "•", 1), ("bullet", "–", 1)])
            for point in node.criterion.points:
                word.item(point, bullets, 1)
        _add_items(word, node.children, number, level + 1)
