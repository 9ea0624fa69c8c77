"""Snapshot of a part of the record: the rows of some people and the events that name them, or what is shared.

The checks go through the rows of the part and may look up any other row. So each row is checked once, together with
everything of its owner, and memory does not grow with the record (docs/integrity.md, How the checks read).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import func, select

from tracker.extensions import db
from tracker.integrity.event_names import parse_row_key
from tracker.integrity.ledger_events import EventPass, LedgerEvent, read_events, select_events
from tracker.integrity.ledger_snapshot import LedgerSnapshot, Row, group, index_rows, index_salts
from tracker.integrity.owners import (
    OWNED,
    PARENT_COLUMNS,
    PERSON_COLUMNS,
    People,
    divide,
    get_target,
    is_id,
    select_ownerless,
    select_referring,
    select_rows,
)
from tracker.integrity.row_lookup import KeptResults, OwnGroups, OwnRows, RowLookup, StreamedRows
from tracker.ledger.row_seals import SEALED_TABLES, RowSalts, find_salts, get_row_key
from tracker.ledger.trust_anchor import KeyCheck
from tracker.models import Event, EventText, RowSalt

MAX_KEPT_HISTORIES = 2_000
"""The most rows whose events are cached: mostly the people who act."""


@dataclass
class CommonReads:
    """What the parts of one run share."""

    whole: LedgerSnapshot
    """What is read of the files and settings; none of its rows and events are read."""
    event_pass: EventPass = field(default_factory=EventPass)
    lookup: RowLookup = field(default_factory=RowLookup)
    histories: KeptResults = field(default_factory=lambda: KeptResults(MAX_KEPT_HISTORIES))
    key_checks: list[KeyCheck] | None = None
    is_whole: bool = True
    """Whether the parts are everything, or only what is new."""
    salts_of_rows: int = 0
    """The number of salts found so far that belong to a row."""


class PartSnapshot(LedgerSnapshot):
    """Snapshot of what belongs to some people or, if `people` is None, of what belongs to nobody."""

    def __init__(self, common: CommonReads, people: People | None, seqs: Sequence[int]) -> None:
        self.anchor, self.outside_checkpoints = common.whole.anchor, common.whole.outside_checkpoints
        self.checkpoints, self.first_events = common.whole.checkpoints, common.whole.first_events
        self.people = people
        self.kept: dict[str, Any] = {}
        self._common, self._seqs = common, seqs
        self._rows: dict[str, Any] = {}
        self._indices: dict[tuple[str, str], Any] = {}

    @property
    def event_pass(self) -> EventPass:
        """What reading all events in order found out."""
        return self._common.event_pass

    @cached_property
    def events(self) -> list[LedgerEvent]:
        """The events that name something of this part, in order."""
        found: list[LedgerEvent] = []
        for chunk in divide(self._seqs):
            found += read_events(select_events().where(Event.seq.in_(chunk)))
        return sorted(found, key=lambda event: event.seq)

    @cached_property
    def key_checks(self) -> list[KeyCheck]:
        """The check of each signing key, the oldest first."""
        if self._common.key_checks is None:
            self._common.key_checks = self._check_keys(StreamedRows(self.table("signing_key"), self._common.lookup))
        return self._common.key_checks

    @cached_property
    def salts(self) -> dict[int, dict[str, str]]:
        """The salts that were not erased, by event number and field."""
        columns = select(EventText.event_seq, EventText.field, EventText.salt)
        salts: dict[int, dict[str, str]] = {}
        for chunk in divide(self._seqs):
            salts |= index_salts(db.session.execute(columns.where(EventText.event_seq.in_(chunk))))
        return salts

    @cached_property
    def row_salts(self) -> dict[str, RowSalts]:
        """The salts of the sealed rows of this part, by the row's key; in the shared part also those of no row."""
        own = [get_row_key(self.table(name), row) for name in SEALED_TABLES for row in self.rows(name).values()]
        salts = find_salts(own)
        self._common.salts_of_rows += len(salts)
        salts |= find_salts(self.sealing_events.keys() - salts.keys())
        if self.people is None and self._common.is_whole and self._count_salts() != self._common.salts_of_rows:
            salts |= self._find_rowless_salts()
        return salts

    def list_events_about(self, table: str, key: Any) -> Sequence[LedgerEvent]:
        """Return the events about one row, in order."""
        if not is_id(key) or self.is_own(table, key):
            return self.by_object.get((table, key), ())

        def read() -> list[LedgerEvent]:
            query = select_events().where(Event.object_type == table, Event.object_id == key)
            return list(read_events(query.order_by(Event.seq)))

        events: list[LedgerEvent] = self._common.histories.get((table, key), read)
        return events

    def rows(self, name: str) -> Mapping[Any, Row]:
        """Return a table's rows by primary key: going through them gives those of this part."""
        if name not in self._rows:
            self._rows[name] = self._load_rows(name)
        rows: Mapping[Any, Row] = self._rows[name]
        return rows

    def is_own(self, name: str, key: Any) -> bool:
        """Return whether a row, or the place of a missing one, belongs to this part."""
        if name not in OWNED:
            return self.people is None
        rows = self.rows(name)
        return key in rows.own or (self.people is None and key not in rows)  # type: ignore[attr-defined]

    def group_rows(self, name: str, column: str) -> Mapping[Any, list[Row]]:
        """Return a table's rows grouped by the value of a column: going through them gives those of this part."""
        if (name, column) not in self._indices:
            self._indices[name, column] = self._load_groups(name, column)
        groups: Mapping[Any, list[Row]] = self._indices[name, column]
        return groups

    def count_held(self) -> int:
        """Return how many rows and events this part has in memory."""
        rows = sum(len(rows.own) for rows in self._rows.values() if isinstance(rows, OwnRows))
        groups = sum(len(each) for groups in self._indices.values() for _, each in groups.items())
        return rows + groups + len(self._seqs)

    def _load_rows(self, name: str) -> OwnRows | StreamedRows:
        table, lookup = self.table(name), self._common.lookup
        if name not in OWNED:
            return OwnRows(name, {}, lookup) if self.people else StreamedRows(table, lookup)
        if self.people is None and name in PERSON_COLUMNS:
            return OwnRows(name, {}, lookup)  # the column is never empty
        query = select_rows(table, self.people) if self.people else select_ownerless(table)
        return OwnRows(name, index_rows(table, db.session.execute(query).mappings()), lookup)

    def _load_groups(self, name: str, column: str) -> Mapping[Any, list[Row]]:
        table, lookup = self.table(name), self._common.lookup
        target = get_target(table.c[column]).table.name
        is_by_owner = column in {PERSON_COLUMNS.get(name), PARENT_COLUMNS.get(name)}
        own: dict[Any, Row] = {}
        if is_by_owner:
            own = self.rows(name).own  # type: ignore[attr-defined]
        elif self.people and target in OWNED:
            query = select_referring(table.c[column], self.people)
            own = index_rows(table, db.session.execute(query).mappings())
        groups = group(own.values(), lambda row: row[column])

        def is_complete_for(value: Any) -> bool:
            return self.people is not None and target in OWNED and self.is_own(target, value)

        return OwnGroups(groups, is_complete_for, lambda value: lookup.list(name, column, value))

    def _count_salts(self) -> int:
        return db.session.scalar(select(func.count()).select_from(RowSalt)) or 0

    def _is_rowless(self, row_key: str) -> bool:
        """Return whether a sealed row, or the row of the first part of its key, is missing."""
        named = parse_row_key(row_key)
        return named is None or self._common.lookup.find(*named) is None

    def _find_rowless_salts(self) -> dict[str, RowSalts]:
        """Return the salts whose row is missing; all keys are read, a few at a time."""
        found: dict[str, RowSalts] = {}
        keys = db.session.scalars(select(RowSalt.row_key), execution_options={"yield_per": 2_000})
        for chunk in divide(keys):
            found |= find_salts(key for key in chunk if self._is_rowless(key))
        return found
