"""Checks of question banks and of the questions that were set from them."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from marshmallow import ValidationError

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.portfolio.record_content import AnswersContent, load_content
from tracker.portfolio.set_questions import list_unmarked, load_set
from tracker.vocabulary import RecordKind, Role


@invariant(40, "each question of a bank was written by the person of its event, and ended as its events say")
def find_changed_questions(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each question with another writer than its event's, or another end. docs/integrity.md, invariant 40."""
    rows = ledger.rows("bank_question")
    for event in ledger.list_events("bank_question_written", "bank_question_changed"):
        row = rows.get(event.object_id)
        if row and row["written_by_id"] != event.actor:
            yield f"bank question {event.object_id} names another writer than {event.name}"
        if row and (row["number"] == 1) != (event.act == "bank_question_written"):
            yield f"bank question {event.object_id} is another version than {event.name} says"
    ends = Counter(event.object_id for event in ledger.list_events("bank_question_retired"))
    ends += Counter(row["replaces_id"] for row in rows.values() if row["replaces_id"] is not None)
    for key, row in rows.items():
        if ends[key] != (row["ended_at"] is not None):
            yield f"bank question {key} did not end as its events say"
        before = rows.get(row["replaces_id"])
        if before and (before["centre_id"], before["unit_id"], before["number"] + 1) != (
            row["centre_id"], row["unit_id"], row["number"],
        ):  # fmt: skip
            yield f"bank question {key} replaces a question of another bank, unit or version"


@invariant(
    42,
    "answers are to the questions that an assessor of the unit set, each is marked, and none was taken back before",
    {
        "evidence_version": ("record_kind", "author_id", "content"),
        "question_set": ("attempt_id", "evidence_id", "content", "set_by_id"),
        "assessment": ("answer_marks",),
    },
)
def find_wrong_answers(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each set, version of answers or assessment of one that the rules do not allow. docs/integrity.md, 42."""
    sets = {row["evidence_id"]: row for row in ledger.rows("question_set").values()}
    for key, row in ledger.rows("question_set").items():
        yield from _find_faults_of_set(ledger, key, row)
    for event in ledger.list_events("questions_set"):
        made = ledger.rows("question_set").get(event.object_id)
        if made and made["set_by_id"] != event.actor:
            yield f"set of questions {event.object_id} names another assessor than {event.name}"
    answered = dict[int, AnswersContent]()
    erased = ledger.list_erased_ids("versions")
    for key, version in ledger.rows("evidence_version").items():
        answered_set = sets.get(version["evidence_id"])
        fault = _find_fault_of_version(version, answered_set, is_erased=key in erased)
        if fault is None and answered_set and _was_taken_back(ledger, key, answered_set):
            fault = "answers questions that were taken back"
        if fault:
            yield f"evidence version {key} {fault}"
        elif answered_set is not None and key not in erased and (content := _load_answers(version)):
            answered[key] = content
    yield from _find_wrong_marks(ledger, answered, erased)


def _find_fault_of_version(version: Row, row: Row | None, *, is_erased: bool) -> str | None:
    """Return what is wrong with a version of answers, or with one of other evidence that answers a set."""
    is_answers = version["record_kind"] == RecordKind.ANSWERS
    if is_answers != (row is not None) or (is_answers and version["author_id"] is not None):
        return "is answers to no set of questions, or of another author"
    if row is None or is_erased:
        return None
    content = _load_answers(version)
    return None if content and _are_as_set(content, row) else "has other questions than those that were set"


def _was_taken_back(ledger: LedgerSnapshot, version_id: int, row: Row) -> bool:
    """Return whether a version of answers was submitted, and not withdrawn before its questions were taken back."""
    moment = row["taken_back_at"]
    return moment is not None and any(
        each["submitted_at"] > moment or each["withdrawn_at"] is None or each["withdrawn_at"] > moment
        for each in ledger.group_rows("submission", "evidence_version_id").get(version_id, ())
    )


def _find_wrong_marks(
    ledger: LedgerSnapshot, answered: Mapping[int, AnswersContent], erased: Collection[int]
) -> Iterator[str]:
    for key, row in ledger.rows("assessment").items():
        content = answered.get(row["evidence_version_id"])
        is_released = row["state"] == "released"
        if is_released and content and list_unmarked(content, row["answer_marks"]):
            yield f"assessment {key} was released without a mark of each answer"
        elif row["answer_marks"] and row["evidence_version_id"] not in answered.keys() | set(erased):
            yield f"assessment {key} marks answers, but is of other evidence"


def _find_faults_of_set(ledger: LedgerSnapshot, key: int, row: Row) -> Iterator[str]:
    """Yield what is wrong with who set questions, and for whom."""
    attempt, item = (
        ledger.rows("unit_attempt").get(row["attempt_id"]),
        ledger.rows("evidence").get(row["evidence_id"]),
    )
    if attempt is None or item is None:
        yield f"set of questions {key} is for no unit or no evidence"
    elif (item["candidate_id"], item["record_kind"]) != (attempt["candidate_id"], RecordKind.ANSWERS):
        yield f"set of questions {key} is answered by evidence of another candidate or kind"
    allocated = any(
        (each["person_id"], each["role"]) == (row["set_by_id"], Role.ASSESSOR)
        and each["starts_at"] <= row["set_at"]
        and (each["ends_at"] is None or row["set_at"] <= each["ends_at"])
        for each in ledger.group_rows("allocation", "attempt_id").get(row["attempt_id"], ())
    )
    if not allocated:
        yield f"set of questions {key} was set by somebody to whom the unit was not allocated"


def _load_answers(version: Row) -> AnswersContent | None:
    try:
        content = load_content(RecordKind.ANSWERS, version["content"])
    except (ValidationError, ValueError, KeyError):
        return None
    return content if isinstance(content, AnswersContent) else None


def _are_as_set(content: AnswersContent, row: Row) -> bool:
    """Return whether the questions are those of the set; also where the set was erased."""
    was_set = [(each.question, each.mark) for each in load_set(row["content"])]
    return not was_set or was_set == [(each.question, each.mark) for each in content.questions]
