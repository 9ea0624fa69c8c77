"""Chloe's unit at a stage of its life, by the services alone, so that every check passes; and the restoring of it."""

from collections.abc import Callable
from typing import Any

import lxml.html
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from tests.database_snapshot import DatabaseSnapshot
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.inspection import PlainClient
from tests.one_moment import at_one_moment
from tracker.accounts import sessions
from tracker.demo import story as demo
from tracker.demo.evidence import CHLOES_ITEMS
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Criterion, Evidence, Installation, Person, UnitAttempt

STAGES: dict[str, tuple[int, int, Callable[[demo.Story], None]]] = {
    "assessed": (60, 14, demo._sign_off),
    "confirmed": (58, 18, demo._confirm),
    "sampled": (52, 10, demo._sample),
    "verified": (52, 11, demo._verify),
}
"""What happens to a unit whose every criterion is met: days ago, the hour, the act.

`registered` is before there is any item.
"""
Body = dict[str, Any]
Act = Callable[[FlaskClient], TestResponse]


class Stage:
    """The people by first name, Chloe's CFACC15, and browsers for them; `restore` undoes whatever happened since."""

    def __init__(self, app: Flask, reached: str) -> None:
        self.app = app
        told = demo.Story()
        told.at(200, 9, lambda: demo.open_centre(told))
        told.at(190, 9, lambda: demo.register(told, "Chloe", "C-1038", ("CFACC15",)))
        for item in CHLOES_ITEMS if reached != "registered" else []:
            demo.tell_item(told, "Chloe", item)
        for days, hour, act in list(STAGES.values())[: list(STAGES).index(reached) + 1 if reached in STAGES else 0]:
            told.at(days, hour, lambda act=act: act(told))  # type: ignore[misc]  # binds the loop's value
        told.tell()
        with transaction():
            db.session.execute(delete(Installation))  # nobody is to take it for the demonstration
            for person in told.people.values():
                db.session.get_one(Person, person.id).password_hash = PASSWORD_HASH
        self.people = {name: person.id for name, person in told.people.items()}
        attempt = db.session.scalars(select(UnitAttempt)).one()
        self.attempt_id, self.path = attempt.id, f"/attempts/{attempt.id}"
        self.evidence_ids = list(db.session.scalars(select(Evidence.id).order_by(Evidence.number)))
        self._kept = DatabaseSnapshot(app)

    def restore(self) -> None:
        self._kept.restore()

    def drop(self) -> None:
        self._kept.drop()

    @property
    def attempt(self) -> UnitAttempt:
        db.session.rollback()
        return db.session.get_one(UnitAttempt, self.attempt_id)

    def browser(self, name: str) -> FlaskClient:
        """Signed in just now."""
        with transaction():
            person = db.session.get_one(Person, self.people[name])
            token = sessions.start_session(person, "127.0.0.1", "Chrome on Windows", proven=True)
        db.session.remove()
        browser = PlainClient(self.app, self.app.response_class)  # what each page says is inspected elsewhere
        browser.set_cookie(sessions.COOKIE_NAME, token)
        return browser

    def at_once(self, *acts: tuple[FlaskClient, Act]) -> list[TestResponse]:
        """Each browser does its act at one moment; the answers come out in the same order."""
        return at_one_moment(self.app, *acts)


def filled(browser: FlaskClient, path: str, to: str, /, **more: Any) -> Body:
    """What the form of a page that posts `to` there would send as it stands, its boxes ticked, and what is typed."""
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
    return {name: values if len(values) > 1 else values[0] for name, values in body.items()} | more


def sign_body(browser: FlaskClient, stage: Stage) -> Body:
    """Bob's signing page, filled in to the end."""
    return filled(browser, f"{stage.path}/sign", "/sign", act="sign", comment="A steady record.", password=PASSWORD)


def posts(path: str, body: Body) -> Act:
    return lambda browser: browser.post(path, data=body)


def unclaimed(stage: Stage) -> tuple[int, int]:
    """An item that was submitted, and a criterion that it does not claim."""
    claimed = select(Claim.criterion_id).where(Claim.evidence_id == stage.evidence_ids[0], Claim.removed_at.is_(None))
    query = select(Criterion.id).where(
        Criterion.unit_id == stage.attempt.unit_id, Criterion.assessable, Criterion.id.not_in(claimed)
    )
    return stage.evidence_ids[0], db.session.scalars(query.order_by(Criterion.id).limit(1)).one()
