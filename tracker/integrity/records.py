"""Checks of records of assessment: who wrote and who acknowledged them, and that none counted before."""

from collections.abc import Iterator, Sequence

from marshmallow import ValidationError

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row
from tracker.portfolio.record_content import load_content
from tracker.vocabulary import RecordKind, Role

ANSWERS_OF_ROLE = {
    Role.CANDIDATE.value: {"agreed", "objected"},
    Role.INTERNAL_VERIFIER.value: {"upheld", "dismissed"},
    Role.ASSESSOR.value: {"authenticated"},
}
"""The answers that each role may give."""
COUNTING = {"agreed", "dismissed", "authenticated"}


@invariant(
    35,
    "every record was written by an assessor of its units",
    {"evidence": ("record_kind", "author_id"), "evidence_version": ("record_kind", "author_id", "content")},
)
def find_wrong_authors(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each version of a record that its author could not have written. docs/integrity.md, invariant 35."""
    finished = {event.object_id: event for event in ledger.list_events("record_finished")}
    erased = ledger.list_erased_ids("versions")
    for key, version in ledger.rows("evidence_version").items():
        item = ledger.rows("evidence").get(version["evidence_id"], {})
        if (version["author_id"], version["record_kind"]) != (item.get("author_id"), item.get("record_kind")):
            yield f"evidence version {key} has another author or kind than its item"
        elif (version["author_id"] is None) != (key not in finished):
            yield f"evidence version {key} is of a record, and no assessor finished it, or the other way round"
        elif version["author_id"] is not None and key not in erased:
            yield from _find_content_fault(key, version)
    for event in finished.values():
        yield from _find_unallocated_claims(ledger, event)


@invariant(35, "every record was acknowledged by its candidate, and objections were decided by a verifier")
def find_wrong_acknowledgements(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each acknowledgement that its person could not give. docs/integrity.md, invariant 35."""
    versions, items = ledger.rows("evidence_version"), ledger.rows("evidence")
    for version_id, answers in _group_answers(ledger).items():
        version = versions.get(version_id)
        item = items.get(version["evidence_id"]) if version else None
        if item is None or item["author_id"] is None:
            yield f"evidence version {version_id} is acknowledged, but is of no record"
            continue
        for row in answers:
            if row["answer"] not in ANSWERS_OF_ROLE.get(row["role"], ()):
                yield f"acknowledgement {row['id']} is an answer that its role may not give"
            elif row["role"] == Role.CANDIDATE and row["acknowledged_by_id"] != item["candidate_id"]:
                yield f"acknowledgement {row['id']} is the candidate's, but another person gave it"
            elif (row["acknowledged_by_id"] == item["author_id"]) != (row["role"] == Role.ASSESSOR):
                yield f"acknowledgement {row['id']} is of the author of the record, or authenticated by another"
        given = [row["answer"] for row in answers]
        if item["record_kind"] == RecordKind.WITNESS_TESTIMONY:
            if given != ["authenticated"]:
                yield f"evidence version {version_id} is a testimony without one answer of an assessor"
        elif given[0] not in ANSWERS_OF_ROLE[Role.CANDIDATE] or (len(given) > 1 and given[0] != "objected"):
            yield f"evidence version {version_id} was answered in an order that the rules do not allow"


@invariant(35, "no decision rests on a record before its candidate agreed or their objection was dismissed")
def find_decisions_on_open_records(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each released assessment of a record that did not count then. docs/integrity.md, invariant 35."""
    versions, answers = ledger.rows("evidence_version"), _group_answers(ledger)
    for key, row in ledger.rows("assessment").items():
        version = versions.get(row["evidence_version_id"])
        if row["state"] != "released" or version is None or version["author_id"] is None:
            continue
        counting = [each for each in answers.get(row["evidence_version_id"], ()) if each["answer"] in COUNTING]
        if not counting or counting[-1]["acknowledged_at"] > row["released_at"]:
            yield f"assessment {key} was released on a record that did not count"


@invariant(35, "a record was withdrawn by its author, and before it counted")
def find_wrong_author_withdrawals(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each withdrawal of a version that was not its author's to withdraw. docs/integrity.md, invariant 35."""
    answers, versions = _group_answers(ledger), ledger.rows("evidence_version")
    for key, row in ledger.rows("record_withdrawal").items():
        version = versions.get(row["evidence_version_id"])
        if version is None or version["author_id"] is None:
            yield f"record withdrawal {key} is of no record"
        elif row["withdrawn_by_id"] != version["author_id"]:
            yield f"record withdrawal {key} is of another person than the author"
        elif {each["answer"] for each in answers.get(row["evidence_version_id"], ())} - {"objected"}:
            yield f"record withdrawal {key} is of a version that counted, or whose objection was decided"


@invariant(35, "a version of a record is out of use only where an objection was upheld or its author withdrew it")
def find_wrong_withdrawals(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each submission of a record that ended without a reason, or did not. docs/integrity.md, invariant 35."""
    answers, versions = _group_answers(ledger), ledger.rows("evidence_version")
    given = {key: {row["answer"] for row in rows} for key, rows in answers.items()}
    ended = {key for key, words in given.items() if "upheld" in words}
    ended |= {row["evidence_version_id"] for row in ledger.rows("record_withdrawal").values()}
    last_ended: dict[int, int] = {}
    for key in ended & versions.keys():
        evidence_id, number = versions[key]["evidence_id"], versions[key]["number"]
        last_ended[evidence_id] = max(number, last_ended.get(evidence_id, 0))
    for row in ledger.rows("submission").values():
        key = row["evidence_version_id"]
        version = versions.get(key)
        if version is None or version["author_id"] is None:
            continue
        is_superseded = version["number"] < last_ended.get(version["evidence_id"], 0)
        never_counted = not given.get(key, set()) & COUNTING
        if (key in ended or (is_superseded and never_counted)) != (row["withdrawn_at"] is not None):
            yield (
                f"submission {row['id']} is of a record: it ends when an objection to it is upheld, when its author "
                "withdraws it, or with a later version where it never counted, and only then"
            )


def _group_answers(ledger: LedgerSnapshot) -> dict[int, Sequence[Row]]:
    """Return the answers to each version, in order."""
    grouped = ledger.group_rows("acknowledgement", "evidence_version_id")
    return {key: sorted(rows, key=lambda row: row["id"]) for key, rows in grouped.items()}


def _find_content_fault(key: int, version: Row) -> Iterator[str]:
    try:
        load_content(RecordKind(version["record_kind"]), version["content"])
    except (ValidationError, ValueError, KeyError):
        yield f"evidence version {key} has content that its schema does not allow"


def _find_unallocated_claims(ledger: LedgerSnapshot, event: LedgerEvent) -> Iterator[str]:
    """Yield each unit in which an event claims criteria and that was not allocated to its actor then."""
    for attempt in event.data.get("attempts", ()):
        if not ledger.is_own("unit_attempt", attempt):
            continue
        allocated = any(
            (row["person_id"], row["role"]) == (event.actor, Role.ASSESSOR)
            and row["starts_at"] <= event.at
            and (row["ends_at"] is None or event.at <= row["ends_at"])
            for row in ledger.group_rows("allocation", "attempt_id").get(attempt, ())
        )
        if not allocated:
            yield f"{event.name} claims criteria of attempt {attempt}, which was not allocated to its author"
