"""Answers that an assessor marks, and the decisions that their marks suggest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from tracker.assessment.queries.assessing import CriterionWithClaim
from tracker.assessment.services.assessments import DraftDecisions
from tracker.extensions import db
from tracker.models import Assessment, EvidenceVersion, QuestionSet, UnitAttempt
from tracker.portfolio.queries.question_sets import BankState, find_bank_states, find_marking
from tracker.portfolio.record_content import AnswersContent, ObservationContent, Question, load_content
from tracker.portfolio.set_questions import AnswerMark, load_set, read_marks, suggest_outcomes
from tracker.vocabulary import CriterionKind, Outcome, RecordKind


@dataclass(frozen=True)
class AnswerToMark:
    """An answer to a set question with its mark so far."""

    number: int
    asked: Question
    mark: AnswerMark
    bank: BankState | None
    """What the bank has of the question now; None for one that was typed."""


@dataclass(frozen=True)
class SuggestedDecision:
    """What the answers about a criterion suggest."""

    outcome: Outcome
    comment: str


def list_answers_to_mark(
    attempt: UnitAttempt, version: EvidenceVersion, draft: Assessment | None, typed: DraftDecisions | None
) -> list[AnswerToMark]:
    """List the answers of a version with their marks in an attempt; none of other evidence. Three statements."""
    if version.record_kind is not RecordKind.ANSWERS:
        return []
    content = load_content(version.record_kind, version.content)
    if not isinstance(content, AnswersContent):  # it was erased
        return []
    was_set = db.session.scalar(select(QuestionSet.content).where(QuestionSet.evidence_id == version.evidence_id))
    states = find_bank_states(load_set(was_set or ""))
    marks = find_marks(draft, typed, find_marking(version.id, attempt.id))
    return [
        AnswerToMark(number, each, marks.get(number, AnswerMark()), states.get(number))
        for number, each in enumerate(content.questions, 1)
    ]


def find_marks(
    draft: Assessment | None, typed: DraftDecisions | None, released: Assessment | None = None
) -> dict[int, AnswerMark]:
    """Return the marks of a draft by number, with what was typed and could not be saved.

    Args:
        draft: the draft.
        typed: what was typed, after a refusal.
        released: an earlier assessment of the same version, whose marks stand until they are changed.
    """
    stored = dict[str, dict[str, str]]()
    for marks in (released.answer_marks if released else None, draft.answer_marks if draft else None):
        for key, mark in (marks or {}).items():
            stored.setdefault(key, {}).update(mark)
    for number, mark in (typed.answer_marks if typed else {}).items():
        stored.setdefault(str(number), {}).update(mark)
    return read_marks(stored)


def suggest_decisions(
    attempt: UnitAttempt,
    version: EvidenceVersion,
    criteria: Collection[CriterionWithClaim],
    marks: Mapping[int, AnswerMark],
) -> dict[int, SuggestedDecision]:
    """Return what the answers suggest for the criteria of a unit, by criterion.

    Of answers to set questions it is what the assessor marked, and of questions asked in person what their asker
    thought.
    """
    if version.record_kind not in {RecordKind.ANSWERS, RecordKind.QUESTIONS, RecordKind.OBSERVATION}:
        return {}
    content = load_content(version.record_kind, version.content)
    is_first = True
    if isinstance(content, AnswersContent):
        questions: Sequence[Question] = [
            replace(each, outcome=marks.get(number, AnswerMark()).outcome)
            for number, each in enumerate(content.questions, 1)
        ]
    elif isinstance(content, ObservationContent):
        questions, is_first = content.questions, content.first_attempt == attempt.id
    else:
        return {}
    by_mark = suggest_outcomes(questions)
    suggested: dict[int, SuggestedDecision] = {}
    for criterion in criteria:
        names = _list_marks(attempt, criterion, criteria, is_first=is_first)
        outcomes = [by_mark[name] for name in names if name in by_mark]
        if outcomes:
            outcome = min(outcomes, key=list(reversed(Outcome)).index)
            suggested[criterion.column.id] = SuggestedDecision(outcome, _join_comments(questions, names, marks))
    return suggested


def _list_marks(
    attempt: UnitAttempt, criterion: CriterionWithClaim, criteria: Collection[CriterionWithClaim], *, is_first: bool
) -> list[str]:
    """Return the marks that name a criterion; without the unit's code only in the unit for which it was begun."""
    column = criterion.column
    performance = {each.column.label for each in criteria if each.column.kind is CriterionKind.PERFORMANCE}
    is_same = column.kind is CriterionKind.KNOWLEDGE and column.label in performance
    mark = f"K {column.label}" if is_same else column.label
    coded = f"{attempt.unit.code} {mark}"
    return [mark, coded] if is_first else [coded]


def _join_comments(questions: Sequence[Question], names: Collection[str], marks: Mapping[int, AnswerMark]) -> str:
    """Return the comments on the answers about a criterion."""
    comments = []
    for number, each in enumerate(questions, 1):
        is_about = any(" ".join(part.split()) in names for part in each.mark.split(","))
        if is_about and number in marks and marks[number].comment:
            comments.append(marks[number].comment)
    return "\n".join(dict.fromkeys(comments))
