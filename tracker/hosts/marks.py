"""The mark in Redis that a restore waits to be accepted: every host is read-only until then."""

import time
from logging import getLogger

from flask import current_app

from tracker.hosts.redis_connection import find_redis, naming_faults

KEY = "tracker:restored"
LAST_ANSWER, FAILED_AT = "restore_mark", "restore_mark_failed_at"
RETRY_SECONDS = 5.0
"""How long Redis is not asked after it could not be reached: an attempt can take two seconds."""

logger = getLogger(__name__)


def set_restoring() -> None:
    """Make every host read-only.

    Raises:
        ConnectionError: Redis cannot be reached.
    """
    if (redis := find_redis()) is not None:
        with naming_faults():
            redis.set(KEY, "1")


def end_restoring() -> None:
    """Let every host write again. Raises `ConnectionError`."""
    if (redis := find_redis()) is not None:
        with naming_faults():
            redis.delete(KEY)


def is_restoring() -> bool:
    """Return whether the mark is set: as Redis last said, while it cannot be reached."""
    redis, known = find_redis(), current_app.extensions
    if redis is not None and time.monotonic() - known.get(FAILED_AT, -RETRY_SECONDS) >= RETRY_SECONDS:
        try:
            with naming_faults():
                known[LAST_ANSWER] = bool(redis.exists(KEY))
        except ConnectionError as error:
            logger.warning("Whether a restore waits to be accepted is not known: %s", error)
            known[FAILED_AT] = time.monotonic()
    return bool(known.get(LAST_ANSWER, False))
