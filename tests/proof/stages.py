"""Chloe's unit at a stage of the workflow: made once by the services, so that every check passes, then restored."""

from collections.abc import Callable
from typing import Any

import lxml.html
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from tests.concurrency import run_concurrently
from tests.database_snapshot import DatabaseSnapshot
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.inspection import PlainClient
from tracker.accounts import sessions
from tracker.demo import scenario as demo
from tracker.demo.evidence import CHLOES_ITEMS
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Criterion, Evidence, Installation, Person, UnitAttempt

STAGES: dict[str, tuple[int, int, Callable[[demo.Scenario], None]]] = {
    "assessed": (60, 14, demo._sign_off),
    "confirmed": (58, 18, demo._confirm),
    "sampled": (52, 10, demo._sample),
    "verified": (52, 11, demo._verify),
}
"""The acts on a unit whose criteria are all met: days ago, the hour, the act.

`registered` is the stage before any item.
"""
Body = dict[str, Any]
Act = Callable[[FlaskClient], TestResponse]


def run_with_test_passwords(scenario: demo.Scenario) -> None:
    """Run a scenario whose people choose the password of the tests, which is hashed cheaply."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "hash_password", lambda _password: PASSWORD_HASH)
        scenario.run()


class Stage:
    """The people by first name, Chloe's CFACC15, and browsers for them; `restore` undoes everything done since."""

    def __init__(self, app: Flask, stage: str) -> None:
        self.app = app
        scenario = demo.Scenario()
        scenario.session_ref = "proof"  # it must not be treated as the demonstration
        scenario.schedule(200, 9, lambda: demo.create_demo_centre(scenario))
        scenario.schedule(190, 9, lambda: demo.register_for_units(scenario, "Chloe", "C-1038", ("CFACC15",)))
        for item in CHLOES_ITEMS if stage != "registered" else []:
            demo.schedule_item(scenario, "Chloe", item)
        for days, hour, act in list(STAGES.values())[: list(STAGES).index(stage) + 1 if stage in STAGES else 0]:
            scenario.schedule(days, hour, lambda act=act: act(scenario))  # type: ignore[misc]  # binds the loop's value
        run_with_test_passwords(scenario)
        with transaction():
            db.session.execute(delete(Installation))
        self.people = {name: person.id for name, person in scenario.people.items()}
        attempt = db.session.scalars(select(UnitAttempt)).one()
        self.attempt_id, self.path = attempt.id, f"/attempts/{attempt.id}"
        self.evidence_ids = list(db.session.scalars(select(Evidence.id).order_by(Evidence.number)))
        self._snapshot = DatabaseSnapshot(app, f"stage_{stage}")

    def restore(self) -> None:
        self._snapshot.restore()

    @property
    def attempt(self) -> UnitAttempt:
        db.session.rollback()
        return db.session.get_one(UnitAttempt, self.attempt_id)

    def browser(self, name: str) -> FlaskClient:
        """Return a browser in which the person has just signed in."""
        with transaction():
            person = db.session.get_one(Person, self.people[name])
            token = sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
        db.session.remove()
        browser = PlainClient(self.app, self.app.response_class)  # other tests inspect the pages
        browser.set_cookie(sessions.COOKIE_NAME, token)
        return browser

    def run_concurrently(self, *acts: tuple[FlaskClient, Act]) -> list[TestResponse]:
        """Run each act with its browser at the same moment. Return the responses in the same order."""
        return run_concurrently(self.app, *acts)


def fill_form(browser: FlaskClient, path: str, to: str, /, **fields: Any) -> Body:
    """Return what the form of a page that posts to `to` would send with all boxes ticked, and with `fields`."""
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.location)
    page = lxml.html.fromstring(answer.text)
    form = next(each for each in page.forms if (each.action or path).endswith(to) and each.method == "POST")
    body: Body = {}
    for name, value in form.form_values():
        body.setdefault(name, []).append(value)
    for box in form.xpath('.//input[@type="checkbox"]'):
        if not box.checked:
            body.setdefault(box.name, []).append(box.get("value", "y"))
    return {name: values if len(values) > 1 else values[0] for name, values in body.items()} | fields


def fill_signing_form(browser: FlaskClient, stage: Stage) -> Body:
    """Return the completed form of Bob's signing page."""
    return fill_form(
        browser,
        f"{stage.path}/sign",
        "/sign",
        act="sign",
        comment="A steady record.",
        password=PASSWORD,
        warnings_reason="The calls show each criterion.",
    )


def make_post(path: str, body: Body) -> Act:
    return lambda browser: browser.post(path, data=body)


def find_unclaimed_criterion(stage: Stage) -> tuple[int, int]:
    """Return the ids of a submitted item and of a criterion that it does not claim."""
    claimed = select(Claim.criterion_id).where(Claim.evidence_id == stage.evidence_ids[0], Claim.removed_at.is_(None))
    query = select(Criterion.id).where(
        Criterion.unit_id == stage.attempt.unit_id, Criterion.assessable, Criterion.id.not_in(claimed)
    )
    return stage.evidence_ids[0], db.session.scalars(query.order_by(Criterion.id).limit(1)).one()
