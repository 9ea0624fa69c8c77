"""A signing form sent twice, or again after a lost response: it signs once and redirects to the same page."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.integrity.tampering import list_violations
from tests.proof.proof_size import choose_size, record_figures
from tests.proof.stages import Body, Stage, fill_form, fill_signing_form, make_post
from tracker.accounts.sessions import COOKIE_NAME
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Event, Signature


@pytest.fixture
def stage(reach_stage: Callable[[str], Stage]) -> Stage:
    return reach_stage("met")


def count_signatures_and_events() -> tuple[int, int]:
    """Return the numbers of signatures and of their events."""
    db.session.rollback()
    events = select(func.count()).where(Event.act == "unit_signed")
    return db.session.scalar(select(func.count(Signature.id))) or 0, db.session.scalar(events) or 0


def retract(bob: FlaskClient, stage: Stage) -> None:
    """Retract the signature, so that the unit can be signed again."""
    body = fill_form(bob, f"{stage.path}/sign", "/retract", reason="Too early.")
    assert bob.post(f"{stage.path}/retract", data=body).status_code == 303


def sign_in_rounds(stage: Stage, times: int, send: Callable[[FlaskClient, Body], None]) -> None:
    """Sign with `send` and retract, several times; check that each makes one signature and one event."""
    bob = stage.browser("Bob")
    for number in range(times):
        body = fill_signing_form(bob, stage)
        before = count_signatures_and_events()
        send(bob, body)
        assert count_signatures_and_events() == (before[0] + 1, before[1] + 1)
        if number < times - 1:
            retract(bob, stage)
    assert list_violations() == []


def test_a_form_sent_twice_signs_once(stage: Stage) -> None:
    """The second is sent after the first, and redirects to the same page."""

    def send(bob: FlaskClient, body: Body) -> None:
        first, second = (bob.post(f"{stage.path}/sign", data=body) for _ in range(2))
        assert (first.status_code, first.location) == (second.status_code, second.location)
        assert first.status_code == 303

    times = choose_size(3, 250)
    sign_in_rounds(stage, times, send)
    record_figures(sent_twice=times, doubled=0)


def test_a_form_sent_twice_at_once_signs_once(stage: Stage) -> None:
    def send(bob: FlaskClient, body: Body) -> None:
        answers = stage.run_concurrently(*[(bob, make_post(f"{stage.path}/sign", body))] * 2)
        assert {answer.location for answer in answers if answer.status_code == 303} == {f"{stage.path}/sign"}
        assert all(answer.status_code in {303, 409} for answer in answers)

    times = choose_size(2, 250)
    sign_in_rounds(stage, times, send)
    record_figures(sent_twice=times, doubled=0)


def test_a_form_sent_again_after_a_lost_response_signs_once(stage: Stage) -> None:
    """The connection breaks during the response, and the browser sends the form again."""

    def send(bob: FlaskClient, body: Body) -> None:
        break_connection(stage, bob, body)
        response = bob.post(f"{stage.path}/sign", data=body)
        assert (response.status_code, response.location) == (303, f"{stage.path}/sign")

    times = choose_size(2, 100)
    sign_in_rounds(stage, times, send)
    record_figures(cut_off=times, doubled=0)


def test_the_same_key_with_another_body_is_refused(stage: Stage) -> None:
    bob = stage.browser("Bob")
    body = fill_signing_form(bob, stage)
    assert bob.post(f"{stage.path}/sign", data=body).status_code == 303
    before = count_signatures_and_events()
    assert bob.post(f"{stage.path}/sign", data=body | {"comment": "Another comment."}).status_code == 409
    assert count_signatures_and_events() == before


def break_connection(stage: Stage, bob: FlaskClient, body: Body) -> None:
    """Send the whole request, and close the connection after the first bytes of the response."""
    cookie: Any = bob.get_cookie(COOKIE_NAME)
    builder = EnvironBuilder(
        path=f"{stage.path}/sign", method="POST", data=body, headers={"Cookie": f"{COOKIE_NAME}={cookie.value}"}
    )
    environ = builder.get_environ()
    db.session.remove()
    with stage.app.app_context():
        answer, _, _ = run_wsgi_app(stage.app.wsgi_app, environ)
        answer.close()  # type: ignore[attr-defined]  # Werkzeug's iterator has it
        transactions.rollback()
        db.session.remove()
    builder.close()
