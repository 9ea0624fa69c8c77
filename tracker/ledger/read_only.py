"""Read-only mode of a restored installation, until a person accepts the restore (docs/integrity.md, Backups).

The host on which the restore ran has a marker file; a mark in Redis tells the others.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from flask import current_app

from tracker.errors import TrackerError
from tracker.hosts import marks
from tracker.ledger.canonical_json import canonical_json

DOMAIN = b"tracker.restore.v1\0"


class ReadOnly(TrackerError):
    """The installation takes no changes while a restore is waiting to be accepted."""

    status = 503
    title = "Changes cannot be saved at the moment"

    def __init__(self) -> None:
        super().__init__(
            "This site was restored from a backup, and the system operator is still checking it. Nothing was saved. "
            "You can read everything. Try again later."
        )


_accepting: ContextVar[bool] = ContextVar("accepting", default=False)


def get_marker_path() -> Path:
    """Return the path of the marker file that exists while a restore waits to be accepted."""
    folder: Path = current_app.config["SETTINGS"].instance_path
    return folder / "restored.json"


def is_read_only() -> bool:
    """Return whether a restore is waiting to be accepted, on this host or on another."""
    if _accepting.get():
        return False
    return get_marker_path().exists() or marks.is_restoring()


@contextmanager
def accepting() -> Iterator[None]:
    """Allow the act that accepts the restore, which is the only one a read-only installation takes."""
    token = _accepting.set(True)
    try:
        yield
    finally:
        _accepting.reset(token)


def read_marker() -> dict[str, Any] | None:
    """Return the content of the marker file, or None if no restore is waiting to be accepted."""
    try:
        return dict(json.loads(get_marker_path().read_text(encoding="ascii")))
    except FileNotFoundError:
        return None


def write_marker(content: Mapping[str, Any]) -> None:
    """Mark the installation as restored and not accepted yet, for this host and all others."""
    get_marker_path().parent.mkdir(parents=True, exist_ok=True)
    get_marker_path().write_text(json.dumps(content), encoding="ascii")
    marks.set_restoring()


def remove_marker() -> None:
    """End read-only mode, on this host and all others."""
    get_marker_path().unlink()
    marks.end_restoring()


def renew_mark() -> None:
    """Set the mark for the other hosts again where this one has the marker, in case Redis has lost it."""
    if get_marker_path().exists():
        marks.set_restoring()


def build_acceptance_statement(size: int, head: str, checkpoint_size: int, accepted_at: str | None = None) -> bytes:
    """Return the statement that the installation's key signs when a restore is accepted.

    Because it is signed, somebody who has only the database cannot excuse a loss of events with it.

    Args:
        size: the number of events in the backup.
        head: the hash of the last of them.
        checkpoint_size: the number of events in the newest checkpoint outside the backup.
        accepted_at: the moment, as the ledger writes it: no checkpoint after it is of an event that was lost then.
            Earlier releases did not sign it.
    """
    statement: dict[str, Any] = {"size": size, "head": head, "checkpoint_size": checkpoint_size}
    return DOMAIN + canonical_json(statement if accepted_at is None else {**statement, "accepted_at": accepted_at})
