"""What arrives, as every view may take it for granted."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Request, request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from tracker.errors import NotFound


class Parameters(ImmutableMultiDict[str, Any]):
    """What was asked or sent, without NUL: nobody types it, and PostgreSQL cannot keep it."""

    def __init__(self, pairs: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        found = MultiDict(pairs).items(multi=True)
        super().__init__([(without_nul(name), without_nul(value)) for name, value in found])


class TrackerRequest(Request):
    parameter_storage_class = Parameters


def asked_number(name: str, default: int = 0) -> int:
    """A row's or a page's number asked for after a question mark; the default where none could be meant."""
    number = request.args.get(name, default, type=int)
    return number if 0 <= number < 2**31 else default


def asked_page(most: int = 10_000) -> int:
    """Which page of a list is asked for."""
    return max(1, min(asked_number("page", 1), most))


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
    """Text without NUL; a file as it is."""
    return value.replace("\x00", "") if isinstance(value, str) else value
