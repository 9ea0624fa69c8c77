"""One commit for each request that succeeds, and none for any other."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import World
from tracker.extensions import db
from tracker.models import Person
from tracker.web.route_rules import signed_in


@pytest.mark.parametrize("status", [200, 422])
def test_a_request_is_committed_only_if_it_succeeds(
    status: int, app: Flask, world: World, client: Callable[[Person], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice_id, browser = world.alice.id, client(world.alice)

    def rename() -> tuple[dict[str, int], int]:
        db.session.get_one(Person, alice_id).name = "Alice Renamed"
        return {"status": status}, status

    app.load_views()  # type: ignore[attr-defined]  # the app is a Tracker
    monkeypatch.setitem(app.view_functions, "accounts.sign_out", signed_in(rename))
    assert browser.post("/sign-out").status_code == status
    db.session.expire_all()
    assert (db.session.get_one(Person, alice_id).name == "Alice Renamed") is (status == 200)
