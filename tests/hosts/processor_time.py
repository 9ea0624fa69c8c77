"""Processor time of the parts of an installation, read from /proc once a second while a load runs."""

import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")
PARTS = {
    "gunicorn": "server processes",
    "flask": "workers",
    "nginx": "nginx",
    "redis-server": "Redis",
    "moto.server": "S3 server",
}
"""The parts by a word of their command lines."""


class ProcessorTime(threading.Thread):
    """Seconds of each part since the start: processes that this one started, and the backends of a database."""

    def __init__(self, database: str) -> None:
        super().__init__(daemon=True)
        self.database, self._is_over = database, threading.Event()
        self._at_start: dict[int, float] = {}
        self._last: dict[int, tuple[str, float]] = {}
        self._samples: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        self._read()
        self._at_start = {pid: seconds for pid, (_, seconds) in self._last.items()}
        self._samples = [(time.monotonic(), 0)]
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()
        self._read()

    @property
    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part, most first."""
        totals: dict[str, float] = defaultdict(float)
        for pid, (part, seconds) in self._last.items():
            totals[part] += seconds - self._at_start.get(pid, 0)
        return dict(sorted(totals.items(), key=lambda each: -each[1]))

    def measure(self, began: float, ended: float) -> float:
        """Return the seconds of all parts between two moments, to the nearest readings."""
        first, last = (min(self._samples, key=lambda each: abs(each[0] - moment)) for moment in (began, ended))
        return last[1] - first[1]

    def run(self) -> None:
        while not self._is_over.wait(1):
            self._read()

    def _read(self) -> None:
        parents: dict[int, int] = {}
        times: dict[int, float] = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(path.name)] = int(fields[1])
            times[int(path.name)] = (int(fields[11]) + int(fields[12])) / TICKS
        for pid, seconds in times.items():
            if part := self._find_part(pid, parents):
                self._last[pid] = part, seconds
        self._samples.append((time.monotonic(), sum(self.seconds.values())))

    def _find_part(self, pid: int, parents: dict[int, int]) -> str | None:
        """Return the part of a process: its own, or that of the one that started it."""
        if pid in self._last:
            return self._last[pid][0]
        if pid == os.getpid():
            return "clients"
        command = read_command(pid)
        if self.database in command and command.startswith("postgres"):
            return "PostgreSQL"
        chain = [pid]
        while (parent := parents.get(chain[-1], 0)) > 1 and parent != os.getpid():
            chain.append(parent)
        if parent != os.getpid():
            return None
        commands = [read_command(each) for each in chain]
        return next((part for word, part in PARTS.items() if any(word in each for each in commands)), "others")


def read_command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
