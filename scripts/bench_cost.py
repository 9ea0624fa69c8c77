"""Processor time of the main pages against its limits and against another checkout; a part of `scripts/bench`.

Each page is measured in turn with a bare view of the same bytes, and with its own SQL statements through the driver and
its template. With `BENCH_AGAINST=FOLDER` the same page of the checkout in that folder is measured in turn too, on the
same database. Processor time of the server's process and of its PostgreSQL backends counts, not the time on the wall:
the machine may have other work. A ratio is the median over the rounds, of which each measures everything once.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, REQUESTS_A_ROUND = 25, 6


class Worker:
    """A process that answers requests with the code of one checkout."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        settings = environment | {"PYTHONPATH": str(folder), "PGAPPNAME": f"bench-{folder.name}"}
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts/bench_cost_worker.py"), str(folder)],
            cwd=folder,
            env=settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **task: Any) -> dict[str, Any]:
        """Return the answer to a task."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def start_worker(folder: Path, environment: dict[str, str]) -> Iterator[Worker]:
    """Yield a worker, and end it afterwards."""
    worker = Worker(folder, environment)
    try:
        yield worker
    finally:
        worker.process.terminate()
        worker.process.communicate()


def measure_cost(
    name: str, environment: dict[str, str], pages: list[tuple[str, str, str]]
) -> dict[str, dict[str, Any]]:
    """Measure the main pages on one database, print a table and return the figures by page."""
    against = os.environ.get("BENCH_AGAINST")
    measured: dict[str, dict[str, Any]] = {}
    with start_worker(ROOT, environment) as now, start_worker(Path(against or ROOT).resolve(), environment) as other:
        kinds = {"page": (now, "page"), "raw": (now, "raw"), "bare": (now, "bare")}
        if against:
            kinds["other"] = (other, "page")
        for page, path, token in pages:
            measured[page] = measure_page(kinds, path, token)
    print_table(name, measured, against)
    return measured


def measure_page(kinds: dict[str, tuple[Worker, str]], path: str, token: str) -> dict[str, Any]:
    """Return the processor milliseconds of each kind of a page, and the ratios to the page itself."""
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    database: list[float] = []
    counts = {kind: worker.ask(what="count", path=path, token=token) for kind, (worker, _) in kinds.items()}
    for round_number in range(ROUNDS + 1):
        order = list(kinds) if round_number % 2 else list(reversed(kinds))
        for kind in order:
            worker, what = kinds[kind]
            spent = worker.ask(what=what, path=path, token=token, times=REQUESTS_A_ROUND)
            if round_number:  # the first round warms up
                times[kind].append(spent["server"] + spent["database"])
                database += [spent["database"]] if kind == "page" else []
    figures: dict[str, Any] = {
        "statements": counts["page"]["statements"],
        "database": round(statistics.median(database), 2),
        **{kind: round(statistics.median(each), 2) for kind, each in times.items()},
    }
    for kind in ("raw", "bare"):
        figures[f"to {kind}"] = summarise_ratios(times["page"], times[kind])
    if "other" in kinds:
        figures["other statements"] = counts["other"]["statements"]
        figures["to other"] = summarise_ratios(times["page"], times["other"])
    return figures


def summarise_ratios(own: list[float], others: list[float]) -> dict[str, float]:
    """Return the median and the quartiles of the ratios of each round."""
    low, median, high = statistics.quantiles((a / b for a, b in zip(own, others, strict=True)), n=4)
    return {"median": round(median, 2), "low": round(low, 2), "high": round(high, 2)}


def print_table(name: str, measured: dict[str, dict[str, Any]], against: str | None) -> None:
    """Print the figures: milliseconds, and ratios with their quartiles."""
    print(f"\n{name}: processor milliseconds (database), {ROUNDS} rounds of {REQUESTS_A_ROUND} requests")
    for page, each in measured.items():
        line = (
            f"  {page:<31}{each['statements']:>3} SQL {each['page']:>7} ({each['database']})"
            f"  raw SQL {each['raw']:>6} {format_ratio(each['to raw'])}"
            f"  bare {each['bare']:>5} {format_ratio(each['to bare'])}"
        )
        if against:
            line += f"  {against}: {each['other statements']} SQL {each['other']} {format_ratio(each['to other'])}"
        print(line)


def format_ratio(ratio: dict[str, float]) -> str:
    """Return a ratio with its quartiles."""
    return f"×{ratio['median']} ({ratio['low']}–{ratio['high']})"
