"""Checks of the library: qualifications and guidance are as published, and so is whose each part is."""

import json
from collections.abc import Iterator
from typing import Any

from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row
from tracker.ledger import events
from tracker.units.documents import guidance_from_json
from tracker.units.qualification_documents import qualification_from_json

QUALIFICATION = ("code", "version", "revision", "slug", "title")
GUIDANCE = ("slug", "title")
PUBLISHING = {
    "unit": ("unit_published",),
    "qualification": ("qualification_published",),
    "guidance": ("guidance_added", "guidance_changed"),
}
"""The events that say what a centre published, by table."""


@invariant(
    15,
    "every qualification and page of guidance matches its stored hash",
    {
        "qualification": ("document", "content_hash", *QUALIFICATION),
        "guidance": ("document", "content_hash", *GUIDANCE),
    },
)
def find_changed_documents(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each qualification and page of guidance that differs from its text. docs/integrity.md, invariant 15."""
    for table, parse, names in (
        ("qualification", qualification_from_json, QUALIFICATION),
        ("guidance", guidance_from_json, GUIDANCE),
    ):
        for key, row in ledger.rows(table).items():
            try:
                text: Any = parse(json.loads(row["document"]))
            except (ValueError, TypeError, LookupError, AttributeError):
                yield f"{table} {key} cannot be read"
                continue
            if text.content_hash != row["content_hash"]:
                yield f"{table} {key} ({row['slug']}) does not match its stored hash"
            elif differing := [name for name in names if row[name] != getattr(text, name)]:
                yield f"{table} {key} ({row['slug']}) differs from its text in {differing[0]}"


@invariant(
    15,
    "what a centre published, and what candidates are registered for, is as its event says",
    dict.fromkeys(PUBLISHING, ("owner_centre_id",)),
)
def find_republished_documents(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield what has another owner or content than its events say. docs/integrity.md, invariant 15."""
    for table, acts in PUBLISHING.items():
        published = _find_last_events(ledger, *acts)
        first = _find_last_events(ledger, acts[0])
        for key, row in ledger.rows(table).items():
            owner = first[key].data["centre"] if key in first else None
            if row["owner_centre_id"] != owner:
                yield f"{table} {key} ({row['slug']}) belongs to another centre than the one that published it"
            if key in published and row["content_hash"] != published[key].data["content"]:
                yield f"{table} {key} ({row['slug']}) is not as {published[key].name} published it"
        missing = (key for key in first if ledger.is_own(table, key) and key not in ledger.rows(table))
        yield from (f"{table} {key} is missing, but an event records it" for key in missing)
    chosen = _find_last_events(ledger, "candidate_registered", "qualification_chosen")
    for key, event in chosen.items():
        if not ledger.is_own("registration", key):
            continue
        registration = ledger.rows("registration").get(key)
        chosen_row = ledger.rows("qualification").get(registration["qualification_id"]) if registration else None
        content_hash = chosen_row["content_hash"] if chosen_row else None
        if registration and event.data.get("qualification", content_hash) != content_hash:
            yield f"registration {key}: its qualification is not the one that {event.name} names"


@invariant(
    15,
    "guidance is attached to units as its text and the events say",
    {"guidance_unit": ("guidance_id", "unit_code", "centre_id", "warning", "attached_by_id")},
)
def find_wrongly_attached_guidance(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each attachment that its page or its event does not name. docs/integrity.md, invariant 15."""
    for key, page in ledger.rows("guidance").items():
        own = [row for row in ledger.group_rows("guidance_unit", "guidance_id").get(key, ()) if not row["centre_id"]]
        stated = guidance_from_json(json.loads(page["document"])).units if page["owner_centre_id"] is None else ()
        if sorted((row["unit_code"], row["warning"] or "", row["attached_by_id"] or 0) for row in own) != sorted(
            (unit.code, unit.warning or "", 0) for unit in stated
        ):
            yield f"guidance {key} ({page['slug']}) is attached to other units than its text says"
    last = _find_last_events(ledger, "guidance_attached", "guidance_detached")
    attached = {key: event for key, event in last.items() if event.act == "guidance_attached"}
    for key, row in ledger.rows("guidance_unit").items():
        if key in attached:
            if fault := _find_attachment_fault(ledger, attached[key], row):
                yield f"guidance unit {key} is not what {attached[key].name} attached: {fault}"
        elif row["centre_id"]:
            yield f"guidance unit {key} is in no event that attached it"
    for key in attached:
        if not ledger.is_own("guidance_unit", key) or key in ledger.rows("guidance_unit"):
            continue
        yield f"guidance unit {key} is missing, but an event records it"


def _find_attachment_fault(ledger: LedgerSnapshot, event: LedgerEvent, row: Row) -> str:
    """Return the name of the first column that differs from the event; empty if none does."""
    salt = ledger.salts.get(event.seq, {}).get("warning")
    warning = events.hash_text(salt, row["warning"]) if salt and row["warning"] else row["warning"]
    expected = {
        "centre": (row["centre_id"], event.data["centre"]),
        "unit code": (row["unit_code"], event.data["unit"]),
        "person": (row["attached_by_id"], event.actor),
        "guidance": (row["guidance_id"], event.data.get("page", row["guidance_id"])),
        "warning": (warning, event.data.get("texts", {}).get("warning")),
    }
    return next((name for name, (stored, stated) in expected.items() if stored != stated), "")


def _find_last_events(ledger: LedgerSnapshot, *acts: str) -> dict[int, LedgerEvent]:
    """Return the last of these events about each row, by the row's id."""
    return {event.object_id: event for event in sorted(ledger.list_events(*acts), key=lambda event: event.seq)}
