"""Template filters and globals, registered from `tracker.web.formatting`."""

from flask import Flask, current_app

from tracker.web.formatting import age, clock, counted, day, moment, paragraphs, period, size


def has_endpoint(name: str) -> bool:
    """Whether the app has this view, so that a shared template can leave out what is not there."""
    return name in current_app.view_functions


def init_app(app: Flask) -> None:
    for filter_ in (day, moment, clock, age, period, size, paragraphs, counted):
        app.add_template_filter(filter_)
    app.add_template_global(has_endpoint)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
