"""Counters of this process for Prometheus: requests, SQL statements and rendered forms.

The processes of a host keep them in files of one folder (`INSTANCE_PATH/metrics`), so any of them can answer for all.
The files are made at full size: if a mapped file grew while the disk is full, the next count would end the process.
"""

import os
from functools import cache
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable from which the library reads the folder when it is imported."""
KINDS = ("counter", "histogram")
FILE_SIZE = 1 << 20
"""The initial size of a file in bytes; the library doubles it when it is full."""
NO_PAGE = "none"
"""The label of requests without an endpoint."""
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""The upper bounds of the histograms of times."""

logger = getLogger(__name__)
_folder: Path | None = None


def share_counters(folder: Path) -> None:
    """Keep the counters of this process in a folder, before the library is imported.

    The first folder stays, since files in it are open.
    """
    global _folder  # noqa: PLW0603 - one folder for each process
    if _folder is None:
        _folder = folder
        os.environ[VARIABLE] = str(folder)


def count_request(endpoint: str | None, method: str, status: int, seconds: float, statements: int) -> None:
    """Count a request that was answered, and its SQL statements."""
    if counters := _open_counters(os.getpid()):
        page = endpoint or NO_PAGE
        counters["requests"].labels(page, method, str(status)).inc()
        counters["request_seconds"].labels(page, method).observe(seconds)
        counters["statements"].labels(page).inc(statements)


def count_render(outcome: str, seconds: float) -> None:
    """Count a form or an index that was to be rendered; `outcome` is `rendered`, `failed` or `refused`."""
    if counters := _open_counters(os.getpid()):
        counters["renders"].labels(outcome).inc()
        counters["render_seconds"].observe(seconds)


def collect_counters() -> "CollectorRegistry":
    """Return a registry with the counts of all processes that share the folder."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    if _open_counters(os.getpid()):
        MultiProcessCollector(registry, path=str(_folder))  # type: ignore[no-untyped-call]
    return registry


def delete_files_of_ended_processes(folder: Path) -> None:
    """Delete the counts of processes that have ended. Call it before a server starts: its counts begin at 0."""
    for path in folder.glob("*.db"):
        number = path.stem.rpartition("_")[2]
        if not (number.isdecimal() and _is_running(int(number))):
            path.unlink(missing_ok=True)


@cache
def _open_counters(process_id: int) -> dict[str, Any] | None:
    """Return the counters of a process by name, or None where their files cannot be made."""
    if _folder is None:
        return None
    try:
        _folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for kind in KINDS:
            path = _folder / f"{kind}_{process_id}.db"
            if not path.exists():
                path.write_bytes(bytes(FILE_SIZE))
    except OSError as error:
        logger.warning("The requests of this process are not counted: %s", error.strerror)
        return None
    return _define_counters()


@cache
def _define_counters() -> dict[str, Any]:
    from prometheus_client import Counter, Histogram

    options: dict[str, Any] = {"registry": None}
    request_labels = ("endpoint", "method")
    return {
        "requests": Counter("tracker_requests", "Requests answered.", (*request_labels, "status"), **options),
        "request_seconds": Histogram(
            "tracker_request_seconds", "Time until an answer begins.", request_labels, buckets=SECONDS, **options
        ),
        "statements": Counter("tracker_sql_statements", "SQL statements of requests.", ("endpoint",), **options),
        "renders": Counter("tracker_renders", "Forms and indexes rendered as PDF.", ("outcome",), **options),
        "render_seconds": Histogram("tracker_render_seconds", "Time to render a PDF.", buckets=SECONDS, **options),
    }


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
