"""The list of a centre's people, for its administrators only."""

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


def test_administrator_sees_the_people_of_their_centre(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert dan.get("/people").location == f"/centres/{world.northgate.id}/people"
    page = people_page(dan, world)
    assert "Bob Archer" in page
    assert "Grace Lam" not in page


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_page_is_not_found_for_anybody_else(world: World, client: ClientFor, name: str) -> None:
    browser = client(getattr(world, name))
    assert browser.get(f"/centres/{world.northgate.id}/people").status_code == 404


def test_search_finds_part_of_a_name_or_email(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    for words in ("arch", "BOB", "bob.archer@"):
        page = people_page(dan, world, f"?q={words}")
        assert "Bob Archer" in page
        assert "Alice Moran" not in page


def test_wildcard_in_the_search_is_a_plain_character(world: World, client: ClientFor) -> None:
    page = people_page(client(world.dan), world, "?q=%25")
    assert "No person matches “%”" in page


def test_markup_in_the_search_is_escaped(world: World, client: ClientFor) -> None:
    page = people_page(client(world.dan), world, "?q=<script>alert(1)</script>")
    assert "<script>alert" not in page


def test_list_shows_invited_and_closed_accounts_and_end_dates(world: World, client: ClientFor) -> None:
    with transaction():
        make_person("Ivy Okafor", world.northgate, Role.CANDIDATE).password_hash = None
        world.bob.deactivated_at = clock.now()
        grant(world.carol, world.northgate, Role.ASSESSOR, ends_at=clock.now() + timedelta(days=2))
    page = people_page(client(world.dan), world)
    assert ">Invited<" in page
    assert ">Account closed<" in page
    assert "until" in page


def test_hundred_and_twenty_people_take_three_pages_and_few_statements(
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
    for page_number in ("0", "-3", "99999999999999999999", "x"):
        assert dan.get(f"/centres/{world.northgate.id}/people?page={page_number}").status_code == 200
