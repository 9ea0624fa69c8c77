"""The demonstration for tests that only read its pages: made once in a run, and served by each worker from a copy."""

import fcntl
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext
from sqlalchemy import select, text

from tests.browser.accessibility import bring_axe
from tests.every_page import PEOPLE, list_addresses
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.assessment.services import assessments
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Person

PATHS = "paths.json"
LONG_WORD = "Contactcentre" * 6 + "XY"
LONG_TEXTS = {
    "person": ["name"],
    "centre": ["name"],
    "unit": ["title"],
    "qualification": ["title"],
    "criterion": ["heading", "text"],
    "evidence": ["title", "occasion", "customers", "narrative", "workplace_location"],
    "evidence_version": ["title", "occasion", "customers", "narrative", "workplace_location"],
    "attachment": ["name"],
    "assessment": ["feedback"],
    "claim": ["locator"],
    "decision": ["comment"],
    "action_point": ["action"],
}
"""Columns of text that people wrote, by table."""


class Demonstration:
    """The served demonstration: its address, and the paths of its pages by the first name of who opens them."""

    def __init__(self, app: Flask, address: str, paths: dict[str, list[str]]) -> None:
        self.app, self.address, self.paths = app, address, paths

    def open_browser(self, browser: Browser, name: str, width: int) -> BrowserContext:
        """Return the browser of a person, signed in, or of nobody where the name is empty."""
        context = browser.new_context(viewport={"width": width, "height": 844}, locale="en-GB")
        bring_axe(context)
        if name:
            with self.app.app_context(), transactions.transaction():
                query = select(Person).where(
                    Person.name.startswith(name), Person.email.startswith(f"{name.lower()}@")
                )
                token = start_session(db.session.scalars(query).one(), "127.0.0.1", "Chromium", proven=True)
            context.add_cookies([{"name": COOKIE_NAME, "value": token, "url": self.address}])
        return context


def make_once(folder: Path, database: Path, make_app: Callable[[Path], Flask]) -> None:
    """Fill a folder with the demonstration and the paths of its pages, unless another worker has done so."""
    with folder.with_suffix(".lock").open("w") as lock, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return
        folder.mkdir()
        shutil.copy(database, folder / "tracker.sqlite")
        patch.setattr(assessments, "TIME_TO_UNDO", timedelta(0))
        app = make_app(folder)
        paths = list_addresses(app)
        with app.app_context():
            db.engine.dispose()
        assert tuple(paths) == PEOPLE
        (folder / PATHS).write_text(json.dumps(paths), encoding="utf-8")


def read_paths(folder: Path) -> dict[str, list[str]]:
    return dict(json.loads((folder / PATHS).read_text(encoding="utf-8")))


def lengthen_texts(app: Flask) -> None:
    """Add a word of 80 letters to what people wrote, past the triggers that keep sealed rows."""
    assert len(LONG_WORD) == 80
    with app.app_context():
        triggers = db.session.scalars(text("select name from sqlite_master where type = 'trigger'")).all()
        for trigger in triggers:
            db.session.execute(text(f'drop trigger "{trigger}"'))
        for table, columns in LONG_TEXTS.items():
            for column in columns:
                update = f"update {table} set {column} = {column} || ' ' || :word where {column} is not null"
                db.session.execute(text(update), {"word": LONG_WORD})
        db.session.commit()
