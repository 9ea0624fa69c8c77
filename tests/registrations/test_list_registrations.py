"""The list of a centre's candidates: those with units to allocate first, with search and pages."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World, make_person
from tests.list_pages import walk
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.models import Registration
from tracker.registrations import queries
from tracker.registrations.registration_list import REGISTRATIONS, list_registrations
from tracker.vocabulary import AttemptState, Role
from tracker.web.lists import Column, ListQuery

ClientFor = Callable[..., FlaskClient]


@pytest.fixture
def ivys(world: World) -> Registration:
    """Ivy's registration, with a unit that is not allocated yet."""
    with transaction():
        ivy = make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        registration = factories.make_registration(ivy, world.northgate, world.dan)
        factories.make_attempt(registration, "CFACC15")
    return registration


def address(world: World) -> str:
    return f"/centres/{world.northgate.id}/registrations"


def list_names(browser: FlaskClient, world: World, **query: str) -> list[str]:
    page = browser.get(address(world), query_string=query).text
    return re.findall(r'<a href="/registrations/\d+">([^<]+)</a>', page)


def test_candidates_with_units_to_allocate_come_first(world: World, client: ClientFor, ivys: Registration) -> None:
    dan = client(world.dan)
    assert list_names(dan, world) == ["Ivy Okafor", "Alice Moran"]
    assert "1 unit" in dan.get(address(world)).text


def test_short_url_redirects_to_the_centres_list(world: World, client: ClientFor) -> None:
    response = client(world.dan).get("/registrations")
    assert response.location == address(world)


@pytest.mark.parametrize("words", ["ivy", "OKAF", "ivy o"])
def test_search_finds_by_name(world: World, client: ClientFor, ivys: Registration, words: str) -> None:
    assert list_names(client(world.dan), world, q=words) == ["Ivy Okafor"]


@pytest.mark.parametrize("words", ["kafor", "ivy alice", "okafor ivo"])
def test_search_looks_for_every_word_and_not_inside_words(
    world: World, client: ClientFor, ivys: Registration, words: str
) -> None:
    assert list_names(client(world.dan), world, q=words) == []


def test_search_finds_words_in_any_order_and_with_any_apostrophe(
    world: World, client: ClientFor, ivys: Registration
) -> None:
    with transaction():
        ivys.candidate.name = "Ivy O’Neill-Okafor"
    for words in ("okafor ivy", "O'NEILL", "o’neill", "neill", "o'neill-oka"):
        assert list_names(client(world.dan), world, q=words) == ["Ivy O’Neill-Okafor"], words


def test_search_finds_by_candidate_number(world: World, client: ClientFor, ivys: Registration) -> None:
    assert list_names(client(world.dan), world, q=ivys.candidate_number.lower()) == ["Ivy Okafor"]


def test_wildcards_in_the_search_are_plain_characters(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert list_names(dan, world, q="%") == []
    page = dan.get(address(world), query_string={"q": "<b>_"}).text
    assert "No candidate matches “&lt;b&gt;_”." in page


def test_empty_list_says_how_candidates_appear(world: World, client: ClientFor) -> None:
    page = client(world.heidi).get(f"/centres/{world.southbank.id}/registrations?q=zz").text
    assert "No candidate matches “zz”." in page
    with transaction():
        empty = factories.make_centre("Westgate", "WG-300")
        ken = make_person("Ken Doyle", empty, Role.ADMINISTRATOR)
    page = client(ken).get(f"/centres/{empty.id}/registrations").text
    assert "No candidates yet." in page


def test_list_is_paginated(world: World, client: ClientFor, ivys: Registration) -> None:
    dan = client(world.dan)
    with transaction():
        for number in range(24):
            person = make_person(f"Candidate {number:02}", world.northgate, Role.CANDIDATE)
            factories.make_registration(person, world.northgate, world.dan)
    first, second = walk(dan, f"{address(world)}?size=25")
    assert "1–25 of 26" in first
    assert "Candidate 23" in second
    assert "26–26 of 26" in second


@pytest.mark.parametrize("column", REGISTRATIONS.sortable_columns)
def test_candidates_can_be_sorted_by_every_column_that_says_so(
    world: World, client: ClientFor, ivys: Registration, column: Column
) -> None:
    dan = client(world.dan)
    with transaction():
        ivys.registered_at = factories.days_ago(1)
    names = list_names(dan, world, sort=column.name)
    assert sorted(names) == ["Alice Moran", "Ivy Okafor"]
    assert names == list_names(dan, world, sort=f"-{column.name}")[::-1]


def test_candidates_are_filtered_by_what_they_need(world: World, client: ClientFor, ivys: Registration) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
        ivys.awarding_body_number, ivys.awarding_body_date = None, None
    dan = client(world.dan)
    assert list_names(dan, world, show="to-allocate") == ["Ivy Okafor"]
    assert list_names(dan, world, show="not-registered") == ["Ivy Okafor"]
    assert list_names(dan, world, show="withdrawn") == ["Alice Moran"]
    rows = dan.get(address(world), query_string={"show": "not-registered", "format": "csv"}).text.splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["Ivy Okafor"]
    assert ",Not yet registered," in rows[1]


def test_unit_of_an_assessor_without_the_role_needs_allocating(world: World) -> None:
    """Bob has lost the role of assessor, so both of Alice's units need allocating again."""
    assert queries.list_registrations_to_allocate(world.northgate.id, 10) == []
    with transaction():
        world.bob.grants[0].ends_at = clock.now()
    (each,) = queries.list_registrations_to_allocate(world.northgate.id, 10)
    assert (each.units, each.without_assessor, each.without_verifier) == (2, 2, 0)


def test_assessed_unit_needs_a_verifier_only(world: World, ivys: Registration) -> None:
    (attempt,) = ivys.attempts
    with transaction():
        attempt.state = AttemptState.CONFIRMED
    (each,) = queries.list_registrations_to_allocate(world.northgate.id, 10)
    assert (each.candidate, each.without_assessor, each.without_verifier) == ("Ivy Okafor", 0, 1)


@pytest.mark.parametrize("ending", ["void", "verified", "withdrawn"])
def test_finished_unit_needs_nobody(world: World, ivys: Registration, ending: str) -> None:
    with transaction():
        if ending == "withdrawn":
            ivys.withdrawn_at = clock.now()
        else:
            ivys.attempts[0].state = AttemptState(ending)
    assert queries.list_registrations_to_allocate(world.northgate.id, 10) == []
    rows = list_registrations(world.northgate, ListQuery()).rows
    assert [each.to_allocate for each in rows] == [0, 0]


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_sees_candidates(world: World, client: ClientFor, name: str) -> None:
    assert client(getattr(world, name)).get(address(world)).status_code == 404


def test_page_takes_as_few_statements_for_many_candidates(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with transaction():
        for number in range(20):
            person = make_person(f"Candidate {number}", world.northgate, Role.CANDIDATE)
            factories.make_attempt(factories.make_registration(person, world.northgate, world.dan), "CFACC15")
    dan = client(world.dan)
    with count_statements() as statements:
        dan.get(address(world))
    assert len(statements) <= 12
