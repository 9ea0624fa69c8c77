"""Request class and query parameters, cleaned before a view reads them."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Request, request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from tracker.errors import NotFound
from tracker.web.typed_text import clean_typed_text

PASSWORD_FIELDS = frozenset({"current", "password"})
"""Form fields that are kept exactly as they were typed."""


class Parameters(ImmutableMultiDict[str, Any]):
    """Query and form parameters, cleaned but for passwords: every field that somebody typed passes through here."""

    def __init__(self, pairs: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        items = MultiDict(pairs).items(multi=True)
        cleaned = ((clean_parameter(name), value) for name, value in items)
        super().__init__(
            (name, value if name in PASSWORD_FIELDS else clean_parameter(value)) for name, value in cleaned
        )


class TrackerRequest(Request):
    """A request whose parameters, but for passwords, hold no control characters."""

    parameter_storage_class = Parameters


def get_query_number(name: str, default: int = 0) -> int:
    """Return a number from the query string, or the default if it is missing or can be no row's id."""
    number = request.args.get(name, default, type=int)
    return number if 0 <= number < 2**31 else default


def parse_id(value: str) -> int | None:
    """Return the id in a form field, or None if the text is not an id."""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None


def read_form_ids(name: str) -> list[int]:
    """Return the ids of a form field that may be repeated; raise `NotFound` if a value is not an id."""
    ids = [parse_id(value) for value in request.form.getlist(name)]
    if None in ids:
        raise NotFound
    return [id_ for id_ in ids if id_ is not None]


def read_form_text(name: str) -> str:
    """Return a form field's text with Unix line ends; empty if it was not sent."""
    return str(request.form.get(name, "")).replace("\r\n", "\n")


def clean_parameter(value: Any) -> Any:
    """Return text without control characters, and anything else, such as a file, as it is."""
    return clean_typed_text(value) if isinstance(value, str) else value
