"""An upgrade under load: the previous release serves on two hosts, which are replaced one after the other.

It does what docs/operations.md says under Upgrades, counts the requests that were not answered or failed, looks up what
was acknowledged, and runs `flask verify` and `flask doctor`. Prints a table.

The previous release is the newest tag. While there is none it is the oldest commit that may still serve on this schema:
the one before the first migration that is held to the rule of expand, migrate and contract.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench_load import Phase, do_in, print_table, summarise  # noqa: E402 - found by the path above

from tests.hosts.acknowledged_work import find_lost  # noqa: E402 - as above
from tests.hosts.host_processes import CURRENT, Host, Installation, Release, installation  # noqa: E402 - as above
from tests.hosts.load_clients import Browser, Load  # noqa: E402 - as above
from tests.migrations.test_upgrades import FIRST_HELD  # noqa: E402 - as above
from tests.proof.web_server import WebServer  # noqa: E402 - as above

SERVER = os.environ.get("TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
CLIENTS = 8


def main() -> None:
    options = read_options()
    with (
        tempfile.TemporaryDirectory(prefix="tracker-drill-") as folder,
        installation(Path(folder), SERVER) as shared,
    ):
        previous = check_out(options.previous, Path(folder) / "previous")
        print(f"From {describe(options.previous)}\nto   {describe('HEAD')}", flush=True)
        prepare(shared, previous, options.bulk)
        hosts = [shared.add_host("one"), shared.add_host("two")]
        with shared.web_server() as server:
            for host in hosts:
                host.start(previous)
            faults = list_faults(shared, previous)
            people = shared.describe_people("--checked", release=previous)
            phases: list[Phase] = []
            with Load(server.port, people, CLIENTS) as load:
                upgrade(phases, shared, server, hosts, previous, options.seconds)
            is_whole = report(phases, load, shared, faults)
            is_signed_in = report_sessions(server, load)
            report_log(hosts)
    sys.exit(0 if is_whole and is_signed_in else 1)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/drill upgrade", description="Upgrade two hosts under load.")
    parser.add_argument("--from", dest="previous", default=None, help="the commit of the previous release")
    parser.add_argument("--bulk", default=None, help="also load candidates in bulk: S, M or L")
    parser.add_argument("--seconds", type=int, default=15, help="how long each state of the hosts is kept")
    options = parser.parse_args()
    options.previous = options.previous or find_previous_release()
    return options


def find_previous_release() -> str:
    """Return the newest tag, or the commit before the first migration that is held to the rule of upgrades."""
    if tags := git("tag", "--merged", "HEAD", "--sort=-creatordate").split():
        return tags[0]
    held = sorted(each.name for each in (ROOT / "migrations/versions").glob("*.py") if each.name >= FIRST_HELD)
    added = git("log", "--diff-filter=A", "--format=%H", "--", f"migrations/versions/{held[0]}").split()[-1]
    return git("rev-parse", f"{added}^").strip()


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def describe(commit: str) -> str:
    return git("log", "-1", "--format=%h of %cd: %s", "--date=format:%d %B %Y %H:%M", commit).strip()


def check_out(commit: str, folder: Path) -> Release:
    """Write the code of a commit into a folder; it gets packages of its own unless its lock file is the same."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "tracker"], cwd=folder, check=True)
    if (folder / "requirements.lock").read_bytes() == (ROOT / "requirements.lock").read_bytes():
        return Release(folder)
    venv.create(folder / ".venv", with_pip=True)
    python = str(folder / ".venv/bin/python")
    install = [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements.lock"]
    subprocess.run(install, cwd=folder, check=True)
    return Release(folder, python)


def prepare(shared: Installation, previous: Release, bulk: str | None) -> None:
    """Make the database of the previous release: the demonstration, and candidates loaded in bulk."""
    shared.create_database()
    shared.migrate(previous)
    shared.fill_with_demonstration(previous)
    if bulk:
        environment = shared.environment | {"DATABASE_URL": shared.build_url()}
        command = [previous.python, "scripts/bench_data.py", bulk]
        subprocess.run(command, cwd=previous.folder, env=environment, check=True)
    shared.confine(previous)


def upgrade(
    phases: list[Phase],
    shared: Installation,
    server: WebServer,
    hosts: list[Host],
    previous: Release,
    seconds: int,
) -> None:
    """Follow docs/operations.md, Upgrades, while people work."""
    do_in(phases, "the previous release serves", lambda: time.sleep(seconds))
    backup = shared.folder / "backups"
    do_in(phases, "backup", lambda: shared.run("backup", str(backup), release=previous))
    do_in(phases, "migration", shared.migrate)
    do_in(phases, "rights of the role, standards", shared.confine)
    do_in(phases, "the previous release serves on the new schema", lambda: time.sleep(seconds))
    for number, host in enumerate(hosts, 1):
        do_in(phases, f"host {number} is replaced", make_replacement(server, host))
        do_in(phases, f"{number} of 2 hosts have the new release", lambda: time.sleep(seconds))


def make_replacement(server: WebServer, host: Host) -> Callable[[], None]:
    """Return the function that takes a host out of nginx, starts the new release on it, and puts it back."""

    def replace() -> None:
        server.send_nothing_to(host.port)
        host.stop()
        host.start(CURRENT)
        server.send_nothing_to(None)

    return replace


def list_faults(shared: Installation, release: Release) -> Counter[str]:
    """Return the number of offences of each check of `flask verify` that fails."""
    output = shared.try_to_run("verify", "--json", release=release).stdout
    checks = json.loads(output)["checks"]
    return Counter({str(each["name"]): int(each["offences"]) for each in checks if each["offences"]})


def report(phases: list[Phase], load: Load, shared: Installation, before: Counter[str]) -> bool:
    """Print what became of the requests and of the record; return whether nothing was lost and every check passes."""
    rows = {
        each.name: summarise(
            [request for request in load.requests if each.began <= request.began < each.ended],
            each.ended - each.began,
        )
        for each in phases
    }
    print_table({**rows, "whole run": summarise(load.requests, load.seconds)})
    lost = list(find_lost(load, shared.build_url(), shared.environment["STORAGE_URL"]))
    for sentence in (*load.errors[:20], *lost[:20]):
        print(f"  {sentence}")
    unanswered = sum(bool(each.unanswered) for each in load.requests)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    print(
        f"Requests: {len(load.requests)}; not answered at once: {unanswered}; failed: {len(load.errors)}; {machine}"
    )
    print(f"Acknowledged: {len(load.ticks)} cells, {len(load.files)} files; lost: {len(lost)}")
    after, doctor = list_faults(shared, CURRENT), shared.try_to_run("doctor")
    print(f"flask verify: {describe_faults(before)} before, {describe_faults(after)} afterwards")
    print(f"flask doctor: exit code {doctor.returncode}\n{doctor.stdout}")
    return not lost and not load.errors and not unanswered and not after - before and doctor.returncode == 0


def describe_faults(faults: Counter[str]) -> str:
    return (
        "every check passed" if not faults else f"{faults.total()} offences of {len(faults)} checks ({dict(faults)})"
    )


def report_sessions(server: WebServer, load: Load) -> bool:
    """Print how many of the sessions that began with the previous release are still open."""
    people = [
        each for kind in ("candidates", "assessors", "verifiers", "administrators") for each in load.people[kind]
    ]
    browsers = [Browser(server.port, load.people["cookie"], each["token"]) for each in people]
    answers = Counter(each.ask("GET", "/account")[0] for each in browsers)
    print(f"Sessions of the previous release: {len(people)}; still open: {answers[200]}")
    return answers[200] == len(people)


def report_log(hosts: list[Host]) -> None:
    """Print the errors that the hosts have logged."""
    for host in hosts:
        lines = host.log.splitlines()
        errors = [number for number, line in enumerate(lines) if " ERROR in " in line]
        print(f"Errors in the log of host {host.name}: {len(errors)}")
        for number in errors[:3]:
            following = itertools.takewhile(lambda line: line.startswith("  "), lines[number + 1 :])
            for line in [lines[number], *list(following)[-4:]]:
                print(f"  {line[:300]}")


if __name__ == "__main__":
    main()
