"""Checkpoints: how long the ledger was and how it ended at a moment, signed, and kept outside the database.

A chain alone proves nothing against whoever owns the database: they can write all of it anew. They cannot do so for
what a checkpoint holds that lies elsewhere (docs/integrity.md, Checkpoints).
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
EVERY = 100
"""Events."""
AT_LEAST_EVERY = timedelta(minutes=5)
"""While there is anything new."""
MAX_LINE_LENGTH = 2_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """Of the installation at `origin`: so many events, the hash of the last, when; by which key."""

    origin: str
    size: int
    head: str
    at: datetime
    key: str
    signature: str = ""

    @property
    def body(self) -> bytes:
        """What is signed."""
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
        """As it stands in the file."""
        return json.dumps({**json.loads(self.body.removeprefix(DOMAIN)), "signature": self.signature}, sort_keys=True)


def sign_now() -> Checkpoint | None:
    """The ledger as it stands, signed; None while the installation has no key."""
    from tracker.ledger import keys

    key = keys.find_current()
    if key is None:
        return None
    size, head = events.head()
    bare = Checkpoint(current_app.config["SETTINGS"].base_url, size, head, now(), key.name)
    return Checkpoint(**{**vars(bare), "signature": keys.sign(key.name, bare.body)})


def write_due(*, at_once: bool = False) -> Checkpoint | None:
    """Write one if there are `EVERY` new events, or any while the last is `AT_LEAST_EVERY` old, or when asked for.

    Looked for every minute, and after a commit that fills a hundred. What fails is logged, and tried again: nobody's
    work waits for it.
    """
    try:
        return _write_due(at_once)
    except (OSError, Refused, SQLAlchemyError):
        logger.exception("no checkpoint could be written")
        return None
    finally:
        db.session.rollback()


def is_full(before: int, after: int) -> bool:
    """Whether a commit that took the ledger from one length to another filled a hundred."""
    return after // EVERY > before // EVERY


def read_lines() -> Iterator[tuple[int, Checkpoint | None]]:
    """Every line of the file by its number; None where it is no checkpoint."""
    try:
        with path().open(encoding="utf-8", errors="replace") as lines:
            yield from ((number, parse(line)) for number, line in enumerate(lines, 1))
    except FileNotFoundError:
        return


def parse(line: str) -> Checkpoint | None:
    try:
        said = json.loads(line)
        return Checkpoint(
            str(said["origin"]), int(said["size"]), str(said["head"]), datetime.fromisoformat(said["at"]),
            str(said["key"]), str(said["signature"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def path() -> Path:
    folder: Path = current_app.config["CHECKPOINTS_PATH"]
    return folder / "checkpoints.jsonl"


def _write_due(at_once: bool) -> Checkpoint | None:
    from tracker.ledger import keys

    if keys.find_current() is None:
        return None
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path(), os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other processes of the server write it too
        last = _last(file)
        size, _ = events.head()
        made = sign_now() if at_once or _is_due(last, size) else None
        if made:
            file.seek(0, os.SEEK_END)
            file.write(f"{made.line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        return made


def _is_due(last: Checkpoint | None, size: int) -> bool:
    if last is None:
        return size > 0
    return size - last.size >= EVERY or (size > last.size and now() - last.at >= AT_LEAST_EVERY)


def _last(file: IO[bytes]) -> Checkpoint | None:
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - MAX_LINE_LENGTH))
    lines = file.read().decode("utf-8", "replace").splitlines()
    return parse(lines[-1]) if lines else None
