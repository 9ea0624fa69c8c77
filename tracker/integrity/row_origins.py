"""Checks of what rows say of their making: the time and the person are those of the event that entered them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto

from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row
from tracker.ledger.events import MAX_CLOCK_DIFFERENCE
from tracker.ledger.permitted_writes import may_add
from tracker.ledger.row_seals import SEALED_TABLES, get_row_key
from tracker.models.base import UtcDateTime


class When(Enum):
    """How a time in a row stands to the time of the event that entered it."""

    SAME = auto()
    SAME_OR_EARLIER = auto()
    SAME_OR_LATER = auto()
    ANY = auto()


OTHER_TIMES = {
    # what was drafted, uploaded or claimed before it was submitted or released
    ("person", "created_at"): When.SAME_OR_EARLIER,
    ("evidence", "created_at"): When.SAME_OR_EARLIER,
    ("attachment", "uploaded_at"): When.SAME_OR_EARLIER,
    ("claim", "claimed_at"): When.SAME_OR_EARLIER,
    ("assessment", "started_at"): When.SAME_OR_EARLIER,
    ("assessment", "saved_at"): When.SAME_OR_EARLIER,
    ("feedback_remark", "written_at"): When.SAME_OR_EARLIER,
    ("signature", "reauthenticated_at"): When.SAME_OR_EARLIER,
    # what people choose
    ("account_change", "takes_effect_at"): When.SAME_OR_LATER,
    ("grant", "starts_at"): When.ANY,  # invariant 6 compares it with the acts under the grant
    ("grant", "ends_at"): When.SAME_OR_LATER,
    ("visit", "starts_at"): When.ANY,
    ("visit", "ends_at"): When.SAME_OR_LATER,
}
"""The times that may be others than the event's."""
SUBJECTS = {"person_id", "candidate_id", "witness_id"}
"""Columns that name whom a row is about. All others that name a person name who acted."""
SUBJECT_OF_TABLE = {("countersigner", "assessor_id")}
"""Columns that name whom a row is about in one table, and who acted in others."""
COPYING_ACT = "attempt_moved"
"""The act that copies decisions, claims and confirmations, with who made them and when."""
SUBMITTING_ACT = "evidence_submitted"
"""The act that seals claims for the first time, also those that were removed from the draft."""
TIMES = {
    name: [
        column.name for column in db.metadata.tables[name].columns
        if isinstance(column.type, UtcDateTime) and column.name in sealed.columns(db.metadata.tables[name])
    ]
    for name, sealed in SEALED_TABLES.items()
}  # fmt: skip
PEOPLE = {
    name: [
        column.name for column in db.metadata.tables[name].columns
        if column.name not in SUBJECTS
        and (name, column.name) not in SUBJECT_OF_TABLE
        and column.name in sealed.columns(db.metadata.tables[name])
        and any(key.column.table.name == "person" for key in column.foreign_keys)
    ]
    for name, sealed in SEALED_TABLES.items()
}  # fmt: skip

CHECKED_TABLES = [name for name in SEALED_TABLES if TIMES[name] or PEOPLE[name]]


@invariant(3, "every row has the time and the person of the event that entered them")
def find_rows_of_other_times(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each row that names another time or person than its event. docs/integrity.md, invariant 3.

    Otherwise a row that is added today could say that something was done earlier, or by somebody else.
    """
    for name in CHECKED_TABLES:
        table = ledger.table(name)
        for row in ledger.rows(name).values():
            key = get_row_key(table, row)
            if events := ledger.sealing_events.get(key):
                thing = f"{name.replace('_', ' ')} {key.partition(':')[2]}"
                yield from (f"{thing}: {fault}" for fault in _find_faults(name, key, row, events))


def _find_faults(name: str, key: str, row: Row, events: Sequence[LedgerEvent]) -> Iterator[str]:
    for column in TIMES[name]:
        value = row[column]
        if value is None:
            continue
        entering = _list_entering_events(key, column, events)
        if entering and not any(_has_right_time(name, column, value, event) for event in entering):
            yield f"its {column} is not the time of {entering[-1].name}"
    for column in PEOPLE[name]:
        value = row[column]
        if value is None:
            continue
        entering = _list_entering_events(key, column, events)
        if entering and not any(event.actor == value or event.act == COPYING_ACT for event in entering):
            yield f"its {column} is not the person of {entering[-1].name}"


def _list_entering_events(key: str, column: str, events: Sequence[LedgerEvent]) -> list[LedgerEvent]:
    """Return the last event that changed a column of a row, or else the first that sealed the row, if it added it.

    Events of format 1 do not name the columns: any of them may have entered it. Invariant 14 names a row that was
    first sealed by an event that adds no such row.
    """
    for event in reversed(events):
        former: Mapping[str, Mapping[str, str | None]] | None = event.data.get("former")
        if former and column in former.get(key, ()):
            return [event]
    if first_format := [event for event in events if event.format == 1]:
        return first_format
    return [event for event in events[:1] if may_add(event.act, key.partition(":")[0])]


def _has_right_time(name: str, column: str, value: datetime, event: LedgerEvent) -> bool:
    when = OTHER_TIMES.get((name, column), When.SAME)
    if event.act == COPYING_ACT or (name == "claim" and event.act == SUBMITTING_ACT):
        when = When.SAME_OR_EARLIER
    difference = value - event.at
    is_late, is_early = difference > MAX_CLOCK_DIFFERENCE, -difference > MAX_CLOCK_DIFFERENCE
    return {
        When.SAME: not is_late and not is_early,
        When.SAME_OR_EARLIER: not is_late,
        When.SAME_OR_LATER: not is_early,
        When.ANY: True,
    }[when]
