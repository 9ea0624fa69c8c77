"""Run the proof: each part's tests at their whole size, two at a time, on each database; a table comes out."""

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
AT_ONCE = 2
MAX_LENGTH = 30 * 60  # seconds a part may take on a database

PARTS: dict[str, tuple[str, str]] = {
    "life by dice": (
        "the model and the database agree and the invariants hold after each step",
        "proof/test_life.py",
    ),
    "kill -9": ("nothing acknowledged is lost, nothing doubled", "proof/test_kill.py"),
    "who may do what": ("every answer is the table's; a refusal writes nothing and tells nothing", "test_routes.py"),
    "races": ("one winner, losers told kindly, no server error, the record whole", "proof/test_races.py"),
    "twice": ("one event each", "proof/test_twice.py"),
    "faults": ("whole or nothing, a clear sentence, clean afterwards", "proof/test_faults.py"),
    "bad input": ("no server error, no trace", "proof/test_bad_input.py"),
    "crossed ids": ("no leak, no write", "proof/test_crossed_ids.py"),
    "illegal moves": ("only the table's moves succeed", "proof/test_illegal_moves.py"),
    "uploads": ("refused with a reason, or returned byte for byte as an attachment", "proof/test_uploads.py"),
    "pdf": ("nothing fetched or attached, what blows up killed in time, the server untouched", "proof/test_pdf.py"),
    "markup": ("no new node, no live cell", "proof/test_markup.py"),
    "sessions": ("all refused", "proof/test_sessions.py"),
    "tampering": ("every mutation named, no false alarm", "proof/test_tampering.py"),
    "restore": ("all verify", "proof/test_restore.py"),
    "privacy": ("own all there, others' none; erased text gone, the chain whole", "proof/test_privacy.py"),
    "peers": ("what happened to others does not happen here", "proof/test_peers.py"),
}
"""A part's name, what it passes by, and its tests; the slowest first, so that none is left for the end."""


@dataclass
class Proof:
    """A part on a database: whether it held, in how many seconds, and what it counted."""

    part: str
    database: str
    held: bool = False
    seconds: float = 0
    figures: dict[str, float] = field(default_factory=dict)
    output: str = ""

    @property
    def told(self) -> str:
        return ", ".join(f"{value:,g} {name.replace('_', ' ')}" for name, value in self.figures.items()) or "–"


def prove(proof: Proof, folder: Path) -> Proof:
    """Run one part's tests in a process of their own."""
    kept = folder / f"{proof.part}-{proof.database}.jsonl".replace(" ", "-")
    environment = os.environ | {
        "PROOF": "whole",
        "PROOF_FIGURES": str(kept),
        "TEST_DATABASE_URL": DATABASES[proof.database],
    }
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", f"tests/{PARTS[proof.part][1]}"]
    started = time.monotonic()
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=MAX_LENGTH, check=False
        )
        proof.held, proof.output = ended.returncode == 0, ended.stdout + ended.stderr
    except subprocess.TimeoutExpired as error:
        proof.output = f"Not done in {MAX_LENGTH} seconds.\n{error.stdout!r}"
    proof.seconds = time.monotonic() - started
    proof.figures = added_up(kept)
    word = "holds" if proof.held else "FAILS"
    print(f"{word}  {proof.part} on {proof.database}, {proof.seconds:.0f} s: {proof.told}")
    if not proof.held:
        print(proof.output[-8000:])
    sys.stdout.flush()
    return proof


def added_up(kept: Path) -> dict[str, float]:
    """The figures of a part's tests: counts added, the greatest of each `most_…`."""
    figures: dict[str, float] = {}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept.exists() else ():
        for name, value in json.loads(line).items():
            before = figures.get(name, 0)
            figures[name] = max(before, value) if name.startswith("most_") else before + value
    return figures


def table(proofs: list[Proof], minutes: float) -> str:
    """docs/proof.md."""
    lines = [
        "# The proof",
        "",
        "What `./scripts/prove` last did to the record, and what came of it. Short forms of the same tests run in",
        "`./scripts/test`. The invariants it speaks of are those of `flask verify`.",
        "",
        f"{datetime.now(UTC):%-d %B %Y}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},",
        f"two parts at a time: {minutes:.0f} minutes for the whole.",
        "",
        "| part | passes when | database | holds | counted | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, (passes, _) in PARTS.items():
        for proof in proofs:
            if proof.part == name:
                cells = (name, passes, proof.database, "yes" if proof.held else "**no**", proof.told)
                lines.append(f"| {' | '.join(cells)} | {proof.seconds:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        print(f"There is no part {unknown[0]!r}. There are: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as workers:
        waiting = [Proof(part, database) for part in chosen for database in DATABASES]
        proofs = list(workers.map(lambda proof: prove(proof, Path(folder)), waiting))
    if chosen == list(PARTS):
        (ROOT / "docs" / "proof.md").write_text(table(proofs, (time.monotonic() - started) / 60), encoding="utf-8")
        print("Written to docs/proof.md.")
    failed = [f"{proof.part} on {proof.database}" for proof in proofs if not proof.held]
    print(f"Not proven: {', '.join(failed)}." if failed else "Every part holds.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
