"""Cleaning of the source's lines: one kind of space, no markup, no page headers and footers."""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Line, SourceText
from tracker.unit_reader.line_wrapping import compute_wrap_width, continues_full_line
from tracker.unit_reader.page_headers import find_page_headers
from tracker.unit_reader.side_headings import move_side_headings

INDENT_WIDTH = 4
LIGATURES = str.maketrans({"ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi", "ﬄ": "ffl"})
BREAKS = str.maketrans("\x0b\x0c", "  ")
"""Breaks within a line, which separate words."""
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
MARKDOWN_HEADING = re.compile(r"#{1,6}\s+(?=\S)")
QUOTE_PREFIX = re.compile(r"(?:>\s?)+(?=\S|$)")
ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!>|])")
BOLD = re.compile(r"\*\*|__(?=\S)|(?<=\S)__(?!_)")
EMPHASIS = re.compile(r"^([*_])(?=\S)([^*_]+)(?<=\S)\1$")
ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{2,5}|#x[0-9a-f]{2,5});", re.IGNORECASE)
TABLE_RULE = re.compile(r"\|?[\s:|+-]*-{3,}[\s:|+-]*\|?")
QUOTES = '"“”'
LONE_BULLET = re.compile(r"[•·◦▪■●○‣➢►◆♦✓✔§*-]|\uf0b7|\uf0a7")
MIN_DOUBLE_SPACED_SHARE = 0.9
"""The share of lines below a blank one, from which a document is double-spaced."""
MIN_CONTINUED_LINES = 3
MIN_CONTINUED_SHARE = 0.6
"""The share of lines in lower case that must continue a full line for the blank lines to be ignored."""
WHITE_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class CleanedDocument:
    """Clean lines with text, the page headers and footers that were removed, and the wrap width in characters."""

    lines: tuple[CleanLine, ...]
    page_headers: tuple[CleanLine, ...]
    width: int


def clean_document(source: SourceText) -> CleanedDocument:
    """Return the clean lines of a document, in order."""
    lines = merge_lone_bullets(strip_quotes(list(_clean_lines(source))))
    page_headers = find_page_headers([line for line in lines if line.text])
    kept = strip_double_spacing(list(_remove_page_headers(lines, page_headers)))
    return CleanedDocument(
        tuple(kept), tuple(page_headers), compute_wrap_width([line.width for line in kept if not line.ends_paragraph])
    )


def clean_text(text: str) -> str:
    """Return text with one kind of space, and without ligatures, entities and invisible characters."""
    text = INVISIBLE.sub("", text.translate(LIGATURES).translate(BREAKS))
    if ENTITY.search(text):
        text = html.unescape(text)
    return WHITE_SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()


def _clean_lines(source: SourceText) -> Iterator[CleanLine]:
    ends_paragraph = source.file_format in {"html", "docx"}
    source_lines = source.lines if ends_paragraph else move_side_headings(source.lines)
    for source_line in source_lines:
        cells = source_line.cells or _split_markdown_cells(source_line.text)
        if cells is None:
            continue
        if cells:
            texts = tuple("\n".join(map(_strip_markup, cell.split("\n"))) for cell in cells)
            joined = " | ".join(filter(None, (clean_text(text) for text in texts)))
            yield CleanLine(
                (source_line.number,), joined, is_heading=source_line.is_heading, ends_paragraph=True, cells=texts
            )
            continue
        indent, text, is_heading = _clean_line(source_line)
        yield CleanLine(
            (source_line.number,),
            text,
            indent,
            is_heading=source_line.is_heading or is_heading,
            ends_paragraph=ends_paragraph,
        )


def _split_markdown_cells(text: str) -> tuple[str, ...] | None:
    """Return the cells of `| a | b |` or `a | b`; `()` for other text, None for rules and empty rows."""
    stripped = text.strip()
    if "|" in stripped and (TABLE_RULE.fullmatch(stripped) or not stripped.strip("| \t")):
        return None
    if " | " not in stripped and not (stripped.startswith("|") and len(stripped) > 1):
        return ()
    return tuple(cell.strip() for cell in stripped.removeprefix("|").removesuffix("|").split("|"))


def _clean_line(source_line: Line) -> tuple[int, str, bool]:
    """Return a line's indent, its clean text, and whether Markdown marks it as a heading."""
    raw = source_line.text.replace("\t", " " * INDENT_WIDTH).replace("\u00a0", " ")
    indent = len(raw) - len(raw.lstrip())
    text = QUOTE_PREFIX.sub("", raw.strip(), count=1) if raw.lstrip().startswith(">") else raw.strip()
    heading = MARKDOWN_HEADING.match(text)
    text = text[heading.end() :] if heading else text
    bold = text.startswith("**") and text.endswith("**") and len(text) > 4
    return indent, _strip_markup(text), bool(heading) or (bold and "**" not in text[2:-2])


def _strip_markup(text: str) -> str:
    r"""Return text without Markdown signs that were copied with it, as in `**1.` or `1\.`."""
    text = clean_text(ESCAPED.sub(r"\1", BOLD.sub("", text)))
    return EMPHASIS.sub(r"\2", text)


def strip_quotes(lines: list[CleanLine]) -> list[CleanLine]:
    """Remove quotation marks that open at the start of a line and close at the end of another.

    They come from copying: a text in quotation marks was pasted. Quotation marks inside a line are kept.
    """
    stripped = list(lines)
    opened: int | None = None
    for index, line in enumerate(lines):
        if not line.text or line.cells:
            continue
        quotes = sum(line.text.count(sign) for sign in QUOTES)
        if quotes == 2 and line.text[0] in QUOTES and line.text[-1] in QUOTES and len(line.text) > 2:
            stripped[index] = replace(line, text=line.text[1:-1].strip())
        elif quotes % 2 and line.text[0] in QUOTES:
            opened = index
            if phrases.starts_item(line.text[1:]):
                stripped[index] = replace(line, text=line.text[1:].lstrip())
        elif quotes % 2 and line.text[-1] in QUOTES and opened is not None:
            stripped[index] = replace(line, text=line.text[:-1].rstrip())
            stripped[opened] = replace(stripped[opened], text=stripped[opened].text.lstrip(QUOTES).lstrip())
            opened = None
    return stripped


def merge_lone_bullets(lines: Sequence[CleanLine]) -> list[CleanLine]:
    """Merge a bullet alone on its line with the line below."""
    merged: list[CleanLine] = []
    for line in lines:
        if merged and line.text and not line.cells and LONE_BULLET.fullmatch(merged[-1].text):
            above = merged[-1]
            merged[-1] = replace(
                above, text=f"{above.text} {line.text}", line_numbers=above.line_numbers + line.line_numbers
            )
        else:
            merged.append(line)
    return merged


def strip_double_spacing(lines: list[CleanLine]) -> list[CleanLine]:
    """Ignore blank lines if one is above every line and sentences continue across them.

    Paragraphs have a blank line between them, too, but their lines do not end at the wrap width.
    """
    width = compute_wrap_width([line.width for line in lines])
    spaced = [(above, below) for above, below in pairwise(lines) if below.after_blank or below.after_break]
    in_lower_case = [pair for pair in spaced if pair[1].text[0].islower() and not phrases.starts_item(pair[1].text)]
    continued = sum(
        continues_full_line(above, replace(below, after_blank=False), width) for above, below in in_lower_case
    )
    if (
        len(spaced) < MIN_DOUBLE_SPACED_SHARE * (len(lines) - 1)
        or continued < MIN_CONTINUED_LINES
        or continued < MIN_CONTINUED_SHARE * len(in_lower_case)
    ):
        return lines
    return [replace(line, after_blank=False) for line in lines]


def _remove_page_headers(lines: Iterable[CleanLine], page_headers: list[CleanLine]) -> Iterator[CleanLine]:
    """Yield the lines that are not page headers, with what is above each: a blank line, or a page's end."""
    removed = {line.line_numbers for line in page_headers}
    blank, after_break = False, False
    for line in lines:
        if not line.text:
            blank = True
        elif line.line_numbers in removed:
            after_break = True
        else:
            yield replace(line, after_blank=blank and not after_break, after_break=after_break)
            blank, after_break = False, False
