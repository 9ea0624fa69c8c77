"""Unsaved text of every form with a text area, on every page: sent after the session has timed out, it comes back."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import walk_packages
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from wtforms import Form, TextAreaField

import tracker
from tests import factories
from tests.factories import World
from tests.sample_objects import Staff, make_sample_objects
from tests.web.test_routes import TABLE
from tracker.accounts.sessions import IDLE_TIMEOUT
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.views.drafts import SECTION_FORMS
from tracker.models import Person, UserSession
from tracker.vocabulary import Role

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

ClientFor = Callable[[Person], FlaskClient]
OF_OTHER_STATES = {"action", "own_reason", "points", "simulation_reason", "warning"}
"""Text areas of pages that this world's unit, evidence and guidance have in another state; the same macro draws them."""
AS_ANOTHER = {"witnesses/add": "dan"}
"""Pages of a centre that show more text areas to somebody else than the first who may open them."""
TYPED = "Lines that I typed.\nThe second, with <, & and “quotes”."


def list_forms(page: str, path: str) -> list[tuple[str, Element]]:
    """List the forms of a page that have a text area, each with the path it is sent to."""
    root = html5lib.parse(page, namespaceHTMLElements=False)
    return [
        (urlsplit(urljoin(path, form.get("action") or path)).path, form)
        for form in root.iter("form")
        if form.get("method") == "post" and form.find(".//textarea") is not None
    ]


def fill(form: Element) -> list[tuple[str, str]]:
    """Return the fields that a browser sends after something was typed in every text area."""
    fields = []
    for field in form.iter():
        name, kind = field.get("name"), field.get("type", "text")
        if not name or (kind in {"checkbox", "radio", "file", "password"} and field.get("checked") is None):
            continue
        if field.tag == "textarea":
            fields.append((name, TYPED.replace("\n", "\r\n")))
        elif field.tag == "input":
            fields.append((name, field.get("value", "")))
    return fields


def set_last_seen(moment: Any) -> None:
    with transaction():
        db.session.execute(update(UserSession).values(last_seen_at=moment))


def send_after_time_out(browser: FlaskClient, page: str, action: str, form: Element) -> set[str]:
    """Send a form after the session timed out and open its page again; return the text areas that came back."""
    data: dict[str, list[str]] = {}
    for name, value in fill(form):
        data.setdefault(name, []).append(value)
    set_last_seen(now() - IDLE_TIMEOUT)
    response = browser.post(action, data=data, headers={"Referer": f"http://localhost{page}"})
    set_last_seen(now())
    assert response.status_code == 303, f"{action} kept nothing"
    reopened = browser.get(parse_qs(urlsplit(response.location).query)["next"][0])
    for path, page_form in list_forms(reopened.text, page):
        areas = {each.get("name", ""): (each.text or "") for each in page_form.iter("textarea")}
        if path == action and "data-unsaved-text" in page_form.attrib:
            return {name for name, text in areas.items() if text.replace("\r\n", "\n") == TYPED}
    return set()


def list_text_area_names() -> set[str]:
    """List the names of all text areas that forms of the application declare."""
    names = set()
    for module in walk_packages(tracker.__path__, "tracker."):
        if "forms" in module.name.split(".") and not module.ispkg:
            for each in vars(import_module(module.name)).values():
                if isinstance(each, type) and issubclass(each, Form):
                    fields = {name: getattr(each, name) for name in dir(each) if not name.startswith("_")}
                    names |= {
                        name for name, field in fields.items() if getattr(field, "field_class", None) is TextAreaField
                    }
    return names


def list_pages(app: Flask, ids: dict[str, Any]) -> list[tuple[str, frozenset[str]]]:
    """List the address of every page, and of the parts of a draft that a query opens, with who may open it."""
    pages = []
    for endpoint, allowed in sorted(TABLE.items()):
        rules = list(app.url_map.iter_rules(endpoint))
        if any("GET" in (rule.methods or ()) for rule in rules):
            arguments = {name: ids[name] for rule in rules for name in rule.arguments}
            with app.test_request_context():
                page = app.url_map.bind("localhost").build(endpoint, arguments, "GET")
            pages.append((page, allowed))
            if endpoint == "library.review_draft":
                pages += [
                    (f"{page}?edit={part}", allowed) for part in (*SECTION_FORMS, "new", "requirement-new", "c1")
                ]
    return pages


def test_every_text_area_comes_back(app: Flask, world: World, client: ClientFor) -> None:
    with transaction():
        invited = factories.make_person("Ivy Invited", world.northgate, Role.CANDIDATE)
        staff = Staff(world.bob, world.carol, world.dan, world.eve)
        ids = make_sample_objects(world.cfacc15, staff, invited)
    browsers = {name: client(getattr(world, name)) for name in ("alice", "bob", "carol", "dan")}
    restored: set[str] = set()
    lost_areas = []
    for page, allowed in list_pages(app, ids):
        name = AS_ANOTHER.get(page.rpartition("/centres/")[2].partition("/")[2]) or next(
            iter(sorted(browsers.keys() & allowed)), ""
        )
        if not name:
            continue
        response = browsers[name].get(page)
        forms = list_forms(response.text, page) if response.mimetype == "text/html" else []
        response.close()
        for action, form in forms:
            areas = {each.get("name", "") for each in form.iter("textarea")}
            returned = send_after_time_out(browsers[name], page, action, form)
            restored |= {area.rpartition("-")[2] for area in returned}
            lost_areas += [f"{page} as {name}: {area}" for area in sorted(areas - returned)]
    assert not lost_areas
    missing = list_text_area_names() - restored
    assert missing == OF_OTHER_STATES
