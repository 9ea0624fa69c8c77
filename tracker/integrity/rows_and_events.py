"""Rows and events: each row as the ledger says it is, each row told of once, each event with its row."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot
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


@invariant(3, "every act has an event, and every event has its row")
def rows_and_events_match(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row without its event, and each event without its row. docs/integrity.md, invariant 3."""
    for table, acts in BORN.items():
        told = Counter(each.object_id for each in ledger.list_events(*acts)) + Counter(_carried_over(ledger, table))
        yield from _compared(table, told, {key for key in ledger.rows(table) if _counts(ledger, table, key)})
    decided = Counter(
        each["decision"] for event in ledger.list_events(*DECIDING) for each in event.data.get("decisions", ())
    )
    yield from _compared("decision", decided, set(ledger.rows("decision")))
    reopened = Counter(event.data.get("reopening") for event in ledger.list_events("attempt_reopened"))
    yield from _compared("reopening", reopened, set(ledger.rows("reopening")))


@invariant(14, "no row has changed since its last event", COLUMNS)
def rows_are_as_sealed(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row that changed since its last event. docs/integrity.md, invariant 14."""
    latest = {key: event for event in ledger.events for key in event.data.get("rows", ())}
    seen = set()
    for name in row_seals.TABLES:
        table = ledger.table(name)
        for row in ledger.rows(name).values():
            key = row_seals.get_key(table, row)
            seen.add(key)
            if event := latest.get(key):
                yield from _differing(ledger, event, key, table, row)
            elif _must_be_sealed(ledger, name, row):
                yield f"{_said(key)} is in no event"
    for key in latest.keys() - seen:
        if key.partition(":")[0] in row_seals.TABLES:
            yield f"{_said(key)} is gone, though {latest[key].name} tells of it"


@invariant(
    14, "columns that never change hold what was first entered", {name: COLUMNS[name] for name in ENTERED_ONCE}
)
def rows_are_as_first_sealed(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row whose fixed columns differ from what was first entered. docs/integrity.md, invariant 14.

    A later event seals a row again; without this check, whoever can append an event could change what was signed.
    """
    first: dict[str, LedgerEvent] = {}
    for event in ledger.events:
        for key in event.data.get("rows", ()):
            first.setdefault(key, event)
    erased = {key for event in ledger.list_events("portfolio_erased") for key in event.data.get("rows", ())}
    for name, later in ENTERED_ONCE.items():
        table = ledger.table(name)
        for row in ledger.rows(name).values():
            key = row_seals.get_key(table, row)
            if key in first and key not in erased:
                yield from _differing(ledger, first[key], key, table, {**row, **dict.fromkeys(later)})


@invariant(14, "notes on evidence requirements are as they were when signed", {"requirement_confirmation": ("note",)})
def notes_are_as_signed(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each requirement note that changed after signing. docs/integrity.md, invariant 14.

    Notes may change until the signature, whose event holds their hashes.
    """
    erased = ledger.erased("attempts")
    for event in ledger.list_events("unit_signed"):
        texts, salts = event.data.get("texts", {}), ledger.salts.get(event.seq, {})
        wanted = set(event.data.get("requirements", ()))
        for row in ledger.rows("requirement_confirmation").values():
            if (row["attempt_id"], row["round"]) != (event.data["attempt"], event.data["round"]):
                continue
            if row["note"] == ERASED_TEXT and row["attempt_id"] in erased:
                continue
            name = f"note-{row['requirement_id']}"
            if row["requirement_id"] not in wanted or row["confirmed_at"] > event.at or _ended(row, event):
                continue
            hashed = events.hash_text(salts[name], row["note"]) if name in salts else None
            if (row["note"] or name in texts) and texts.get(name) != hashed:
                yield f"requirement confirmation {row['id']}: its note is not the one that was signed"


def _ended(row: Any, event: LedgerEvent) -> bool:
    """Taken back before the signature, or made anew in another round's place."""
    return row["removed_at"] is not None and row["removed_at"] <= event.at


def _carried_over(ledger: LedgerSnapshot, table: str) -> Iterator[int]:
    """Yield the confirmations that a version move carried over."""
    if table == "requirement_confirmation":
        yield from (
            new for event in ledger.list_events("attempt_moved") for _, new in event.data.get("confirmations", ())
        )


def _counts(ledger: LedgerSnapshot, table: str, key: int) -> bool:
    """Return whether a row must have an event: an assessment only once it is released."""
    return table != "assessment" or ledger.rows(table)[key]["state"] == "released"


def _compared(table: str, told: Counter[Any], held: set[Any]) -> Iterator[str]:
    what = table.replace("_", " ")
    for key in sorted(held - set(told)):
        yield f"{what} {key} is in no event"
    for key, times in told.items():
        if key not in held:
            yield f"{what} {key} is gone, though an event tells of it"
        elif times > 1:
            yield f"{what} {key} is told of {times} times"


def _must_be_sealed(ledger: LedgerSnapshot, name: str, row: Any) -> bool:
    """Drafts are not: an assessment before its release, a claim and a file of an item before it is submitted."""
    if name == "assessment":
        return bool(row["state"] == "released")
    if name == "evidence":
        return row["number"] is not None
    if name == "claim":
        evidence = ledger.rows("evidence").get(row["evidence_id"])
        return evidence is not None and evidence["number"] is not None
    if name == "attachment":
        return row["id"] in {sealed for _, sealed in ledger.rows("version_attachment")}
    return True


def _differing(ledger: LedgerSnapshot, event: LedgerEvent, key: str, table: Any, row: Any) -> Iterator[str]:
    salt = ledger.salts.get(event.seq, {}).get(key)
    if salt is None:
        yield f"{_said(key)}: the salt of {event.name} is gone"
    elif row_seals.hash_row(salt, table, row) != event.data["rows"][key]:
        yield f"{_said(key)} was changed after {event.name}"


def _said(key: str) -> str:
    name, _, number = key.partition(":")
    return f"{name.replace('_', ' ')} {number}"
