"""Every list: sorted by each column, narrowed by each choice, searched and downloaded as CSV."""

import csv
import html
import io
import pkgutil
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from flask.testing import FlaskClient

import tracker
from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.list_pages import NEXT, PREVIOUS, find_page_link, walk
from tests.sample_objects import Staff, make_sample_objects
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.privacy.retention import place_retention_hold
from tracker.vocabulary import Role
from tracker.web import lists
from tracker.web.lists import ListDefinition

Browser = Callable[[Person], FlaskClient]
LISTS = {
    "people": ("dan", "/centres/{centre_id}/people"),
    "candidates of a centre": ("dan", "/centres/{centre_id}/registrations"),
    "candidates of an assessor": ("bob", "/candidates"),
    "allocations": ("dan", "/centres/{centre_id}/allocations"),
    "visits": ("dan", "/centres/{centre_id}/visits"),
    "retention": ("dan", "/centres/{centre_id}/retention"),
    "jobs": ("dan", "/jobs"),
    "forms to print": ("dan", "/centres/{centre_id}/forms/print"),
    "imports": ("dan", "/centres/{centre_id}/units/import"),
    "units": ("alice", "/units"),
    "qualifications": ("alice", "/qualifications"),
    "evidence": ("alice", "/evidence"),
    "evidence as submitted": ("bob", "/registrations/{registration_id}/index"),
    "access log": ("alice", "/account/access-log"),
    "access log for an administrator": ("dan", "/registrations/{registration_id}/access-log"),
    "own signatures": ("bob", "/account/signatures"),
    "own sign-ins": ("alice", "/account/sign-ins"),
    "queue": ("bob", "/queue"),
    "to countersign": ("bob", "/countersigning"),
    "assessors to countersign": ("dan", "/centres/{centre_id}/countersigning"),
    "units to verify": ("carol", "/verification"),
    "other units": ("carol", "/verification/other-units"),
    "action points": ("carol", "/action-points"),
    "coverage": ("carol", "/verification/coverage"),
    "question bank": ("dan", "/centres/{centre_id}/questions"),
    "questions to ask": ("bob", "/records/{record_id}/questions"),
    "staff register": ("dan", "/centres/{centre_id}/staff"),
    "witness list": ("bob", "/centres/{centre_id}/witnesses"),
    "CPD log": ("bob", "/centres/{centre_id}/staff/{staff_id}/cpd"),
    "coverage by method": ("carol", "/verification/coverage/methods"),
}
"""Who opens each list, and its address."""


@pytest.fixture
def open_list(
    world: World, client: Browser, anonymous: FlaskClient, prepare: Callable[[str, Callable[[], Any]], Any]
) -> Callable[[str], tuple[FlaskClient, str]]:
    """Return a function that signs the reader of a list in: its browser, and the list's address with a row on it."""
    ids = prepare("a row of every list", lambda: add_rows(world, client, anonymous))

    def sign_in(name: str) -> tuple[FlaskClient, str]:
        reader, address = LISTS[name]
        return client(getattr(world, reader)), address.format(**ids)

    return sign_in


def add_rows(world: World, client: Browser, anonymous: FlaskClient) -> dict[str, Any]:
    """Add a row to every list. Return the ids in their addresses."""
    workflow.sign(world, world.inscc004)
    workflow.confirm(world.inscc004)
    with transaction():
        staff = Staff(world.bob, world.carol, world.dan, world.eve)
        invited = factories.make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        ids = make_sample_objects(world.cfacc15, staff, invited)
        place_retention_hold(world.registration, "Alice has appealed.", factories.make_actor(world.dan))
    workflow.submit_item(world.cfacc15, "Letter", "1")
    client(world.carol).get(f"/attempts/{world.cfacc15.id}")  # the access log has a row
    anonymous.post("/sign-in", data={"email": world.alice.email, "password": "wrong horse battery"})
    return ids


def find_links(page: str, parameter: str) -> list[str]:
    """Return the links of a page that have this parameter."""
    links = (html.unescape(link) for link in re.findall(r'href="([^"]*)"', page))
    return [link for link in links if re.search(rf"[?&]{parameter}=", link)]


@pytest.mark.parametrize("name", LISTS)
def test_list_is_sorted_by_each_column_narrowed_by_each_choice_and_downloaded(
    open_list: Callable[[str], tuple[FlaskClient, str]], name: str
) -> None:
    browser, address = open_list(name)
    browser.get(address)  # an administrator is then in the access log
    page = browser.get(address).text
    position = re.search(r'role="status">\d+–(\d+) of \1<', page)
    assert position, "the list says which rows are shown"
    sorts = {
        match.removeprefix("-") for link in find_links(page, "sort") for match in re.findall(r"sort=([\w-]+)", link)
    }
    assert sorts
    for sort in [*sorts, *(f"-{name}" for name in sorts)]:
        sorted_page = browser.get(address, query_string={"sort": sort}).text
        assert position[0] in sorted_page, sort
        assert "aria-sort" in sorted_page
    tools = page[page.index('class="list-tools"') :].partition("</form>")[0]
    for select in re.findall(r'<select[^>]* name="(\w+)".*?</select>', tools, re.DOTALL):
        options = re.search(rf'<select[^>]* name="{select}".*?</select>', tools, re.DOTALL)
        assert options
        for value in re.findall(r'<option value="([^"]*)"', options[0]):
            assert browser.get(address, query_string={select: html.unescape(value)}).status_code == 200
    assert browser.get(address, query_string={"q": "no such words"}).text.count("matches “no such words”") == 1
    (link,) = find_links(page, "format")
    response = browser.get(link)
    assert response.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(response.data.decode("utf-8-sig"))))
    assert len(rows) == int(position[1]) + 1


@pytest.mark.parametrize("name", LISTS)
def test_every_row_is_on_one_page_however_the_list_is_sorted(
    open_list: Callable[[str], tuple[FlaskClient, str]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, address = open_list(name)
    browser.get(address)
    monkeypatch.setattr(lists, "PAGE_SIZES", (1, 25))
    (sort,) = {find_sort(link) for link in find_links(browser.get(address).text, "sort")[:1]}
    for order in (sort, f"-{sort}"):
        whole = browser.get(address, query_string={"sort": order, "format": "csv"}).text.splitlines()
        pages = list(walk(browser, f"{address}?size=1&sort={order}"))
        positions = [re.search(r'class="list-position">\s*<span role="status">([^<]+)<', page) for page in pages]
        total = len(list(csv.reader(io.StringIO("\n".join(whole))))) - 1
        assert [each and each[1] for each in positions] == [f"{n}–{n} of {total}" for n in range(1, total + 1)]
        if total > 1:
            last = find_page_link(pages[-2], NEXT)
            assert last
            assert len(list(walk(browser, last, PREVIOUS))) == total


def find_sort(link: str) -> str:
    """Return the column by which a link sorts."""
    return re.findall(r"sort=-?([\w-]+)", link)[0]


def test_no_list_is_left_out() -> None:
    names = [each.name for each in pkgutil.walk_packages(tracker.__path__, "tracker.")]
    modules = [import_module(name) for name in names if not re.search(r"subprocess|sandbox|gunicorn", name)]
    constants = [each for module in modules for each in vars(module).values()]
    definitions = {each.name for each in constants if isinstance(each, ListDefinition)}
    assert definitions == {
        "people", "candidates", "allocations", "visits", "retention", "imports", "jobs", "units", "qualifications", "evidence", "access-log",
        "my-signatures", "my-sign-ins", "queue", "units-to-verify", "other-units", "action-points",
        "coverage-by-method", "coverage", "staff-register", "cpd-log", "to-countersign", "assessors-to-countersign",
        "question-bank", "questions-to-ask",
        "witness-list",
    }, "a new list needs a row of LISTS too"  # fmt: skip
