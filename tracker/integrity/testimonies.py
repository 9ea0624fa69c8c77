"""Checks of testimonies: signed once, by no candidate, and authenticated by an assessor who is not the witness."""

from collections.abc import Iterator

from marshmallow import ValidationError

from tracker.integrity.actors import list_verifying_people
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.portfolio.record_content import load_content
from tracker.vocabulary import RecordKind


@invariant(
    36,
    "every testimony is as its witness signed it, and its evidence is as it was signed",
    {"witness_testimony": ("asked_by_id", "signed_at", "narrative", "content", "evidence_id")},
)
def find_changed_testimonies(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each testimony that differs from its events or its evidence. docs/integrity.md, invariant 36."""
    asked = {event.object_id: event for event in ledger.list_events("testimony_requested")}
    signed = {event.object_id for event in ledger.list_events("testimony_signed")}
    erased, used = ledger.list_erased_ids("versions"), set[int]()
    for key, row in ledger.rows("witness_testimony").items():
        event = asked.get(key)
        if event and event.actor != row["asked_by_id"]:
            yield f"testimony {key} was asked for by somebody else than {event.name} says"
        if (key in signed) != (row["signed_at"] is not None):
            yield f"testimony {key} is signed and has no event of it, or the other way round"
        if row["evidence_id"] is None:
            continue
        used.add(row["evidence_id"])
        versions = ledger.group_rows("evidence_version", "evidence_id").get(row["evidence_id"], ())
        for version in versions:
            if version["id"] not in erased:
                yield from _find_difference(key, row, version)
    for key, item in ledger.rows("evidence").items():
        if (item["record_kind"] == RecordKind.WITNESS_TESTIMONY) != (key in used):
            yield f"evidence {key} is a testimony that no witness signed, or a testimony names it wrongly"


@invariant(36, "no candidate and no assessor of it is the witness of a testimony")
def find_wrong_witnesses(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each testimony of somebody who may not be its witness. docs/integrity.md, invariant 36."""
    assessed, verified = _group_assessors(ledger), set(list_verifying_people(ledger))
    for key, row in ledger.rows("witness_testimony").items():
        if row["is_in_person"] and row["evidence_id"] is not None and row["asked_by_id"] == row["answered_by_id"]:
            yield f"testimony {key} was authenticated by who handed over the device to its witness"
        attempt = ledger.rows("unit_attempt").get(row["attempt_id"])
        witness = row["witness_id"]
        if witness is None or attempt is None:
            continue
        if witness == attempt["candidate_id"]:
            yield f"testimony {key} is of the candidate whom it is about"
        if witness == row["answered_by_id"] or witness in assessed.get(row["evidence_id"], ()):
            yield f"testimony {key} was authenticated or assessed by its witness"
        if row["evidence_id"] is not None and (row["attempt_id"], witness) in verified:
            yield f"testimony {key} is of somebody who verified the unit"


def _group_assessors(ledger: LedgerSnapshot) -> dict[int | None, set[int]]:
    """Return who released an assessment of each item."""
    versions = ledger.rows("evidence_version")
    assessed: dict[int | None, set[int]] = {}
    for row in ledger.rows("assessment").values():
        version = versions.get(row["evidence_version_id"])
        if row["state"] == "released" and version:
            assessed.setdefault(version["evidence_id"], set()).add(row["assessor_id"])
    return assessed


def _find_difference(key: int, row: Row, version: Row) -> Iterator[str]:
    if (version["narrative"], version["content"]) != (row["narrative"], row["content"]):
        yield f"testimony {key} is not what evidence version {version['id']} seals"
    try:
        load_content(RecordKind.WITNESS_TESTIMONY, row["content"])
    except (ValidationError, ValueError, KeyError):
        yield f"testimony {key} has content that its schema does not allow"
