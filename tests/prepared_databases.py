"""Databases that tests share: each is filled once by each worker, and restored with its files for each test."""

import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from flask import Flask
from sqlalchemy import inspect

from tests.database_snapshot import DatabaseSnapshot
from tests.factories import World
from tracker.extensions import db

Made = Any
"""What the function that fills a database returned: ids and other values, no rows, which belong to a session."""


class Prepared(NamedTuple):
    """A filled database, the files of its test's folder, and what was made."""

    snapshot: DatabaseSnapshot
    files: Path
    made: Made
    code: CodeType
    """That of the function which filled it."""


class PreparedDatabases:
    """The databases of a worker by their names."""

    def __init__(self, app: Flask, folder: Path) -> None:
        self.app = app
        self.folder = folder
        self.prepared: dict[str, Prepared] = {}

    def restore(self, name: str, fill: Callable[[], Made], files: Path) -> Made:
        """Fill the database and the folder `files` by a function, or as it once did. Return what it made.

        Raises:
            ValueError: another function has filled the database of this name; the test would get that one's rows.
        """
        code = fill.__code__
        if name not in self.prepared:
            made = fill()
            number = len(self.prepared)
            copy = shutil.copytree(files, self.folder / str(number))
            self.prepared[name] = Prepared(DatabaseSnapshot(self.app, f"prepared_{number}"), copy, made, code)
            return made
        snapshot, copy, made, first = self.prepared[name]
        if code != first:
            raise ValueError(
                f"{name!r} is prepared by {code.co_qualname} and by {first.co_qualname}: name them apart."
            )
        shutil.rmtree(files)
        shutil.copytree(copy, files)
        snapshot.restore()
        return made


def load_again(world: World) -> None:
    """Load the rows of a world into the current session, after its database was restored."""
    for each in fields(world):
        row = getattr(world, each.name)
        (identity,) = inspect(row).identity
        setattr(world, each.name, db.session.get_one(type(row), identity))
