"""Pages of lists: those that a SELECT finds, and those of rows that are in memory already."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, CompoundSelect, Select, SQLColumnExpression, false, func, select

from tracker.extensions import db
from tracker.web import lists
from tracker.web.list_positions import Position, SortKey, find_index, is_beyond, make_sort_keys
from tracker.web.lists import ListDefinition, ListPage, ListQuery

Row = TypeVar("Row")
MAX_FOUND = 1_000
"""How many ids that a search or filter finds are written into the statements of a page."""
LAST_PAGE = Position((), is_before=True, token="")
"""The end of a list; pages are read from there back where the one that was asked for has no rows left."""


def load_page(
    definition: ListDefinition[Row],
    query: ListQuery,
    statement: Select[*tuple[Any, ...]],
    build_row: Callable[[Any], Row],
    *,
    key: SQLColumnExpression[Any] | tuple[SQLColumnExpression[Any], ...],
    order_by: Mapping[str, Sequence[SQLColumnExpression[Any] | SortKey]],
) -> ListPage[Row]:
    """Load a page of a list with two SQL statements: one reads its rows, one counts all rows and those before it.

    The page begins after the row that the address names, or ends before it, so that the rows before it are not read.
    Rows are counted up to `MAX_COUNTED`; all of them for the CSV file. Where the page has no rows any more, the last
    page is read instead; where a page on the way back would not be full, the first.

    Args:
        definition: the list.
        query: what is asked for.
        statement: selects the rows that the search and the filters leave, without order and limit.
        build_row: makes a row of the list from a row of the statement.
        key: what identifies a row, one column or several; it sorts rows that are otherwise equal.
        order_by: what each sortable column sorts by, by the column's name; the list's own order has an empty name.
    """
    keys = key if isinstance(key, tuple) else (key,)
    sort_keys = make_sort_keys(order_by[query.sort], keys, is_descending=query.is_descending)
    position = None if query.is_csv else query.position
    if position is not None and len(position.values) != len(sort_keys):
        position = None
    found = _read(statement, sort_keys, position, query.limit)
    if position is not None and position.is_before and len(found.rows) < query.size:
        position, query = None, replace(query, position=None)
        found = _read(statement, sort_keys, None, query.limit)
    elif position is not None and not found.rows:
        position = LAST_PAGE
        found = _read(statement, sort_keys, position, query.limit)
    first = found.marks[0] if position is not None and found.marks else None
    total, rows_before = _count(statement, keys, sort_keys, first, counts_all=query.is_csv)
    is_counted = query.is_csv or total <= lists.MAX_COUNTED
    is_read_back = position is not None and position.is_before
    return ListPage(
        definition,
        query,
        [build_row(row) for row in found.rows],
        total,
        is_counted,
        rows_before=rows_before if is_counted or position is None else None,
        ends=(found.marks[0], found.marks[-1]) if found.marks else None,
        has_previous=found.has_more if is_read_back else position is not None,
        has_next=position is not LAST_PAGE if is_read_back else found.has_more,
    )


@dataclass(frozen=True)
class _Rows:
    """Rows of a page in the list's order, with what each is sorted by, and whether more follow in their direction."""

    rows: Sequence[Any]
    marks: Sequence[Sequence[Any]]
    has_more: bool


def _read(
    statement: Select[*tuple[Any, ...]], sort_keys: Sequence[SortKey], position: Position | None, limit: int
) -> _Rows:
    """Read the rows after a position, or those before it from the end of the list to its start."""
    is_reversed = position is not None and position.is_before
    width = len(statement.column_descriptions)
    names = [f"sorted_by_{index}" for index in range(len(sort_keys))]
    labels: list[Any] = [each.expression.label(name) for each, name in zip(sort_keys, names, strict=True)]
    order = [
        replace(each, expression=label).order(is_reversed=is_reversed)
        for each, label in zip(sort_keys, labels, strict=True)
    ]
    statement = statement.add_columns(*labels).order_by(*order).limit(limit + 1)
    if position is not None and position.values:
        statement = statement.where(is_beyond(sort_keys, position.values, is_reversed=is_reversed))
    result = db.session.execute(statement).freeze()
    rows = result().columns(*range(width)).all()
    marks = result().columns(*range(width, width + len(labels))).all()
    step = -1 if is_reversed else 1
    return _Rows(rows[:limit][::step], [tuple(each) for each in marks[:limit][::step]], len(rows) > limit)


def _count(
    statement: Select[*tuple[Any, ...]],
    keys: Sequence[Any],
    sort_keys: Sequence[SortKey],
    first: Sequence[Any] | None,
    *,
    counts_all: bool,
) -> tuple[int, int]:
    """Count the rows of a list, and those before the row with the values `first`."""
    is_earlier = is_beyond(sort_keys, first, is_reversed=True) if first is not None else false()
    counted = statement.with_only_columns(*keys, is_earlier.label("is_earlier"), maintain_column_froms=True)
    counted = counted.order_by(None)
    if not counts_all:
        counted = counted.limit(lists.MAX_COUNTED + 1)
    rows = counted.subquery()
    row = db.session.execute(select(func.count(), func.count().filter(rows.c.is_earlier)).select_from(rows)).one()
    return row[0], row[1]


def is_among(column: SQLColumnExpression[int], query: Select[int] | CompoundSelect[int]) -> ColumnElement[bool]:
    """Return as SQL whether a column is among the ids that a statement selects. Runs that statement.

    Up to `MAX_FOUND` ids are written out, so that the database knows how few they are and begins with them: it
    guesses badly how many people have two words in their names. Of more, the condition is the statement itself.
    """
    ids = db.session.scalars(query.limit(MAX_FOUND + 1)).all()
    return column.in_(ids if len(ids) <= MAX_FOUND else query)


def is_long(statement: Select[*tuple[Any, ...]]) -> bool:
    """Return whether a statement selects more rows than are counted. Runs one SQL statement."""
    counted = select(func.count()).select_from(statement.limit(lists.MAX_COUNTED + 1).subquery())
    return (db.session.scalar(counted) or 0) > lists.MAX_COUNTED


def cut_page(
    definition: ListDefinition[Row],
    query: ListQuery,
    rows: Sequence[Row],
    order_by: Mapping[str, Callable[[Row], Any]],
    key: Callable[[Row], Any],
) -> ListPage[Row]:
    """Return a page of rows that are in memory already. Rows without a value come last, whatever the direction.

    Args:
        definition: the list.
        query: what is asked for.
        rows: what the search and the filters leave, in the order of rows that are otherwise equal.
        order_by: what each sortable column sorts by, by the column's name.
        key: returns what identifies a row.
    """
    value_of = order_by[query.sort]
    ordered = sorted((row for row in rows if value_of(row) is not None), key=value_of, reverse=query.is_descending)
    ordered += [row for row in rows if value_of(row) is None]
    start = 0
    if query.position is not None and not query.is_csv:
        index = find_index(ordered, query.position, value_of, key, is_descending=query.is_descending)
        start = index - query.size if query.position.is_before or index >= len(ordered) else index
    start = max(0, start)
    shown = ordered[start : start + query.limit]
    return ListPage(
        definition,
        query,
        shown,
        len(rows),
        rows_before=start,
        ends=([value_of(shown[0]), key(shown[0])], [value_of(shown[-1]), key(shown[-1])]) if shown else None,
        has_previous=start > 0,
        has_next=start + len(shown) < len(rows),
    )
