"""`flask db`: Flask-Migrate's commands, imported with Alembic only when one of them runs."""

from typing import Any

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_migrate.cli import db as commands

from tracker.extensions import db


def init_migrations() -> None:
    """Bind Flask-Migrate to the current app; its functions and commands need this first."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the proxy's documented way out
    flask_migrate.Migrate(app, db, render_as_batch=True)


@with_appcontext
def prepare_group(**options: Any) -> None:
    """Bind Flask-Migrate, then call the callback of its own command group."""
    init_migrations()
    if commands.callback:
        commands.callback(**options)


migrations = click.Group(
    "db", commands=commands.commands, params=commands.params, callback=prepare_group, help=commands.help
)
