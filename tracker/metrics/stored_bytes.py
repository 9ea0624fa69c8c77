"""The bytes of all stored files, measured once an hour by the worker, since the sum reads a table that grows."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from tracker.background import jobs
from tracker.extensions import db
from tracker.models import Attachment

KEY = "stored_bytes"
INTERVAL_SECONDS = 3600


@dataclass(frozen=True)
class StoredBytes:
    """The sum of the sizes of all attachments at a time; removed and erased ones, and each copy of a file, count."""

    at: float
    size: int


def measure_stored_bytes() -> None:
    """Measure once an hour, and keep the result in the store of the job queue. A job of every minute."""
    last = find_stored_bytes()
    if last and time.time() - last.at < INTERVAL_SECONDS:
        return
    size = db.session.scalar(select(func.coalesce(func.sum(Attachment.size), 0)))
    db.session.rollback()
    jobs.get_jobs().queue.put(KEY, {"at": time.time(), "size": int(size or 0)})


def find_stored_bytes() -> StoredBytes | None:
    """Return what was measured last, or None before the first time."""
    kept: Any = jobs.get_jobs().queue.get(KEY, peek=True)
    return StoredBytes(**kept) if kept else None
