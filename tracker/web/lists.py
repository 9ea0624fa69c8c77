"""Lists that people search, sort, filter and read a page at a time: their columns, parameters and pages.

A list's columns are declared once. The parameters of an address are read into a `ListQuery`, and `load_page`
(tracker/web/list_pages.py) applies it to a SELECT with two statements. How to add a list: CONTRIBUTING.md, "A list".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import ColumnElement, func, or_, true

from tracker.web.list_positions import Position, read_position, write_position

PAGE_SIZES = (25, 50, 100)
DEFAULT_PAGE_SIZE = 50
MAX_CSV_ROWS = 10_000
MAX_COUNTED = 1_000
"""Rows of a list are counted up to here; beyond, its page says that there are more."""
MAX_SEARCH_LENGTH = 100
MIN_YEAR, MAX_YEAR = 2000, 2100
MAX_QUERY_STRING_LENGTH = 2_000

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a list: its head, what a CSV file writes of a row, and whether the list can be sorted by it."""

    label: str
    cell: Callable[[Row], object]
    can_sort: bool = False
    order_words: str = ""
    """The words for sorting by it, such as `Waiting longest`, where they are not the head."""
    largest_first: bool = False
    """Whether the largest or latest come first when the column is first chosen."""
    is_number: bool = False
    only_in_csv: bool = False
    has_terms: bool = False
    """Whether its cells are fixed words, which a CSV file has in the terms of the reader's centre."""

    @property
    def name(self) -> str:
        """Return the column's name in the address."""
        return self.label.lower().replace(" ", "-")

    @property
    def first_order(self) -> str:
        """Return the order in which the list is first sorted by this column."""
        return f"-{self.name}" if self.largest_first else self.name


@dataclass(frozen=True)
class Filter:
    """A choice that narrows a list."""

    name: str
    label: str
    blank: str
    """The words for no choice, such as `All units`."""
    choices: Mapping[str, str]
    """The words of each value."""
    has_terms: bool = False
    """Whether the words are fixed, so that they are shown in the terms of the reader's centre."""
    is_day: ClassVar[bool] = False


@dataclass(frozen=True)
class DayFilter:
    """A day that narrows a list, such as the first day of a period."""

    name: str
    label: str

    is_day: ClassVar[bool] = True


ListFilter = Filter | DayFilter


@dataclass(frozen=True)
class ListDefinition(Generic[Row]):
    """What a list can show, and how it is sorted where nothing is chosen."""

    name: str
    """Of its CSV file, without the date."""
    columns: tuple[Column[Row], ...]
    default_sort: str = ""
    """The name of a column, or empty for an order of the list's own."""
    own_order: str = ""
    """The words for that order, such as `Needs allocating`."""

    @property
    def shown_columns(self) -> tuple[Column[Row], ...]:
        """Return the columns on the page."""
        return tuple(column for column in self.columns if not column.only_in_csv)

    def describe_place(self, query: "ListQuery") -> str:
        """Return the list with its order, search and filters as one text, to which a position in it is bound."""
        return urlencode(
            {"list": self.name, "order": query.sort_value or self.own_order, "q": query.words, **query.chosen}
        )

    @property
    def sortable_columns(self) -> tuple[Column[Row], ...]:
        """Return the columns that the list can be sorted by."""
        return tuple(column for column in self.columns if column.can_sort)


@dataclass(frozen=True)
class ListQuery:
    """The parameters of a list, within limits: search, filters, order, page size and where the page is."""

    words: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """The value of each filter that is set."""
    sort: str = ""
    """The name of a column; empty for the list's own order."""
    is_descending: bool = False
    size: int = DEFAULT_PAGE_SIZE
    position: Position | None = None
    """The row after which the page begins, or before which it ends; None for the first page."""
    is_csv: bool = False
    """Whether all pages are asked for, as a CSV file."""
    default_sort: str = field(default="", repr=False)

    @property
    def is_narrowed(self) -> bool:
        """Return whether a search or a filter leaves something out."""
        return bool(self.words or self.chosen)

    @property
    def sort_value(self) -> str:
        """Return the order as it is written in an address: a column's name, after a minus if reversed."""
        return f"-{self.sort}" if self.is_descending else self.sort

    def choose_order(self, column: Column[Any]) -> str:
        """Return the order that a column's head leads to: its own first, then the reverse."""
        if self.sort == column.name:
            return column.name if self.is_descending else f"-{column.name}"
        return column.first_order

    @property
    def limit(self) -> int:
        """Return how many rows to read at most."""
        return MAX_CSV_ROWS if self.is_csv else self.size

    def get(self, name: str) -> str:
        """Return the value of a filter; empty if it is not set."""
        return self.chosen.get(name, "")

    def get_day(self, name: str) -> date | None:
        """Return the day of a filter; None if it is not set."""
        return date.fromisoformat(self.chosen[name]) if name in self.chosen else None

    def build_arguments(self, **changes: Any) -> dict[str, str]:
        """Return the arguments of an address of this list, without those that are as by default.

        Args:
            changes: `q`, `sort`, `size`, `after`, `before`, `format` or a filter's name, with the value to put in its
                place. The page that is shown now is kept only without changes.
        """
        position = {} if changes or not self.position else self.position.build_arguments()
        arguments = {
            **self.chosen,
            "q": self.words,
            "sort": "" if self.sort_value == self.default_sort else self.sort_value,
            "size": "" if self.size == DEFAULT_PAGE_SIZE else str(self.size),
            **position,
            **{name: str(value or "") for name, value in changes.items()},
        }
        return {name: value for name, value in arguments.items() if value}

    def as_query_string(self) -> str:
        """Return the arguments of the page shown now as one text, which `parse_query_string` reads."""
        return urlencode(self.build_arguments())


@dataclass(frozen=True)
class ListPage(Generic[Row]):
    """A page of a list, or all of its pages for a CSV file, with what was asked for."""

    definition: ListDefinition[Row]
    query: ListQuery
    rows: Sequence[Row]
    total: int
    is_counted: bool = True
    """False if there are more rows than were counted; `total` is then one more than `MAX_COUNTED`."""
    rows_before: int | None = 0
    """How many rows come before those of the page; None if they were not counted."""
    ends: tuple[Sequence[Any], Sequence[Any]] | None = None
    """What the first and the last row of the page are sorted by, and what identifies them."""
    has_previous: bool = False
    has_next: bool = False

    @property
    def total_words(self) -> str:
        """Return how many rows the list has, such as `1,204` or `more than 1,000`."""
        return f"{self.total:,}" if self.is_counted else f"more than {MAX_COUNTED:,}"

    @property
    def range_words(self) -> str:
        """Return which rows are shown, such as `51–100`; how many where it is not known which."""
        if self.rows_before is None:
            return f"{len(self.rows):,}"
        return f"{self.rows_before + bool(self.rows):,}–{self.rows_before + len(self.rows):,}"

    @property
    def previous_arguments(self) -> dict[str, str]:
        """Return the argument of the address of the page before this one."""
        return self._write_position(is_before=True)

    @property
    def next_arguments(self) -> dict[str, str]:
        """Return the argument of the address of the page after this one."""
        return self._write_position(is_before=False)

    def _write_position(self, *, is_before: bool) -> dict[str, str]:
        assert self.ends is not None  # noqa: S101 - a page with a neighbour has rows
        values = self.ends[0 if is_before else 1]
        return {
            "before" if is_before else "after": write_position(
                self.definition.describe_place(self.query), values, is_before=is_before
            )
        }

    @property
    def csv_length(self) -> int:
        """Return how many rows the CSV file has."""
        return min(self.total, MAX_CSV_ROWS)

    @property
    def max_csv_rows(self) -> int:
        """Return how many rows the CSV file may have."""
        return MAX_CSV_ROWS

    @property
    def page_sizes(self) -> tuple[int, ...]:
        """Return how many rows a page may have."""
        return PAGE_SIZES

    @property
    def orders(self) -> dict[str, str]:
        """Return the words of each order that may be chosen: each column's first one, and the order shown now."""
        orders = {"": self.definition.own_order} if self.definition.own_order else {}
        for column in self.definition.sortable_columns:
            words = column.order_words or column.label
            orders[column.first_order] = words
            if self.query.sort == column.name:
                orders.setdefault(self.query.sort_value, f"{words}, reversed")
        return orders

    def build_csv_rows(self, in_terms: Callable[[str], str] = str) -> list[list[object]]:
        """Return the rows of the CSV file: the columns' heads, the rows, and a note if the file is cut.

        Args:
            in_terms: returns fixed words in the terms of the reader's centre.
        """
        columns = self.definition.columns
        heads: list[object] = [in_terms(column.label) for column in columns]
        cells = [
            [in_terms(str(column.cell(row))) if column.has_terms else column.cell(row) for column in columns]
            for row in self.rows
        ]
        if self.total > len(self.rows):
            note = (
                f"The first {len(self.rows):,} of {self.total:,} rows. Search or filter the list to get the others."
            )
            return [heads, *cells, [note]]
        return [heads, *cells]


def read_list_query(
    definition: ListDefinition[Any], arguments: Mapping[str, str], filters: Sequence[ListFilter] = ()
) -> ListQuery:
    """Read the parameters of a list from an address. What is unknown or out of range is ignored."""
    sort = arguments.get("sort", "")
    columns = {column.name for column in definition.sortable_columns}
    if sort.removeprefix("-") not in columns:
        sort = definition.default_sort
    size = _read_number(arguments.get("size", ""))
    values = {each.name: _read_choice(each, arguments.get(each.name, "")) for each in filters}
    query = ListQuery(
        words=read_search_words(arguments),
        chosen={name: value for name, value in values.items() if value},
        sort=sort.removeprefix("-"),
        is_descending=sort.startswith("-"),
        size=size if size in PAGE_SIZES else DEFAULT_PAGE_SIZE,
        is_csv=arguments.get("format") == "csv",
        default_sort=definition.default_sort,
    )
    token = arguments.get("after", "") or arguments.get("before", "")
    return replace(query, position=read_position(definition.describe_place(query), token))


def parse_query_string(definition: ListDefinition[Any], text: str, filters: Sequence[ListFilter] = ()) -> ListQuery:
    """Read the parameters of a list from a text, so that an act leads back to the page from which it was begun."""
    return read_list_query(definition, dict(parse_qsl(text[:MAX_QUERY_STRING_LENGTH])), filters)


def read_search_words(arguments: Mapping[str, str]) -> str:
    """Return what a list is searched for, from an address, at most `MAX_SEARCH_LENGTH` characters."""
    return " ".join(arguments.get("q", "")[:MAX_SEARCH_LENGTH].split())


def describe_total(total: int) -> str:
    """Return how many there are, such as `204` or `more than 1,000`, where they were counted up to `MAX_COUNTED`."""
    return f"{total:,}" if total <= MAX_COUNTED else f"more than {MAX_COUNTED:,}"


def contains_words(query: ListQuery, *columns: Any) -> ColumnElement[bool]:
    """Return the SQL condition that one of the columns contains what is searched for, in any case."""
    if not query.words:
        return true()
    words = query.words.lower()
    conditions = [func.lower(column).contains(words, autoescape=True) for column in columns]
    return or_(*conditions)


def _read_choice(list_filter: ListFilter, text: str) -> str:
    """Return what was chosen in a filter, or an empty text for what it does not offer."""
    if isinstance(list_filter, Filter):
        return text if text in list_filter.choices else ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return ""
    return day.isoformat() if MIN_YEAR <= day.year <= MAX_YEAR else ""


def _read_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
