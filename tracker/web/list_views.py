"""Answers to requests for a list: a page, or all of its pages as a CSV file under the same access rule."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from io import BytesIO
from typing import Any, TypeVar

from flask import render_template, request, send_file
from flask.typing import ResponseReturnValue

from tracker import security_log
from tracker.clock import today
from tracker.web.csv_files import write_csv
from tracker.web.current_user import in_terms
from tracker.web.fair_shares import EXPORTING, SEARCHING, take_turn
from tracker.web.forms import PageForm, render_form
from tracker.web.lists import ListDefinition, ListFilter, ListPage, ListQuery, read_list_query

Row = TypeVar("Row")


def send_list(
    definition: ListDefinition[Row],
    load: Callable[[ListQuery], ListPage[Row]],
    template: str,
    filters: Sequence[ListFilter] = (),
    *,
    form: PageForm | None = None,
    **context: Any,
) -> ResponseReturnValue:
    """Render the page of a list that the address asks for, or send all of its pages as a CSV file.

    After a refused form the page is rendered with status 422, also where the address asks for the file.

    Args:
        definition: the list.
        load: loads a page of it.
        template: gets `listed`, the page, `filters`, and the context.
        filters: the choices that narrow the list.
        form: the form on the page, if there is one.
        context: what else the template needs.
    """
    query = read_list_query(definition, request.args, filters)
    if form is not None and form.is_submitted():
        query = replace(query, is_csv=False)
    if query.is_csv:
        with take_turn(EXPORTING):
            return send_list_as_csv(load(query))
    with take_turn(SEARCHING) if query.words else nullcontext():
        listed = load(query)
    context |= {"listed": listed, "filters": filters}
    return render_template(template, **context) if form is None else render_form(template, form, **context)


def send_list_as_csv(listed: ListPage[Any]) -> ResponseReturnValue:
    """Send a list as a CSV file, with fixed words in the terms of the reader's centre."""
    content = write_csv(listed.build_csv_rows(in_terms))
    security_log.write("list_exported", list=listed.definition.name)
    name = f"{listed.definition.name}-{today().isoformat()}.csv"
    return send_file(BytesIO(content), "text/csv; charset=utf-8", as_attachment=True, download_name=name)


def build_list_arguments(query: ListQuery, **changes: Any) -> dict[str, Any]:
    """Return the arguments of `url_for` for the page shown now, with changes of the list's parameters."""
    return {**(request.view_args or {}), **query.build_arguments(**changes)}
