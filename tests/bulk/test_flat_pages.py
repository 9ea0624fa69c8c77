"""No page costs more because others have more: what each reads at 200 and at 2,000 candidates of one centre."""

from fnmatch import fnmatch

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.bulk import people
from tests.bulk.loading import load_in_bulk
from tests.bulk.pages import NOT_MEASURED, Page, list_pages
from tests.bulk.rows import COLUMNS
from tests.bulk.rows_read import Reader, Reading
from tests.bulk.sizes import Size
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.registrations import person_choices
from tracker.web import lists

FEW = Size(candidates=200, items=5, claims=3, events=20)
MORE = Size(candidates=1_800, items=5, claims=3, events=20)
GROWTH = 1.3
"""How many times more a page may read."""
MARGIN = {"postgresql": 800, "sqlite": 10_000}
"""Rows, or steps of SQLite, that a page may read besides: other people than before are on it, and small tables are read
whole."""
NO_ORDER = "SQLite sorts the names of the centre: it reads no index in an order with empty values last."
BY_NAME = "SQLite reads everybody in the order of names, rather than sort the assessors of the centre."
ROLES = "SQLite reads the roles of a page's people in the order of ids, from among all roles, rather than sort them."
PEOPLE_FIRST = (
    "SQLite begins with the people of a small installation, rather than with the registrations that were found."
)
EXCEPTIONS: dict[str, dict[str, str]] = {
    "any": {},
    "postgresql": {},
    "sqlite": {
        "/centres/*/people?size=25": NO_ORDER,
        "/centres/*/countersigning?size=25": BY_NAME,
        "/centres/*/registrations?*sort=candidate": NO_ORDER,
        "/centres/*/registrations?*show=to-allocate": PEOPLE_FIRST,
        "/centres/*/retention?*show=on-hold": PEOPLE_FIRST,
        "/centres/*/people?*sort=-added": ROLES,
        "/centres/*/people?*account=invited": ROLES,
    },
}
"""The pages that read more at a larger centre, each with the reason.

The administrator's home is another: it counts the centre's open units.
Its items to assess are counted up to `MAX_COUNTED`.
"""


def test_no_page_costs_more_because_others_have_more(bulk_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_COUNTED", 50)  # so that every list of the centre is a long one at both sizes
    monkeypatch.setattr(person_choices, "MAX_CHOICES", 1)
    url = bulk_app.config["SQLALCHEMY_DATABASE_URI"]
    centre = load_in_bulk(url, FEW)[0]
    with bulk_app.app_context():
        pages, reader = list_pages(centre), Reader(db.engine)
        db.session.remove()
    clients: dict[int, FlaskClient] = {}
    before = read_pages(bulk_app, reader, pages, clients)
    for name in ("ASSESSOR", "VERIFIER", "INVITATION"):  # so that the others' staff is not a longer page
        monkeypatch.setattr(people, f"CANDIDATES_PER_{name}", MORE.candidates)
    load_in_bulk(url, MORE, centre_id=centre.id)
    after = read_pages(bulk_app, reader, pages, clients)
    reader.close()
    database = reader.engine.dialect.name
    exceptions = [*EXCEPTIONS["any"], *EXCEPTIONS[database]]
    faults = {page: describe_fault(before[page], after[page], database) for page in pages}
    excepted = {
        page
        for page in pages
        if any(fnmatch(page.path, each) for each in exceptions) or (page.is_home and database == "sqlite")
    }
    found = sorted(f"{page.path}: {fault}" for page, fault in faults.items() if fault and page not in excepted)
    assert not found, "\n".join(found)
    unneeded = sorted(page.path for page in excepted if not faults[page])
    assert not unneeded, f"these are flat and need no exception: {unneeded}"


def test_every_page_is_measured_or_has_a_reason(bulk_app: Flask) -> None:
    with bulk_app.app_context():
        centre = load_in_bulk(bulk_app.config["SQLALCHEMY_DATABASE_URI"], FEW)[0]
        pages = list_pages(centre)
        adapter = bulk_app.url_map.bind("localhost")
        measured = {adapter.match(page.path.partition("?")[0])[0] for page in pages}
        db.session.remove()
    endpoints = {rule.endpoint for rule in bulk_app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    unknown = sorted(endpoints - measured - NOT_MEASURED.keys())
    assert not unknown, f"neither measured nor listed: {chr(10).join(unknown)}"
    assert NOT_MEASURED.keys() <= endpoints - measured


def read_pages(app: Flask, reader: Reader, pages: list[Page], clients: dict[int, FlaskClient]) -> dict[Page, Reading]:
    readings = {}
    for page in pages:
        if page.person_id not in clients:
            clients[page.person_id] = sign_in(app, page.person_id)
        with reader.reading() as readings[page]:
            answer = clients[page.person_id].get(page.path)
        assert answer.status_code == 200, f"{page.path} answered {answer.status_code}"
    return readings


def sign_in(app: Flask, person_id: int) -> FlaskClient:
    with app.app_context(), transaction():
        token = start_session(db.session.get_one(Person, person_id), "127.0.0.1", "bulk", proven=True)
    client = app.test_client()
    client.set_cookie(COOKIE_NAME, token)
    client.get("/units")  # so that what is written once an hour or once a process is not measured
    return client


def describe_fault(before: Reading, after: Reading, database: str) -> str:
    """Say what a page reads too much of; nothing if it is as before.

    SQLite scans where it soon stops, so there a scan is named only where more is read.
    """
    scanned = sorted(after.scanned & COLUMNS.keys())
    words = f"scans {', '.join(scanned)}; " if scanned else ""
    if after.read <= before.read * GROWTH + MARGIN[database]:
        return words if database == "postgresql" else ""
    statement = max(after.by_statement, key=lambda each: after.by_statement[each] - before.by_statement.get(each, 0))
    return f"{words}reads {after.read:,} instead of {before.read:,}, most by {' '.join(statement.split())[:200]}"
