"""Resource limits of a subprocess: address space, CPU time and the size of files it writes."""

import json
import resource
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a subprocess may use; `None` leaves the limit of the system. It never writes a core file."""

    address_space: int | None = None
    """Bytes."""
    cpu_seconds: int | None = None
    file_size: int | None = None
    """Bytes, for each file it writes, its output included."""

    def to_json(self) -> str:
        """Return the limits as one command-line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Limits":
        """Return the limits that `to_json` wrote."""
        return cls(**json.loads(text))


def apply_limits(limits: Limits) -> None:
    """Set the limits of the current process, for good: a hard limit cannot be raised again."""
    for kind, value in (
        (resource.RLIMIT_AS, limits.address_space),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_CORE, 0),
    ):
        if value is not None:
            with suppress(OSError, ValueError):  # macOS has no limit on address space
                resource.setrlimit(kind, (value, value))


def allow_cpu_seconds(seconds: int) -> None:
    """Let the current process use so many seconds of CPU time from now on, then be killed.

    For a process that serves many requests: only the soft limit is set, so that the next request can raise it.
    """
    limit = int(time.process_time()) + seconds
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
