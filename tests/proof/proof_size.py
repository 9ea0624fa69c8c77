"""The size of a proof and the figures it reports. `scripts/prove` runs proofs at full size and prints the figures."""

import json
import os
from pathlib import Path

FULL_SIZE = os.environ.get("PROOF") == "whole"


def choose_size(short: int, full: int) -> int:
    """Return the number of cases: `short` in runs of the tests, `full` in `scripts/prove`."""
    return full if FULL_SIZE else short


def record_figures(**figures: float) -> None:
    """Record counts for the table of `scripts/prove`: counts of a part are added up; of `most_…`, the greatest is taken."""
    if path := os.environ.get("PROOF_FIGURES"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
