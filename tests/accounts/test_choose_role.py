"""Choosing a role: it is kept in the session and is never a permission."""

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient

from tests.factories import World, grant
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]


def test_person_switches_to_another_of_their_roles(world: World, client: ClientFor) -> None:
    with transaction():
        second_role = grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
    bob = client(world.bob)
    response = bob.post("/role", data={"grant": second_role.id})
    assert (response.status_code, response.location) == (303, "/")
    current_role = bob.get("/account").text.partition('aria-current="true"')[2]
    assert current_role.startswith(">Internal verifier")


def test_role_is_switched_in_this_browser_only(world: World, client: ClientFor) -> None:
    with transaction():
        second_role = grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
    phone, laptop = client(world.bob), client(world.bob)
    phone.post("/role", data={"grant": second_role.id})
    assert laptop.get("/account").text.partition('aria-current="true"')[2].startswith(">Assessor")


def test_another_persons_role_cannot_be_chosen(world: World, client: ClientFor) -> None:
    carols = world.carol.grants[0].id
    assert client(world.bob).post("/role", data={"grant": carols}).status_code == 404


def test_ended_role_cannot_be_chosen(world: World, client: ClientFor) -> None:
    with transaction():
        ended_role = grant(world.bob, world.northgate, Role.ADMINISTRATOR, ends_at=clock.now() - timedelta(days=1))
    bob = client(world.bob)
    assert bob.post("/role", data={"grant": ended_role.id}).status_code == 404
    assert bob.post("/role", data={"grant": "1 or 1=1"}).status_code == 404
    assert bob.get(f"/centres/{world.northgate.id}/people").status_code == 404


def test_signed_out_browser_cannot_choose_a_role(world: World, anonymous: FlaskClient) -> None:
    assert anonymous.post("/role", data={"grant": world.bob.grants[0].id}).status_code == 302
