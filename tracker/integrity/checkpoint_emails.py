"""Emails of the newest checkpoint to people outside the installation, such as the external verifier."""

import fcntl
import os
from typing import Any

from flask import current_app

from tracker import clock
from tracker.background import emails, outbox
from tracker.extensions import db
from tracker.hosts.redis_connection import find_redis, naming_faults
from tracker.ledger import checkpoints
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.transactions import transaction

EMAILED = "tracker:checkpoint-emailed"
"""In Redis: the day of the last email and the length of the ledger then."""
BODY = """\
Hello,

This is checkpoint {number} of the ledger of {origin} on {day}, signed with its key {key}:

{line}

Keep this email where the centre cannot reach it. It proves what the ledger held at that time. To use it,
save this email, or the line above, as a file. The centre's system operator compares it with the ledger:
flask verify --checkpoints FILE. With the line, the script in an exported ledger does the same:
python3 verify.py --checkpoints FILE.
You do not need to do anything else.
"""


def email_checkpoint() -> Checkpoint | None:
    """Email the newest checkpoint to `CHECKPOINTS_MAIL`, once a day at most and only if it is a new one.

    The worker calls it every minute. Return the checkpoint that was emailed, if any.
    """
    addresses = outbox.get_settings().checkpoints_mail
    if not addresses or not emails.can_deliver():
        return None
    newest = next((each for _, each in reversed(list(checkpoints.read_checkpoints())) if each and each.number), None)
    if newest is None:
        return None
    if (redis := find_redis()) is not None:
        return _email_for_all_hosts(redis, newest, addresses)
    with os.fdopen(os.open(_get_marker_path(), os.O_RDWR | os.O_CREAT, 0o600), "r+") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)  # several workers may look at once
        day, _, size = marker.read().partition(" ")
        if day == clock.today().isoformat() or size == str(newest.size):
            return None
        _send(newest, addresses)
        marker.seek(0)
        marker.truncate()
        marker.write(f"{clock.today().isoformat()} {newest.size}")
    return newest


def _email_for_all_hosts(redis: Any, newest: Checkpoint, addresses: tuple[str, ...]) -> Checkpoint | None:
    """Email a checkpoint unless a worker on any host did today, or emailed this one. Redis remembers which."""
    day = clock.today().isoformat()
    with naming_faults():
        last_day, _, size = (redis.get(EMAILED) or b"").decode().partition(" ")
    if day == last_day or size == str(newest.size):
        return None
    _send(newest, addresses)
    with naming_faults():
        redis.set(EMAILED, f"{day} {newest.size}")
    return newest


def _send(newest: Checkpoint, addresses: tuple[str, ...]) -> None:
    day = f"{newest.at.astimezone(clock.LONDON):%-d %B %Y}"
    db.session.rollback()
    with transaction():
        for address in addresses:
            body = BODY.format(origin=newest.origin, day=day, key=newest.key, line=newest.line, number=newest.number)
            emails.send(address, f"Ledger checkpoint of {newest.origin}, {day}", body)


def _get_marker_path() -> str:
    """Return the file with the day of the last email and the length of the ledger then."""
    folder = current_app.config["CHECKPOINTS_PATH"]
    return str(folder / "mailed")
