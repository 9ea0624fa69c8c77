"""Answers to requests for a list: a page, or all of its pages as a CSV file under the same access rule."""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, TypeVar

from flask import render_template, request, send_file
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.web.csv_files import write_csv
from tracker.web.current_user import in_terms
from tracker.web.lists import Filter, ListDefinition, ListPage, ListQuery, read_list_query

Row = TypeVar("Row")


def send_list(
    definition: ListDefinition[Row],
    load: Callable[[ListQuery], ListPage[Row]],
    template: str,
    filters: Sequence[Filter] = (),
    **context: Any,
) -> ResponseReturnValue:
    """Render the page of a list that the address asks for, or send all of its pages as a CSV file.

    Args:
        definition: the list.
        load: loads a page of it.
        template: gets `listed`, the page, `filters`, and the context.
        filters: the choices that narrow the list.
        context: what else the template needs.
    """
    listed = load(read_list_query(definition, request.args, filters))
    if listed.query.is_csv:
        return send_list_as_csv(listed)
    return render_template(template, listed=listed, filters=filters, **context)


def send_list_as_csv(listed: ListPage[Any]) -> ResponseReturnValue:
    """Send a list as a CSV file, with the heads in the terms of the reader's centre."""
    heads, *rows = listed.build_csv_rows()
    content = write_csv([[in_terms(str(head)) for head in heads], *rows])
    name = f"{listed.definition.name}-{today().isoformat()}.csv"
    return send_file(BytesIO(content), "text/csv; charset=utf-8", as_attachment=True, download_name=name)


def build_list_arguments(query: ListQuery, **changes: Any) -> dict[str, Any]:
    """Return the arguments of `url_for` for the page shown now, with changes of the list's parameters."""
    return {**(request.view_args or {}), **query.build_arguments(**changes)}
