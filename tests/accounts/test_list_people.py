"""A centre's people, searched and paged, for its administrator alone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.factories import World, grant, make_person
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]


def people_page(browser: FlaskClient, world: World, query: str = "") -> str:
    response = browser.get(f"/centres/{world.northgate.id}/people{query}")
    assert response.status_code == 200
    return response.text


def test_dan_comes_to_the_people_of_his_centre(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert dan.get("/people").location == f"/centres/{world.northgate.id}/people"
    page = people_page(dan, world)
    assert "Bob Archer" in page
    assert "Grace Lam" not in page


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "eve", "heidi"])
def test_nobody_else_learns_that_it_is_there(world: World, client: ClientFor, who: str) -> None:
    browser = client(getattr(world, who))
    assert browser.get(f"/centres/{world.northgate.id}/people").status_code == 404


def test_it_finds_by_part_of_a_name_or_email(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    for words in ("arch", "BOB", "bob.archer@"):
        page = people_page(dan, world, f"?q={words}")
        assert "Bob Archer" in page
        assert "Alice Moran" not in page


def test_a_wildcard_is_only_a_letter(world: World, client: ClientFor) -> None:
    page = people_page(client(world.dan), world, "?q=%25")
    assert "No name or email address contains “%”" in page


def test_markup_in_the_search_stays_text(world: World, client: ClientFor) -> None:
    page = people_page(client(world.dan), world, "?q=<script>alert(1)</script>")
    assert "<script>alert" not in page


def test_it_says_who_was_invited_who_is_closed_and_until_when(world: World, client: ClientFor) -> None:
    with transaction():
        make_person("Ivy Okafor", world.northgate, Role.CANDIDATE).password_hash = None
        world.bob.deactivated_at = clock.now()
        grant(world.carol, world.northgate, Role.ASSESSOR, ends_at=clock.now() + timedelta(days=2))
    page = people_page(client(world.dan), world)
    assert ">Invited<" in page
    assert ">Closed<" in page
    assert "until" in page


def test_a_hundred_and_twenty_people_take_three_pages_and_few_statements(
    world: World, client: ClientFor, count_statements: Callable
) -> None:
    with transaction():
        for number in range(115):
            make_person(f"Person {number:03}", world.northgate, Role.CANDIDATE)
    dan = client(world.dan)
    with count_statements() as statements:
        first = people_page(dan, world)
    assert len(statements) <= 12
    assert "Person 000" in first
    assert "Person 114" in people_page(dan, world, "?page=3")
    assert ">Next<" not in people_page(dan, world, "?page=3")
    for odd in ("0", "-3", "99999999999999999999", "x"):
        assert dan.get(f"/centres/{world.northgate.id}/people?page={odd}").status_code == 200
