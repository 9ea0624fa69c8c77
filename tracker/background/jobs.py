"""Background jobs: queued after the commit, run by the worker (`flask jobs`).

The queue shares no transaction with the database. So a job is queued after the commit, gets only ids, works in
transactions of its own, and must be idempotent: the database says what is still to do. Jobs that run every minute
do the work of any job that was lost.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import cached_property
from logging import getLogger
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app

from tracker.background.worker_reports import delete_report, list_reports, make_report, write_report
from tracker.errors import Refused
from tracker.hosts.leases import NoFreeLease, release_lease, take_lease
from tracker.ledger import read_only, transactions
from tracker.sandbox.slots import NoFreeSlot, hold_file_lock
from tracker.storage.private_files import warn_of_exposed_paths

if TYPE_CHECKING:
    from huey import Huey

HEARTBEAT_SECONDS = 5
HEARTBEAT_TIMEOUT_SECONDS = 20
"""Without a heartbeat for this long, no worker is thought to be running."""
MAX_THREADS = 12
"""The most jobs that a worker runs at once: fewer than `MIN_CONNECTIONS` in `tracker/config.py`."""
HEARTBEAT_KEY = "worker_seen"

Job = Callable[..., object]
logger = getLogger(__name__)


def init_app(
    app: Flask,
    load_jobs: Callable[[], tuple[Iterable[Job], Iterable[Job]]],
    find_fault: Callable[[], str | None] = lambda: None,
) -> None:
    """Register the jobs of an app.

    Args:
        app: the app in whose context each job runs.
        load_jobs: imports and returns the jobs that can be queued, and those that the worker runs once a minute.
        find_fault: says why the worker must not start on this database, or None.
    """
    app.config.setdefault("JOBS_IMMEDIATE", app.testing)
    app.extensions["jobs"] = Jobs(app, load_jobs, find_fault)


def enqueue(job: Job, *arguments: int | str, delay: timedelta | None = None) -> None:
    """Queue a job once the transaction is committed; a rolled back transaction queues nothing.

    Args:
        job: a function registered with `init_app`.
        arguments: its arguments.
        delay: how long the worker waits before it runs the job; None runs it as soon as it can.
    """
    jobs = get_jobs()
    transactions.after_commit(lambda: jobs.put(job, *arguments, delay=delay))


def get_jobs() -> "Jobs":
    """Return the jobs of the current app."""
    jobs: Jobs = current_app.extensions["jobs"]
    return jobs


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Run a job of every minute once at a time. Raises `NoFreeSlot` or `NoFreeLease` while it runs elsewhere."""
    with hold_file_lock(f"job-{name}", 1, time.monotonic()):
        try:
            lease = take_lease(f"job-{name}", 1, time.monotonic())
        except ConnectionError:
            lease = None  # what is due is in the database: done twice it changes nothing
        try:
            yield
        finally:
            if lease:
                release_lease(lease)


class Jobs:
    """The jobs of an app and the queue they wait in, opened when it is first needed."""

    def __init__(
        self,
        app: Flask,
        load_jobs: Callable[[], tuple[Iterable[Job], Iterable[Job]]],
        find_fault: Callable[[], str | None],
    ) -> None:
        self.app = app
        self.find_fault = find_fault
        self.load_jobs = load_jobs
        self.stopping = threading.Event()
        self.report = make_report()

    def put(self, job: Job, *arguments: int | str, delay: timedelta | None = None) -> None:
        """Queue a job now. The change that needs it is committed already, so an unreachable queue is only logged."""
        try:
            task = self._queue_and_tasks[1][job.__name__]
            if delay is None:
                task(*arguments)
            else:
                task.schedule(arguments, delay=delay.total_seconds())
        except Exception:
            logger.exception("The job %s could not be queued. The worker will find what it left undone", job.__name__)

    def has_waiting(self, job: Job, *arguments: int | str) -> bool:
        """Return whether the queue holds this job with these arguments."""
        return any((task.name, task.args) == (job.__name__, arguments) for task in self.queue.pending())

    def has_worker(self) -> bool:
        """Return whether a worker is running: it writes a heartbeat every few seconds."""
        try:
            last_heartbeat = self.queue.get(HEARTBEAT_KEY, peek=True)
        except Exception:
            logger.exception("The job queue cannot be reached")
            return False
        return self.queue.immediate or (
            last_heartbeat is not None and time.time() - last_heartbeat < HEARTBEAT_TIMEOUT_SECONDS
        )

    def work(self, parent_pid: int | None = None) -> None:
        """Run jobs, as many at once as forms are rendered, until a stop signal or until the parent process has ended.

        Args:
            parent_pid: the id of the process that started this one, if the worker is to end with it.

        Raises:
            Refused: the database must not be worked on, for instance demonstration data without DEMO=1.
        """
        if fault := self.find_fault():
            raise Refused(fault)
        warn_of_exposed_paths(self.app.config["SETTINGS"], logger.warning)
        from tracker.background.worker import JobWorker

        threads = min(self.app.config["SETTINGS"].print_processes, MAX_THREADS)
        consumer = JobWorker(self.queue, workers=threads, max_delay=1.0, graceful_signal="TERM")
        self.stopping = consumer.stop_flag
        self.report = make_report()
        threading.Thread(target=self._send_heartbeats, args=(parent_pid,), daemon=True).start()
        try:
            consumer.run()
        finally:
            delete_report(self.queue, self.report)
            if not list_reports(self.queue):  # other workers write the same heartbeat
                self.queue.delete(HEARTBEAT_KEY)

    def perform(self, name: str, *arguments: int | str) -> None:
        """Run one job in an app context of its own, which closes its database session; log an error."""
        with self.app.app_context():
            if read_only.is_read_only():
                read_only.renew_mark()
                return
            self.report.begin(name)
            counts = None
            try:
                with _alone(name) if name in self.every_minute else nullcontext():
                    (self.jobs | self.every_minute)[name](*arguments)
                counts = self.report.finished
            except (NoFreeSlot, NoFreeLease):
                return  # another thread or another worker is doing it
            except Exception:
                logger.exception("The job %s failed", name)
                counts = self.report.failed
            finally:
                self.report.end(name, counts)

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """The jobs that can be queued, by name."""
        return {job.__name__: job for job in self.load_jobs()[0]}

    @cached_property
    def every_minute(self) -> dict[str, Job]:
        """The jobs that the worker runs once a minute, by name."""
        return {job.__name__: job for job in self.load_jobs()[1]}

    @property
    def names(self) -> list[str]:
        """The names of all jobs, sorted."""
        return sorted(self.jobs | self.every_minute)

    @property
    def queue(self) -> "Huey":
        """The queue, opened when it is first needed."""
        return self._queue_and_tasks[0]

    @cached_property
    def _queue_and_tasks(self) -> tuple["Huey", dict[str, Any]]:
        """The queue, and the task of each job by name."""
        from huey import crontab

        queue = self._open_queue()
        tasks = {name: queue.task(name=name)(self._make_task_function(name)) for name in self.jobs}
        for name in self.every_minute:
            queue.periodic_task(crontab(), name=name)(self._make_task_function(name))
        return queue, tasks

    def _make_task_function(self, name: str) -> Job:
        def run_job(*arguments: int | str) -> None:
            self.perform(name, *arguments)

        return run_job

    def _open_queue(self) -> "Huey":
        from huey import RedisHuey, SqliteHuey

        settings = self.app.config["SETTINGS"]
        options: dict[str, Any] = {"results": False, "immediate": self.app.config["JOBS_IMMEDIATE"]}
        if settings.redis_url and not options["immediate"]:
            if not settings.secret_key:
                raise Refused("Jobs on Redis are signed with SECRET_KEY, which is not set. Nothing was started.")
            from huey.serializer import SignedSerializer

            signed = SignedSerializer(secret=settings.secret_key)
            return RedisHuey("tracker", url=settings.redis_url, serializer=signed, **options)
        path = settings.instance_path / "jobs.sqlite"
        # WAL could lose a commit in some versions of SQLite (see `SAFE_WAL_VERSIONS` in tracker.ledger.transactions).
        return SqliteHuey("tracker", filename=str(path), journal_mode="delete", fsync=True, timeout=15, **options)

    def _send_heartbeats(self, parent_pid: int | None) -> None:
        seconds = 0
        while not self.stopping.wait(1):
            if parent_pid and os.getppid() != parent_pid:
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if seconds % HEARTBEAT_SECONDS == 0:
                try:
                    self.queue.put(HEARTBEAT_KEY, time.time())
                    write_report(self.queue, self.report)
                except Exception:
                    logger.exception("The worker could not write its heartbeat")
            seconds += 1
