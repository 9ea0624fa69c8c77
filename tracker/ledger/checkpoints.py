"""Checkpoints: signed statements of the ledger's length and last hash, kept outside the database.

The owner of the database could compute the whole chain of hashes again, but cannot change a checkpoint that is kept
outside it. Checkpoints are numbered, and each holds the hash of the one before. The database has a copy of each, so
that neither the file nor the copies can lose one unnoticed (docs/integrity.md, Checkpoints).
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import events, read_only
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.models import CheckpointCopy, Event

FIRST_DOMAIN = b"tracker.checkpoint.v1\0"
"""The tag of checkpoints without a number, which earlier releases wrote."""
DOMAIN = b"tracker.checkpoint.v2\0"
HASH_DOMAIN = "tracker.checkpoint_hash.v1"
NO_PREVIOUS = "0" * 64
"""What the first checkpoint holds in place of the hash of the one before."""
EVENTS_PER_CHECKPOINT = 100
MAX_AGE = timedelta(minutes=5)
"""The age of the last checkpoint after which a single new event makes the next one due."""
MAX_LINE_LENGTH = 2_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A statement that the ledger of the installation at `origin` had `size` events and the last hash `head`.

    `number` and `previous`, the hash of the checkpoint before it, are None in those that earlier releases wrote.
    """

    origin: str
    size: int
    head: str
    at: datetime
    key: str
    signature: str = ""
    number: int | None = None
    previous: str | None = None

    @property
    def body(self) -> bytes:
        """Return the bytes that are signed."""
        return (FIRST_DOMAIN if self.number is None else DOMAIN) + canonical_json(self._values)

    @property
    def line(self) -> str:
        """Return the checkpoint as a line of the file."""
        return json.dumps({**self._values, "signature": self.signature}, sort_keys=True)

    @property
    def hash(self) -> str:
        """Return the hash that the next checkpoint holds, in hex: over all of the line, with its signature."""
        return sha256(HASH_DOMAIN, canonical_json({**self._values, "signature": self.signature}))

    def is_signed(self, public_keys: Mapping[str, str]) -> bool:
        """Return whether it is signed with the key that it names, which is one of these public keys by name."""
        from tracker.ledger import keys

        return keys.is_signed(public_keys.get(self.key, ""), self.signature, self.body)

    @property
    def _values(self) -> dict[str, Any]:
        values = {
            "v": 1,
            "origin": self.origin,
            "size": self.size,
            "head": self.head,
            "at": self.at.isoformat(timespec="microseconds"),
            "key": self.key,
        }
        numbered = {"v": 2, "number": self.number, "previous": self.previous}
        return values if self.number is None else {**values, **numbered}


def write_due(*, at_once: bool = False) -> Checkpoint | None:
    """Write a checkpoint to the file and to the database if one is due, and return it.

    One is due after `EVENTS_PER_CHECKPOINT` new events, or after any new event once the last checkpoint is `MAX_AGE`
    old. The worker calls this every minute, and `transactions` after each hundredth event. A failure is logged and
    tried again later; the request or job goes on. None is written while a restore is waiting to be accepted.

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


@contextmanager
def locked_for_reading() -> Iterator[None]:
    """Let no process write a checkpoint during the block, so that the file and the database are of one moment."""
    try:
        file = get_path().open("rb")
    except FileNotFoundError:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def find_newest_number() -> int | None:
    """Return the number of the newest checkpoint in the database, or None before the first."""
    return db.session.scalar(select(func.max(CheckpointCopy.number)))


def find_newest_copy() -> Checkpoint | None:
    """Return the newest checkpoint in the database, or None before the first."""
    newest = select(func.max(CheckpointCopy.number)).scalar_subquery()
    line = db.session.scalars(select(CheckpointCopy.line).where(CheckpointCopy.number == newest)).one_or_none()
    return parse_line(line) if line else None


def copy_to_database() -> None:
    """Copy the checkpoints to the database that the file has after the newest copy.

    They are missing there if the server was ended just then, or in a database that was restored. Checkpoints that the
    ledger contradicts are left out. The caller commits.
    """
    from tracker.ledger import keys

    newest = find_newest_number() or 0
    public_keys = {key.name: key.public_key for key in keys.list_keys()}
    found: dict[int, Checkpoint] = {}
    for _, checkpoint in read_checkpoints():
        if checkpoint and checkpoint.number and checkpoint.number > newest:
            found.setdefault(checkpoint.number, checkpoint)
    for number, checkpoint in found.items():
        head = db.session.scalar(select(Event.hash).where(Event.seq == checkpoint.size))
        if head == checkpoint.head and checkpoint.is_signed(public_keys):
            db.session.add(CheckpointCopy(number=number, line=checkpoint.line))


def parse_line(line: str) -> Checkpoint | None:
    """Return the checkpoint on a line of the file, or None if the line is not one."""
    try:
        values = json.loads(line)
        is_numbered = {1: False, 2: True}[values["v"]]
        checkpoint = Checkpoint(
            str(values["origin"]), int(values["size"]), str(values["head"]), datetime.fromisoformat(values["at"]),
            str(values["key"]), str(values["signature"]), int(values["number"]) if is_numbered else None,
            str(values["previous"]) if is_numbered else None,
        )  # fmt: skip
        has_number = checkpoint.number is None or checkpoint.number > 0
        is_readable = checkpoint.at.tzinfo is not None and checkpoint.body and has_number
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    return checkpoint if is_readable else None


def get_path() -> Path:
    """Return the path of the file of checkpoints."""
    folder: Path = current_app.config["CHECKPOINTS_PATH"]
    return folder / "checkpoints.jsonl"


def _write_due(at_once: bool) -> Checkpoint | None:
    from tracker.ledger import checkpoint_following, keys, transactions

    key = keys.find_current_key()
    if read_only.is_read_only() or key is None:
        return None
    with locked_for_writing() as file:
        if checkpoint_following.are_shared():
            return checkpoint_following.write_shared(file, key.name, at_once=at_once)
        last = read_last_checkpoint(file)
        due = at_once or is_due(last, events.get_head()[0])
        is_copied = last is None or last.number is None or last.number <= (find_newest_number() or 0)
        db.session.rollback()
        if is_copied and not due:
            return None
        with transactions.writing():
            if not is_copied:
                copy_to_database()
            checkpoint = sign_next(last) if due else None
            if checkpoint:
                db.session.add(CheckpointCopy(number=checkpoint.number, line=checkpoint.line))
                db.session.flush()
                append_lines(file, [checkpoint.line])
            db.session.commit()
        return checkpoint


@contextmanager
def locked_for_writing() -> Iterator[IO[bytes]]:
    """Open the file for this process only; its last line is complete."""
    db.session.rollback()  # so that nobody waits for this transaction while it waits for the file
    get_path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(get_path(), os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other processes of the server write to it too
        _end_last_line(file)
        yield file


def append_lines(file: IO[bytes], lines: Iterable[str]) -> None:
    """Append checkpoints to the file, synced."""
    file.seek(0, os.SEEK_END)
    file.write("".join(f"{line}\n" for line in lines).encode())
    file.flush()
    os.fsync(file.fileno())


def sign_next(last: Checkpoint | None) -> Checkpoint:
    """Return the signed checkpoint of the ledger as it is now, after the newest in the file or the database.

    Args:
        last: the checkpoint on the last line of the file, if there is one.
    """
    from tracker.ledger import keys

    key = keys.find_current_key()
    assert key is not None  # noqa: S101 - the caller has looked
    known = [each for each in (last, find_newest_copy()) if each]
    last = max(known, key=lambda each: each.number or 0, default=None)  # the file may have been emptied or cut
    number = last.number + 1 if last and last.number else sum(1 for _ in read_checkpoints()) + 1
    size, head = events.get_head()
    unsigned = Checkpoint(
        current_app.config["SETTINGS"].base_url, size, head, now(), key.name,
        number=number, previous=last.hash if last else NO_PREVIOUS,
    )  # fmt: skip
    return replace(unsigned, signature=keys.sign(key.name, unsigned.body))


def is_due(last: Checkpoint | None, size: int) -> bool:
    """Return whether a checkpoint is due after the last one, for a ledger of this length."""
    if last is None:
        return size > 0
    return size - last.size >= EVENTS_PER_CHECKPOINT or (size > last.size and now() - last.at >= MAX_AGE)


def _end_last_line(file: IO[bytes]) -> None:
    """Take out a last line that was not written completely, because the disk was full or the power failed.

    Its checkpoint is not in the database then. A complete line that lacks its end is ended.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - MAX_LINE_LENGTH))
    rest = file.read().rpartition(b"\n")[2]
    if len(rest) == MAX_LINE_LENGTH:
        return
    if parse_line(rest.decode("utf-8", "replace")):
        file.write(b"\n")
    else:
        file.truncate(length - len(rest))


def read_last_checkpoint(file: IO[bytes]) -> Checkpoint | None:
    """Return the checkpoint on the last line of the file, or None if there is none."""
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - MAX_LINE_LENGTH))
    lines = file.read().decode("utf-8", "replace").splitlines()
    return parse_line(lines[-1]) if lines else None
