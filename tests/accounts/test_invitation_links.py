"""The invitation links of everybody who has none, made at once where no emails are sent."""

import csv
import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories import World, grant, make_person
from tracker import clock
from tracker.accounts.views import invitation_links
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import AccountLink, Event, Person
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]


@pytest.fixture
def invited(world: World) -> list[Person]:
    """Three people whom Dan's import has added, and who have no link."""
    with transaction():
        people = [
            make_person(name, world.northgate, Role.CANDIDATE) for name in ("Ivy Okafor", "Jack Lee", "Kim Lau")
        ]
        for person in people:
            person.password_hash = None
    return people


def address(world: World) -> str:
    return f"/centres/{world.northgate.id}/people/invitation-links"


def find_links(page: str) -> list[str]:
    return re.findall(r"/links/[\w-]+", page)


def test_links_of_all_are_made_and_recorded_one_by_one(
    world: World, client: ClientFor, anonymous: FlaskClient, invited: list[Person]
) -> None:
    dan = client(world.dan)
    page = dan.get(address(world)).text
    assert "3 people have no link yet" in page
    assert find_links(page) == []
    page = dan.post(address(world), data={"act": "show"}).text
    links = find_links(page)
    assert len(links) == 3
    assert [each.name for each in invited if each.name in page] == ["Ivy Okafor", "Jack Lee", "Kim Lau"]
    assert "Ivy Okafor" in html.unescape(anonymous.get(links[0]).text)
    events = db.session.scalars(select(Event).order_by(Event.seq)).all()
    assert [(each.act, each.object_id, each.actor_id) for each in events] == [
        ("link_issued", person.id, world.dan.id) for person in invited
    ]
    assert all(b"shown_to_administrator" in each.body for each in events)


def test_the_file_has_a_row_for_each_person(
    world: World, client: ClientFor, anonymous: FlaskClient, invited: list[Person]
) -> None:
    answer = client(world.dan).post(address(world), data={"act": "csv"})
    assert "attachment; filename=invitation-links-" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(answer.data.decode("utf-8-sig").splitlines()))
    assert [row["Name"] for row in rows] == [person.name for person in invited]
    assert rows[0]["Roles"] == "Candidate"
    assert all(anonymous.get(path).status_code == 200 for row in rows for path in find_links(row["Invitation link"]))


def test_a_link_that_was_handed_over_still_works(
    world: World, client: ClientFor, anonymous: FlaskClient, invited: list[Person]
) -> None:
    dan = client(world.dan)
    (handed_over,) = find_links(dan.post(f"/centres/{world.northgate.id}/people/{invited[0].id}/invite-again").text)
    assert "2 people have no link yet" in dan.get(address(world)).text
    assert len(find_links(dan.post(address(world), data={"act": "show"}).text)) == 2
    assert anonymous.get(handed_over).status_code == 200
    assert dan.post(address(world), data={"act": "show"}).status_code == 409, "nobody is without a link now"
    assert len(find_links(dan.post(address(world), data={"act": "show", "replace": "1"}).text)) == 3
    assert anonymous.get(handed_over).status_code == 409


def test_a_link_that_nobody_was_shown_or_that_expired_counts_as_none(
    world: World, client: ClientFor, invited: list[Person]
) -> None:
    dan = client(world.dan)
    dan.post(address(world), data={"act": "show"})
    assert "Everyone who needs a link has one." in dan.get(address(world)).text
    with transaction():
        for link in db.session.scalars(select(AccountLink).where(AccountLink.person_id == invited[1].id)):
            link.expires_at = clock.now() - timedelta(days=1)
    assert "1 person has no link yet" in dan.get(address(world)).text


def test_somebody_with_a_role_elsewhere_or_with_an_account_gets_none(
    world: World, client: ClientFor, invited: list[Person]
) -> None:
    with transaction():
        grant(invited[0], world.southbank, Role.CANDIDATE)
        invited[1].password_hash = world.alice.password_hash
        invited[2].grants[0].ends_at = clock.now()
    dan = client(world.dan)
    page = " ".join(dan.get(address(world)).text.split())
    assert "also at another centre, so the link is not shown" in page
    assert dan.post(address(world), data={"act": "show"}).status_code == 409


def test_no_links_are_shown_where_emails_are_sent(
    world: World, client: ClientFor, invited: list[Person], emails_to: Callable[..., list[str]]
) -> None:
    dan = client(world.dan)
    for answer in (dan.get(address(world)), dan.post(address(world), data={"act": "show"})):
        assert answer.status_code == 409
        assert "Invitations are emailed here" in answer.text
    assert address(world) not in dan.get(f"/centres/{world.northgate.id}/people").text
    assert address(world) not in dan.get("/").text


def test_people_and_home_lead_to_the_links(world: World, client: ClientFor, invited: list[Person]) -> None:
    dan = client(world.dan)
    assert address(world) in dan.get(f"/centres/{world.northgate.id}/people").text
    assert address(world) in dan.get("/").text


def test_of_many_people_the_first_are_named_and_the_others_counted(
    world: World, client: ClientFor, invited: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitation_links, "MAX_NAMED", 2)
    page = client(world.dan).get(address(world)).text
    assert "3 people have no link yet" in page
    assert "Jack Lee" in page
    assert "Kim Lau" not in page
    assert f'<a href="/centres/{world.northgate.id}/people?account=invited">1 other</a>' in page
