"""Sealing what a transaction wrote: which of its events seals which row, and what each event says of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracker.extensions import db
from tracker.ledger import permitted_writes, row_seals
from tracker.ledger.changed_rows import ChangedRow, pop_changed_rows
from tracker.ledger.row_seals import RowSalts, get_table
from tracker.models import Base, RowSalt


class RecordedEvent(Protocol):
    """An event of the transaction."""

    @property
    def act(self) -> str:
        """The name of the act."""

    @property
    def subject(self) -> Base:
        """The row that the event is about."""

    @property
    def rows(self) -> Iterable[Base]:
        """Further rows that the event names."""


@dataclass
class EventSeals:
    """What one event says of rows."""

    seals: dict[str, str] = field(default_factory=dict)
    """The seal of each row after the event, by the row's key."""
    former: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """The former hashes of the columns that the event changed, by the row's key."""


class UnpermittedWrite(Exception):
    """A transaction wrote a sealed row that none of its acts may write: a fault of the product."""

    def __init__(self, acts: Iterable[str], key: str, columns: Iterable[str]) -> None:
        what = f"changed {', '.join(columns)} of" if columns else "made"
        super().__init__(f"{', '.join(acts)} {what} {key}: see WRITES in tracker/ledger/permitted_writes.py")


def seal_rows(events: Sequence[RecordedEvent]) -> list[EventSeals]:
    """Seal every row that the transaction made or changed, and return what each of its events says.

    Raises:
        UnpermittedWrite: a row was made or changed as no event of the transaction may.
    """
    changed = pop_changed_rows(row for event in events for row in event.rows)
    salts = row_seals.find_salts(key for key, each in changed.items() if not each.is_new)
    unsealed = changed.keys() - salts.keys()
    named = _find_places(events)
    shares = {
        key: _divide(events, named.get(id(each.row), []), key, each, is_unsealed=key in unsealed)
        for key, each in changed.items()
    }
    salts |= _make_salts(key for key in changed if key in unsealed and shares[key])
    sealed = [EventSeals() for _ in events]
    for key, share in shares.items():
        _seal_row(events, sealed, key, changed[key], share, salts)
    return sealed


def _find_places(events: Sequence[RecordedEvent]) -> dict[int, list[int]]:
    """Return the places of the events that are about a row or name it, by the identity of the row's object."""
    places: dict[int, list[int]] = {}
    for place, event in enumerate(events):
        for row in {id(event.subject), *map(id, event.rows)}:
            places.setdefault(row, []).append(place)
    return places


def _divide(
    events: Sequence[RecordedEvent], named: Sequence[int], key: str, changed: ChangedRow, *, is_unsealed: bool
) -> dict[int, list[str] | None]:
    """Return the events that seal a row, by their place, each with the columns that it changed.

    The event that is about the row or names it comes first, then the last one. Columns of None mean that the event
    seals the row for the first time.

    Args:
        events: the events of the transaction.
        named: the places of those that are about the row or name it.
        key: the row's key.
        changed: the row.
        is_unsealed: whether no event has sealed it before.

    Raises:
        UnpermittedWrite: the row was made or changed as no event may.
    """
    table = get_table(changed.row).name
    remaining = changed.list_changed_columns()
    if is_unsealed:
        for place in _iterate_places(events, named):
            if permitted_writes.may_add(events[place].act, table) and _is_in_scope(events[place], changed.row):
                return {place: None}
    acts = [event.act for event in events]
    if changed.is_new:
        raise UnpermittedWrite(acts, key, [])
    share: dict[int, list[str] | None] = {}
    for place in _iterate_places(events, named):
        if not remaining:
            break
        permitted = permitted_writes.list_columns(events[place].act, table)
        columns = [name for name in remaining if name in permitted]
        if columns and _is_in_scope(events[place], changed.row):
            share[place] = columns
            remaining = [name for name in remaining if name not in columns]
    if remaining:
        raise UnpermittedWrite(acts, key, remaining)
    return dict(sorted(share.items()))


def _iterate_places(events: Sequence[RecordedEvent], named: Sequence[int]) -> Iterator[int]:
    """Yield these places, then those of the other events from the last one; read only as far as is needed."""
    yield from named
    yield from (place for place in reversed(range(len(events))) if place not in named)


def _seal_row(
    events: Sequence[RecordedEvent],
    sealed: Sequence[EventSeals],
    key: str,
    changed: ChangedRow,
    share: Mapping[int, list[str] | None],
    salts: Mapping[str, RowSalts],
) -> None:
    """Add a row's seal, as it is after each event that changed it, to what the events say."""
    if not share:
        return
    table, values, row_salts = get_table(changed.row), row_seals.get_values(changed.row), salts[key]
    before = values if None in share.values() else values | changed.former
    hashes: dict[str, str | None] = {**row_seals.hash_columns(row_salts, table, before)}
    for place, columns in share.items():
        if columns is not None:
            sealed[place].former[key] = {name: hashes.get(name) for name in columns}
            if events[place].act in permitted_writes.ERASING_ACTS:
                row_salts = _erase_salts(key, row_salts, table, columns)
            hashes |= {name: row_seals.hash_column(row_salts, table.name, name, values[name]) for name in columns}
        kept = {name: column_hash for name, column_hash in hashes.items() if column_hash is not None}
        sealed[place].seals[key] = row_seals.seal_row(table.name, kept)


def _make_salts(keys: Iterable[str]) -> dict[str, RowSalts]:
    """Make and store the salts of rows that are sealed for the first time; return them by key."""
    made = {key: row_seals.make_salts() for key in keys}
    db.session.add_all(RowSalt(row_key=key, salt=each.salt, column_salts={}) for key, each in made.items())
    return made


def _erase_salts(key: str, salts: RowSalts, table: Any, columns: Iterable[str]) -> RowSalts:
    """Replace the stored salts of erased columns, so that nobody can test a guess; return the row's salts now."""
    replaced = row_seals.erase_column_salts(salts, table, columns)
    stored = db.session.get_one(RowSalt, key)
    stored.salt, stored.column_salts = replaced.salt, dict(replaced.columns)
    return replaced


def _is_in_scope(event: RecordedEvent, row: Base) -> bool:
    return permitted_writes.is_in_scope(event.act, _find_owners(event.subject), _find_owners(row))


def _find_owners(row: Base) -> dict[str, Any]:
    return permitted_writes.find_owners(_find_stored_row, row.__tablename__, row_seals.get_values(row))


def _find_stored_row(table: str, key: Any) -> permitted_writes.Row:
    model = next(each.class_ for each in Base.registry.mappers if each.class_.__tablename__ == table)
    return row_seals.get_values(db.session.get_one(model, key))
