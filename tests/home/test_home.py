"""The home page of each role."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]


@pytest.mark.parametrize(("name", "path"), [("bob", "/queue"), ("carol", "/verification"), ("eve", "/visit")])
def test_home_redirects_to_the_queue_of_the_role(world: World, client: ClientFor, name: str, path: str) -> None:
    browser = client(getattr(world, name))
    assert browser.get("/").location == path
    assert browser.get(path).status_code == 200


def test_chosen_role_decides_the_home_page(world: World, client: ClientFor) -> None:
    with transaction():
        verifying = factories.grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
    bob = client(world.bob)
    bob.post("/role", data={"grant": str(verifying.id)})
    assert bob.get("/").location == "/verification"


def test_page_without_a_role_says_whom_to_ask(world: World, client: ClientFor) -> None:
    with transaction():
        world.alice.grants[0].ends_at = clock.now()
    page = client(world.alice).get("/").text
    assert "You have no role" in page
    assert "Ask your centre" in page
