"""Snapshots of the rows and events that a test gives, so that a check is tried without a database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerEvent, LedgerSnapshot, Row, get_key

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ALICE, BOB, CAROL, DAN = 1, 2, 3, 4
"""The candidate, the assessor, the internal verifier and the administrator."""


class GivenSnapshot(LedgerSnapshot):
    """The rows and events that were given, and nothing else."""

    def __init__(self, events: Sequence[LedgerEvent], rows: Mapping[str, Mapping[Any, Row]]) -> None:
        self.events = list(events)
        self.salts = {}
        self.row_salts = {}
        self.hashes: dict[int, str] = {}
        """The hash of each event, by its number."""
        self.others: set[tuple[str, Any]] = set()
        """The rows, by table and key, that do not belong to what this snapshot is to check."""
        self.kept = {}
        self._rows, self._indices = dict(rows), {}

    def rows(self, name: str) -> Mapping[Any, Row]:
        """Return the rows that were given of a table."""
        return self._rows.get(self.table(name).name, {})

    def is_own(self, name: str, key: Any) -> bool:
        """Return whether a row belongs to what this snapshot is to check."""
        return (name, key) not in self.others

    def find_event_after(self, seq: int) -> LedgerEvent | None:
        """Return the next event after a number, or None."""
        return next((event for event in self.events if event.seq > seq), None)

    def find_hash(self, seq: int) -> str | None:
        """Return the hash that was given for an event."""
        return self.hashes.get(seq)


def build_snapshot(*events: LedgerEvent, **tables: Iterable[Mapping[str, Any]]) -> GivenSnapshot:
    """Return a snapshot of these events, and of these rows by table; columns that are not given are empty."""
    return GivenSnapshot(events, {name: build_rows(name, rows) for name, rows in tables.items()})


def build_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> dict[Any, Row]:
    """Return rows of a table by key; those without an id are numbered from 1."""
    table = db.metadata.tables[name]
    names = [column.name for column in table.primary_key]
    built: dict[Any, Row] = {}
    for number, given in enumerate(rows, start=1):
        assert given.keys() <= set(table.columns.keys()), given
        numbered = {"id": number} if "id" in table.columns else {}
        row = dict.fromkeys(table.columns.keys()) | numbered | dict(given)
        built[get_key(names, row)] = row
    return built


def build_event(
    act: str,
    about: tuple[str, Any] = ("person", 1),
    *,
    seq: int = 1,
    at: datetime = NOON,
    actor: int | None = None,
    grant: int | None = None,
    session: str | None = None,
    event_format: int = 2,
    **data: Any,
) -> LedgerEvent:
    """Return an event about a row; `data` is what else its body says."""
    return LedgerEvent(seq, at, actor, grant, session, act, *about, data, event_format)
