"""Slots of sandboxes: how many subprocesses run at once, counted over all processes of the installation.

A slot is a lock on a file (`flock`). The system releases it when the process that holds it ends, however it ends.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.02
_folder: Path | None = None


class NoFreeSlot(Exception):
    """No slot became free in time, or too many requests are queued already."""


def share_slots(folder: Path) -> None:
    """Count slots over all processes that share this folder; until then each process counts its own."""
    global _folder  # noqa: PLW0603 - one folder for each process
    _folder = folder


class Slots:
    """A number of slots, which one sandbox has for itself or several share."""

    def __init__(self, name: str, count: int, *, max_queued: int | None = None) -> None:
        """Describe the slots.

        Args:
            name: names their files.
            count: how many subprocesses may run at once.
            max_queued: how many requests of this process may run and wait together before others are refused at
                once; `None` for any.
        """
        self.name = name
        self.count = count
        self.threads = threading.BoundedSemaphore(count)
        self.queue = threading.BoundedSemaphore(max_queued) if max_queued is not None else None

    @contextmanager
    def take(self, timeout_seconds: float) -> Iterator[None]:
        """Hold a slot for the block. Raises `NoFreeSlot` when none becomes free in time, or too many wait already."""
        deadline = time.monotonic() + timeout_seconds
        if self.queue and not self.queue.acquire(blocking=False):
            raise NoFreeSlot
        try:
            if not self.threads.acquire(timeout=timeout_seconds):
                raise NoFreeSlot
            try:
                with hold_file_lock(self.name, self.count, deadline):
                    yield
            finally:
                self.threads.release()
        finally:
            if self.queue:
                self.queue.release()


@contextmanager
def hold_file_lock(name: str, count: int, deadline: float) -> Iterator[None]:
    """Hold one of so many locks of a name for the block; nothing is held where no folder is shared.

    Raises `NoFreeSlot` when none is free by the deadline, a time of `time.monotonic`.
    """
    descriptor = _lock_file(name, count, deadline)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock_file(name: str, count: int, deadline: float) -> int | None:
    """Return the descriptor of a file that is now locked; None where no folder is shared."""
    if _folder is None:
        return None
    _folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        for number in range(count):
            path = _folder / f"{name}-{number}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        if time.monotonic() >= deadline:
            raise NoFreeSlot
        time.sleep(POLL_SECONDS)
