"""Metrics of the whole installation: jobs, ledger, checkpoints and storage, read anew for each scrape.

What is read is a few rows by their keys and the store of the job queue, never a table that grows.
"""

import shutil
from collections.abc import Callable, Iterator
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING

from flask import current_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from tracker import clock
from tracker.background import jobs
from tracker.background.worker_reports import list_reports
from tracker.extensions import db
from tracker.integrity.nightly_check import find_last_check
from tracker.ledger import checkpoints, events
from tracker.metrics.stored_bytes import find_stored_bytes
from tracker.models import Event, JobRun
from tracker.vocabulary import JobState

if TYPE_CHECKING:
    from prometheus_client import Metric

Part = Callable[[], "Iterator[Metric]"]
logger = getLogger(__name__)


class InstallationCollector(Collector):
    """The collector of these metrics. A part that cannot be read is left out; `tracker_metrics_readable` names it."""

    def collect(self) -> "Iterator[Metric]":
        """Yield the metrics of all parts."""
        readable = GaugeMetricFamily("tracker_metrics_readable", "Whether a part could be read.", labels=["part"])
        for name, part in PARTS.items():
            try:
                metrics = list(part())
            except Exception:
                logger.exception("The metrics of %s could not be read", name)
                readable.add_metric([name], 0)
            else:
                yield from metrics
                readable.add_metric([name], 1)
            finally:
                db.session.rollback()
        yield readable


def measure_jobs() -> "Iterator[Metric]":
    """Yield what waits, runs, was done and failed."""
    queue, reports = jobs.get_jobs().queue, list_reports(jobs.get_jobs().queue)
    yield GaugeMetricFamily("tracker_jobs_waiting", "Jobs in the queue.", queue.pending_count())
    yield GaugeMetricFamily("tracker_jobs_scheduled", "Jobs that wait for their time.", queue.scheduled_count())
    running = sum(len(report.list_running()) for report in reports)
    yield GaugeMetricFamily("tracker_jobs_running", "Jobs that workers are doing.", running)
    yield GaugeMetricFamily("tracker_worker_running", "Whether any worker runs.", jobs.get_jobs().has_worker())
    yield _measure_job_runs()
    finished = CounterMetricFamily("tracker_jobs_finished", "Jobs done.", labels=["worker", "name"])
    failed = CounterMetricFamily("tracker_jobs_failed", "Jobs that failed.", labels=["worker", "name"])
    for report in reports:
        for name in jobs.get_jobs().names:
            finished.add_metric([report.worker, name], report.finished.get(name, 0))
            failed.add_metric([report.worker, name], report.failed.get(name, 0))
    yield finished
    yield failed


def _measure_job_runs() -> "Metric":
    """Return how many long jobs wait, run or have failed; an index has them, and those that finished are not read."""
    states = (JobState.WAITING, JobState.RUNNING, JobState.FAILED)
    counted = select(JobRun.state, func.count()).where(JobRun.state.in_(states)).group_by(JobRun.state)
    counts = {row[0]: row[1] for row in db.session.execute(counted)}
    runs = GaugeMetricFamily("tracker_job_runs", "Long jobs of people by state.", labels=["state"])
    for state in states:
        runs.add_metric([state.value], counts.get(state, 0))
    return runs


def measure_ledger() -> "Iterator[Metric]":
    """Yield the length of the ledger, the age of its last checkpoint, and since when an event waits for one."""
    length, last = events.get_head()[0], checkpoints.find_newest_copy()
    covered = last.size if last else 0
    yield GaugeMetricFamily("tracker_ledger_events", "Events in the ledger.", length)
    yield GaugeMetricFamily("tracker_events_since_checkpoint", "Events after the last checkpoint.", length - covered)
    if last:
        age = (clock.now() - last.at).total_seconds()
        yield GaugeMetricFamily("tracker_checkpoint_age_seconds", "Age of the last checkpoint.", age)
    waiting_since = db.session.scalar(select(Event.at).where(Event.seq == covered + 1))
    waiting = (clock.now() - waiting_since).total_seconds() if waiting_since else 0
    yield GaugeMetricFamily(
        "tracker_event_without_checkpoint_seconds", "Age of the oldest event after the last checkpoint.", waiting
    )


def measure_checks() -> "Iterator[Metric]":
    """Yield the age of the last nightly check, and how many of its checks found a fault."""
    if last := find_last_check():
        age = (clock.now() - last.checked_at).total_seconds()
        yield GaugeMetricFamily("tracker_nightly_check_age_seconds", "Age of the last nightly check.", age)
        yield GaugeMetricFamily("tracker_nightly_check_failed", "Checks that failed in it.", last.violated)


def measure_storage() -> "Iterator[Metric]":
    """Yield the bytes of stored files as measured last, and the disks of this host."""
    stored = find_stored_bytes()
    if stored:
        yield GaugeMetricFamily("tracker_stored_bytes", "Bytes of candidates' files, measured hourly.", stored.size)
        yield GaugeMetricFamily("tracker_stored_bytes_measured_at", "When they were measured.", stored.at)
    free = GaugeMetricFamily("tracker_disk_free_bytes", "Free bytes on the disk of a folder.", labels=["folder"])
    total = GaugeMetricFamily("tracker_disk_bytes", "Bytes of the disk of a folder.", labels=["folder"])
    folders = {"instance": current_app.instance_path, "files": current_app.config["ATTACHMENTS_PATH"]}
    for name, folder in folders.items():
        if folder is not None and Path(folder).is_dir():
            usage = shutil.disk_usage(folder)
            free.add_metric([name], usage.free)
            total.add_metric([name], usage.total)
    yield free
    yield total


PARTS: dict[str, Part] = {
    "jobs": measure_jobs,
    "ledger": measure_ledger,
    "checks": measure_checks,
    "storage": measure_storage,
}
