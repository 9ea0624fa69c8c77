"""Templates read only attributes that the objects have: a missing one would show as nothing, or as "No statement"."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.utils import missing
from sqlalchemy import select

from tests.every_page import list_addresses
from tracker.extensions import db
from tracker.models import Person

pytestmark = [pytest.mark.slow, pytest.mark.one_database]


def test_no_page_reads_an_attribute_that_does_not_exist(
    app: Flask, client: Callable[[Person], FlaskClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing_names: set[tuple[str, str]] = set()

    class NotingUndefined(jinja2.Undefined):
        """An undefined value that notes of which class an attribute is missing; dictionaries may lack any."""

        def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, *rest: Any) -> None:
            super().__init__(hint, obj, name, *rest)
            if obj is not missing and not isinstance(obj, dict):
                missing_names.add((type(obj).__name__, str(name)))

    monkeypatch.setattr(app.jinja_env, "undefined", NotingUndefined)
    monkeypatch.setitem(app.config, "ATTACHMENTS_PATH", tmp_path / "attachments")
    pages = list_addresses(app)
    people = {person.name.split()[0]: person for person in db.session.scalars(select(Person).order_by(Person.id))}
    for name, paths in pages.items():
        browser = client(people[name]) if name else app.test_client()
        for path in paths:
            browser.get(path)
    app.extensions.pop("demo_checked", None)
    assert missing_names == set()
