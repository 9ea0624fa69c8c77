"""Fair shares of work that takes long: of each kind one piece runs for a person at a time, and a few wait.

Counted over all hosts by leases in Redis, or over the server processes of this one by locks on files. A person who
asks for more is told to wait, so that nobody takes the threads of the server or its processors from others.
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from logging import getLogger
from typing import Any, TypeVar, cast

from tracker.errors import TooManyAtOnce
from tracker.extensions import db
from tracker.hosts.leases import NoFreeLease, release_lease, take_lease
from tracker.sandbox.slots import NoFreeSlot, hold_file_lock
from tracker.web.current_user import me

View = TypeVar("View", bound=Callable[..., Any])
Turn = Callable[[], AbstractContextManager[None]]
"""Returns what to hold while a piece of work runs."""
TIMEOUT_SECONDS = 30
logger = getLogger(__name__)


@dataclass(frozen=True)
class WorkKind:
    """A kind of work: its name, how many pieces of a person may wait, and what a person is told beyond that."""

    name: str
    max_waiting: int
    sentence: str


OPENING = WorkKind("opening", 5, "Files are being opened for you already.")
"""Previews: a browser asks for six pictures of a page at once."""
UPLOADING = WorkKind("uploading", 5, "Files of yours are being checked already.")
EXPORTING = WorkKind("exporting", 2, "Files are being exported for you already.")
IMPORTING = WorkKind("importing", 1, "Files are being imported for you already.")
PRINTING = WorkKind("printing", 2, "Forms are being printed for you already.")
SEARCHING = WorkKind("searching", 3, "Searches of yours are running already.")


@contextmanager
def take_turn(kind: WorkKind) -> Iterator[None]:
    """Wait for the person's turn and hold it for the block.

    The session's transaction is rolled back before a wait, so that it blocks nobody; nothing may be pending in it.

    Raises:
        TooManyAtOnce: too many wait already, or the wait took too long.
    """
    name = f"{kind.name}-{me().person_id}"
    try:
        with _hold(f"{name}-waiting", kind.max_waiting + 1, time.monotonic()), _hold_first(name):
            yield
    except (NoFreeSlot, NoFreeLease) as error:
        raise TooManyAtOnce(kind.sentence) from error


@contextmanager
def _hold_first(name: str) -> Iterator[None]:
    """Hold the lock of the piece that runs. Raises `NoFreeSlot` or `NoFreeLease`."""
    lock = _hold(name, 1, time.monotonic())
    try:
        lock.__enter__()
    except (NoFreeSlot, NoFreeLease):
        db.session.rollback()
        lock = _hold(name, 1, time.monotonic() + TIMEOUT_SECONDS)
        lock.__enter__()
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


@contextmanager
def _hold(name: str, count: int, deadline: float) -> Iterator[None]:
    """Hold one of so many locks of a name: over all hosts, or on this one while there is no Redis."""
    try:
        lease = take_lease(name, count, deadline)
    except ConnectionError as error:
        logger.warning("Turns are taken on this host only: %s", error)
        lease = None
    if lease is None:
        with hold_file_lock(name, count, deadline):
            yield
        return
    try:
        yield
    finally:
        release_lease(lease)


def in_turn(kind: WorkKind) -> Callable[[View], View]:
    """Let a view of people who are signed in run in its person's turn; its attribute `work_kind` names the kind."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def run_in_turn(*arguments: Any, **options: Any) -> Any:
            with take_turn(kind):
                return view(*arguments, **options)

        cast("Any", run_in_turn).work_kind = kind
        return cast("View", run_in_turn)

    return decorate
