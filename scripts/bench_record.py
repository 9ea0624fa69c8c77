"""How long `flask verify` takes over a long ledger: the demonstration's, with the changes of years in it."""

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
EVENTS, AT_ONCE, TIMES = 100_000, 500, 3


def measure_record(name: str, environment: dict[str, str]) -> dict[str, Any]:
    """Fill the database that the environment names up to `EVENTS`, and check it `TIMES` times."""
    subprocess.run([sys.executable, __file__], cwd=ROOT, env=environment, check=True)
    taken, used = [], []
    for _ in range(TIMES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        command = [sys.executable, "-m", "flask", "verify", "--json"]
        said = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False)
        taken.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if not json.loads(said.stdout)["clean"]:
            raise SystemExit(said.stdout.decode())
    peak = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    found = {"seconds": round(sorted(taken)[1], 1), "most": round(max(taken), 1), "cpu": round(sorted(used)[1], 1)}
    print(f"\n{name}: flask verify over {EVENTS:,} events")
    print(f"  {found['seconds']} s ({found['most']} at most), {found['cpu']} s of processor time, {peak} MB")
    return {**found, "peak_mb": peak}


def fill() -> None:
    """Alice says anew where in an item her proof is, again and again: each time an event and a row sealed anew."""
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
                for number in range(size, min(size + AT_ONCE, EVENTS)):
                    tick = Tick(
                        claim.attempt_id, claim.evidence_id, claim.criterion_id, on=True, locator=f"p. {number}"
                    )
                    set_claims([tick], claim.claimed_by_id, actor)
            db.session.expire_all()


if __name__ == "__main__":
    os.chdir(ROOT)
    fill()
