"""The rules of routes: who passes each kind of rule, and where the others are sent."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.web.current_user import SignInStep
from tracker.web.permissions import Act
from tracker.web.route_rules import RouteRule, during_sign_in, public, requires, signed_in

ENDPOINT, PATH = "library.list_units", "/units?code=CF"
SIGN_IN = "/sign-in?next=%2Funits%3Fcode%3DCF"
PROVE = "/two-step-verification?next=/units?code%3DCF"

Open = Callable[[str], str]


@pytest.fixture
def open_page(app: Flask, world: World) -> Open:
    """`open_page("bob")` is where the page leads, or its status: as nobody, or as somebody with or without a step to do."""
    browsers = {name: app.test_client() for name in ("nobody", "alice", "bob", "unproven")}
    with transaction():
        factories.make_app(world.carol)
        for name, person in (("alice", world.alice), ("bob", world.bob), ("unproven", world.carol)):
            token = start_session(person, "127.0.0.1", "", proven=name == "bob")
            browsers[name].set_cookie(COOKIE_NAME, token)
    app.load_views()  # type: ignore[attr-defined]  # the app is a Tracker

    def open_page(name: str) -> str:
        response = browsers[name].get(PATH)
        return response.location or str(response.status_code)

    return open_page


RULES = {
    "none": (lambda each: each, {"nobody": "404", "alice": "404", "bob": "404", "unproven": "404"}),
    "public": (public, {"nobody": "200", "alice": "200", "bob": "200", "unproven": "200"}),
    "signed in": (signed_in, {"nobody": SIGN_IN, "alice": "200", "bob": "200", "unproven": PROVE}),
    "during sign-in": (
        during_sign_in(SignInStep.PROVE_SECOND_FACTOR),
        {"nobody": SIGN_IN, "alice": "200", "bob": "200", "unproven": "200"},
    ),
    "during set-up": (
        during_sign_in(SignInStep.SET_UP_SECOND_FACTOR),
        {"nobody": SIGN_IN, "alice": "200", "bob": "200", "unproven": PROVE},
    ),
    "an assessor's act": (
        requires(Act.LIST_OWN_QUEUE),
        {"nobody": SIGN_IN, "alice": "404", "bob": "200", "unproven": PROVE},
    ),
}


@pytest.mark.parametrize("kind", list(RULES))
def test_each_rule_lets_its_own_people_pass(
    kind: str, app: Flask, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    decorate, expected = RULES[kind]
    monkeypatch.setitem(app.view_functions, ENDPOINT, decorate(lambda: {"passed": True}))
    assert {name: open_page(name) for name in expected} == expected


def test_a_rule_is_kept_with_its_view() -> None:
    assert public(lambda: "").rule == RouteRule(public=True)  # type: ignore[attr-defined]  # set by the decorator
    assert RouteRule().public is False


def test_an_address_without_a_route_is_not_found(world: World, client: Callable[[Person], FlaskClient]) -> None:
    assert client(world.alice).get("/no-such-page").status_code == 404


def test_anybody_gets_a_static_file(app: Flask, anonymous: FlaskClient) -> None:
    with app.test_request_context():
        address = app.url_for("static", filename="icon.svg")
    with anonymous.get(address) as answer:
        assert answer.status_code == 200


def test_a_static_file_needs_no_rule_where_the_app_itself_sends_it(app: Flask) -> None:
    """Files that were added after the start of the server are not served outside of the app."""
    with app.test_request_context("/static/icon.svg"):
        answer = app.full_dispatch_request()
        assert answer.status_code == 200
        answer.close()
