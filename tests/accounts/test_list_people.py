"""The list of a centre's people, for its administrators only."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.assessment.addresses import unconfirm
from tests.factories import World, grant, make_person
from tests.list_pages import walk
from tracker import clock
from tracker.background.delivery_failures import record_failure
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person
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


def test_search_finds_the_beginning_of_a_name_or_email(world: World, client: ClientFor) -> None:
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
    *others, third = walk(dan, f"/centres/{world.northgate.id}/people")
    assert len(others) == 2
    assert "Person 114" in third


class TestAddresses:
    @pytest.fixture(autouse=True)
    def addresses(self, world: World) -> None:
        """Bob has not confirmed his address, an email to Carol failed; so it is with Ivy (invited) and Paul (closed)."""
        unconfirm(world.bob)
        with transaction():
            make_person("Ivy Okafor", world.northgate, Role.CANDIDATE).password_hash = None
            make_person("Paul Reid", world.northgate, Role.ASSESSOR).deactivated_at = clock.now()
        unconfirm(*db.session.query(Person).where(Person.name.in_(["Ivy Okafor", "Paul Reid"])))
        for name in ("carol.hughes", "ivy.okafor", "paul.reid"):
            record_failure(f"{name}@example.org", 550, given_up=False)

    def test_the_list_marks_them(self, world: World, client: ClientFor) -> None:
        page = people_page(client(world.dan), world)
        rows = {
            name: row for row in page.split("<tr>") for name in ("Bob", "Carol", "Ivy", "Paul", "Dan") if name in row
        }
        marks = {name: ["Address not confirmed" in row, "Email not delivered" in row] for name, row in rows.items()}
        assert marks == {
            "Bob": [True, False],
            "Carol": [False, True],
            "Ivy": [False, True],  # that she is invited says it
            "Paul": [False, False],  # nothing is sent to a closed account
            "Dan": [False, False],
        }

    @pytest.mark.parametrize(
        ("state", "names"), [("unconfirmed", "Bob Archer"), ("undelivered", "Carol Hughes, Ivy Okafor")]
    )
    def test_the_list_is_narrowed_to_them(self, world: World, client: ClientFor, state: str, names: str) -> None:
        table = client(world.dan).get(f"/centres/{world.northgate.id}/people?address={state}&format=csv")
        heads, *rows = table.data.decode("utf-8-sig").splitlines()
        assert heads == "Name,Email,Roles,Account,Address,Added"
        assert ", ".join(row.split(",")[0] for row in rows) == names
        words = "Address not confirmed" if state == "unconfirmed" else "Email not delivered"
        assert all(words in row for row in rows)

    def test_the_page_of_a_person_says_it(self, world: World, client: ClientFor) -> None:
        dan = client(world.dan)

        def page(person: Person) -> str:
            return dan.get(f"/centres/{world.northgate.id}/people/{person.id}").text

        assert "<b>Address not confirmed.</b>" in page(world.bob)
        assert "This installation sends no emails." in page(world.bob)
        assert "Address confirmed on 1 September 2026." in page(world.carol)
        assert "<b>Email not delivered.</b>" in page(world.carol)
        paul = db.session.query(Person).where(Person.name == "Paul Reid").one()
        assert "not confirmed" not in page(paul)
        assert "not delivered" not in page(paul)

    @pytest.mark.usefixtures("mail_server")
    def test_the_page_says_how_an_address_is_confirmed(self, world: World, client: ClientFor) -> None:
        page = client(world.dan).get(f"/centres/{world.northgate.id}/people/{world.bob.id}").text
        assert "They send it to themselves under My account." in page
