"""Checkpoints: signed statements of the ledger's length and last hash, kept outside the database.

The owner of the database could compute the whole chain of hashes again, but cannot change a checkpoint that is kept
outside it (docs/integrity.md, Checkpoints).
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.canonical_json import canonical_json

DOMAIN = b"tracker.checkpoint.v1\0"
EVENTS_PER_CHECKPOINT = 100
MAX_AGE = timedelta(minutes=5)
"""The age of the last checkpoint after which a single new event makes the next one due."""
MAX_LINE_LENGTH = 2_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A statement that the ledger of the installation at `origin` had `size` events and the last hash `head`."""

    origin: str
    size: int
    head: str
    at: datetime
    key: str
    signature: str = ""

    @property
    def body(self) -> bytes:
        """Return the bytes that are signed."""
        return DOMAIN + canonical_json(
            {
                "v": 1,
                "origin": self.origin,
                "size": self.size,
                "head": self.head,
                "at": self.at.isoformat(timespec="microseconds"),
                "key": self.key,
            }
        )

    @property
    def line(self) -> str:
        """Return the checkpoint as a line of the file."""
        return json.dumps({**json.loads(self.body.removeprefix(DOMAIN)), "signature": self.signature}, sort_keys=True)


def sign_checkpoint() -> Checkpoint | None:
    """Return a signed checkpoint of the ledger as it is now, or None while the installation has no key."""
    from tracker.ledger import keys

    key = keys.find_current_key()
    if key is None:
        return None
    size, head = events.get_head()
    unsigned = Checkpoint(current_app.config["SETTINGS"].base_url, size, head, now(), key.name)
    return Checkpoint(**{**vars(unsigned), "signature": keys.sign(key.name, unsigned.body)})


def write_due(*, at_once: bool = False) -> Checkpoint | None:
    """Write a checkpoint if one is due, and return it.

    One is due after `EVENTS_PER_CHECKPOINT` new events, or after any new event once the last checkpoint is `MAX_AGE`
    old. The worker calls this every minute, and `transactions` after each hundredth event. A failure is logged and
    tried again later; the request or job goes on.

    Args:
        at_once: write one even if none is due.
    """
    try:
        return _write_due(at_once)
    except (OSError, Refused, SQLAlchemyError):
        logger.exception("A checkpoint could not be written")
        return None
    finally:
        db.session.rollback()


def reaches_next_checkpoint(before: int, after: int) -> bool:
    """Return whether a commit made the ledger's length reach a multiple of `EVENTS_PER_CHECKPOINT`.

    Args:
        before: the number of events before the commit.
        after: the number of events after it.
    """
    return after // EVENTS_PER_CHECKPOINT > before // EVENTS_PER_CHECKPOINT


def read_checkpoints() -> Iterator[tuple[int, Checkpoint | None]]:
    """Yield each line's number and its checkpoint, or None for a line that is not one."""
    try:
        with get_path().open(encoding="utf-8", errors="replace") as lines:
            yield from ((number, parse_line(line)) for number, line in enumerate(lines, 1))
    except FileNotFoundError:
        return


def parse_line(line: str) -> Checkpoint | None:
    """Return the checkpoint on a line of the file, or None if the line is not one."""
    try:
        values = json.loads(line)
        return Checkpoint(
            str(values["origin"]), int(values["size"]), str(values["head"]), datetime.fromisoformat(values["at"]),
            str(values["key"]), str(values["signature"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def get_path() -> Path:
    """Return the path of the file of checkpoints."""
    folder: Path = current_app.config["CHECKPOINTS_PATH"]
    return folder / "checkpoints.jsonl"


def _write_due(at_once: bool) -> Checkpoint | None:
    from tracker.ledger import keys

    if keys.find_current_key() is None:
        return None
    get_path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(get_path(), os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other processes of the server write to it too
        last = _read_last_checkpoint(file)
        size, _ = events.get_head()
        checkpoint = sign_checkpoint() if at_once or _is_due(last, size) else None
        if checkpoint:
            file.seek(0, os.SEEK_END)
            file.write(f"{checkpoint.line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        return checkpoint


def _is_due(last: Checkpoint | None, size: int) -> bool:
    if last is None:
        return size > 0
    return size - last.size >= EVENTS_PER_CHECKPOINT or (size > last.size and now() - last.at >= MAX_AGE)


def _read_last_checkpoint(file: IO[bytes]) -> Checkpoint | None:
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - MAX_LINE_LENGTH))
    lines = file.read().decode("utf-8", "replace").splitlines()
    return parse_line(lines[-1]) if lines else None
