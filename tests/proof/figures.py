"""How large a proof is, and the figures it tells. `scripts/prove` asks for the whole, and prints and keeps them."""

import json
import os
from pathlib import Path

WHOLE = os.environ.get("PROOF") == "whole"


def size(short: int, whole: int) -> int:
    """How many cases: a few in every run of the tests, all of them where the proof was asked for."""
    return whole if WHOLE else short


def tell(**figures: float) -> None:
    """Keep what was counted for the table. The counts of a part's tests are added up; of `most_…`, the greatest."""
    if path := os.environ.get("PROOF_FIGURES"):
        with Path(path).open("a", encoding="utf-8") as kept:
            kept.write(json.dumps(figures) + "\n")
