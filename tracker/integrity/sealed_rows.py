"""Checks of row seals: no sealed row has changed, and no event changed more of a row than its act may."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table

from tracker.extensions import db
from tracker.integrity.event_names import parse_row_key
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row
from tracker.ledger import permitted_writes, row_seals

FIXED_TABLES: dict[str, tuple[str, ...]] = {
    "acknowledgement": (),
    "allocation": ("ends_at",),
    "attachment": (),
    "version_move": (),
    "decision": ("superseded_at",),
    "earlier_name": (),
    "evidence_version": (),
    "feedback_answer": (),
    "feedback_remark": ("settled_at", "settled_by_id"),
    "action_point": ("response", "responded_by_id", "responded_at", "closed_at", "closed_by_id"),
    "action_point_criterion": (),
    "issued_form": ("superseded_at",),
    "bank_question": ("ended_at", "ended_by_id"),
    "question_set": ("taken_back_at", "taken_back_by_id", "taken_back_reason"),
    "centre_evidence_rule": ("ended_at", "ended_by_id"),
    "retention_hold": ("lifted_at", "lifted_reason", "lifted_by_id"),
    "carried_over_claim": (),
    "listed_witness": ("removed_at", "removed_by_id", "removed_reason", "erased_at", "erased_by_id"),
    "record_withdrawal": (),
    "countersignature": ("answered_at", "agrees", "ended_at", "ended_because"),
    "countersigner": ("ends_at",),
    "cpd_entry": ("removed_at", "removed_reason"),
    "interest_declaration": ("answer", "answered_at", "answered_by_id", "ended_at", "ended_reason"),
    "registration_change": (),
    "reopening": (),
    "requirement_confirmation": ("removed_at",),
    "assessment": (),
    "sample": (),
    "sample_item": (),
    "signature": ("superseded_at",),
    "signing_key": (),
    "staff_award": ("removed_at", "removed_by_id", "removed_reason"),
    "staff_competence": ("removed_at", "removed_by_id", "removed_reason"),
    "staff_erasure": (),
    "submission": ("withdrawn_at",),
    "version_attachment": (),
    "witness_testimony": ("answered_at", "answered_by_id", "refusal_reason", "evidence_id"),
}
"""Tables whose rows never change, with the columns that are empty at first and may be filled later."""
COLUMNS = {name: tuple(sealed.columns(db.metadata.tables[name])) for name, sealed in row_seals.SEALED_TABLES.items()}
SALTS = {"row_salt": ("row_key", "salt", "column_salts")}


@invariant(14, "no row has changed since its last event, and no event changed more than its act may", COLUMNS | SALTS)
def find_changed_rows(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row that changed otherwise than its events say. docs/integrity.md, invariant 14."""
    sealing = ledger.sealing_events
    sealed_keys = set()
    for name in row_seals.SEALED_TABLES:
        table = ledger.table(name)
        for row in ledger.rows(name).values():
            key = row_seals.get_row_key(table, row)
            sealed_keys.add(key)
            if key in sealing:
                yield from (f"{_describe_key(key)} {fault}" for fault in _find_faults(ledger, sealing[key], key, row))
            elif _must_be_sealed(ledger, name, row):
                yield f"{_describe_key(key)} is in no event"
    for key in sealing.keys() - sealed_keys:
        if key.partition(":")[0] in row_seals.SEALED_TABLES and _is_missing(ledger, key):
            yield f"{_describe_key(key)} is missing, but {sealing[key][-1].name} records it"
    yield from (f"{_describe_key(key)} has salts, but no event seals it" for key in ledger.row_salts.keys() - sealing)


def _is_missing(ledger: LedgerSnapshot, key: str) -> bool:
    """Return whether a row that an event seals, and that is not among those gone through, is not there at all."""
    named = parse_row_key(key)
    return named is None or ledger.is_own(*named)


def _find_faults(ledger: LedgerSnapshot, sealing: Sequence[LedgerEvent], key: str, row: Row) -> Iterator[str]:
    """Yield what is wrong with a row and the events that seal it, which are given in order."""
    table = ledger.table(key.partition(":")[0])
    first_format = [event for event in sealing if event.format == 1]
    second_format = [event for event in sealing if event.format != 1]
    if second_format:
        yield from _find_faults_of_format_2(ledger, second_format, key, row, is_older=bool(first_format))
        if first_format and _is_as_in_format_1(second_format, key, table.name):
            yield from _compare_in_format_1(ledger, first_format[-1], key, table, row)
    else:
        yield from _compare_in_format_1(ledger, first_format[-1], key, table, row)
    if (
        first_format
        and table.name in FIXED_TABLES
        and not any(event.act in permitted_writes.ERASING_ACTS for event in sealing)
    ):
        # A later event seals a row again: what never changes is compared with what was first entered.
        empty = dict.fromkeys(FIXED_TABLES[table.name])
        yield from _compare_in_format_1(ledger, first_format[0], key, table, {**row, **empty})


def _is_as_in_format_1(sealing: Sequence[LedgerEvent], key: str, name: str) -> bool:
    """Return whether the events of format 2 that seal a row changed nothing of it: its older seal holds.

    An act that both adds rows and changes columns seals an older row without naming what it changed.
    """
    act = sealing[0].act
    may_have_changed = permitted_writes.may_add(act, name) and permitted_writes.list_columns(act, name)
    return not may_have_changed and not any(event.data.get("former", {}).get(key) for event in sealing)


def _find_faults_of_format_2(
    ledger: LedgerSnapshot, sealing: Sequence[LedgerEvent], key: str, row: Row, *, is_older: bool
) -> Iterator[str]:
    """Go back from the row as it is now, event by event, and yield what does not agree.

    Each event gives the former hashes of the columns it changed, so the hashes of all columns before it are known.

    Args:
        ledger: the database.
        sealing: the events of format 2 that seal the row, in order.
        key: the row's name in the ledger.
        row: the row as it is now.
        is_older: whether events of format 1 sealed the row before.
    """
    table = ledger.table(key.partition(":")[0])
    salts = ledger.row_salts.get(key)
    if salts is None:
        yield f"has no salts, but {sealing[-1].name} seals it"
        return
    if fault := salts.find_fault(table):
        yield fault
        return
    hashes = row_seals.hash_columns(salts, table, row)
    for event in reversed(sealing):
        if row_seals.seal_row(table.name, hashes) != event.data["rows"][key]:
            later = "was changed after" if event is sealing[-1] else "was changed, which a later event hides, after"
            yield f"{later} {event.name}"
            return
        former: Mapping[str, str | None] = event.data.get("former", {}).get(key, {})
        is_first = event is sealing[0] and not is_older
        if fault := _find_unpermitted_write(ledger, event, table, row, None if is_first else former):
            yield fault
        hashes = {name: each for name, each in {**hashes, **former}.items() if each is not None}


def _find_unpermitted_write(
    ledger: LedgerSnapshot, event: LedgerEvent, table: Table, row: Row, former: Mapping[str, str | None] | None
) -> str:
    """Return what an event wrote of a row that its act may not write; empty if nothing.

    Args:
        ledger: the database.
        event: the event that seals the row.
        table: the row's table.
        row: the row as it is now.
        former: the former hashes of the columns that the event changed, or None if it sealed the row first.
    """
    if former is None:
        if not permitted_writes.may_add(event.act, table.name):
            return f"was first sealed by {event.name}, which adds no such row"
    elif refused := sorted(former.keys() - permitted_writes.list_columns(event.act, table.name)):
        return f"was changed by {event.name}, which may not change {', '.join(refused)}"
    elif event.act not in permitted_writes.ERASING_ACTS and (
        again := [name for name in FIXED_TABLES.get(table.name, ()) if former.get(name) is not None]
    ):
        return f"was changed by {event.name}: {', '.join(again)} was entered before"
    of_subject = _find_subject_owners(ledger, event)
    of_row = permitted_writes.find_owners(ledger.find_row, table.name, row)
    if not permitted_writes.is_in_scope(event.act, of_subject, of_row):
        return f"was written by {event.name}, which is about another {permitted_writes.get_scope_label(event.act)}"
    return ""


def _find_subject_owners(ledger: LedgerSnapshot, event: LedgerEvent) -> Mapping[str, Any]:
    """Return what an event is about and belongs to, by table. An event may seal many rows, so it is kept."""
    kept: dict[int, Mapping[str, Any]] = ledger.kept.setdefault("owners of subjects", {})
    if event.seq not in kept:
        table, key = event.object_type, event.object_id
        subject = ledger.rows(table).get(key) if table in db.metadata.tables else None
        kept[event.seq] = permitted_writes.find_owners(ledger.find_row, table, subject)
    return kept[event.seq]


def _compare_in_format_1(
    ledger: LedgerSnapshot, event: LedgerEvent, key: str, table: Table, row: Row
) -> Iterator[str]:
    salt = ledger.salts.get(event.seq, {}).get(key)
    if salt is None:
        yield f"has no salt, but {event.name} seals it"
    elif row_seals.seal_row_in_format_1(salt, table, row) != event.data["rows"][key]:
        yield f"was changed after {event.name}"


SEALED_ONCE = {"evidence": "number", "feedback_remark": "released_at", "witness_testimony": "signed_at"}
"""The column that is filled once a row of a table must be sealed."""


def _must_be_sealed(ledger: LedgerSnapshot, name: str, row: Any) -> bool:
    """Return whether a row must be sealed: drafts and what belongs to unsubmitted evidence need not be."""
    if name == "assessment":
        return bool(row["state"] == "released")
    if name in SEALED_ONCE:
        return row[SEALED_ONCE[name]] is not None
    if name == "claim":
        evidence = ledger.rows("evidence").get(row["evidence_id"])
        return evidence is not None and evidence["number"] is not None
    if name == "attachment":
        return row["id"] in ledger.group_rows("version_attachment", "attachment_id")
    return True


def _describe_key(key: str) -> str:
    name, _, number = key.partition(":")
    return f"{name.replace('_', ' ')} {number}"
