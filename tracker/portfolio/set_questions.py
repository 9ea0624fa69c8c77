"""Questions that were set for a candidate, and the marks of their answers, as they are stored."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tracker.ledger.canonical_json import canonical_json
from tracker.portfolio.record_content import AnswersContent, Question
from tracker.vocabulary import Outcome


@dataclass(frozen=True)
class SetQuestion:
    """A question in the words in which it was set."""

    question: str
    mark: str
    """The criteria that it is about, by their marks: `g`, or `c, g`."""
    bank: int | None = None
    """The version of a question of a bank that it was; None where the assessor typed it."""


@dataclass(frozen=True)
class AnswerMark:
    """What an assessor thinks of one answer; the decision on the criterion is an act of its own."""

    outcome: Outcome | None = None
    comment: str = ""


def dump_set(questions: Sequence[SetQuestion]) -> str:
    """Return questions as canonical JSON."""
    return canonical_json([asdict(each) for each in questions]).decode("ascii")


def load_set(text: str) -> tuple[SetQuestion, ...]:
    """Return stored questions; none after an erasure."""
    return tuple(SetQuestion(**each) for each in json.loads(text)) if text.startswith("[") else ()


def read_marks(stored: Mapping[str, Any] | None) -> dict[int, AnswerMark]:
    """Return the marks of an assessment by the number of the question, from 1."""
    return {
        int(number): AnswerMark(Outcome(each["outcome"]) if each.get("outcome") else None, each.get("comment", ""))
        for number, each in (stored or {}).items()
    }


def list_unmarked(content: AnswersContent, stored: Mapping[str, Any] | None) -> list[int]:
    """List the numbers of the questions whose answers have no mark."""
    marks = read_marks(stored)
    return [number for number in range(1, len(content.questions) + 1) if not marks.get(number, AnswerMark()).outcome]


def suggest_outcomes(questions: Sequence[Question]) -> dict[str, Outcome]:
    """Return what the answers suggest for each criterion, by its mark in its questions.

    It is “met” where each of its answers shows it, and otherwise what the weakest of them says. A criterion with an
    answer that is not decided has no suggestion. The assessor decides (docs/rules.md, Assessment, rule 18).
    """
    by_mark: dict[str, list[Outcome | None]] = {}
    for each in questions:
        for mark in filter(None, (" ".join(part.split()) for part in each.mark.split(","))):
            by_mark.setdefault(mark, []).append(each.outcome)
    order = (Outcome.NOT_MET, Outcome.NEEDS_MORE, Outcome.MET)
    return {
        mark: next(each for each in order if each in outcomes)
        for mark, outcomes in by_mark.items()
        if None not in outcomes
    }
