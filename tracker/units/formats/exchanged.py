"""What goes through every format: units, the links between their statements, and what was assumed or left behind."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.schema import is_text
from tracker.vocabulary import LinkKind
from tracker.web.formatting import counted

MAX_SIZE = 20 * 1024 * 1024
TOO_DEEP = "The file is nested too deeply. Nothing was read."
MAX_DEPTH = 8
MAX_STATEMENTS = 100_000
MAX_ROWS, MAX_COLUMNS = 100_000, 200
ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""How JSON may write what no text holds."""


@dataclass(frozen=True)
class ExchangedLink:
    """Two statements, each by its unit's slug and its position there; `replaced_by` names the older first."""

    kind: LinkKind
    slug: str
    position: int
    other_slug: str
    other_position: int


@dataclass(frozen=True)
class Read:
    """What a file holds, and what had to be assumed about it, a sentence each."""

    units: tuple[UnitDocument, ...]
    links: tuple[ExchangedLink, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """A file, and what its format has no place for, a sentence each."""

    body: bytes
    left_behind: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """One way in and out."""

    label: str
    suffix: str
    media_type: str
    read: Callable[[bytes], Read]
    write: Callable[[Sequence[UnitDocument], Sequence[ExchangedLink]], Written]
    silent: frozenset[str] = frozenset()
    """The fields of a unit that it has no place for."""
    optional: Mapping[str, Any] = field(default_factory=dict)
    """The fields that a file of it need not speak of, each with what they hold then."""


def left_links(links: Sequence[ExchangedLink]) -> tuple[str, ...]:
    """What a format leaves behind that has no place for links."""
    return (f"{counted(len(links), 'link')} between units.",) if links else ()


def decoded(body: bytes) -> str:
    """The text of a file. Raises `Invalid` for one that is too large or is no text."""
    if len(body) > MAX_SIZE:
        raise Invalid(f"The file is larger than {MAX_SIZE // 1024 // 1024} MB. Nothing was read. Split it.", "file")
    for encoding in ("utf-8-sig", "utf-16") if body[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig",):
        try:
            return _readable(body.decode(encoding))
        except UnicodeDecodeError:
            continue
    try:
        text = body.decode("cp1252")
    except UnicodeDecodeError as error:
        raise Invalid("The file is not text. Nothing was read. Save it as UTF-8.", "file") from error
    return _readable(text)


def _readable(text: str) -> str:
    if "\x00" in text:
        raise Invalid("The file is not text. Nothing was read. Choose another.", "file")
    return text


def json_of(body: bytes) -> Any:
    """What a JSON file holds. Raises `Invalid` with the line, or what cannot be read of it."""
    text = decoded(body)
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid(f"The file is not JSON: {error.msg}, {where}. Nothing was read.", "file") from error
    except ValueError as error:  # Python refuses to count beyond some thousand digits
        raise Invalid("The file holds a number of thousands of digits. Nothing was read.", "file") from error
    except RecursionError as error:
        raise Invalid(TOO_DEEP, "file") from error
    if ESCAPED.search(text) and not all(map(is_text, _texts(found))):
        raise Invalid("The file holds characters that are no text. Nothing was read. Write it anew.", "file")
    return found


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting.extend((*each, *each.values()))
        elif isinstance(each, list):
            waiting.extend(each)


def rows_of(text: str) -> list[list[str]]:
    """The rows of a CSV file, whichever of , ; and tab it is divided by. Raises `Invalid` beyond our bounds."""
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    if head.count(delimiter) >= MAX_COLUMNS:
        raise Invalid(f"The file has more than {MAX_COLUMNS} columns. Nothing was read. Choose another.", "file")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            rows.append(row[:MAX_COLUMNS])
            if len(rows) > MAX_ROWS:
                raise Invalid(f"The file holds more than {MAX_ROWS:,} rows. Nothing was read. Split it.", "file")
    except csv.Error as error:
        where = f"row {len(rows) + 1}"
        raise Invalid(
            f"The file is not CSV: {error}, {where}. Nothing was read. Save it as CSV again.", "file"
        ) from error
    return rows
