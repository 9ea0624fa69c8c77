"""Positions in lists: where a page begins or ends, by what its first or last row is sorted by (keyset pagination).

A page is found from the row before it rather than by counting rows, so that it costs the same however far down the
list it is, and rows that were added or removed meanwhile neither repeat rows nor hide them. In an address a position
is encrypted, since it has names of people in it, and its key depends on the list, its order and its filters.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, false, func, literal, or_, true
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.types import NullType

from tracker.web.encryption import decrypt, encrypt

MAX_TOKEN_LENGTH = 1_600
"""Characters; an address has to hold it."""

Row = TypeVar("Row")


@dataclass(frozen=True)
class Position:
    """The place in a list just after a row, or just before it."""

    values: tuple[Any, ...]
    """What that row is sorted by, and what identifies it."""
    is_before: bool
    token: str
    """As it is in the address."""

    def build_arguments(self) -> dict[str, str]:
        """Return the argument of an address with this position."""
        return {"before" if self.is_before else "after": self.token}


@dataclass(frozen=True)
class SortKey:
    """One of the things that a list is sorted by, in SQL. Rows without a value come last in either direction."""

    expression: ColumnElement[Any] | SQLColumnExpression[Any]
    may_be_empty: bool = True
    """Whether a row may have no value. An index is read in order only if each row has one."""
    is_descending: bool = False

    def order(self, *, is_reversed: bool) -> ColumnElement[Any]:
        """Return the expression for ORDER BY."""
        order = self.expression.asc() if self.is_descending is is_reversed else self.expression.desc()
        if not self.may_be_empty:
            return order
        return order.nulls_first() if is_reversed else order.nulls_last()

    def follows(self, value: Any, *, is_reversed: bool) -> ColumnElement[bool]:
        """Return the SQL condition for rows that come after one with this value, or before it if reversed."""
        if value is None:
            return self.expression.is_not(None) if is_reversed else false()
        is_larger = self.is_descending is is_reversed
        bound = self._bind(value)
        condition = self.expression > bound if is_larger else self.expression < bound
        return or_(condition, self.expression.is_(None)) if self.may_be_empty and not is_reversed else condition

    def equals(self, value: Any) -> ColumnElement[bool]:
        """Return the SQL condition for rows with this value."""
        return self.expression.is_(None) if value is None else self.expression == self._bind(value)

    def reaches(self, value: Any, *, is_reversed: bool) -> ColumnElement[bool]:
        """Return the SQL condition for rows that follow or have this value, by which an index is read from there."""
        if self.may_be_empty:
            return true()
        is_larger = self.is_descending is is_reversed
        return self.expression >= self._bind(value) if is_larger else self.expression <= self._bind(value)

    def _bind(self, value: Any) -> ColumnElement[Any]:
        kind = getattr(self.expression, "type", None)
        return literal(value) if kind is None or isinstance(kind, NullType) else literal(value, kind)


def by_name(column: SQLColumnExpression[str]) -> SortKey:
    """Return the order by names or titles in any case, of which every row has one."""
    return SortKey(func.lower(column), may_be_empty=False)


def make_sort_keys(
    elements: Sequence[SQLColumnExpression[Any] | SortKey], keys: Sequence[Any], *, is_descending: bool
) -> list[SortKey]:
    """Return what a list is sorted by, with what identifies its rows at the end.

    Args:
        elements: what the column or the list's own order sorts by.
        keys: the columns that identify a row; they run in the direction of the first element.
        is_descending: whether the order was reversed.
    """
    chosen = [_make_sort_key(each) for each in elements]
    chosen = [SortKey(each.expression, each.may_be_empty, each.is_descending is not is_descending) for each in chosen]
    return [*chosen, *(SortKey(key, may_be_empty=False, is_descending=is_descending) for key in keys)]


def _make_sort_key(element: SQLColumnExpression[Any] | SortKey) -> SortKey:
    if isinstance(element, SortKey):
        return element
    if isinstance(element, UnaryExpression) and element.modifier is operators.desc_op:
        return SortKey(element.element, may_be_empty=_may_be_empty(element.element), is_descending=True)
    return SortKey(element, may_be_empty=_may_be_empty(element))


def _may_be_empty(expression: Any) -> bool:
    return bool(getattr(expression, "nullable", True))


def is_beyond(sort_keys: Sequence[SortKey], values: Sequence[Any], *, is_reversed: bool) -> ColumnElement[bool]:
    """Return the SQL condition for rows after the one with these values, or before it if reversed."""
    steps = []
    for index, (each, value) in enumerate(zip(sort_keys, values, strict=True)):
        equal = [earlier.equals(its) for earlier, its in zip(sort_keys[:index], values, strict=False)]
        steps.append(and_(*equal, each.follows(value, is_reversed=is_reversed)))
    return and_(sort_keys[0].reaches(values[0], is_reversed=is_reversed), or_(*steps))


def find_index(
    rows: Sequence[Row],
    position: Position,
    value_of: Callable[[Row], Any],
    key_of: Callable[[Row], Any],
    *,
    is_descending: bool,
) -> int:
    """Return the index in sorted rows at which a position is: of its row, or of where that row would be.

    A row that is sorted elsewhere by now does not move the position: the page would leave out what lies between. Of
    rows with the same value, some are shown again if the position's own row is gone.

    Args:
        rows: the rows in the list's order, those without a value at the end.
        position: its values are what its row is sorted by, and what identifies the row.
        value_of: returns what a row is sorted by.
        key_of: returns what identifies a row.
        is_descending: whether the largest come first.
    """
    value, key = position.values
    for index, row in enumerate(rows):
        if key_of(row) == key and value_of(row) == value:
            return index if position.is_before else index + 1
    for index, row in enumerate(rows):
        own = value_of(row)
        if own is None or (value is not None and (own <= value if is_descending else own >= value)):
            return index
    return len(rows)


def write_position(place: str, values: Sequence[Any], *, is_before: bool) -> str:
    """Return a position for an address.

    Args:
        place: the list with its order and filters, which `read_position` has to be given too.
        values: what the row is sorted by, and what identifies it.
        is_before: whether the position is before the row.
    """
    content = [is_before, [_encode(each) for each in values]]
    return encrypt(json.dumps(content, ensure_ascii=False), _describe_purpose(place))


def read_position(place: str, token: str) -> Position | None:
    """Return the position in an address; None if it is malformed, or of another list, order or filter."""
    if not token or len(token) > MAX_TOKEN_LENGTH:
        return None
    text = decrypt(token, _describe_purpose(place))
    if text is None:
        return None
    is_before, values = json.loads(text)
    return Position(tuple(_decode(each) for each in values), is_before, token)


def _describe_purpose(place: str) -> str:
    return f"list position, {place}"


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value.value if isinstance(value, Enum) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return datetime.fromisoformat(text) if kind == "time" else date.fromisoformat(text)
    return value
