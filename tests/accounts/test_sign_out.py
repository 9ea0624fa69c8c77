"""Sign-out ends the session on the server, so that a copied cookie is useless."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from tests.factories import World
from tracker import clock
from tracker.accounts.sessions import COOKIE_NAME


def test_sign_out_ends_the_session(world: World, client: Callable[..., FlaskClient]) -> None:
    alice = client(world.alice)
    response = alice.post("/sign-out")
    assert (response.status_code, response.location) == (303, "/sign-in")
    assert alice.get("/account").status_code == 302


def test_cookie_cannot_be_reused_after_sign_out(world: World, app: Flask, client: Callable[..., FlaskClient]) -> None:
    alice = client(world.alice)
    cookie = alice.get_cookie(COOKIE_NAME)
    assert cookie
    alice.post("/sign-out")
    thief = app.test_client()
    thief.set_cookie(COOKIE_NAME, cookie.value)
    assert thief.get("/account").status_code == 302


def test_get_request_does_not_sign_out(world: World, client: Callable[..., FlaskClient]) -> None:
    alice = client(world.alice)
    assert alice.get("/sign-out").status_code == 405
    assert alice.get("/account").status_code == 200


def test_signing_out_twice_is_harmless(world: World, client: Callable[..., FlaskClient]) -> None:
    alice = client(world.alice)
    alice.post("/sign-out")
    assert alice.post("/sign-out").status_code == 303


def test_session_expires_after_half_an_hour_unused(
    world: World, client: Callable[..., FlaskClient], freeze_clock: Callable[..., None]
) -> None:
    alice, start = client(world.alice), clock.now()
    freeze_clock(start + timedelta(minutes=29))
    assert alice.get("/account").status_code == 200
    freeze_clock(start + timedelta(minutes=58))
    assert alice.get("/account").status_code == 200, "it was used meanwhile"
    freeze_clock(start + timedelta(minutes=89))
    assert alice.get("/account").status_code == 302


def test_session_expires_after_twelve_hours_of_use(
    world: World, client: Callable[..., FlaskClient], freeze_clock: Callable[..., None]
) -> None:
    alice, start = client(world.alice), clock.now()
    for minutes in range(20, 12 * 60, 20):
        freeze_clock(start + timedelta(minutes=minutes))
        assert alice.get("/account").status_code == 200
    freeze_clock(start + timedelta(hours=12, minutes=1))
    assert alice.get("/account").status_code == 302
