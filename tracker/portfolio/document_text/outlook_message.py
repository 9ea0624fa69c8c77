"""Text of an Outlook message (MSG): its header, its body, and the names of its attachments.

The format is Microsoft's [MS-OXMSG]: a compound file with a stream for each property that has a variable length, a
stream `__properties_version1.0` with the fixed ones, and a storage for each recipient and attachment. The numbers of
the properties are those of [MS-OXPROPS].
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import olefile  # type: ignore[import-untyped]  # it carries no types

from tracker.portfolio.document_text.code_pages import decode_code_page
from tracker.portfolio.document_text.email_message import format_message, read_html

SUBJECT, BODY, HTML_BODY, RTF_BODY = 0x0037, 0x1000, 0x1013, 0x1009
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP_ADDRESS = 0x0C1A, 0x0C1F, 0x5D01
SUBMIT_TIME, DELIVERY_TIME = 0x0039, 0x0E06
DISPLAYED = {"To": 0x0E04, "Cc": 0x0E03, "Bcc": 0x0E02}
"""The names of the recipients as one text, for a message without a storage for each."""
NAME, RECIPIENT_TYPE, RECIPIENT_ADDRESS, RECIPIENT_SMTP_ADDRESS = 0x3001, 0x0C15, 0x3003, 0x39FE
FILE_NAME, SHORT_FILE_NAME = 0x3707, 0x3704
CODE_PAGE, HTML_CODE_PAGE = 0x3FFD, 0x3FDE
UTF_8 = 65001
RECIPIENT_TYPES = {1: "To", 2: "Cc", 3: "Bcc"}
UNICODE, CODED, BINARY = 0x001F, 0x001E, 0x0102
"""Types of properties: text in UTF-16, text in a code page, and bytes."""
INTEGER = 0x0003
"""The type of a property of 32 bits; the others that are read have 64."""
FIXED_PROPERTY = struct.Struct("<HHIQ")
"""The type, number, flags and value of a property of fixed length."""
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
NO_TEXT = "The text of this message is in a form that cannot be shown here. Download the email to read it."


@dataclass(frozen=True)
class _Storage:
    """The properties of a message, a recipient or an attachment."""

    file: Any
    path: tuple[str, ...]
    header_size: int
    """Bytes before the fixed properties in their stream."""
    code_page: int = 1252

    def read(self, number: int, kind: int) -> bytes:
        """Return the bytes of a property of variable length; empty where it is not there."""
        name = [*self.path, f"__substg1.0_{number:04X}{kind:04X}"]
        return self.file.openstream(name).read() if self.file.exists(name) else b""

    def read_text(self, *numbers: int) -> str:
        """Return the first of these properties that has a text."""
        for number in numbers:
            text = self.read(number, UNICODE).decode("utf-16-le", "replace") or decode_code_page(
                self.read(number, CODED), self.code_page
            )
            if text := text.strip("\0 "):
                return text
        return ""

    def read_number(self, *numbers: int) -> int:
        """Return the first of these properties of fixed length that is there and not 0; else 0."""
        name = [*self.path, "__properties_version1.0"]
        content = self.file.openstream(name).read()[self.header_size :] if self.file.exists(name) else b""
        values = {}
        for start in range(0, len(content) - 15, 16):
            kind, number, _, value = FIXED_PROPERTY.unpack_from(content, start)
            values[number] = value & 0xFFFFFFFF if kind == INTEGER else value
        return next((values[number] for number in numbers if values.get(number)), 0)

    def list_parts(self, prefix: str, code_page: int) -> Iterator["_Storage"]:
        """Yield the storages in this one whose names begin so."""
        for path in self.file.listdir(streams=False, storages=True):
            if tuple(path[:-1]) == self.path and path[-1].startswith(prefix):
                yield _Storage(self.file, tuple(path), 8, code_page)


def read_msg(source: Path) -> str:
    """Return the text of the message. Raises `OSError` where the file is damaged."""
    with olefile.OleFileIO(source) as file:
        code_page = _Storage(file, (), 32).read_number(CODE_PAGE) or 1252
        message = _Storage(file, (), 32, code_page)
        html_body = decode_code_page(message.read(HTML_BODY, BINARY), message.read_number(HTML_CODE_PAGE) or UTF_8)
        html_body = html_body or message.read_text(HTML_BODY)
        is_formatted = bool(html_body or message.read(RTF_BODY, BINARY))
        body = message.read_text(BODY) or read_html(html_body)
        if not body.strip():
            body = NO_TEXT
        attachments = [
            each.read_text(FILE_NAME, SHORT_FILE_NAME, NAME) or "without a name"
            for each in message.list_parts("__attach_version1.0_#", code_page)
        ]
        return format_message(_list_headers(message), body, attachments, is_formatted=is_formatted)


def _list_headers(message: _Storage) -> list[tuple[str, str]]:
    sender = _format_person(message, SENDER_SMTP_ADDRESS, SENDER_ADDRESS, SENDER_NAME)
    recipients: dict[str, list[str]] = {kind: [] for kind in RECIPIENT_TYPES.values()}
    for each in message.list_parts("__recip_version1.0_#", message.code_page):
        kind = RECIPIENT_TYPES.get(each.read_number(RECIPIENT_TYPE), "To")
        recipients[kind].append(_format_person(each, RECIPIENT_SMTP_ADDRESS, RECIPIENT_ADDRESS, NAME))
    headers = [("From", sender)]
    headers += [
        (kind, ", ".join(people) or message.read_text(DISPLAYED[kind])) for kind, people in recipients.items()
    ]
    headers += [("Date", _format_time(message.read_number(SUBMIT_TIME, DELIVERY_TIME)))]
    headers += [("Subject", message.read_text(SUBJECT))]
    return [(name, value) for name, value in headers if value]


def _format_person(storage: _Storage, smtp_address: int, address: int, name: int) -> str:
    """Return a name with its email address; an address of another kind, such as a directory's, is left out."""
    text = storage.read_text(name)
    found = next((each for each in (storage.read_text(smtp_address), storage.read_text(address)) if "@" in each), "")
    return f"{text} <{found}>" if text and found and text != found else text or found


def _format_time(filetime: int) -> str:
    """Return a time that is given in units of 100 nanoseconds since 1601; empty for 0 and for one out of range."""
    try:
        return f"{EPOCH + timedelta(microseconds=filetime // 10):%d %B %Y, %H:%M} UTC" if filetime else ""
    except OverflowError:
        return ""
