"""Repair of the file of checkpoints from the database's copies, after the file was lost or damaged."""

import os
from collections.abc import Mapping
from typing import IO

from sqlalchemy import select

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import keys, read_only
from tracker.ledger.checkpoints import Checkpoint, get_path, locked_for_writing, parse_line
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.ledger.trust_anchor import TrustAnchor, load_key_checks
from tracker.models import CheckpointCopy

CHECKPOINTS_REPAIRED = "checkpoints_repaired"
"""The event by which the operator put lost checkpoints back into the file."""


def repair_file(anchor: TrustAnchor) -> int:
    """Put the checkpoints back into the file that only the database has, and return how many.

    What the file held is kept beside it, but for a last line that was not written completely. The repair is recorded,
    so that nobody can hide a loss with it.

    Args:
        anchor: the keys that are trusted.

    Raises:
        Refused: the file lacks none, or a copy differs from the file or is not signed with a trusted key.
        ReadOnly: a restore is waiting to be accepted.
    """
    if read_only.is_read_only():
        raise read_only.ReadOnly
    copies = _read_copies(anchor)
    with locked_for_writing() as file:
        added = _add_lines(file, copies)
    with transaction():
        key = keys.find_current_key()
        assert key is not None  # noqa: S101 - it signed the copies
        record(CHECKPOINTS_REPAIRED, key, OPERATOR, added=added)
    return added


def _read_copies(anchor: TrustAnchor) -> dict[int, Checkpoint]:
    """Return the database's copies by number."""
    trusted = {check.key.name: check.key.public_key for check in load_key_checks(anchor) if check.is_trusted}
    copies: dict[int, Checkpoint] = {}
    for number, line in db.session.execute(select(CheckpointCopy.number, CheckpointCopy.line)):
        copy = parse_line(line)
        if copy is None or not copy.is_signed(trusted) or copy.number != number:
            raise Refused(
                f"The database’s copy of checkpoint {number} is not signed with a trusted key. Nothing was changed. "
                "For details: flask verify"
            )
        copies[number] = copy
    return copies


def _add_lines(file: IO[bytes], copies: Mapping[int, Checkpoint]) -> int:
    """Write the file anew with the copies that it lacks, and return how many these are."""
    file.seek(0)
    content = file.read()
    lines = content.decode("utf-8", "replace").splitlines()
    parsed = [parse_line(line) for line in lines]
    in_file = {each.number: each for each in parsed if each and each.number is not None}
    for number, copy in copies.items():
        if in_file.get(number, copy) != copy:
            raise Refused(
                f"Checkpoint {number} in the file differs from the database’s copy. Nothing was changed. Compare "
                "both with a copy that you kept: flask verify --checkpoints FILE"
            )
    added = copies.keys() - in_file.keys()
    if not added:
        raise Refused("The file lacks no checkpoint that the database has. Nothing was changed.")
    first = next((at for at, each in enumerate(parsed) if each and each.number is not None), len(lines))
    numbered = {**in_file, **copies}
    new_lines = [*lines[:first], *(numbered[number].line for number in sorted(numbered))]
    _write_new(get_path().with_name(f"checkpoints-{now():%Y-%m-%dT%H%M%S.%fZ}.jsonl"), content)
    file.seek(0)
    file.truncate()
    file.write("".join(f"{line}\n" for line in new_lines).encode())
    file.flush()
    os.fsync(file.fileno())
    return len(added)


def _write_new(path: os.PathLike[str], content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())
