"""Look-ups of rows in the database, with a cache of limited size."""

from collections import OrderedDict
from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from typing import Any

from sqlalchemy import Column, Table, func, literal, select, tuple_

from tracker.extensions import db
from tracker.integrity.ledger_snapshot import Row, get_key
from tracker.integrity.owners import is_id

MAX_KEPT = 5_000
"""The most look-ups whose results are cached, of all tables together."""
MAX_DOCUMENTS = 200
"""The most rows with whole documents that are cached."""
WITH_DOCUMENTS = {"unit", "qualification", "guidance", "unit_draft"}
AT_ONCE = 200
"""The number of rows that are read at a time where a whole table is iterated."""


class RowLookup:
    """Rows by primary key, and by the value of a column, from the database or the cache."""

    def __init__(self) -> None:
        self._kept = KeptResults(MAX_KEPT)
        self._documents = KeptResults(MAX_DOCUMENTS)

    def find(self, name: str, key: Any) -> Row | None:
        """Return the row of a table with a primary key, or None."""
        table = db.metadata.tables[name]
        columns = list(table.primary_key)
        values = key if isinstance(key, tuple) else (key,)
        if len(values) != len(columns) or not all(map(_can_have, columns, values)):
            return None

        def read() -> Row | None:
            query = select(table).where(*(column == value for column, value in zip(columns, values, strict=True)))
            row = db.session.execute(query).mappings().first()
            return dict(row) if row else None

        kept = self._documents if name in WITH_DOCUMENTS else self._kept
        row: Row | None = kept.get((name, key), read)
        return row

    def list(self, name: str, column: str, value: Any) -> list[Row]:
        """Return the rows of a table with this value in a column, in the order of their keys."""
        table = db.metadata.tables[name]

        def read() -> list[Row]:
            query = select(table).where(table.c[column] == value).order_by(*table.primary_key)
            return [dict(row) for row in db.session.execute(query).mappings()]

        rows: list[Row] = self._kept.get((name, column, value), read)
        return rows


def _can_have(column: Column[Any], value: Any) -> bool:
    """Return whether a column can have a value: what a damaged event names may be anything."""
    return is_id(value) if column.type.python_type is int else isinstance(value, str)


class KeptResults:
    """Cache of the results that were used last (LRU)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._results: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, read: Callable[[], Any]) -> Any:
        """Return the result kept for a key, or read it."""
        if key in self._results:
            self._results.move_to_end(key)
            return self._results[key]
        result = self._results[key] = read()
        if len(self._results) > self._limit:
            self._results.popitem(last=False)
        return result


class OwnRows(Mapping[Any, Row]):
    """The rows of a table: iterating yields those of a part, and all others are found by their key."""

    def __init__(self, name: str, own: dict[Any, Row], lookup: RowLookup) -> None:
        self.own = own
        self._name, self._lookup = name, lookup

    def __getitem__(self, key: Any) -> Row:
        row = self.own.get(key) or self._lookup.find(self._name, key)
        if row is None:
            raise KeyError(key)
        return row

    def __iter__(self) -> Iterator[Any]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)

    def items(self) -> ItemsView[Any, Row]:
        """Return keys and rows of those that the part has."""
        return self.own.items()

    def values(self) -> ValuesView[Row]:
        """Return the rows that the part has."""
        return self.own.values()


class StreamedRows(Mapping[Any, Row]):
    """The rows of a whole table, read again each time they are iterated."""

    def __init__(self, table: Table, lookup: RowLookup) -> None:
        self._table, self._lookup = table, lookup

    def __getitem__(self, key: Any) -> Row:
        row = self._lookup.find(self._table.name, key)
        if row is None:
            raise KeyError(key)
        return row

    def __iter__(self) -> Iterator[Any]:
        yield from (key for key, _ in self._read(*self._table.primary_key))

    def __len__(self) -> int:
        return db.session.scalar(select(func.count()).select_from(self._table)) or 0

    def items(self) -> Any:
        """Yield keys and rows."""
        return self._read(self._table)

    def values(self) -> Any:
        """Yield the rows."""
        return (row for _, row in self._read(self._table))

    def _read(self, *columns: Any) -> Iterator[tuple[Any, Row]]:
        """Yield keys and rows by keyset pagination, so that no cursor is left open."""
        keys = list(self._table.primary_key)
        names = [column.name for column in keys]
        query = select(*columns).order_by(*keys).limit(AT_ONCE)
        rows = [dict(row) for row in db.session.execute(query).mappings()]
        while rows:
            yield from ((get_key(names, row), row) for row in rows)
            last = tuple_(*(literal(rows[-1][key.name], key.type) for key in keys))
            rows = [dict(row) for row in db.session.execute(query.where(tuple_(*keys) > last)).mappings()]


class OwnGroups(Mapping[Any, list[Row]]):
    """Rows by the value of a column: complete for the values of a part, looked up for others."""

    def __init__(
        self, own: Mapping[Any, list[Row]], is_complete_for: Callable[[Any], bool], find: Callable[[Any], list[Row]]
    ) -> None:
        self._own, self._is_complete_for, self._find = own, is_complete_for, find

    def __getitem__(self, value: Any) -> list[Row]:
        if rows := self._own.get(value):
            return rows
        return [] if value is None or self._is_complete_for(value) else self._find(value)

    def get(self, value: Any, default: Any = None) -> Any:
        """Return the rows with a value, or the default where there are none."""
        return self[value] or default

    def __contains__(self, value: Any) -> bool:
        return bool(self[value])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def items(self) -> ItemsView[Any, list[Row]]:
        """Return the values of the part with their rows."""
        return self._own.items()
