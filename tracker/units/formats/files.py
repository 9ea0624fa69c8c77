"""What all formats share: links, file contents, and decoding of text, JSON and CSV within limits."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.plurals import format_count
from tracker.units.schema_fields import is_text
from tracker.vocabulary import LinkKind

MAX_SIZE = 20 * 1024 * 1024
TOO_DEEP = "The file is nested too deeply. Nothing was read."
MAX_DEPTH = 8
MAX_STATEMENTS = 100_000
MAX_ROWS, MAX_COLUMNS = 100_000, 200
ESCAPED_UNSTORABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""Escapes by which JSON may hold characters that cannot be stored."""


@dataclass(frozen=True)
class ExchangedLink:
    """A link between two criteria, each named by its unit's slug and its position.

    A link `replaced_by` names the older criterion first.
    """

    kind: LinkKind
    slug: str
    position: int
    other_slug: str
    other_position: int


@dataclass(frozen=True)
class FileContents:
    """The units and links of a file, with a sentence for everything that was assumed or ignored."""

    units: tuple[UnitDocument, ...]
    links: tuple[ExchangedLink, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrittenFile:
    """The bytes of a file, with a sentence for everything that its format cannot hold."""

    body: bytes
    omissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A file format with its functions for reading and writing."""

    label: str
    suffix: str
    media_type: str
    read: Callable[[bytes], FileContents]
    write: Callable[[Sequence[UnitDocument], Sequence[ExchangedLink]], WrittenFile]
    unsupported_fields: frozenset[str] = frozenset()
    """Fields of a unit that the format cannot hold."""
    optional_fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields that a file may leave out, each with the value that then stands for it."""


def describe_omitted_links(links: Sequence[ExchangedLink]) -> tuple[str, ...]:
    """Return the sentence about links for a format that cannot hold them."""
    return (f"{format_count(len(links), 'link')} between units.",) if links else ()


def decode_text(body: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 with a byte order mark, or Windows-1252.

    Raises:
        Invalid: The file is too large or not text.
    """
    if len(body) > MAX_SIZE:
        raise Invalid(f"The file is larger than {MAX_SIZE // 1024 // 1024} MB. Nothing was read. Split it.", "file")
    for encoding in ("utf-8-sig", "utf-16") if body[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig",):
        try:
            return _check_readable(body.decode(encoding))
        except UnicodeDecodeError:
            continue
    try:
        text = body.decode("cp1252")
    except UnicodeDecodeError as error:
        raise Invalid("The file is not text. Nothing was read. Save it as UTF-8.", "file") from error
    return _check_readable(text)


def _check_readable(text: str) -> str:
    if "\x00" in text:
        raise Invalid("The file is not text. Nothing was read. Choose another.", "file")
    return text


def parse_json(body: bytes) -> Any:
    """Return the content of a JSON file.

    Raises:
        Invalid: The file is not JSON, is nested too deeply or holds characters that cannot be stored.
    """
    text = decode_text(body)
    try:
        result = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid(f"The file is not JSON: {error.msg}, {where}. Nothing was read.", "file") from error
    except ValueError as error:  # Python limits the length of numbers
        raise Invalid("The file contains a number with thousands of digits. Nothing was read.", "file") from error
    except RecursionError as error:
        raise Invalid(TOO_DEEP, "file") from error
    if ESCAPED_UNSTORABLE.search(text) and not all(map(is_text, _list_texts(result))):
        raise Invalid(
            "The file contains characters that cannot be stored. Nothing was read. Save it again as UTF-8.", "file"
        )
    return result


def _list_texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            pending.extend((*each, *each.values()))
        elif isinstance(each, list):
            pending.extend(each)


def parse_csv(text: str) -> list[list[str]]:
    """Return the rows of a CSV file with commas, semicolons or tabs.

    Raises:
        Invalid: The file is not CSV, or has too many rows or columns.
    """
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    if head.count(delimiter) >= MAX_COLUMNS:
        raise Invalid(f"The file has more than {MAX_COLUMNS} columns. Nothing was read. Choose another.", "file")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            rows.append(row[:MAX_COLUMNS])
            if len(rows) > MAX_ROWS:
                raise Invalid(f"The file has more than {MAX_ROWS:,} rows. Nothing was read. Split it.", "file")
    except csv.Error as error:
        where = f"row {len(rows) + 1}"
        raise Invalid(
            f"The file is not CSV: {error}, {where}. Nothing was read. Save it as CSV again.", "file"
        ) from error
    return rows
