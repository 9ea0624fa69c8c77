"""Reading of checkpoints that were kept outside the installation: copies of the file, or saved emails."""

import email
import re
from collections.abc import Iterable
from email import policy
from email.message import EmailMessage
from pathlib import Path

from tracker.errors import Refused
from tracker.integrity.ledger_snapshot import OutsideCheckpoint
from tracker.ledger.checkpoints import parse_line

MAX_SIZE = 50_000_000
"""Bytes of a file; a checkpoint has some 600."""
OBJECT = re.compile(r"\{[^{}]*(?:\}|\Z|(?=\{))")
"""A checkpoint in a text, also where an email program broke its line, or one that ends too early."""
QUOTATION_MARKS = re.compile(r"^[> \t]+", re.MULTILINE)


def read_outside_checkpoints(paths: Iterable[Path]) -> list[OutsideCheckpoint]:
    """Return the checkpoints in files, each with its name: `kept.jsonl: checkpoint 1`.

    Raises:
        Refused: a file has no checkpoint, is larger than 50 MB or cannot be read.
    """
    found: list[OutsideCheckpoint] = []
    for path in paths:
        texts = OBJECT.findall(QUOTATION_MARKS.sub("", _read_text(path)))
        if not texts:
            raise Refused(f"{path} contains no checkpoint. Nothing was checked.")
        found += [
            (f"{path.name}: checkpoint {number}", parse_line(text.replace("\n", " ")))
            for number, text in enumerate(texts, 1)
        ]
    return found


def _read_text(path: Path) -> str:
    """Return the text of a file, or of the email in it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}. Nothing was checked.") from error
    if len(content) > MAX_SIZE:
        raise Refused(f"{path} is larger than 50 MB. Nothing was checked.")
    message = email.message_from_bytes(content, policy=policy.default)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) and message["Subject"] else None
    if body is None:
        return content.decode("utf-8", "replace").replace("\r\n", "\n")
    return str(body.get_content()).replace("\r\n", "\n")
