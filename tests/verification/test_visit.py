"""An external verifier reads the units of a visit between its dates, and nothing else."""

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories import World
from tracker import clock
from tracker.extensions import db
from tracker.models import Person, Visit, VisitAttempt

Browser = Callable[[Person], FlaskClient]


def open_visit(world: World, client: Browser) -> Visit:
    """Open a visit of three days that names CFACC15 alone."""
    data = {
        "person": world.eve.id,
        "starts": clock.today().isoformat(),
        "ends": (clock.today() + timedelta(days=3)).isoformat(),
        "attempts": [world.cfacc15.id],
    }
    assert client(world.dan).post(f"/centres/{world.northgate.id}/visits", data=data).status_code == 303
    db.session.rollback()
    return db.session.scalars(select(Visit)).one()


def test_external_verifier_reads_a_unit_of_the_visit_and_marks_it_seen(confirmed: World, client: Browser) -> None:
    visit, eve = open_visit(confirmed, client), client(confirmed.eve)
    assert "Alice Moran" in eve.get("/visit").text
    page = eve.get(f"/attempts/{confirmed.cfacc15.id}/visit")
    assert "A steady record." in page.text
    assert eve.get(f"/attempts/{confirmed.cfacc15.id}/form").status_code == 200
    assert eve.post(f"/attempts/{confirmed.cfacc15.id}/seen", data={"seen": 1}).status_code == 303
    db.session.rollback()
    assert db.session.get_one(VisitAttempt, (visit.id, confirmed.cfacc15.id)).seen_at


def test_unit_outside_the_visit_is_not_found(confirmed: World, client: Browser) -> None:
    open_visit(confirmed, client)
    eve = client(confirmed.eve)
    for path in ("", "/form", "/form.pdf", "/visit"):
        assert eve.get(f"/attempts/{confirmed.inscc004.id}{path}").status_code == 404


def test_visit_outside_its_dates_shows_nothing(
    confirmed: World, client: Browser, freeze_clock: Callable[..., None]
) -> None:
    open_visit(confirmed, client)
    freeze_clock(clock.now() + timedelta(days=5))
    eve = client(confirmed.eve)
    assert "You have no open visit" in eve.get("/visit").text
    assert eve.get(f"/attempts/{confirmed.cfacc15.id}").status_code == 404


def test_visit_that_was_ended_shows_nothing(confirmed: World, client: Browser) -> None:
    visit = open_visit(confirmed, client)
    response = client(confirmed.dan).post(f"/centres/{confirmed.northgate.id}/visits/{visit.id}/end")
    assert response.status_code == 303
    assert client(confirmed.eve).get(f"/attempts/{confirmed.cfacc15.id}").status_code == 404
