"""Checks of staff registers: who recorded what in whose record, and that only what was due was erased."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

from tracker.clock import day_of
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row
from tracker.registrations.retention_periods import add_months, compute_months
from tracker.vocabulary import STAFF_ROLES

BY_OTHERS = (
    "award_recorded", "award_confirmed", "award_removed", "competence_recorded", "competence_removed",
    "interest_answered", "staff_record_erased",
)  # fmt: skip
"""What an administrator does in the record of somebody else."""
BY_THEMSELVES = ("cpd_recorded", "cpd_removed", "interest_declared", "interest_ended")
"""What people enter in their own record."""


@invariant(37, "nobody recorded or erased their own awards or competence, and nobody but themselves wrote their CPD")
def find_entries_by_the_wrong_person(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each entry of a staff record whose author the rules do not allow. docs/integrity.md, invariant 37."""
    for event in ledger.list_events(*BY_OTHERS):
        row = ledger.find_row(event.object_type, event.object_id)
        if row and event.actor == row["person_id"]:
            yield f"{event.name} was done in the person's own staff record"
    for event in ledger.list_events(*BY_THEMSELVES):
        row = ledger.find_row(event.object_type, event.object_id)
        if row and event.actor != row["person_id"]:
            yield f"{event.name} was done in the staff record of somebody else"


@invariant(37, "an award is held from its confirmation on, and each entry ended once, as its event says")
def find_entries_without_end_event(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each entry that was confirmed or ended otherwise than by an event. docs/integrity.md, invariant 37."""
    ends = {
        "staff_award": ("award_removed", "removed_at"),
        "staff_competence": ("competence_removed", "removed_at"),
        "cpd_entry": ("cpd_removed", "removed_at"),
        "interest_declaration": ("interest_ended", "ended_at"),
    }
    for table, (act, column) in ends.items():
        ended = Counter(event.object_id for event in ledger.list_events(act))
        for key, row in ledger.rows(table).items():
            if ended[key] != (row[column] is not None):
                yield f"{table.replace('_', ' ')} {key} did not end as its events say"
    confirmed = Counter(event.object_id for event in ledger.list_events("award_confirmed"))
    recorded = {event.object_id: event for event in ledger.list_events("award_recorded")}
    for key, row in ledger.rows("staff_award").items():
        was_held = key in recorded and recorded[key].data["held"] is True
        if confirmed[key] + was_held != (row["confirmed_at"] is not None):
            yield f"staff award {key} was not confirmed as its events say"


@invariant(37, "a staff record was erased only after its retention period")
def find_early_staff_erasures(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each erasure of a staff record that was not due. docs/integrity.md, invariant 37.

    When it was due is computed from the roles and the rules of that time, not read from the event.
    """
    for event in ledger.list_events("staff_record_erased"):
        row = ledger.rows("staff_erasure").get(event.object_id)
        if row is None:
            continue
        ended_on = _find_end_of_roles(ledger, row, event)
        if ended_on is None:
            yield f"{event.name} erased the staff record of a person who had a role"
            continue
        until = add_months(compute_months_kept(ledger, row["centre_id"], event), ended_on)
        if until >= day_of(event.at) or event.data["until"] != str(until):
            yield f"{event.name} erased a staff record that had to be kept until {until}"


def _find_end_of_roles(ledger: LedgerSnapshot, row: Row, event: LedgerEvent) -> date | None:
    """Return the day on which the last role ended or the account was closed; None if neither was so by an event."""
    person = ledger.find_row("person", row["person_id"])
    closed_at = person["deactivated_at"] if person else None
    ends: list[Any] = [
        min((end for end in (grant["ends_at"], closed_at) if end), default=None)
        for grant in ledger.group_rows("grant", "person_id").get(row["person_id"], ())
        if grant["centre_id"] == row["centre_id"] and grant["role"] in STAFF_ROLES and grant["granted_at"] <= event.at
    ]
    if not ends or any(end is None or end > event.at for end in ends):
        return None
    return day_of(max(ends))


def compute_months_kept(ledger: LedgerSnapshot, centre_id: int, event: LedgerEvent) -> int:
    """Return how many months the centre kept decisions, by its retention rules of that time."""
    months: dict[int, int] = {}
    for rule in ledger.group_rows("retention_rule", "centre_id").get(centre_id, ()):
        for change in ledger.list_events_about("retention_rule", rule["id"]):
            if change.act == "retention_rule_set" and change.seq < event.seq:
                months[rule["id"]] = change.data["records"]
    return compute_months(months.values())
