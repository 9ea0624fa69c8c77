"""Read-only mode of a restored installation, until a person accepts the restore (docs/integrity.md, Backups)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from flask import current_app

from tracker.errors import TrackerError
from tracker.ledger.canonical_json import canonical_json

DOMAIN = b"tracker.restore.v1\0"


class ReadOnly(TrackerError):
    """The installation takes no changes while a restore is waiting to be accepted."""

    status = 503
    title = "Changes cannot be saved at the moment"

    def __init__(self) -> None:
        super().__init__(
            "This site was restored from a backup, and its operator is still checking it. Nothing was saved. You can "
            "read everything. Try again later."
        )


_accepting: ContextVar[bool] = ContextVar("accepting", default=False)


def get_mark_path() -> Path:
    """Return the path of the file that says that a restore is waiting to be accepted."""
    folder: Path = current_app.config["SETTINGS"].instance_path
    return folder / "restored.json"


def is_read_only() -> bool:
    """Return whether a restore is waiting to be accepted."""
    return get_mark_path().exists() and not _accepting.get()


@contextmanager
def accepting() -> Iterator[None]:
    """Allow the act that accepts the restore, which is the only one a read-only installation takes."""
    token = _accepting.set(True)
    try:
        yield
    finally:
        _accepting.reset(token)


def read_mark() -> dict[str, Any] | None:
    """Return what the backup said of itself, or None if no restore is waiting to be accepted."""
    try:
        return dict(json.loads(get_mark_path().read_text(encoding="ascii")))
    except FileNotFoundError:
        return None


def build_acceptance(size: int, head: str, told_to: int) -> bytes:
    """Return the statement that the installation's key signs when a restore is accepted.

    It names what the backup holds and what the newest checkpoint outside it tells of, so that somebody who has the
    database alone cannot excuse a loss of events.
    """
    return DOMAIN + canonical_json({"size": size, "head": head, "told_to": told_to})
