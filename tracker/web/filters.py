"""Template filters and globals, registered from `tracker.web.formatting`."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from flask import Flask, current_app
from jinja2 import Environment, pass_context, pass_environment
from jinja2.filters import make_attrgetter
from jinja2.runtime import Context

from tracker.vocabulary import CentreTerms
from tracker.web import current_user
from tracker.web.formatting import (
    address_note,
    age,
    ago,
    attributes,
    clock,
    counted,
    day,
    list_paragraphs,
    moment,
    paragraphs,
    period,
    size,
    witness,
)
from tracker.web.list_views import build_list_arguments
from tracker.web.text_direction import isolate, isolate_output


@pass_environment
def group_consecutive(environment: Environment, items: Iterable[Any], attribute: str) -> list[tuple[Any, list[Any]]]:
    """Group consecutive items that have the same value of an attribute, in their order.

    Jinja's own `groupby` sorts the items first.

    Args:
        environment: Jinja's environment.
        items: what is grouped.
        attribute: an attribute's name, a path with dots, or an index.
    """
    value_of = make_attrgetter(environment, attribute)
    return [(value, list(group)) for value, group in groupby(items, key=value_of)]


@pass_context
def in_terms(_context: Context, text: str, terms: CentreTerms | None = None) -> str:
    """Return a text in the terms of a centre; of the reader's chosen centre unless others are given.

    It takes the context because Jinja computes any other filter of a fixed text once, when it compiles the template:
    every reader would then have the terms of the first one.
    """
    return current_user.in_terms(text, terms)


def has_endpoint(name: str) -> bool:
    """Return whether the app has this view, so that a shared template can leave out its link."""
    return name in current_app.view_functions


def init_app(app: Flask) -> None:
    """Register the filters and globals of all templates."""
    for filter_ in (
        day,
        moment,
        clock,
        age,
        ago,
        period,
        size,
        paragraphs,
        list_paragraphs,
        counted,
        witness,
        address_note,
        group_consecutive,
        in_terms,
        isolate,
    ):
        app.add_template_filter(filter_)
    app.add_template_global(attributes)
    app.add_template_global(has_endpoint)
    app.add_template_global(build_list_arguments, "list_arguments")
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.finalize = isolate_output
