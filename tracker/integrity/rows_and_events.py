"""Rows and events: each row as the ledger says it is, each row told of once, each event with its row."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import Record, Told
from tracker.ledger import events, row_seals
from tracker.storage.file_references import ERASED_TEXT

BORN = {
    "centre": ("centre_created",),
    "grant": ("grant_given",),
    "registration": ("candidate_registered",),
    "unit_attempt": ("attempt_started",),
    "allocation": ("allocation_made",),
    "evidence_version": ("evidence_submitted",),
    "assessment": ("assessment_released",),
    "signature": ("unit_signed", "unit_confirmed", "unit_verified"),
    "requirement_confirmation": ("requirement_confirmed",),
    "sample": ("sample_drawn",),
    "action_point": ("action_point_raised",),
    "visit": ("visit_opened",),
    "signing_key": ("key_made",),
    "issued_form": ("form_issued",),
    "retention_hold": ("retention_hold_set",),
    "erasure": ("portfolio_erased",),
}
"""By table, the acts that make one of its rows."""
DECIDING = ("assessment_released", "attempt_reopened", "attempt_moved")
ENTERED_ONCE: dict[str, tuple[str, ...]] = {
    "allocation": ("ends_at",),
    "attachment": (),
    "version_move": (),
    "decision": ("superseded_at",),
    "evidence_version": (),
    "action_point": ("response", "responded_by_id", "responded_at", "closed_at", "closed_by_id"),
    "action_point_criterion": (),
    "issued_form": ("superseded_at",),
    "retention_hold": ("lifted_at", "lifted_reason", "lifted_by_id"),
    "carried_over_claim": (),
    "reopening": (),
    "requirement_confirmation": ("removed_at",),
    "assessment": (),
    "sample": (),
    "sample_item": (),
    "signature": ("superseded_at",),
    "signing_key": (),
    "submission": ("withdrawn_at",),
    "version_attachment": (),
}
"""Tables whose rows stay as they were entered, and the columns that are empty then and filled later."""
COLUMNS = {name: tuple(sealed.columns(db.metadata.tables[name])) for name, sealed in row_seals.TABLES.items()}


@invariant(3, "every act has its event, and every event its row")
def rows_and_events_match(record: Record) -> Iterator[str]:
    for table, acts in BORN.items():
        told = Counter(each.object_id for each in record.told(*acts)) + Counter(_carried_over(record, table))
        yield from _compared(table, told, {key for key in record.rows(table) if _counts(record, table, key)})
    decided = Counter(
        each["decision"] for event in record.told(*DECIDING) for each in event.data.get("decisions", ())
    )
    yield from _compared("decision", decided, set(record.rows("decision")))
    reopened = Counter(event.data.get("reopening") for event in record.told("attempt_reopened"))
    yield from _compared("reopening", reopened, set(record.rows("reopening")))


@invariant(14, "every row is as its last event left it", COLUMNS)
def rows_are_as_sealed(record: Record) -> Iterator[str]:
    latest = {key: event for event in record.events for key in event.data.get("rows", ())}
    seen = set()
    for name in row_seals.TABLES:
        table = record.table(name)
        for row in record.rows(name).values():
            key = row_seals.key_of(table, row)
            seen.add(key)
            if event := latest.get(key):
                yield from _differing(record, event, key, table, row)
            elif _must_be_sealed(record, name, row):
                yield f"{_said(key)} is in no event"
    for key in latest.keys() - seen:
        if key.partition(":")[0] in row_seals.TABLES:
            yield f"{_said(key)} is gone, though {latest[key].name} tells of it"


@invariant(14, "what never changes is as it was first entered", {name: COLUMNS[name] for name in ENTERED_ONCE})
def rows_are_as_first_sealed(record: Record) -> Iterator[str]:
    """A later event seals a row anew: without this, whoever may append one could change what was signed."""
    first: dict[str, Told] = {}
    for event in record.events:
        for key in event.data.get("rows", ()):
            first.setdefault(key, event)
    erased = {key for event in record.told("portfolio_erased") for key in event.data.get("rows", ())}
    for name, later in ENTERED_ONCE.items():
        table = record.table(name)
        for row in record.rows(name).values():
            key = row_seals.key_of(table, row)
            if key in first and key not in erased:
                yield from _differing(record, first[key], key, table, {**row, **dict.fromkeys(later)})


@invariant(14, "every text is as its event tells it", {"requirement_confirmation": ("note",)})
def notes_are_as_signed(record: Record) -> Iterator[str]:
    """The notes of confirmed requirements may change until the signature, whose event holds their hashes."""
    erased = record.erased("attempts")
    for event in record.told("unit_signed"):
        texts, salts = event.data.get("texts", {}), record.salts.get(event.seq, {})
        wanted = set(event.data.get("requirements", ()))
        for row in record.rows("requirement_confirmation").values():
            if (row["attempt_id"], row["round"]) != (event.data["attempt"], event.data["round"]):
                continue
            if row["note"] == ERASED_TEXT and row["attempt_id"] in erased:
                continue
            name = f"note-{row['requirement_id']}"
            if row["requirement_id"] not in wanted or row["confirmed_at"] > event.at or _ended(row, event):
                continue
            hashed = events.salted(salts[name], row["note"]) if name in salts else None
            if (row["note"] or name in texts) and texts.get(name) != hashed:
                yield f"requirement confirmation {row['id']}: its note is not the one that was signed"


def _ended(row: Any, event: Told) -> bool:
    """Taken back before the signature, or made anew in another round's place."""
    return row["removed_at"] is not None and row["removed_at"] <= event.at


def _carried_over(record: Record, table: str) -> Iterator[int]:
    """A move to another version of a unit confirms again what stood."""
    if table == "requirement_confirmation":
        yield from (new for event in record.told("attempt_moved") for _, new in event.data.get("confirmations", ()))


def _counts(record: Record, table: str, key: int) -> bool:
    """A review is told of once it is released."""
    return table != "assessment" or record.rows(table)[key]["state"] == "released"


def _compared(table: str, told: Counter[Any], held: set[Any]) -> Iterator[str]:
    what = table.replace("_", " ")
    for key in sorted(held - set(told)):
        yield f"{what} {key} is in no event"
    for key, times in told.items():
        if key not in held:
            yield f"{what} {key} is gone, though an event tells of it"
        elif times > 1:
            yield f"{what} {key} is told of {times} times"


def _must_be_sealed(record: Record, name: str, row: Any) -> bool:
    """Drafts are not: a assessment before its release, a claim and a file of an item before it is handed in."""
    if name == "assessment":
        return bool(row["state"] == "released")
    if name == "evidence":
        return row["number"] is not None
    if name == "claim":
        evidence = record.rows("evidence").get(row["evidence_id"])
        return evidence is not None and evidence["number"] is not None
    if name == "attachment":
        return row["id"] in {sealed for _, sealed in record.rows("version_attachment")}
    return True


def _differing(record: Record, event: Told, key: str, table: Any, row: Any) -> Iterator[str]:
    salt = record.salts.get(event.seq, {}).get(key)
    if salt is None:
        yield f"{_said(key)}: the salt of {event.name} is gone"
    elif row_seals.row_hash(salt, table, row) != event.data["rows"][key]:
        yield f"{_said(key)} was changed after {event.name}"


def _said(key: str) -> str:
    name, _, number = key.partition(":")
    return f"{name.replace('_', ' ')} {number}"
