"""The job that has the newest checkpoint timestamped, and the check of the timestamps received."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from flask import current_app

from tracker.clock import now
from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.timestamps import (
    MAX_LATENESS,
    TimestampError,
    get_folder,
    get_token_path,
    load_certificates,
    request_token,
    validate_token,
)
from tracker.ledger import checkpoints, read_only

INTERVAL = timedelta(hours=1)
"""The least time between two timestamps."""
MAX_WAIT = timedelta(hours=1)
"""The most time between two attempts; they begin with two minutes, and each waits twice as long."""
MAX_AGE = timedelta(hours=12)
"""The age of the newest checkpoint from which another one is written, so that its timestamp is not late."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """What was last timestamped, and when to ask again."""

    number: int = 0
    next_at: str = datetime.min.replace(tzinfo=UTC).isoformat()
    failures: int = 0


def timestamp_newest_checkpoint() -> int | None:
    """Have the newest checkpoint timestamped by the authority at `TIMESTAMP_URL`, and return its number.

    At most once an hour, and only if there is a new one; after a failure again later. The worker calls it every
    minute.
    """
    url = current_app.config["SETTINGS"].timestamp_url
    newest = checkpoints.find_newest_copy() if url and not read_only.is_read_only() else None
    db.session.rollback()
    if newest is None or newest.number is None:
        return None
    get_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(get_folder() / "progress.json", os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None  # another worker is at it
        progress = _read_progress(file)
        if progress.number == newest.number or now() < datetime.fromisoformat(progress.next_at):
            return None
        progress = _timestamp(url, newest, progress)
        file.seek(0)
        file.truncate()
        json.dump(asdict(progress), file)
    return progress.number if progress.failures == 0 else None


@invariant(2, "timestamps of checkpoints are genuine, and recent where an authority is configured", once=True)
def find_timestamp_faults(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each timestamp that is not of its checkpoint and time. docs/integrity.md, invariant 2 and Timestamps."""
    in_file = {each.number: each for _, each in ledger.checkpoints if each and each.number}
    newest = 0
    try:
        certificates = load_certificates()
    except (OSError, ValueError):
        yield "the file of TIMESTAMP_CERTIFICATES cannot be read"
        return
    for path in sorted(get_folder().glob("*.tst")):
        checkpoint = in_file.get(int(path.stem)) if path.stem.isdecimal() else None
        if checkpoint is None or checkpoint.number is None:
            yield f"the timestamp {path.name} is of a checkpoint that the file does not have"
            continue
        newest = checkpoint.number
        try:
            validate_token(path.read_bytes(), checkpoint, certificates)
        except TimestampError as error:
            yield f"the timestamp of checkpoint {checkpoint.number} {error}"
    if current_app.config["SETTINGS"].timestamp_url:
        late = [each for number, each in in_file.items() if number > newest and now() - each.at > MAX_LATENESS]
        if late:
            yield f"no timestamp was received for checkpoint {late[-1].number} or a later one within a day"


def _timestamp(url: str, newest: checkpoints.Checkpoint, progress: Progress) -> Progress:
    try:
        if now() - newest.at > MAX_AGE:
            newest = checkpoints.write_due(at_once=True) or newest
        assert newest.number is not None  # noqa: S101 - the newest copy has one
        token = request_token(url, newest)
        validate_token(token, newest, load_certificates())
        _write(get_token_path(newest.number), token)
    except (TimestampError, OSError, ValueError) as error:
        failures = progress.failures + 1
        wait = min(timedelta(minutes=2 ** min(failures, 10)), MAX_WAIT)
        logger.warning("The timestamp of checkpoint %s %s; asking again in %s", newest.number, error, wait)
        return Progress(progress.number, (now() + wait).isoformat(), failures)
    return Progress(newest.number, (now() + INTERVAL).isoformat())


def _read_progress(file: IO[str]) -> Progress:
    try:
        progress = Progress(**json.loads(file.read()))
        datetime.fromisoformat(progress.next_at)
    except (ValueError, TypeError):
        return Progress()
    return progress


def _write(path: Path, content: bytes) -> None:
    """Write a file that is complete or not there, and sync it to disk."""
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())
    partial.rename(path)
