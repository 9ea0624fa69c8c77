"""Request class and query parameters, cleaned before a view reads them."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Request, request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from tracker.errors import NotFound


class Parameters(ImmutableMultiDict[str, Any]):
    """Query and form parameters without NUL characters, which PostgreSQL cannot store."""

    def __init__(self, pairs: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        items = MultiDict(pairs).items(multi=True)
        super().__init__([(without_nul(name), without_nul(value)) for name, value in items])


class TrackerRequest(Request):
    """A request whose parameters hold no NUL characters."""

    parameter_storage_class = Parameters


def get_query_number(name: str, default: int = 0) -> int:
    """Return a number from the query string, or the default if it is missing or can be no row's id."""
    number = request.args.get(name, default, type=int)
    return number if 0 <= number < 2**31 else default


def get_query_page(most: int = 10_000) -> int:
    """Return the number of the page asked for, from 1 up to the given maximum."""
    return max(1, min(get_query_number("page", 1), most))


def parse_id(value: str) -> int | None:
    """Return the id that a form field holds, or None if it cannot be one."""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None


def read_form_ids(name: str) -> list[int]:
    """Return the ids sent under a name; raise `NotFound` if one cannot be an id."""
    ids = [parse_id(value) for value in request.form.getlist(name)]
    if None in ids:
        raise NotFound
    return [each for each in ids if each is not None]


def read_form_text(name: str) -> str:
    """Return a form field's text with Unix line ends; empty if it was not sent."""
    return str(request.form.get(name, "")).replace("\r\n", "\n")


def without_nul(value: Any) -> Any:
    """Return text without NUL characters, and anything else as it is."""
    return value.replace("\x00", "") if isinstance(value, str) else value
