"""Checks of witness lists: who listed whom, what of it was removed and erased, and the status of testimonies."""

from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from tracker.accounts.mailboxes import is_same_mailbox
from tracker.clock import day_of
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row
from tracker.integrity.staff_records import compute_months_kept
from tracker.registrations.retention_periods import add_months
from tracker.vocabulary import ERASED_TEXT, ListedStatus, Method, Role
from tracker.witness_list.status_on_day import find_end, find_entry

ENDS = {"removed_at": "listed_witness_removed", "erased_at": "listed_witness_erased"}


@invariant(41, "an administrator listed each expert witness, and each entry was removed and erased as its events say")
def find_wrong_entries(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each entry of a witness list that its events do not explain. docs/integrity.md, invariant 41."""
    for event in ledger.list_events("witness_listed"):
        row = ledger.find_row("listed_witness", event.object_id)
        grant = ledger.find_row("grant", event.grant)
        if row and row["status"] == ListedStatus.EXPERT and (grant is None or grant["role"] != Role.ADMINISTRATOR):
            yield f"{event.name} listed an expert witness, and not by an administrator"
        if row and row["recorded_by_id"] != event.actor:
            yield f"listed witness {event.object_id} was listed by somebody else than {event.name} says"
    for column, act in ENDS.items():
        ended = Counter(event.object_id for event in ledger.list_events(act))
        for key, row in ledger.rows("listed_witness").items():
            if ended[key] != (row[column] is not None):
                yield f"listed witness {key} was not removed or erased as its events say"


@invariant(41, "an entry of a witness list was erased only after its retention period")
def find_early_witness_erasures(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each erasure of an entry that was not due. docs/integrity.md, invariant 41."""
    for event in ledger.list_events("listed_witness_erased"):
        row = ledger.rows("listed_witness").get(event.object_id)
        if row is None:
            continue
        ended_on = find_end(_as_entry(row))
        months = compute_months_kept(ledger, row["centre_id"], event)
        until = add_months(months, ended_on) if ended_on else None
        if until is None or until >= day_of(event.at) or event.data["until"] != str(until):
            yield f"{event.name} erased an entry of a witness list that had to be kept"


@invariant(
    41,
    "a testimony has the status that the witness list gave it",
    {"evidence_version": ("method", "witness_status"), "listed_witness": ("email", "status", "starts_on", "ends_on")},
)
def find_testimonies_without_status(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each testimony with a status that no entry explains, or without one that an entry gives it.

    docs/integrity.md, invariant 41.
    """
    erased = ledger.list_erased_ids("versions")
    for key, row in ledger.rows("witness_testimony").items():
        if row["evidence_id"] is None:
            continue
        for version in ledger.group_rows("evidence_version", "evidence_id").get(row["evidence_id"], ()):
            attempt = ledger.find_row("unit_attempt", row["attempt_id"])
            if version["id"] in erased or attempt is None:
                continue
            given, is_expert = version["witness_status"], version["method"] == Method.EXPERT_WITNESS
            if (is_expert or given) and not _is_explained(ledger, attempt["centre_id"], row, version):
                yield f"testimony {key} has a status that the witness list does not give it"
            elif not given and _find_status(ledger, attempt["centre_id"], row):
                yield f"testimony {key} lacks the status that the witness list gives it"


def _is_explained(ledger: LedgerSnapshot, centre_id: int, testimony: Row, version: Row) -> bool:
    """Return whether an entry gives the status; of an erased entry it is not known whose it was."""
    entries = [
        _as_entry(row)
        for row in ledger.group_rows("listed_witness", "centre_id").get(centre_id, ())
        if row["email"] == ERASED_TEXT or is_same_mailbox(row["email"], testimony["email"])
    ]
    statuses = {
        found.status
        for each in entries
        if (
            found := find_entry([each], testimony["happened_on"], testimony["signed_at"], testimony["answered_by_id"])
        )
    }
    return (
        any(
            version["witness_status"] == status.described
            and (version["method"] == Method.EXPERT_WITNESS) == (status is ListedStatus.EXPERT)
            for status in statuses
        )
        and not testimony["is_in_person"]
    )


def _find_status(ledger: LedgerSnapshot, centre_id: int, testimony: Row) -> ListedStatus | None:
    """Return the status that entries which are not erased give a testimony, or None."""
    if testimony["is_in_person"]:
        return None
    entries = (
        _as_entry(row)
        for row in ledger.group_rows("listed_witness", "centre_id").get(centre_id, ())
        if row["email"] != ERASED_TEXT and is_same_mailbox(row["email"], testimony["email"])
    )
    found = find_entry(entries, testimony["happened_on"], testimony["signed_at"], testimony["answered_by_id"])
    return found.status if found else None


def _as_entry(row: Row) -> Any:
    return SimpleNamespace(**row)
