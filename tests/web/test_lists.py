"""The parameters, pages and CSV files of lists, on the list of a centre's people."""

import csv
import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from tests.factories import World, grant, make_person
from tests.list_pages import walk
from tracker import clock
from tracker.accounts.queries import PEOPLE
from tracker.ledger.transactions import transaction
from tracker.vocabulary import Role
from tracker.web import lists
from tracker.web.list_positions import Position
from tracker.web.lists import DayFilter, Filter, read_list_query

ClientFor = Callable[..., FlaskClient]
FILTERS = [Filter("role", "Role", "All roles", {"candidate": "Candidate"}), DayFilter("since", "Since")]


def read_csv(browser: FlaskClient, address: str, **query: str) -> list[list[str]]:
    """Return the rows of a list's CSV file, the heads first."""
    response = browser.get(address, query_string={**query, "format": "csv"})
    assert response.status_code == 200
    assert response.mimetype == "text/csv"
    return list(csv.reader(io.StringIO(response.data.decode("utf-8-sig"))))


def names_on(browser: FlaskClient, address: str, **query: str) -> list[str]:
    return names_in(browser.get(address, query_string=query).text)


def names_in(page: str) -> list[str]:
    return re.findall(r'<a href="/centres/\d+/people/\d+">([^<]+)</a>', page)


def people(world: World) -> str:
    return f"/centres/{world.northgate.id}/people"


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ({}, "size", 50),
        ({"size": "25"}, "size", 25),
        ({"size": "1000000"}, "size", 50),
        ({"size": "x"}, "size", 50),
        ({"page": "3"}, "position", None),
        ({"after": "3"}, "position", None),
        ({}, "sort_value", "name"),
        ({"sort": "-email"}, "sort_value", "-email"),
        ({"sort": "password_hash"}, "sort_value", "name"),
        ({"sort": "roles"}, "sort_value", "name"),
        ({"sort": "--email"}, "sort_value", "name"),
        ({"role": "candidate"}, "chosen", {"role": "candidate"}),
        ({"role": "pope", "other": "candidate"}, "chosen", {}),
        ({"since": "2026-09-30"}, "chosen", {"since": "2026-09-30"}),
        ({"since": "20260930"}, "chosen", {"since": "2026-09-30"}),
        ({"since": "1066-10-14"}, "chosen", {}),
        ({"since": "2026-02-30"}, "chosen", {}),
        ({"q": "  a \t b "}, "words", "a b"),
        ({"q": "x" * 5_000}, "words", "x" * 100),
        ({"format": "csv"}, "is_csv", True),
        ({"format": "xml"}, "is_csv", False),
    ],
)
def test_unknown_and_unbounded_parameters_are_ignored(query: dict[str, str], name: str, value: object) -> None:
    assert getattr(read_list_query(PEOPLE, query, FILTERS), name) == value


def test_address_of_a_list_leaves_out_what_is_as_by_default() -> None:
    query = read_list_query(PEOPLE, {"q": "a", "sort": "name", "size": "25", "role": "candidate"}, FILTERS)
    assert query.build_arguments() == {"q": "a", "size": "25", "role": "candidate"}
    query = replace(query, position=Position((), is_before=False, token="x"))
    assert query.build_arguments() == {"q": "a", "size": "25", "role": "candidate", "after": "x"}
    assert query.build_arguments(sort="-email") == {"q": "a", "size": "25", "role": "candidate", "sort": "-email"}
    assert query.build_arguments(role="") == {"q": "a", "size": "25"}


def test_columns_sort_in_both_directions_and_say_so(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    by_name = names_on(dan, people(world))
    assert by_name == sorted(by_name)
    assert names_on(dan, people(world), sort="-name") == by_name[::-1]
    assert by_name[0] == "Alice Moran"
    page = dan.get(people(world), query_string={"sort": "-email"}).text
    assert page.count("aria-sort") == 1
    assert re.search(r'aria-sort="descending"><a href="[^"]*sort=email">Email', page)


@pytest.mark.parametrize("column", PEOPLE.sortable_columns)
def test_people_can_be_sorted_by_every_column_that_says_so(
    world: World, client: ClientFor, column: lists.Column
) -> None:
    for sort in (column.name, f"-{column.name}"):
        assert len(names_on(client(world.dan), people(world), sort=sort)) == 5


def test_filters_narrow_the_list_and_stay_on_every_link(world: World, client: ClientFor) -> None:
    with transaction():
        make_person("Ivy Okafor", world.northgate, Role.CANDIDATE).password_hash = None
    dan = client(world.dan)
    assert names_on(dan, people(world), role="candidate") == ["Alice Moran", "Ivy Okafor"]
    assert names_on(dan, people(world), role="candidate", account="invited") == ["Ivy Okafor"]
    page = dan.get(people(world), query_string={"role": "candidate"}).text
    assert all("role=candidate" in link for link in re.findall(r'href="[^"]*(?:sort|format)=[^"]*"', page))
    assert '<option value="candidate" selected>' in page


def test_role_that_has_ended_is_not_a_role_of_the_filter(world: World, client: ClientFor) -> None:
    with transaction():
        grant(world.carol, world.northgate, Role.ASSESSOR, ends_at=clock.now())
    assert names_on(client(world.dan), people(world), role="assessor") == ["Bob Archer"]


def test_pages_say_which_rows_they_show_of_how_many(world: World, client: ClientFor) -> None:
    with transaction():
        for number in range(135):
            make_person(f"Person {number:03}", world.northgate, Role.CANDIDATE)
    dan = client(world.dan)
    page = dan.get(people(world), query_string={"size": "25"}).text
    assert "1–25 of 140" in page
    pages = list(walk(dan, f"{people(world)}?size=25"))
    assert "26–50 of 140" in pages[1]
    assert "126–140 of 140" in pages[-1]
    assert len(pages) == 6
    assert "1–100 of 140" in dan.get(people(world), query_string={"size": "100"}).text
    assert len({name for page in walk(dan, f"{people(world)}?size=100") for name in names_in(page)}) == 140


def test_long_list_says_how_many_rows_a_page_has_and_not_which(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_COUNTED", 30)
    with transaction():
        for number in range(60):
            make_person(f"Person {number:03}", world.northgate, Role.CANDIDATE)
    first, second, third = walk(client(world.dan), f"{people(world)}?size=25")
    assert "1–25 of more than 30" in first
    assert "25 of more than 30" in second
    assert "26–50" not in second
    assert "15 of more than 30" in third


def test_csv_has_the_rows_of_all_pages_in_the_order_of_the_page(world: World, client: ClientFor) -> None:
    with transaction():
        for number in range(60):
            make_person(f"Person {number:03}", world.northgate, Role.CANDIDATE)
    dan = client(world.dan)
    query = {"q": "person", "sort": "-name", "role": "candidate"}
    first, second = walk(dan, f"{people(world)}?{urlencode(query)}")
    heads, *rows = read_csv(dan, people(world), **query, size="25")
    assert heads == ["Name", "Email", "Roles", "Account", "Address", "Added"]
    on_pages = names_in(first) + names_in(second)
    assert [row[0] for row in rows] == on_pages
    assert len(rows) == 60
    assert rows[0][1:4] == [rows[0][1], "Candidate", "Has an account"]


def test_csv_file_is_named_after_the_list_and_the_day(world: World, client: ClientFor) -> None:
    response = client(world.dan).get(people(world), query_string={"format": "csv"})
    assert response.headers["Content-Disposition"] == f"attachment; filename=people-{clock.today()}.csv"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_of_a_csv_file_is_a_formula(world: World, client: ClientFor, start: str) -> None:
    with transaction():
        world.bob.name = f'{start}HYPERLINK("http://example.org","Bob")'
    cells = [row[0] for row in read_csv(client(world.dan), people(world))]
    assert f"'{world.bob.name}" in cells
    assert not any(cell.startswith(start) for cell in cells)


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_csv_file_is_not_found_for_people_who_cannot_open_the_page(
    world: World, client: ClientFor, name: str
) -> None:
    response = client(getattr(world, name)).get(people(world), query_string={"format": "csv"})
    assert response.status_code == 404


def test_list_that_is_too_long_for_its_csv_file_says_so(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_CSV_ROWS", 3)
    dan = client(world.dan)
    assert "Download the first 3 (CSV)" in dan.get(people(world)).text
    *rows, note = read_csv(dan, people(world))
    assert len(rows) == 4
    assert note == ["The first 3 of 5 rows. Search or filter the list to get the others."]


def test_list_takes_as_many_statements_for_one_person_as_for_sixty(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    dan = client(world.dan)
    with count_statements() as few:
        dan.get(people(world))
    with transaction():
        for number in range(60):
            make_person(f"Person {number:03}", world.northgate, Role.CANDIDATE)
    with count_statements() as many:
        dan.get(people(world))
    assert len(many) == len(few)
