"""Run the proof: each part's tests at full size, two at a time, on each database; write the results as a table."""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
SERVER = os.environ.get("TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
DATABASES = {"SQLite": "sqlite", "PostgreSQL": SERVER}
PARTS_AT_ONCE = 2
ALONE = {"fair shares", "slow clients"}
"""Parts that measure times: another part beside them would be measured too, so each runs alone, before the others."""
TIMEOUT_SECONDS = 30 * 60  # for a part on a database
SECONDS_TO_END = 10  # for a part that is stopped to remove its database and end its servers


@dataclass(frozen=True)
class Part:
    """One part of the proof: what its tests try, when it passes, and the tests' path."""

    attempt: str
    condition: str
    tests: str


PARTS = {
    "random lives": Part(
        "random sequences of acts on a unit, compared with a simple model",
        "after each act the model and the database agree and the invariants hold; after every fifth, pages and the form "
        "show the same marks",
        "proof/test_life.py",
    ),
    "countersigning": Part(
        "random sequences of the acts of countersigning and of the witness list, and each act by every role",
        "the model and the database agree, the invariants hold, and only those act who may",
        "proof/test_countersigned_life.py",
    ),
    "random tampering": Part(
        "a value, or a row, changed at random by whoever can write to the database, also with a forged event that seals it",
        "every change without an event, and every forged event that its act, column, object or round forbids, is named",
        "proof/test_fuzzing.py",
    ),
    "kill -9": Part(
        "the server, or PostgreSQL, is killed while people work",
        "everything that the server acknowledged is stored, and stored once",
        "proof/test_kill.py",
    ),
    "permissions": Part(
        "every route is requested in every role",
        "every answer is that of the table of permissions; a refused request changes and reveals nothing",
        "web/test_routes.py",
    ),
    "races": Part(
        "two requests for the same thing at the same moment",
        "one succeeds, the others get an error message; no server error, no invariant broken",
        "proof/test_races.py",
    ),
    "sent twice": Part(
        "a form is sent twice, or the connection is cut before the answer arrives",
        "one event for each form",
        "proof/test_twice.py",
    ),
    "faults": Part(
        "the disk, the database, email or the clock fails during an act",
        "the act is done wholly or not at all, the person gets an error message, and the invariants hold",
        "proof/test_faults.py",
    ),
    "bad input": Part(
        "malformed and random values for every route", "no server error, no change", "proof/test_bad_input.py"
    ),
    "crossed ids": Part(
        "ids of other people's things in addresses and forms",
        "nothing of theirs is shown or changed",
        "proof/test_crossed_ids.py",
    ),
    "illegal moves": Part(
        "every act in every unit state, by every role",
        "only transitions of the [table](rules.md#unit-states) succeed",
        "proof/test_illegal_moves.py",
    ),
    "uploads": Part(
        "hostile files under every extension",
        "refused with a reason, or returned byte for byte as an attachment",
        "proof/test_uploads.py",
    ),
    "pdf": Part(
        "text that would make a printed form load, attach or run something, or never end",
        "nothing is fetched or attached, endless forms are stopped in time, the server is unaffected",
        "proof/test_pdf.py",
    ),
    "markup": Part(
        "HTML and spreadsheet formulas in every text field",
        "no new element on a page, no formula in a cell",
        "proof/test_markup.py",
    ),
    "sessions": Part(
        "ended, copied and forged sessions, other host names, redirects to other sites",
        "all are refused, and no page may be cached",
        "proof/test_sessions.py",
    ),
    "fair shares": Part(
        "a person prints four forms again and again, all at once, while another opens pages",
        "one is printed at a time and two wait, jobs print others, and the rest are refused; the other's page takes "
        "1.5 times its usual time at most (median of 7 rounds)",
        "proof/test_fair_shares.py",
    ),
    "slow clients": Part(
        "200 connections that send a byte now and then, to the server and to nginx in front of it",
        "the sign-in page and a signed-in page take 2 times their usual time at most (median of 7 rounds)",
        "proof/test_slow_clients.py",
    ),
    "tampering": Part(
        "changes of stored data outside the product",
        "every change is named, and no unchanged data is reported",
        "proof/test_tampering.py",
    ),
    "restore": Part(
        "backups made while people work, and restores",
        "the invariants hold after every restore",
        "proof/test_restore.py",
    ),
    "privacy": Part(
        "marked text in everything that people write, then downloads and erasure",
        "a download has all of one's own text and none of others'; erased text is gone, the ledger's chain is intact",
        "proof/test_privacy.py",
    ),
    "known attacks": Part("attacks reported against similar products", "they fail", "proof/test_peers.py"),
}
"""The parts by name; the slowest come first, so that none is left for the end."""


@dataclass
class Proof:
    """The result of a part on a database: whether it passed, in how many seconds, and what it counted."""

    part: str
    database: str
    passed: bool = False
    seconds: float = 0
    figures: dict[str, float] = field(default_factory=dict)
    output: str = ""

    @property
    def formatted_figures(self) -> str:
        return ", ".join(f"{value:,g} {name.replace('_', ' ')}" for name, value in self.figures.items()) or "–"


RUNNING: set[subprocess.Popen[str]] = set()
"""The tests of the parts that run, each in a process group with the servers that it starts."""
STOPPING = threading.Event()
"""Set when no further part may start."""


def stop(_signal: int, _frame: object) -> None:
    """End the parts that run, when the proof is interrupted or terminated, and then the proof."""
    STOPPING.set()
    for number in (signal.SIGINT, signal.SIGKILL):  # at the first, pytest removes what its fixtures made
        for process in list(RUNNING):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        until = time.monotonic() + SECONDS_TO_END
        while RUNNING and time.monotonic() < until:
            time.sleep(0.1)
    os._exit(1)


def prove(proof: Proof, folder: Path) -> Proof:
    """Run the tests of one part in a subprocess and fill in the result."""
    if STOPPING.is_set():
        return proof
    figures_path = folder / f"{proof.part}-{proof.database}.jsonl".replace(" ", "-")
    environment = os.environ | {
        "PROOF": "whole",
        "PROOF_FIGURES": str(figures_path),
        "TEST_DATABASE_URL": DATABASES[proof.database],
    }
    report_path = figures_path.with_suffix(".xml")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-o",
        "faulthandler_timeout=0",  # a part may be one test of many minutes; TIMEOUT_SECONDS ends it
        "--show-capture=no",  # thousands of lines of the log would hide the failure
        f"--junit-xml={report_path}",
        f"tests/{PARTS[proof.part].tests}",
    ]
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    RUNNING.add(process)
    try:
        proof.output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        proof.passed = process.returncode == 0
        if proof.passed and not count_passed(report_path):
            proof.passed, proof.output = False, f"Every test was skipped.\n{proof.output}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        proof.output = f"Not done in {TIMEOUT_SECONDS} seconds.\n{process.communicate()[0]}"
    RUNNING.discard(process)
    proof.seconds = time.monotonic() - started
    proof.figures = add_figures(figures_path)
    result = "passed" if proof.passed else "FAILED"
    print(f"{result}  {proof.part} on {proof.database}, {proof.seconds:.0f} s: {proof.formatted_figures}")
    if not proof.passed:
        print(proof.output[-8000:])
    sys.stdout.flush()
    return proof


def count_passed(report: Path) -> int:
    """Return how many tests of a part that did not fail were run, by pytest's report in JUnit's XML format."""
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - a file that pytest wrote
    return sum(int(suite.get("tests", 0)) - int(suite.get("skipped", 0)) for suite in suites)


def add_figures(path: Path) -> dict[str, float]:
    """Return the figures of a part's tests: counts are added, of each `most_…` the greatest is taken."""
    figures: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        for name, value in json.loads(line).items():
            before = figures.get(name, 0)
            figures[name] = max(before, value) if name.startswith("most_") else before + value
    return figures


def format_table(proofs: list[Proof], minutes: float) -> str:
    """Return the text of docs/proof.md."""
    lines = [
        "# Proof",
        "",
        "`./scripts/prove` runs tests that try to break the records. Below are its parts, and the results of the last run.",
        "`./scripts/test --slow` runs short forms of the same tests. The invariants are those of `flask verify`: see",
        "[integrity.md](integrity.md#invariants).",
        "",
        "| part | what is tried | passes when | tests |",
        "|---|---|---|---|",
        *(f"| {name} | {part.attempt} | {part.condition} | `tests/{part.tests}` |" for name, part in PARTS.items()),
        "",
        "## Results",
        "",
        f"{datetime.now(UTC):%-d %B %Y}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},",
        f"two parts at a time and those that measure times alone, {minutes:.0f} minutes in all. The figures count what was tried. Those of failures, such as",
        "*lost*, *doubled*, *violated*, *leaks* and *unnamed*, are 0 in a part that passed. *Permitted events* of random",
        "tampering are forged, but no rule forbids them: see",
        "[security.md](security.md#what-a-database-writer-can-do).",
        "",
        "| part | database | passed | figures | seconds |",
        "|---|---|---|---|---|",
    ]
    for proof in sorted(proofs, key=lambda proof: list(PARTS).index(proof.part)):
        passed = "yes" if proof.passed else "**no**"
        cells = (proof.part, proof.database, passed, proof.formatted_figures, f"{proof.seconds:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parts = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in parts if name not in PARTS]:
        print(f"There is no part {unknown[0]!r}. There are: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    started = time.monotonic()
    pending = [Proof(part, database) for part in parts for database in DATABASES]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(PARTS_AT_ONCE) as workers:
        proofs = [prove(proof, Path(folder)) for proof in pending if proof.part in ALONE]
        proofs += workers.map(
            lambda proof: prove(proof, Path(folder)), [each for each in pending if each not in proofs]
        )
    if parts == list(PARTS):
        path = ROOT / "docs" / "proof.md"
        _, heading, mutations = path.read_text(encoding="utf-8").partition("\n## Mutations")  # by scripts/mutate
        text = format_table(proofs, (time.monotonic() - started) / 60)
        path.write_text(text + heading + mutations, encoding="utf-8")
        print("Written to docs/proof.md.")
    failed = [f"{proof.part} on {proof.database}" for proof in proofs if not proof.passed]
    print(f"Failed: {', '.join(failed)}." if failed else "Every part passed.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
