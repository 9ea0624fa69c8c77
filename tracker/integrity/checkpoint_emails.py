"""The newest checkpoint by mail, to who should hold one that nobody here can reach: the external verifier, say."""

import fcntl
import os

from flask import current_app

from tracker import clock
from tracker.background import emails
from tracker.extensions import db
from tracker.ledger import checkpoints
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.transactions import transaction

BODY = """\
Hello,

this is how long the record of {origin} was on {day}, and how it ended, signed with its key {key}:

{line}

Keep this mail where the centre cannot reach it. What happened before that moment can then not be rewritten without it
showing: put the line above into a file of its own, and the script in an exported record checks against it
(python3 verify.py --checkpoints FILE). There is nothing else to do.
"""


def mail_checkpoint() -> Checkpoint | None:
    """Mail the newest checkpoint to `CHECKPOINTS_MAIL`, once a day at most and only if it is another than the last.

    Looked for every minute by the worker; what was mailed comes out.
    """
    addresses = emails.get_settings().checkpoints_mail
    if not addresses or not emails.can_deliver():
        return None
    newest = next((each for _, each in reversed(list(checkpoints.read_lines())) if each), None)
    if newest is None:
        return None
    with os.fdopen(os.open(_mark(), os.O_RDWR | os.O_CREAT, 0o600), "r+") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)  # several workers may look at once
        day, _, size = mark.read().partition(" ")
        if day == clock.today().isoformat() or size == str(newest.size):
            return None
        _post(newest, addresses)
        mark.seek(0)
        mark.truncate()
        mark.write(f"{clock.today().isoformat()} {newest.size}")
    return newest


def _post(newest: Checkpoint, addresses: tuple[str, ...]) -> None:
    day = f"{newest.at.astimezone(clock.LONDON):%-d %B %Y}"
    db.session.rollback()
    with transaction():
        for each in addresses:
            body = BODY.format(origin=newest.origin, day=day, key=newest.key, line=newest.line)
            emails.send(each, f"The record of {newest.origin}, {day}", body)


def _mark() -> str:
    """Beside the checkpoints: the day of the last mail, and how long the ledger was."""
    folder = current_app.config["CHECKPOINTS_PATH"]
    return str(folder / "mailed")
