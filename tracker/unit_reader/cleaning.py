"""Cleaning of the source's lines: one kind of space, no markup, no page headers and footers."""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tracker.unit_reader import phrases
from tracker.unit_reader.document_model import CleanLine, Line, SourceText
from tracker.unit_reader.line_wrapping import is_overlong, wall_of
from tracker.unit_reader.page_headers import find_furniture
from tracker.unit_reader.side_headings import bring_in_margins

TAB = 4
LIGATURES = str.maketrans({"ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi", "ﬄ": "ffl"})
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
MARKDOWN_HEADING = re.compile(r"#{1,6}\s+(?=\S)")
QUOTED = re.compile(r"(?:>\s?)+(?=\S|$)")
ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!>|])")
BOLD = re.compile(r"\*\*|__(?=\S)|(?<=\S)__(?!_)")
EMPHASIS = re.compile(r"^([*_])(?=\S)([^*_]+)(?<=\S)\1$")
ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{2,5}|#x[0-9a-f]{2,5});", re.IGNORECASE)
TABLE_RULE = re.compile(r"\|?[\s:|+-]*-{3,}[\s:|+-]*\|?")
QUOTES = '"“”'
LONE_BULLET = re.compile(r"[•·◦▪■●○‣➢►◆♦✓✔§*-]|\uf0b7|\uf0a7")
DOUBLE = 0.9
"""How many of a document's lines have a blank one above them where it is double-spaced."""
MIN_RUNNING = 3
MOST = 0.6
"""How many of the lines that begin small go on with a full one, where that is why they do."""
SQUEEZE = re.compile(r"\s+")


@dataclass(frozen=True)
class Cleaned:
    """The rows that say something, the furniture that was taken out, and how wide the source wrapped its lines."""

    rows: tuple[CleanLine, ...]
    furniture: tuple[CleanLine, ...]
    width: int


def clean(source: SourceText) -> Cleaned:
    """The rows of a document, in order."""
    rows = join_lone_bullets(unquote_blocks(list(_rows(source))))
    furniture = find_furniture([row for row in rows if row.text])
    kept = without_double_spacing(list(_without(rows, furniture)))
    return Cleaned(tuple(kept), tuple(furniture), wall_of([row.width for row in kept if not row.fixed]))


def plain(text: str) -> str:
    """Text as it is kept: one kind of space, no markup, no invisible signs."""
    text = INVISIBLE.sub("", text.translate(LIGATURES))
    if ENTITY.search(text):
        text = html.unescape(text)
    return SQUEEZE.sub(" ", unicodedata.normalize("NFC", text)).strip()


def _rows(source: SourceText) -> Iterator[CleanLine]:
    fixed = source.kind in {"html", "docx"}
    lines = source.lines if fixed else bring_in_margins(source.lines)
    for line in lines:
        cells = line.cells or _markdown_cells(line.text)
        if cells is None:
            continue
        if cells:
            texts = tuple("\n".join(map(_unmarked, cell.split("\n"))) for cell in cells)
            joined = " | ".join(filter(None, (plain(text) for text in texts)))
            yield CleanLine((line.number,), joined, heading=line.heading, fixed=True, cells=texts)
            continue
        indent, text, heading = _stripped(line)
        yield CleanLine((line.number,), text, indent, heading=line.heading or heading, fixed=fixed)


def _markdown_cells(text: str) -> tuple[str, ...] | None:
    """The cells of `| a | b |` or `a | b`, none for other text; None for a table's rules and empty rows."""
    stripped = text.strip()
    if "|" in stripped and (TABLE_RULE.fullmatch(stripped) or not stripped.strip("| \t")):
        return None
    if " | " not in stripped and not (stripped.startswith("|") and len(stripped) > 1):
        return ()
    return tuple(cell.strip() for cell in stripped.removeprefix("|").removesuffix("|").split("|"))


def _stripped(line: Line) -> tuple[int, str, bool]:
    raw = line.text.replace("\t", " " * TAB).replace("\u00a0", " ")
    indent = len(raw) - len(raw.lstrip())
    text = QUOTED.sub("", raw.strip(), count=1) if raw.lstrip().startswith(">") else raw.strip()
    heading = MARKDOWN_HEADING.match(text)
    text = text[heading.end() :] if heading else text
    bold = text.startswith("**") and text.endswith("**") and len(text) > 4
    return indent, _unmarked(text), bool(heading) or (bold and "**" not in text[2:-2])


def _unmarked(text: str) -> str:
    r"""Without the signs of a markup language that came along: `**1.`, `1\\.`, `"1.`."""
    text = plain(ESCAPED.sub(r"\1", BOLD.sub("", text)))
    return EMPHASIS.sub(r"\2", text)


def unquote_blocks(rows: list[CleanLine]) -> list[CleanLine]:
    """Quotes that open at a line's begin and close at another's end came with the copying, and are no text."""
    found = list(rows)
    opened: int | None = None
    for at, row in enumerate(rows):
        if not row.text or row.cells:
            continue
        quotes = sum(row.text.count(sign) for sign in QUOTES)
        if quotes == 2 and row.text[0] in QUOTES and row.text[-1] in QUOTES and len(row.text) > 2:
            found[at] = replace(row, text=row.text[1:-1].strip())
        elif quotes % 2 and row.text[0] in QUOTES:
            opened = at
            if phrases.starts_item(row.text[1:]):
                found[at] = replace(row, text=row.text[1:].lstrip())
        elif quotes % 2 and row.text[-1] in QUOTES and opened is not None:
            found[at] = replace(row, text=row.text[:-1].rstrip())
            found[opened] = replace(found[opened], text=found[opened].text.lstrip(QUOTES).lstrip())
            opened = None
    return found


def join_lone_bullets(rows: Sequence[CleanLine]) -> list[CleanLine]:
    """A bullet alone on its line brought to the line below it."""
    found: list[CleanLine] = []
    for row in rows:
        if found and row.text and not row.cells and LONE_BULLET.fullmatch(found[-1].text):
            above = found[-1]
            found[-1] = replace(above, text=f"{above.text} {row.text}", numbers=above.numbers + row.numbers)
        else:
            found.append(row)
    return found


def without_double_spacing(rows: list[CleanLine]) -> list[CleanLine]:
    """The rows without the blank line that stands above every one, where sentences run on across it.

    Paragraphs too have a blank line between them, but they do not break at the margin.
    """
    width = wall_of([row.width for row in rows])
    spaced = [(above, below) for above, below in pairwise(rows) if below.after_blank or below.after_break]
    small = [pair for pair in spaced if pair[1].text[0].islower() and not phrases.starts_item(pair[1].text)]
    running = sum(is_overlong(above, replace(below, after_blank=False), width) for above, below in small)
    if len(spaced) < DOUBLE * (len(rows) - 1) or running < MIN_RUNNING or running < MOST * len(small):
        return rows
    return [replace(row, after_blank=False) for row in rows]


def _without(rows: Iterable[CleanLine], furniture: list[CleanLine]) -> Iterator[CleanLine]:
    """The rows left, each knowing whether a blank line stood above it that no page's end explains."""
    dropped = {row.numbers for row in furniture}
    blank, broken = False, False
    for row in rows:
        if not row.text:
            blank = True
        elif row.numbers in dropped:
            broken = True
        else:
            yield replace(row, after_blank=blank and not broken, after_break=broken)
            blank, broken = False, False
