"""Load on size M at two hosts behind nginx, also while processes are killed: `scripts/bench load [SECONDS]`.

Both hosts, nginx, PostgreSQL, Redis, the S3 server (moto) and the eight clients share the machine. During the run a
server process is killed six times, then all processes of one host, which is started again. Afterwards everything that
was acknowledged is looked up. Prints tables and writes build/load.json.

`LOAD_TEMPLATE=NAME` keeps the loaded database under a name, and copies it in the next run instead of loading it again.
"""

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.hosts.acknowledged_work import find_lost  # noqa: E402 - found by the path above
from tests.hosts.host_processes import Host, Installation, installation, make_environment  # noqa: E402 - as above
from tests.hosts.load_clients import SHARES, Load, Request  # noqa: E402 - as above
from tests.hosts.processor_time import ProcessorTime  # noqa: E402 - as above

SERVER = os.environ.get("TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
SIZE = os.environ.get("LOAD_SIZE", "M")
SECONDS, CLIENTS, KILLS = 300, 8, 6
GOALS = {"a second": 38, "p95 read": 300, "p99 write": 600}


@dataclass
class Phase:
    """A part of the run: what is done to the hosts meanwhile, and its first and last moment."""

    name: str
    began: float
    ended: float = 0


def main() -> None:
    seconds = int(sys.argv[1]) if sys.argv[1:] else SECONDS
    with tempfile.TemporaryDirectory(prefix="tracker-load-") as folder, installation(Path(folder), SERVER) as shared:
        prepare_database(shared, Path(folder))
        hosts = [shared.add_host("one"), shared.add_host("two")]
        with shared.web_server() as server:
            for host in hosts:
                host.start()
            people = shared.describe_people("--checked")
            load_before = os.getloadavg()
            phases: list[Phase] = []
            with Load(server.port, people, CLIENTS) as load, ProcessorTime(shared.database) as used:
                run_phases(phases, hosts, seconds)
            report_processor_time(used, phases, load)
            report(
                phases,
                load,
                list(find_lost(load, shared.build_url(), shared.environment["STORAGE_URL"])),
                load_before,
            )


def prepare_database(shared: Installation, folder: Path) -> None:
    """Create the database of the installation as a copy of one that was loaded in bulk, and limit the server's role."""
    source = os.environ.get("LOAD_TEMPLATE") or f"{shared.database}_source"
    if not has_database(source):
        load_source(source, folder)
    shared.create_database(source)
    if source != os.environ.get("LOAD_TEMPLATE"):
        administer(f"DROP DATABASE {source}")
    shared.migrate()
    shared.confine()


def load_source(name: str, folder: Path) -> None:
    """Make a database with the standards and candidates loaded in bulk."""
    administer(f"CREATE DATABASE {name}")
    url = SERVER.rpartition("/")[0] + f"/{name}"
    environment = make_environment() | {"DATABASE_URL": url, "INSTANCE_PATH": str(folder / "source")}
    flask = [sys.executable, "-m", "flask", "--app", "wsgi:app"]
    began = time.monotonic()
    for command in (
        [*flask, "db", "upgrade"],
        [*flask, "standards", "load"],
        [sys.executable, str(ROOT / "scripts/bench_data.py"), SIZE],
    ):
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    print(f"Size {SIZE} was loaded in {time.monotonic() - began:.0f} s.", flush=True)


def has_database(name: str) -> bool:
    with psycopg.connect(SERVER.replace("+psycopg", "")) as connection:
        return bool(connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone())


def administer(statement: str) -> None:
    with psycopg.connect(SERVER.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement)


def run_phases(phases: list[Phase], hosts: list[Host], seconds: int) -> None:
    """Let the clients work, and kill processes in the middle of the run."""
    one, two = hosts
    wait_in(phases, "both hosts serve", seconds * 0.4)

    def kill_processes() -> None:
        for number in range(KILLS):
            hosts[number % 2].kill_server_process()
            time.sleep(seconds * 0.2 / KILLS)

    do_in(phases, "a server process is killed, six times", kill_processes)
    do_in(phases, "one host is killed and gone", lambda: (two.kill(), time.sleep(seconds * 0.12)))
    do_in(phases, "the killed host starts", lambda: (two.start(), one.is_ready()))
    wait_in(phases, "both hosts serve again", seconds * 0.2)


def wait_in(phases: list[Phase], name: str, seconds: float) -> None:
    do_in(phases, name, lambda: time.sleep(seconds))


def do_in(phases: list[Phase], name: str, act: Callable[[], object]) -> None:
    phases.append(phase := Phase(name, time.monotonic()))
    act()
    phase.ended = time.monotonic()


def report(phases: list[Phase], load: Load, lost: list[str], load_before: tuple[float, float, float]) -> None:
    whole = summarise(load.requests, load.seconds)
    by_phase = {
        each.name: summarise(
            [request for request in load.requests if each.began <= request.began < each.ended],
            each.ended - each.began,
        )
        for each in phases
    }
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    loads = f"load average {load_before[0]:.1f} before, {os.getloadavg()[0]:.1f} at the end"
    print(f"Size {SIZE}, {load.seconds:.0f} s, {CLIENTS} clients; {machine}; {loads}")
    print_table({"whole run": whole, **by_phase})
    quiet = [each for each in load.requests if phases[0].began <= each.began < phases[0].ended]
    print_table({f"{kind}, {phases[0].name}": summarise_kind(quiet, kind, phases[0]) for kind in SHARES})
    for sentence in (*load.errors[:20], *lost[:20]):
        print(f"  {sentence}")
    print(
        f"Acknowledged: {len(load.ticks)} cells, {len(load.files)} files. Lost: {len(lost)}. Errors: {len(load.errors)}."
    )
    print(f"Goals: {compare_with_goals(whole, len(load.errors))}")
    results = {
        "machine": machine,
        "load": [load_before[0], os.getloadavg()[0]],
        "whole": whole,
        "phases": by_phase,
        "lost": lost,
        "errors": load.errors,
        "timeline": [asdict(each) | {"began": each.began - load.began} for each in phases],
    }
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build/load.json").write_text(json.dumps(results, indent=2))


def report_processor_time(used: ProcessorTime, phases: list[Phase], load: Load) -> None:
    """Print the processor time of a request: the machine may have had other work, which took the rest."""
    seconds, requests, cores = used.seconds, len(load.requests), os.cpu_count() or 1
    total = sum(seconds.values())
    parts = ", ".join(f"{part} {1000 * each / requests:.1f}" for part, each in seconds.items())
    print(f"Processor milliseconds for a request: {1000 * total / requests:.1f} ({parts})")
    print(f"Of {cores} cores the installation and the clients had {total / load.seconds:.2f}.")
    quiet = phases[0]
    answered = sum(quiet.began <= each.began < quiet.ended for each in load.requests)
    each_took = used.measure(quiet.began, quiet.ended) / max(1, answered)
    print(
        f"While both hosts serve: {1000 * each_took:.1f}, so {cores} cores alone answer {cores / each_took:.0f} a second."
    )


def summarise_kind(requests: list[Request], kind: str, phase: Phase) -> dict[str, Any]:
    """Return the figures of one kind of request in a phase."""
    seconds = [each.seconds for each in requests if each.kind == kind]
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1}
    return {
        "requests": len(seconds),
        "a second": round(len(seconds) / (phase.ended - phase.began), 1),
        **{name: rank(seconds, share) for name, share in shares.items()},
    }


def summarise(requests: list[Request], seconds: float) -> dict[str, Any]:
    """Return the figures of some requests: how many a second, milliseconds, and what was not answered at first."""
    reads = [each.seconds for each in requests if each.kind == "read"]
    writes = [each.seconds for each in requests if each.kind in {"tick", "upload"}]
    unanswered = [each for each in requests if each.unanswered]
    return {
        "requests": len(requests),
        "a second": round(len(requests) / seconds, 1),
        "read p50": rank(reads, 0.5),
        "p95 read": rank(reads, 0.95),
        "write p50": rank(writes, 0.5),
        "p99 write": rank(writes, 0.99),
        "most": rank([each.seconds for each in requests], 1),
        "pages unanswered": sum(each.kind in {"read", "print"} for each in unanswered),
        "writes unanswered": sum(each.kind in {"tick", "upload"} for each in unanswered),
    }


def rank(seconds: list[float], share: float) -> int | None:
    """Return the milliseconds within which this share of the requests was answered."""
    ordered = sorted(seconds)
    return round(1000 * ordered[max(0, math.ceil(len(ordered) * share) - 1)]) if ordered else None


def compare_with_goals(whole: dict[str, Any], errors: int) -> str:
    """Return which goals are met and which are missed."""
    met = {
        f"{whole['a second']} a second (at least {GOALS['a second']})": whole["a second"] >= GOALS["a second"],
        f"read p95 {whole['p95 read']} ms (at most {GOALS['p95 read']})": whole["p95 read"] <= GOALS["p95 read"],
        f"write p99 {whole['p99 write']} ms (at most {GOALS['p99 write']})": whole["p99 write"] <= GOALS["p99 write"],
        "no errors": not errors and not whole["pages unanswered"] and not whole["writes unanswered"],
    }
    return "; ".join(f"{sentence} {'met' if is_met else 'MISSED'}" for sentence, is_met in met.items())


def print_table(rows: dict[str, dict[str, Any]]) -> None:
    heads = list(next(iter(rows.values())))
    print(f"\n| {'':<38} | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for name, figures in rows.items():
        print(f"| {name:<38} | " + " | ".join(str(figures[each]) for each in heads) + " |", flush=True)


if __name__ == "__main__":
    main()
