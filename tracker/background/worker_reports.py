"""Reports of the workers for metrics: the jobs that each runs, and its counts since it started.

A worker writes its report to the store of the job queue with each heartbeat, so that every host can read all of them.
"""

import os
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huey import Huey

PREFIX = "worker_report:"
KEPT_SECONDS = 300
"""How long the report of a worker that was killed is still read; after that any other worker deletes it."""
_changed = threading.Lock()


@dataclass
class WorkerReport:
    """What a worker runs now, and the jobs that it has finished and that have failed, by their names."""

    worker: str
    at: float = 0
    running: str | None = None
    """The names of the jobs that run now, with commas between them; None while none does."""
    finished: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def list_running(self) -> list[str]:
        """List the jobs that run now."""
        return self.running.split(",") if self.running else []

    def begin(self, name: str) -> None:
        """Note that a job begins."""
        with _changed:
            self.running = ",".join([*self.list_running(), name])

    def end(self, name: str, counts: Counter[str] | None = None) -> None:
        """Note that a job has ended, and count it in `finished` or `failed`; None counts it nowhere."""
        with _changed:
            if counts is not None:
                counts[name] += 1
            others = self.list_running()
            others.remove(name)
            self.running = ",".join(others) or None

    def as_plain(self) -> dict[str, Any]:
        """Return a copy of what it says that every serializer can write. Jobs may end in other threads meanwhile."""
        with _changed:
            return {**vars(self), "finished": dict(self.finished), "failed": dict(self.failed)}


def read_report(plain: dict[str, Any]) -> WorkerReport:
    """Return the report that `as_plain` wrote."""
    return WorkerReport(**{**plain, "finished": Counter(plain["finished"]), "failed": Counter(plain["failed"])})


def make_report() -> WorkerReport:
    """Return the empty report of this process."""
    return WorkerReport(f"{socket.gethostname()}:{os.getpid()}")


def write_report(queue: "Huey", report: WorkerReport) -> None:
    """Write the report of this worker, and delete those of workers that have ended long ago."""
    report.at = time.time()
    queue.put(f"{PREFIX}{report.worker}", report.as_plain())
    for key, other in _load(queue).items():
        if report.at - other.at > KEPT_SECONDS:
            queue.delete(key)


def delete_report(queue: "Huey", report: WorkerReport) -> None:
    """Delete the report of a worker that ends."""
    queue.delete(f"{PREFIX}{report.worker}")


def list_reports(queue: "Huey") -> list[WorkerReport]:
    """List the reports of workers that have written one lately."""
    oldest = time.time() - KEPT_SECONDS
    return [report for report in _load(queue).values() if report.at >= oldest]


def _load(queue: "Huey") -> dict[str, WorkerReport]:
    return {
        key: read_report(queue.serializer.deserialize(value))
        for key, value in queue.all_results().items()
        if key.startswith(PREFIX)
    }
