"""Pages of lists begin after a row rather than at a number: on the list of a centre's people, and of its allocations."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World, make_person
from tests.list_pages import FIRST, NEXT, PREVIOUS, find_page_link, walk
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.registrations.allocation_list import ALLOCATIONS
from tracker.vocabulary import Role
from tracker.web import lists
from tracker.web.list_pages import cut_page
from tracker.web.list_positions import Position, find_index
from tracker.web.lists import Column, ListDefinition, ListQuery, read_list_query

ClientFor = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE_SIZES", (2, 3, 25))


@pytest.fixture
def people(world: World) -> list[Person]:
    """Six people named Person 0 to Person 5, beside the five of Northgate."""
    with transaction():
        return [make_person(f"Person {number}", world.northgate, Role.CANDIDATE) for number in range(6)]


def address(world: World, query: str = "") -> str:
    return f"/centres/{world.northgate.id}/people?size=2&q=person{query}"


def names(page: str) -> list[str]:
    return re.findall(r'<a href="/centres/\d+/people/\d+">([^<]+)</a>', page)


def ranges(page: str) -> str:
    found = re.search(r'class="list-position">\s*<span role="status">([^<]+)<', page)
    assert found
    return found[1]


@pytest.mark.parametrize("sort", ["name", "-name", "email", "-email", "added", "-added"])
def test_each_row_is_on_one_page_in_either_direction(
    world: World, client: ClientFor, people: list[Person], sort: str
) -> None:
    dan = client(world.dan)
    forward = list(walk(dan, address(world, f"&sort={sort}")))
    assert [len(names(page)) for page in forward] == [2, 2, 2]
    shown = [name for page in forward for name in names(page)]
    assert sorted(shown) == [each.name for each in people]
    if sort in {"name", "-name"}:
        assert shown == sorted(shown, reverse=sort == "-name")
    assert [ranges(page) for page in forward] == ["1–2 of 6", "3–4 of 6", "5–6 of 6"]
    last = find_page_link(forward[1], NEXT)
    assert last
    back = list(walk(dan, last, PREVIOUS))
    assert [names(page) for page in back] == [names(page) for page in reversed(forward)]
    assert [ranges(page) for page in back] == ["5–6 of 6", "3–4 of 6", "1–2 of 6"]
    assert find_page_link(forward[0], PREVIOUS) is None
    assert find_page_link(back[-1], PREVIOUS) is None
    assert find_page_link(forward[-1], NEXT) is None


@pytest.mark.parametrize("column", ALLOCATIONS.sortable_columns, ids=lambda column: column.name)
@pytest.mark.parametrize("sign", ["", "-"])
def test_rows_without_a_value_are_on_the_last_pages(
    world: World, client: ClientFor, column: Column, sign: str
) -> None:
    """Units without an assessor or internal verifier have no name to sort by."""
    with_assessor = {str(world.cfacc15.id), str(world.inscc004.id)}
    with transaction():
        for number, code in enumerate(("CFACC15", "INSCC004", "CFACC15", "INSCC004", "CFACC15")):
            person = make_person(f"Candidate {number}", world.northgate, Role.CANDIDATE)
            attempt = factories.make_attempt(factories.make_registration(person, world.northgate, world.dan), code)
            if number in {1, 3}:
                factories.allocate(attempt, world.bob, Role.ASSESSOR, world.dan)
                with_assessor.add(str(attempt.id))
    dan, found = client(world.dan), []
    at = f"/centres/{world.northgate.id}/allocations?size=2&sort={sign}{column.name}"
    pages = list(walk(dan, at))
    for page in pages:
        found += re.findall(r'name="attempt" value="(\d+)"', page)
    assert len(found) == len(set(found)) == 7
    last = find_page_link(pages[-2], NEXT)
    assert last
    back = [re.findall(r'name="attempt" value="(\d+)"', page) for page in walk(dan, last, PREVIOUS)]
    assert [each for page in reversed(back) for each in page] == found
    if column.name == "assessor":
        assert set(found[:4]) == with_assessor


def test_people_who_are_added_meanwhile_neither_repeat_nor_hide_anybody(
    world: World, client: ClientFor, people: list[Person]
) -> None:
    dan = client(world.dan)
    first = dan.get(address(world)).text
    with transaction():
        make_person("Person 0a", world.northgate, Role.CANDIDATE)
        make_person("Person 1a", world.northgate, Role.CANDIDATE)
    link = find_page_link(first, NEXT)
    assert link
    second = dan.get(link).text
    assert names(second) == ["Person 1a", "Person 2"]
    assert ranges(second) == "4–5 of 8"
    back = find_page_link(second, PREVIOUS)
    assert back
    assert names(dan.get(back).text) == ["Person 0a", "Person 1"]
    assert ranges(dan.get(back).text) == "2–3 of 8"


def test_row_after_which_a_page_begins_may_have_gone(world: World, client: ClientFor, people: list[Person]) -> None:
    dan = client(world.dan)
    link = find_page_link(dan.get(address(world)).text, NEXT)
    assert link
    with transaction():
        people[1].name = "Zoe Person"
    assert names(dan.get(link).text) == ["Person 2", "Person 3"]


@pytest.mark.parametrize("value", [None, 1, 120])
def test_page_of_rows_in_memory_begins_where_it_did_when_its_row_is_sorted_elsewhere(value: int | None) -> None:
    """Bob has a list by waiting time open; the last candidate of its first page is assessed meanwhile."""
    numbers: dict[str, int | None] = {f"row {number}": number for number in range(0, 200, 2)}
    numbers["row 50"] = value
    rows = sorted(numbers, key=lambda name: (numbers[name] is None, numbers[name]))
    position = Position((50, "row 50"), is_before=False, token="")
    index = find_index(rows, position, numbers.__getitem__, lambda name: name, is_descending=False)
    assert rows[index] == "row 52"


def test_page_without_rows_is_the_last_one(world: World, client: ClientFor, people: list[Person]) -> None:
    dan = client(world.dan)
    *_, before_last, last = walk(dan, address(world))
    link = find_page_link(before_last, NEXT)
    assert link
    assert names(last) == ["Person 4", "Person 5"]
    with transaction():
        people[4].name = people[5].name = "Somebody else"
        people[4].email, people[5].email = "a@example.org", "b@example.org"
    page = dan.get(link).text
    assert names(page) == ["Person 2", "Person 3"]
    assert ranges(page) == "3–4 of 4"
    assert find_page_link(page, NEXT) is None


def test_way_back_ends_with_a_full_first_page(world: World, client: ClientFor, people: list[Person]) -> None:
    dan = client(world.dan)
    link = find_page_link(dan.get(address(world)).text, NEXT)
    assert link
    second = dan.get(link).text
    with transaction():
        people[0].name = "Person 9"
    back = find_page_link(second, PREVIOUS)
    assert back
    assert names(dan.get(back).text) == ["Person 1", "Person 2"]
    assert ranges(dan.get(back).text) == "1–2 of 6"


def test_first_page_can_be_opened_from_every_other(world: World, client: ClientFor, people: list[Person]) -> None:
    dan = client(world.dan)
    *_, last = walk(dan, address(world, "&sort=-name"))
    link = find_page_link(last, FIRST)
    assert link
    assert names(dan.get(link).text) == ["Person 5", "Person 4"]


@pytest.mark.parametrize("parameter", ["after", "before"])
@pytest.mark.parametrize("token", ["x", "gAAAAAx", "é", "%00", "A" * 64, "A" * 5_000, "W10="])
def test_malformed_position_gives_the_first_page(
    world: World, client: ClientFor, people: list[Person], parameter: str, token: str
) -> None:
    answer = client(world.dan).get(address(world, f"&{parameter}={token}"))
    assert answer.status_code == 200
    assert names(answer.text) == ["Person 0", "Person 1"]


def test_position_of_another_list_order_or_filter_gives_the_first_page(
    world: World, client: ClientFor, people: list[Person]
) -> None:
    dan = client(world.dan)
    link = find_page_link(dan.get(address(world)).text, NEXT)
    assert link
    token = link.partition("after=")[2]
    for query in ("&sort=-name", "&sort=added", "&role=candidate"):
        page = dan.get(address(world, f"{query}&after={token}")).text
        assert names(page) == names(dan.get(address(world, query)).text), query
    assert dan.get(f"/centres/{world.northgate.id}/allocations?after={token}").status_code == 200


def test_address_of_a_page_names_nobody(app: Flask) -> None:
    with app.app_context():
        listed = cut_page(LETTERS, ListQuery(sort="letter", size=2), list("abcd"), BY_LETTER, key=str)
        (token,) = listed.next_arguments.values()
        other = cut_page(LETTERS, ListQuery(sort="letter", size=2), list("abcd"), BY_LETTER, key=str)
        assert token != other.next_arguments["after"], "it is encrypted with a nonce"
        query = read_list_query(LETTERS, {"after": token})
    assert query.position is not None
    assert query.position.values == ("b", "b")


LETTERS = ListDefinition[str]("letters", (Column("Letter", str, can_sort=True),), default_sort="letter")
BY_LETTER = {"letter": lambda row: row if row.isalpha() else None}


class TestRowsInMemory:
    @pytest.mark.parametrize(
        ("before", "after", "sort", "shown"),
        [
            ("abcd", "abcd", "letter", "cd"),
            ("abcd", "acd", "letter", "cd"),
            ("abcd", "a1bcd", "letter", "cd"),
            ("abcd", "ab", "letter", "ab"),
            ("abcd", "abcd", "-letter", "ba"),
            ("abcd", "abd", "-letter", "ba"),
            ("ab-=", "ab-=", "letter", "-="),
            ("ab-=", "a-=", "letter", "-="),
            ("a-=+", "a-=+", "letter", "=+"),
            ("a-=+", "a=+", "letter", "=+"),
        ],
    )
    def test_second_page_begins_after_its_row_or_where_that_was(
        self, app: Flask, before: str, after: str, sort: str, shown: str
    ) -> None:
        """Signs have no letter to sort by, so they come last."""
        arguments = {"sort": sort, "size": "2"}
        with app.app_context():
            first = cut_page(LETTERS, read_list_query(LETTERS, arguments), list(before), BY_LETTER, key=str)
            query = read_list_query(LETTERS, {**arguments, **first.next_arguments})
            second = cut_page(LETTERS, query, list(after), BY_LETTER, key=str)
        assert "".join(second.rows) == shown

    def test_way_back_ends_with_a_full_first_page(self, app: Flask) -> None:
        arguments = {"sort": "letter", "size": "2"}
        with app.app_context():
            first = cut_page(LETTERS, read_list_query(LETTERS, arguments), list("abcd"), BY_LETTER, key=str)
            query = read_list_query(LETTERS, {**arguments, **first.next_arguments})
            second = cut_page(LETTERS, query, list("abcd"), BY_LETTER, key=str)
            query = read_list_query(LETTERS, {**arguments, **second.previous_arguments})
            assert cut_page(LETTERS, query, list("abcd"), BY_LETTER, key=str).rows == ["a", "b"]
            shorter = cut_page(LETTERS, query, list("bcd"), BY_LETTER, key=str)
        assert shorter.rows == ["b", "c"]
        assert not shorter.has_previous
