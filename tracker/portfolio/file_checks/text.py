"""Checks of plain text, and of the kinds of file that are text: email messages and comma-separated values."""

import codecs
import re
from collections.abc import Iterator
from typing import IO

MEBIBYTE = 1024 * 1024
CONTROLS = re.compile("[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")
"""Control characters that plain text does not have; bell, backspace and escape are accepted."""
MARKUP = re.compile(r"\s*(<!doctype|<\?xml|<html|<head|<body|<svg|<script|<iframe)", re.IGNORECASE)
TAG = re.compile(r"<[a-z!?/][^<>]*>", re.IGNORECASE)
PROGRAM = re.compile(r"\s*(#!|%!PS)")
HEADER_LINE = re.compile(r"[!-9;-~]+:[ \t]?.*")
MESSAGE_HEADERS = {"from", "to", "date", "subject", "received", "message-id", "mime-version", "return-path"}


def is_plain_text(stream: IO[bytes]) -> bool:
    """Return whether the whole file is UTF-8, UTF-16 or Windows-1252 without control characters or markup."""
    stream.seek(0)
    encodings = ("utf-16",) if stream.read(2) in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8", "cp1252")
    for encoding in encodings:
        try:
            return all(
                not CONTROLS.search(text) and not (is_first and (_is_markup(text) or PROGRAM.match(text)))
                for text, is_first in _decode_chunks(stream, encoding)
            )
        except UnicodeDecodeError:
            continue
    return False


def is_web_page(stream: IO[bytes]) -> bool:
    """Return whether the file begins as HTML, XML or SVG does, and does not only mention a tag."""
    stream.seek(0)
    start = stream.read(64 * 1024)
    encoding = "utf-16" if start[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    return _is_markup(start.decode(encoding, errors="replace").lstrip("\ufeff"))


def _is_markup(text: str) -> bool:
    if not MARKUP.match(text):
        return False
    tags = TAG.findall(text[: 64 * 1024])
    return len(tags) > 1 or any("=" in tag or tag.startswith("<!") for tag in tags)


def is_message(stream: IO[bytes]) -> bool:
    """Return whether the file begins with two or more lines of an email's header, among them two usual ones."""
    stream.seek(0)
    start = stream.read(64 * 1024).decode("utf-8", errors="replace").lstrip("\ufeff")
    names = set()
    for line in start.splitlines():
        if not line:
            break
        if line[0] in " \t" or line.startswith("From "):
            continue
        if not HEADER_LINE.fullmatch(line):
            return False
        names.add(line.partition(":")[0].lower())
    return len(names & MESSAGE_HEADERS) >= 2


def decode_start(content: bytes) -> str:
    """Return the text at the beginning of a file of plain text, whose last character may be cut."""
    for encoding in ("utf-16",) if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8", "cp1252"):
        try:
            return codecs.getincrementaldecoder(encoding)().decode(content).lstrip("\ufeff")
        except UnicodeDecodeError:
            continue
    return ""


def _decode_chunks(stream: IO[bytes], encoding: str) -> Iterator[tuple[str, bool]]:
    """Yield the text a megabyte at a time, and whether it is the beginning."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    is_first = True
    while chunk := stream.read(MEBIBYTE):
        yield decoder.decode(chunk).lstrip("\ufeff"), is_first
        is_first = False
    decoder.decode(b"", final=True)
