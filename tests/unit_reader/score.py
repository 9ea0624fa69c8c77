"""Score of the reader on the corpus: `python -m tests.unit_reader.score`.

One line a document that is not wholly right, and the share of criteria whose kind, label, heading and text are all
right, with the number of those made up.
"""

import sys
from pathlib import Path

from tests.unit_reader.expectation import CORPUS, Score, differences, read_expectation, score
from tests.unit_reader.reader import NoUnit, read_document


def main() -> None:
    total, whole, documents = Score(), 0, sorted([*CORPUS.glob("*.txt"), *CORPUS.glob("*.html")])
    for path in documents:
        found, faults = score_document(path)
        total += found
        whole += not faults
        if faults:
            _say(f"{path.name:44} {found.right:3} of {found.expected:3}, {found.invented} invented; {faults} faults")
    _say(f"\n{total.right} of {total.expected} criteria wholly right ({total.share:.1%}), {total.invented} invented")
    _say(f"{whole} of {len(documents)} documents exactly as expected")


def score_document(path: Path) -> tuple[Score, int]:
    expected = read_expectation(path.with_suffix(".yaml"))
    try:
        reading, lines = read_document(path.name, path.read_bytes())
    except NoUnit:
        return Score(expected=len(expected.criteria)), not expected.no_unit
    if expected.no_unit:
        return Score(invented=len(reading["criteria"])), 1
    return score(expected.criteria, reading["criteria"]), len(differences(expected, reading, lines))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
