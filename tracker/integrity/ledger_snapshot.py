"""Snapshot of the database for the integrity checks: parsed events, and the rows of each table, read once.

It holds everything. `part_snapshot` has the same interface and holds the rows and events of some people at a time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import RowMapping, Table, select

from tracker.extensions import db
from tracker.integrity.first_events import FirstEvents
from tracker.integrity.ledger_events import EventPass, LedgerEvent, read_events, select_events
from tracker.ledger import checkpoints, events
from tracker.ledger.checkpoints import Checkpoint
from tracker.ledger.row_seals import RowSalts
from tracker.ledger.trust_anchor import KeyCheck, TrustAnchor, check_keys, load_anchor
from tracker.models import Event, EventText, RowSalt, SigningKey

__all__ = ["LedgerEvent", "LedgerSnapshot", "OutsideCheckpoint", "Row"]

T = TypeVar("T")
Row = Mapping[str, Any]
OutsideCheckpoint = tuple[str, Checkpoint | None]
"""How a fault names a checkpoint kept outside the installation, and the checkpoint; None if it cannot be read."""


class LedgerSnapshot:
    """The database as it is in the open transaction; tables are read when a check first needs them."""

    def __init__(self, anchor: TrustAnchor | None = None, outside: Sequence[OutsideCheckpoint] = ()) -> None:
        self.anchor = anchor or load_anchor()
        """The keys that are trusted, from outside the database."""
        self.outside_checkpoints = outside
        """Checkpoints kept outside the installation, with their names."""
        with checkpoints.locked_for_reading():
            events.get_head()  # the first read, which begins what this transaction sees
            self.checkpoints = list(checkpoints.read_checkpoints())
            """Each line's number in the file of checkpoints, with its checkpoint, or None if it is not one."""
        self.first_events = FirstEvents()
        self.kept: dict[str, Any] = {}
        """Results that several checks need, by name."""
        self._rows: dict[str, Mapping[Any, Row]] = {}
        self._indices: dict[tuple[str, str], Mapping[Any, list[Row]]] = {}

    @cached_property
    def event_pass(self) -> EventPass:
        """What reading all events in order found out."""
        self.events  # noqa: B018 - reading the events fills it
        return self._pass

    @cached_property
    def events(self) -> list[LedgerEvent]:
        """Every event that can be read, in order."""
        self._pass = EventPass()
        return list(self._pass.read())

    @cached_property
    def key_checks(self) -> list[KeyCheck]:
        """The check of each signing key, the oldest first."""
        return self._check_keys(self.rows("signing_key"))

    @cached_property
    def trusted_keys(self) -> dict[str, SigningKey]:
        """The signing keys that something outside the database vouches for, by name."""
        return {check.key.name: check.key for check in self.key_checks if check.is_trusted}

    @cached_property
    def salts(self) -> dict[int, dict[str, str]]:
        """The salts that were not erased, by event number and field."""
        return index_salts(db.session.execute(select(EventText.event_seq, EventText.field, EventText.salt)))

    @cached_property
    def row_salts(self) -> dict[str, RowSalts]:
        """The salts of every sealed row, by the row's key."""
        query = select(RowSalt.row_key, RowSalt.salt, RowSalt.column_salts)
        return {key: RowSalts(salt, columns) for key, salt, columns in db.session.execute(query)}

    @cached_property
    def by_act(self) -> dict[str, list[LedgerEvent]]:
        """The events by act."""
        return group(self.events, lambda event: event.act)

    @cached_property
    def by_object(self) -> dict[tuple[str, int], list[LedgerEvent]]:
        """The events by table and id of what they are about."""
        return group(self.events, lambda event: (event.object_type, event.object_id))

    @cached_property
    def sealing_events(self) -> dict[str, list[LedgerEvent]]:
        """The events that seal each row, in order, by the row's key."""
        sealing: dict[str, list[LedgerEvent]] = {}
        for event in self.events:
            for key in event.data.get("rows", ()):
                sealing.setdefault(key, []).append(event)
        return sealing

    @cached_property
    def signatures_by_round(self) -> Mapping[tuple[int, int], list[Row]]:
        """The signatures of each round, by attempt and number of the round."""
        rounds = defaultdict[tuple[int, int], list[Row]](list)
        for row in self.rows("signature").values():
            rounds[row["attempt_id"], row["round"]].append(row)
        return rounds

    def list_events(self, *acts: str) -> Iterator[LedgerEvent]:
        """Yield the events of these acts, act by act and in order."""
        for act in acts:
            yield from self.by_act.get(act, ())

    def list_events_about(self, table: str, key: Any) -> Sequence[LedgerEvent]:
        """Return the events about one row, in order."""
        return self.by_object.get((table, key), ())

    def list_erased_ids(self, key: str) -> set[int]:
        """Return the ids that erasure events list under a name: `versions`, `attachments` or `forms`."""
        return {row_id for event in self.list_events("portfolio_erased") for row_id in event.data[key]}

    def find_hash(self, seq: int) -> str | None:
        """Return the stored hash of an event, or None."""
        return db.session.scalar(select(Event.hash).where(Event.seq == seq))

    def find_event_after(self, seq: int) -> LedgerEvent | None:
        """Return the next event of the whole ledger after a number, or None."""
        query = select_events().where(Event.seq > seq).order_by(Event.seq).limit(1)
        return next(read_events(query), None)

    def rows(self, name: str) -> Mapping[Any, Row]:
        """Return a table's rows by primary key; a key of several columns is a tuple."""
        if name not in self._rows:
            table = self.table(name)
            self._rows[name] = index_rows(table, db.session.execute(select(table)).mappings())
        return self._rows[name]

    def find_row(self, name: str, key: Any) -> Row | None:
        """Return the row with a primary key, or None."""
        return self.rows(name).get(key)

    def is_own(self, name: str, key: Any) -> bool:  # noqa: ARG002 - of a part of the record it depends on them
        """Return whether a row, or the place of a missing one, belongs to what this snapshot is to check."""
        return True

    def group_rows(self, name: str, column: str) -> Mapping[Any, list[Row]]:
        """Return a table's rows grouped by the value of a column."""
        if (name, column) not in self._indices:
            self._indices[name, column] = group(self.rows(name).values(), lambda row: row[column])
        return self._indices[name, column]

    def _check_keys(self, keys: Mapping[Any, Row]) -> list[KeyCheck]:
        statements = {
            event.object_id: event.data
            for key in keys
            for event in self.list_events_about("signing_key", key)
            if event.act == "key_made"
        }
        return list(check_keys((SigningKey(**row) for row in keys.values()), statements, self.anchor))

    def table(self, name: str) -> Table:
        """Return the table with this name."""
        return db.metadata.tables[name]


def index_rows(table: Table, rows: Iterable[RowMapping]) -> dict[Any, Row]:
    """Return rows by primary key, in its order."""
    names = [column.name for column in table.primary_key]
    indexed: dict[Any, Row] = {get_key(names, row): dict(row) for row in rows}
    return {key: indexed[key] for key in sorted(indexed)}


def get_key(names: Sequence[str], row: Row | RowMapping) -> Any:
    """Return the primary key of a row: a value, or a tuple of the values of several columns."""
    return row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)


def index_salts(salts: Iterable[Any]) -> dict[int, dict[str, str]]:
    """Return the salts of texts by event number and field."""
    indexed: dict[int, dict[str, str]] = {}
    for seq, field, salt in salts:
        indexed.setdefault(seq, {})[field] = salt
    return indexed


def group(things: Iterable[T], get_value: Callable[[T], Any]) -> defaultdict[Any, list[T]]:
    """Return things grouped by a value of each, in order."""
    groups = defaultdict[Any, list[T]](list)
    for thing in things:
        groups[get_value(thing)].append(thing)
    return groups
