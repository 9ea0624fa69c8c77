"""Time of `flask verify` over a long ledger: the demonstration's, with as many changes as in years of use."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
EVENTS, BATCH_SIZE, RUNS = 100_000, 500, 3


def measure_record(name: str, environment: dict[str, str]) -> dict[str, Any]:
    """Fill the database that the environment names up to `EVENTS`, and check it `RUNS` times."""
    subprocess.run([sys.executable, __file__], cwd=ROOT, env=environment, check=True)
    times, cpu_times = [], []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        command = [sys.executable, "-m", "flask", "verify", "--json"]
        completed = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False)
        times.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if not json.loads(completed.stdout)["clean"]:
            raise SystemExit(completed.stdout.decode())
    peak = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    measurement = {
        "seconds": round(sorted(times)[1], 1),
        "most": round(max(times), 1),
        "cpu": round(sorted(cpu_times)[1], 1),
    }
    print(f"\n{name}: flask verify over {EVENTS:,} events")
    print(
        f"  {measurement['seconds']} s ({measurement['most']} at most), {measurement['cpu']} s of processor time, {peak} MB"
    )
    return {**measurement, "peak_mb": peak}


def fill_ledger() -> None:
    """Change the locator of one claim again and again; each change adds an event and seals the row again."""
    from tests.proof.sample_evidence import find_claim, submit_sample_evidence
    from tracker import create_app
    from tracker.extensions import db
    from tracker.ledger import events
    from tracker.ledger.transactions import transaction
    from tracker.portfolio.services.claims import Tick, set_claims

    with create_app().app_context():
        submit_sample_evidence("An item")
        claim, actor = find_claim("An item")
        while (size := events.get_head()[0]) < EVENTS:
            with transaction():
                for number in range(size, min(size + BATCH_SIZE, EVENTS)):
                    tick = Tick(
                        claim.attempt_id, claim.evidence_id, claim.criterion_id, ticked=True, locator=f"p. {number}"
                    )
                    set_claims([tick], claim.claimed_by_id, actor)
            db.session.expire_all()


if __name__ == "__main__":
    os.chdir(ROOT)
    fill_ledger()
