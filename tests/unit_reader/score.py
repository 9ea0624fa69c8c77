"""Score of the reader on the corpus: `python -m tests.unit_reader.score`.

It prints a line for each document that is not wholly right, the share of criteria whose kind, label, heading and text
are all right, and the number of criteria that are not in the document.
"""

import sys
from pathlib import Path

from tests.unit_reader.expectation import CORPUS, Score, differences, read_expectation, score
from tests.unit_reader.reader import NoUnit, read_document


def main() -> None:
    total, faultless, documents = Score(), 0, sorted([*CORPUS.glob("*.txt"), *CORPUS.glob("*.html")])
    for path in documents:
        result, faults = score_document(path)
        total += result
        faultless += not faults
        if faults:
            _say(
                f"{path.name:44} {result.right:3} of {result.expected:3}, {result.invented} invented; {faults} faults"
            )
    _say(f"\n{total.right} of {total.expected} criteria wholly right ({total.share:.1%}), {total.invented} invented")
    _say(f"{faultless} of {len(documents)} documents exactly as expected")


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
