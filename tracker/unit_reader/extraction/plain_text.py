"""Plain text: decoding, and splitting into the lines that a text editor would number."""

import codecs
import re
from collections.abc import Iterator

from tracker.unit_reader.document_model import Doubt, Line, SourceText, Unreadable

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LINE_BREAK = re.compile("\r\n|[\n\r\u2028\u2029]")
BREAK_WITHIN_LINE = re.compile("([\f\v])")
"""A page's end or Word's line break, inside what a text editor numbers as one line."""
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
MAX_SCORED_LENGTH = 4096


def extract_plain_text(name: str, body: bytes) -> SourceText:
    """Return every line, blank ones included; a form feed starts a page.

    Raises:
        Unreadable: The content is not text.
    """
    text, encoding = decode(body)
    if "\0" in text or len(CONTROL_CHARACTER.findall(text)) > len(text) / 100 + 3:
        raise Unreadable(f"{name} is not text but a program’s data. Save the document as text, DOCX or PDF.")
    lines = tuple(_split_lines(text))
    return SourceText(name, "text", lines, tuple(_find_doubts(lines, encoding)))


def decode(body: bytes) -> tuple[str, str]:
    """Return the text and its encoding: by the byte order mark, else UTF-16 by its zeros, UTF-8 or Windows-1252."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace"), encoding
    if encoding := _detect_utf16(body[:MAX_SCORED_LENGTH]):
        return body.decode(encoding, "replace"), encoding
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace"), "cp1252"


def _detect_utf16(start: bytes) -> str:
    """Return the encoding of UTF-16 without a mark, in which every second byte of western text is zero."""
    even, odd = start[::2], start[1::2]
    if odd.count(0) > len(odd) * 0.7 and not even.count(0):
        return "utf-16-le"
    if even.count(0) > len(even) * 0.7 and not odd.count(0):
        return "utf-16-be"
    return ""


def _split_lines(text: str) -> Iterator[Line]:
    page = 1 if "\f" in text else None
    number = 0
    for row in LINE_BREAK.split(text.removesuffix("\n").removesuffix("\r")):
        rest = row.lstrip("\f") if page else row
        page = page + len(row) - len(rest) if page else None
        for part in BREAK_WITHIN_LINE.split(rest):
            if part == "\f":
                page = page + 1 if page else None
            elif part != "\v":
                number += 1
                yield Line(number, part.rstrip(), page)


def _find_doubts(lines: tuple[Line, ...], encoding: str) -> Iterator[Doubt]:
    not_ascii = tuple(line.number for line in lines if not line.text.isascii())[:20]
    if encoding == "cp1252" and not_ascii:
        yield Doubt(not_ascii, "the text is not UTF-8, and states no other encoding", "it was read as Windows-1252")
    if unreadable := tuple(line.number for line in lines if "\ufffd" in line.text)[:20]:
        yield Doubt(unreadable, "a character could not be read", "it is shown as �")
