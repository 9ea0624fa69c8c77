"""Sentences that people read on a page or in an email have a typographic apostrophe."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TRACKER = Path(__file__).parent.parent / "tracker"
STRAIGHT = re.compile(r"(?:[A-Za-z]|^)'(?:s|t|re|ve|ll|d)?(?=[ .,:;!?]|$)")
CODE = re.compile(r"= ?'|\bIN \(|\bredis\.|<>|\(\?:|-src '")
READ_IN_A_TERMINAL = {
    "commands", "config", "demo", "doctor", "hosts", "integrity", "ledger", "metrics", "units",
}  # fmt: skip
"""Packages and modules whose sentences are for the operator: a straight apostrophe is usual there."""
STORED = {"models/people.py"}
"""Values that are stored and sealed, and so stay as they are."""


def list_modules() -> list[Path]:
    names = [path.relative_to(TRACKER) for path in sorted(TRACKER.rglob("*.py"))]
    return [each for each in names if str(each) not in STORED and not READ_IN_A_TERMINAL & {*each.parts, each.stem}]


def list_sentences(source: str) -> Iterator[str]:
    """Yield the texts of a module that are neither docstrings nor code of another language."""
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in alone:
            continue
        if isinstance(node.value, str) and " " in node.value and not CODE.search(node.value):
            yield node.value


def test_no_sentence_has_a_straight_apostrophe() -> None:
    found = [
        f"{name}: {sentence}"
        for name in list_modules()
        for sentence in list_sentences((TRACKER / name).read_text(encoding="utf-8"))
        if STRAIGHT.search(sentence)
    ]
    assert found == []


def test_a_straight_apostrophe_is_found_and_code_and_docstrings_are_not() -> None:
    source = '"""A module\'s words."""\nA = "Bob\'s feedback"\nB = "kind <> \'app\' OR"\nC = f"the centre\'s {A}"\n'
    assert [each for each in list_sentences(source) if STRAIGHT.search(each)] == ["Bob's feedback", "the centre's "]
