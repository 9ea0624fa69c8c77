"""Every page and the main acts at every size, on both databases; a part of `scripts/bench`.

A process for each database answers requests in turn, so that other work on the machine slows all of them. A growth is the
median, over the rounds, of what a page costs at size L divided by what it costs at size S.
"""

import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import bench_databases
from bench_databases import BenchDatabase

ROOT = Path(__file__).resolve().parent.parent
DATABASES = (
    "sqlite-S-1", "sqlite-M-1", "sqlite-M-50",
    "postgresql-S-1", "postgresql-M-1", "postgresql-L-1", "postgresql-M-50", "postgresql-L-50",
)  # fmt: skip
"""The engine, size and number of centres of each database; `BENCH_DATABASES` names fewer."""
ROUNDS, REQUESTS_A_ROUND, WARM_UP_REQUESTS = 5, 2, 1
SMALL, LARGE = "postgresql-S-1", "postgresql-L-1"
"""Between which a page's growth is measured."""


class GrowthWorker:
    """A process that serves one database; `names` are its pages and acts."""

    def __init__(self, database: BenchDatabase) -> None:
        self.key, self.log = database.key, (database.folder / "requests.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts/bench_growth_worker.py"), str(ROOT)],
            cwd=ROOT,
            env=database.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def read_names(self) -> list[str]:
        """Return the names of the pages and acts, when the process is ready."""
        return self._read()

    def measure(self, name: str, times: int) -> dict[str, Any]:
        """Return what a page or act took, so many times."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"name": name, "times": times}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.key}: the process that serves it ended. See {self.log.name}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        self.process.communicate()
        self.log.close()


def measure_growth(*, keep: bool) -> dict[str, Any]:
    """Load the databases, measure each page on all of them in turn, print the pages that grow and return all figures."""
    keys = os.environ.get("BENCH_DATABASES", " ".join(DATABASES)).split()
    databases = [bench_databases.parse_key(key) for key in keys]
    if not bench_databases.has_postgresql():
        print("\nPostgreSQL: not measured, no server answered.")
        databases = [each for each in databases if each.engine == "sqlite"]
    print("\nDatabases loaded in bulk")
    try:
        loaded = {each.key: bench_databases.prepare(each) for each in databases}
        pages = measure_pages(databases)
    finally:
        if not keep:
            for each in databases:
                bench_databases.drop(each)
    print_growth(pages)
    return {"rounds": ROUNDS, "requests": ROUNDS * REQUESTS_A_ROUND, "databases": loaded, "pages": pages}


def measure_pages(databases: list[BenchDatabase]) -> dict[str, dict[str, Any]]:
    """Return by page or act the figures of each database, and `growth`."""
    with ExitStack() as stack:
        workers = [stack.enter_context(GrowthWorker(each)) for each in databases]
        names = [worker.read_names() for worker in workers]
        if any(each != names[0] for each in names):
            raise SystemExit(
                f"The databases have different pages: {set().union(*names) - set.intersection(*map(set, names))}"
            )
        return {name: measure_in_turn(workers, name) for name in names[0]}


def measure_in_turn(workers: list[GrowthWorker], name: str) -> dict[str, Any]:
    """Measure one page or act on each database, round by round."""
    rounds: dict[str, list[dict[str, Any]]] = {worker.key: [] for worker in workers}
    for worker in workers:
        worker.measure(name, WARM_UP_REQUESTS)
    for number in range(ROUNDS):
        for worker in workers if number % 2 else reversed(workers):
            rounds[worker.key].append(worker.measure(name, REQUESTS_A_ROUND))
    figures: dict[str, Any] = {key: summarise(each) for key, each in rounds.items()}
    if {SMALL, LARGE} <= rounds.keys():
        figures["growth"] = summarise_growth(rounds[SMALL], rounds[LARGE])
    return figures


def summarise(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of the rounds, and the median and the 95th percentile of all times, in milliseconds."""
    walls = sorted(wall for each in rounds for wall in each["walls"])
    return {
        "statements": rounds[-1]["statements"],
        "bytes": rounds[-1]["bytes"],
        "server": round(statistics.median(each["server"] for each in rounds), 2),
        "database": round(statistics.median(each["database"] for each in rounds), 2),
        "cpu": round(statistics.median(each["server"] + each["database"] for each in rounds), 2),
        "median": round(statistics.median(walls), 1),
        "p95": round(walls[int(len(walls) * 0.95) - 1], 1),
    }


def summarise_growth(small: list[dict[str, Any]], large: list[dict[str, Any]]) -> dict[str, float]:
    """Return the median and the quartiles of the ratios of each round."""
    ratios = [
        (b["server"] + b["database"]) / (a["server"] + a["database"]) for a, b in zip(small, large, strict=True)
    ]
    low, median, high = statistics.quantiles(ratios, n=4)
    return {"median": round(median, 2), "low": round(low, 2), "high": round(high, 2)}


def print_growth(pages: dict[str, dict[str, Any]]) -> None:
    """Print the pages by their growth, the largest first, with the processor milliseconds on each database."""
    keys = [key for key in next(iter(pages.values())) if key != "growth"]
    print(f"\nProcessor milliseconds of server and database, {ROUNDS} rounds of {REQUESTS_A_ROUND} requests")
    print(f"  {'':<62}{'growth':>7}" + "".join(f"{key:>17}" for key in keys))
    for name, each in sorted(pages.items(), key=lambda item: -item[1].get("growth", {}).get("median", 0)):
        growth = each.get("growth", {}).get("median", "")
        print(f"  {name:<62}{growth:>7}" + "".join(f"{each[key]['cpu']:>17}" for key in keys))
