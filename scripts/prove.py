"""Run the proof: each part's tests at full size, two at a time, on each database; write the results as a table."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER = os.environ.get("TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
DATABASES = {"SQLite": "sqlite", "PostgreSQL": SERVER}
PARTS_AT_ONCE = 2
TIMEOUT_SECONDS = 30 * 60  # for a part on a database

PARTS: dict[str, tuple[str, str]] = {
    "random lives": (
        "the model and the database agree and the invariants hold after each step",
        "proof/test_life.py",
    ),
    "kill -9": ("nothing acknowledged is lost, nothing is doubled", "proof/test_kill.py"),
    "permissions": (
        "every answer is that of the table of permissions; a refusal writes nothing and reveals nothing",
        "web/test_routes.py",
    ),
    "races": ("one request wins, the others get a sentence, no server error, no violation", "proof/test_races.py"),
    "sent twice": ("one event each", "proof/test_twice.py"),
    "faults": ("all or nothing, a clear sentence, no violation afterwards", "proof/test_faults.py"),
    "bad input": ("no server error, no change", "proof/test_bad_input.py"),
    "crossed ids": ("no leak, no write", "proof/test_crossed_ids.py"),
    "illegal moves": ("only transitions of the table succeed", "proof/test_illegal_moves.py"),
    "uploads": ("refused with a reason, or returned byte for byte as an attachment", "proof/test_uploads.py"),
    "pdf": ("nothing fetched or attached, endless forms stopped in time, the server unaffected", "proof/test_pdf.py"),
    "markup": ("no new element on a page, no formula in a cell", "proof/test_markup.py"),
    "sessions": ("all refused", "proof/test_sessions.py"),
    "tampering": ("every change named, no false alarm", "proof/test_tampering.py"),
    "restore": ("all restored records verify", "proof/test_restore.py"),
    "privacy": (
        "all of one's own data, nothing of others; erased text is gone, the chain intact",
        "proof/test_privacy.py",
    ),
    "known attacks": ("attacks reported against similar products fail", "proof/test_peers.py"),
}
"""A part's name, when it passes, and its tests; the slowest parts come first, so that none is left for the end."""


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


def prove(proof: Proof, folder: Path) -> Proof:
    """Run the tests of one part in a subprocess and fill in the result."""
    figures_path = folder / f"{proof.part}-{proof.database}.jsonl".replace(" ", "-")
    environment = os.environ | {
        "PROOF": "whole",
        "PROOF_FIGURES": str(figures_path),
        "TEST_DATABASE_URL": DATABASES[proof.database],
    }
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", f"tests/{PARTS[proof.part][1]}"]
    started = time.monotonic()
    try:
        completed = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
        proof.passed, proof.output = completed.returncode == 0, completed.stdout + completed.stderr
    except subprocess.TimeoutExpired as error:
        proof.output = f"Not done in {TIMEOUT_SECONDS} seconds.\n{error.stdout!r}"
    proof.seconds = time.monotonic() - started
    proof.figures = add_figures(figures_path)
    result = "passed" if proof.passed else "FAILED"
    print(f"{result}  {proof.part} on {proof.database}, {proof.seconds:.0f} s: {proof.formatted_figures}")
    if not proof.passed:
        print(proof.output[-8000:])
    sys.stdout.flush()
    return proof


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
        "The last results of `./scripts/prove`, which tries to break the records. Short forms of the same tests run in",
        "`./scripts/test`. The invariants are those of `flask verify`: see [integrity.md](integrity.md#invariants).",
        "",
        f"{datetime.now(UTC):%-d %B %Y}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},",
        f"two parts at a time, {minutes:.0f} minutes in all.",
        "",
        "| part | passes when | database | passed | counted | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, (condition, _) in PARTS.items():
        for proof in proofs:
            if proof.part == name:
                cells = (
                    name,
                    condition,
                    proof.database,
                    "yes" if proof.passed else "**no**",
                    proof.formatted_figures,
                )
                lines.append(f"| {' | '.join(cells)} | {proof.seconds:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parts = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in parts if name not in PARTS]:
        print(f"There is no part {unknown[0]!r}. There are: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(PARTS_AT_ONCE) as workers:
        pending = [Proof(part, database) for part in parts for database in DATABASES]
        proofs = list(workers.map(lambda proof: prove(proof, Path(folder)), pending))
    if parts == list(PARTS):
        (ROOT / "docs" / "proof.md").write_text(
            format_table(proofs, (time.monotonic() - started) / 60), encoding="utf-8"
        )
        print("Written to docs/proof.md.")
    failed = [f"{proof.part} on {proof.database}" for proof in proofs if not proof.passed]
    print(f"Failed: {', '.join(failed)}." if failed else "Every part passed.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
