"""Status code of every route for each person of the tests, requested for Alice's evidence and units."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from baseline_app import run_command, running_app
from flask import Flask
from werkzeug.routing import Rule

from tests.factories import days_ago, make_world
from tests.web.test_routes import SampleRequests
from tracker.accounts import sessions
from tracker.clock import frozen_at
from tracker.extensions import db
from tracker.ledger import keys
from tracker.ledger.transactions import transaction

PEOPLE = ("alice", "bob", "carol", "dan", "eve", "frank", "grace", "heidi")
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
STATIC_FILE = "print.css"
HEADER = f"""\
Status codes with an empty body, on Alice's things: method endpoint address: anonymous {" ".join(PEOPLE)}
Alice is the candidate, Bob the assessor, Carol the internal verifier, Dan the administrator, Eve the external
verifier; Frank, Grace and Heidi are the candidate, assessor and administrator of another centre.
* redirected to the sign-in page

"""


def list_routes() -> dict[str, str]:
    """Return routes.txt: a line for each method of each rule, with a status code for each person."""
    with running_app() as app:
        run_command(app, "standards", "load")
        sample, tokens = prepare(app)
        snapshot = Snapshot(app)
        lines = []
        for rule, method in sorted_routes(app):
            address = build_address(rule, sample.ids)
            with app.app_context():
                body = sample.body(rule.endpoint)
            codes = [request_status(app, snapshot, tokens.get(name), method, address, body) for name in ("", *PEOPLE)]
            lines.append(f"{method} {rule.endpoint} {rule.rule}: {' '.join(codes)}")
    return {"routes.txt": HEADER + "\n".join(lines) + "\n"}


def prepare(app: Flask) -> tuple[SampleRequests, dict[str, str]]:
    """Create the people and their things; return the ids by the names in addresses, and a session token for each."""
    with app.app_context():
        with frozen_at(days_ago(400)), transaction():
            keys.make_key()
        sample = SampleRequests(app, make_world(), lambda _name, fill: fill())
        with transaction():
            tokens = {
                name: sessions.start_session(sample.people[name], "127.0.0.1", "Chrome on Windows", proven=True)
                for name in PEOPLE
            }
        return sample, tokens


class Snapshot:
    """A copy of the instance folder, with the database in it, from which each request starts."""

    def __init__(self, app: Flask) -> None:
        self.app, self.folder = app, Path(app.instance_path)
        self.copy = self.folder.with_name("snapshot")
        self._disconnect()
        shutil.copytree(self.folder, self.copy)

    def restore(self) -> None:
        self._disconnect()
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)

    def _disconnect(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


def sorted_routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        for method in sorted((rule.methods or set()) & METHODS):
            yield rule, method


def build_address(rule: Rule, ids: dict[str, Any]) -> str:
    values = {"filename": STATIC_FILE, **ids}
    built = rule.build({name: values[name] for name in rule.arguments}, append_unknown=False)
    if built is None:
        raise SystemExit(f"No address could be built for {rule}.")
    return built[1]


def request_status(
    app: Flask, snapshot: Snapshot, token: str | None, method: str, address: str, body: dict[str, Any]
) -> str:
    """Return the status code of a request, with an asterisk if it redirects to the sign-in page."""
    snapshot.restore()
    client = app.test_client()
    if token:
        client.set_cookie(sessions.COOKIE_NAME, token)
    with client.open(address, method=method, data=body) as response:
        redirected = response.status_code in {302, 303} and response.location.startswith("/sign-in")
        return f"{response.status_code}{'*' if redirected else ''}"
