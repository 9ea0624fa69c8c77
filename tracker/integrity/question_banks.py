"""Checks of question banks: who wrote each question, and that each version ended as its events say."""

from collections import Counter
from collections.abc import Iterator

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot


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
