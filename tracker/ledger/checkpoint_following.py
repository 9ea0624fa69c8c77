"""Checkpoints of several hosts: numbered by the database, and each host's own file follows it.

A host without the signing key writes none and leaves that to a host that has it. Its file follows all the same.
"""

import logging
from collections.abc import Iterator
from typing import IO

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tracker.extensions import db
from tracker.ledger import checkpoints, events, keys
from tracker.ledger.checkpoints import NO_PREVIOUS, Checkpoint
from tracker.ledger.trust_anchor import load_anchor, load_key_checks
from tracker.models import CheckpointCopy

logger = logging.getLogger(__name__)


def are_shared() -> bool:
    """Return whether several hosts write checkpoints, each with a file of its own."""
    return bool(current_app.config["SETTINGS"].redis_url)


def follow() -> None:
    """Add the checkpoints of other hosts to this host's file; a failure is logged."""
    if not are_shared():
        return
    try:
        with checkpoints.locked_for_writing() as file:
            append_copies(file)
    except OSError:
        logger.exception("The checkpoints of other hosts could not be written to the file of this one")
    finally:
        db.session.rollback()


def write_shared(file: IO[bytes], key_name: str, *, at_once: bool) -> Checkpoint | None:
    """Write a checkpoint to the database, whose numbers are unique over all hosts, and then to this one's file.

    Args:
        file: the file of checkpoints, locked.
        key_name: the key that signs now.
        at_once: write one even if none is due.
    """
    append_copies(file)
    if not keys.has_private_key(key_name):
        return None
    last = checkpoints.read_last_checkpoint(file)
    if not (at_once or checkpoints.is_due(last, events.get_head()[0])):
        return None
    checkpoint = checkpoints.sign_next(last)
    db.session.add(CheckpointCopy(number=checkpoint.number, line=checkpoint.line))
    try:
        db.session.commit()
    except IntegrityError:
        return None  # another host has just written the checkpoint of this number
    checkpoints.append_lines(file, [checkpoint.line])
    return checkpoint


def append_copies(file: IO[bytes]) -> None:
    """Append what the database has after the last checkpoint in the file, as far as each is signed and follows."""
    last = checkpoints.read_last_checkpoint(file)
    number = last.number if last and last.number else 0
    query = select(CheckpointCopy.line).where(CheckpointCopy.number > number).order_by(CheckpointCopy.number)
    copies = [checkpoints.parse_line(line) for line in db.session.scalars(query)]
    if copies:
        checkpoints.append_lines(file, [each.line for each in _list_followers(last, copies)])


def _list_followers(last: Checkpoint | None, copies: list[Checkpoint | None]) -> Iterator[Checkpoint]:
    """Yield copies up to the first that is not signed with a trusted key or does not name the one before it."""
    trusted = {each.key.name: each.key.public_key for each in load_key_checks(load_anchor()) if each.is_trusted}
    for copy in copies:
        if copy is None or not copy.is_signed(trusted) or copy.previous != (last.hash if last else NO_PREVIOUS):
            return  # `flask verify` names it
        yield copy
        last = copy
