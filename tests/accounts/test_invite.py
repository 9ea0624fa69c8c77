"""Invitations to a centre: only the invited person sees the link."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.accounts.conftest import find_link
from tests.factories import World
from tracker import clock
from tracker.accounts.services.people import find_person
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import AccountLink, Grant, Person
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]
EmailsTo = Callable[..., list[str]]


def invite(browser: FlaskClient, world: World, **fields: str) -> TestResponse:
    form = {"name": "Ivy Okafor", "email": "ivy@example.org", "role": "candidate", **fields}
    return browser.post(f"/centres/{world.northgate.id}/people/invite", data=form, follow_redirects=True)


def test_administrator_invites_a_new_person(
    world: World, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    assert dan.get(f"/centres/{world.northgate.id}/people/invite").status_code == 200
    page = invite(dan, world)
    assert "An email about it is on its way to ivy@example.org." in page.text
    (mail,) = emails_to("ivy@example.org")
    assert "the role of candidate at Northgate Skills" in mail
    assert "within 14 days" in mail
    assert find_link(mail) not in page.text
    assert recorded_acts() == ["person_invited", "grant_given", "link_issued"]
    role = db.session.scalars(
        select(Grant).join(Person, Person.id == Grant.person_id).where(Person.email == "ivy@example.org")
    ).one()
    assert (role.role, role.centre_id, role.granted_by_id) == (Role.CANDIDATE, world.northgate.id, world.dan.id)


def test_person_with_an_account_gets_the_role_and_an_email(
    world: World, client: ClientFor, emails_to: EmailsTo
) -> None:
    page = invite(client(world.dan), world, name="Gracie", email=" Grace.Lam@EXAMPLE.org", role="internal_verifier")
    assert "Grace Lam has the role of internal verifier here." in page.text
    (mail,) = emails_to(world.grace)
    assert "/links/" not in mail
    assert "internal verifier at Northgate Skills" in mail
    db.session.refresh(world.grace)
    assert world.grace.name == "Grace Lam", "an administrator renames nobody"


def test_dates_limit_the_role(world: World, client: ClientFor, emails_to: EmailsTo) -> None:
    invite(client(world.dan), world, starts="2026-12-01", ends="2027-06-30")
    role = find_person("ivy@example.org").grants[0]
    assert clock.day_of(role.starts_at).isoformat() == "2026-12-01"
    assert clock.day_of(role.ends_at).isoformat() == "2027-06-30", "the last day is included"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "Enter a name"),
        ({"name": "I" * 10_000}, "at most 200 characters"),
        ({"email": "ivy"}, "Enter an email address"),
        ({"email": "ivy@example.org\r\nBcc: eve@example.org"}, "Enter an email address"),
        ({"role": "owner"}, "Not a valid choice"),
        ({"starts": "yesterday"}, "Enter a date"),
        ({"starts": "0001-01-01"}, "Enter a date"),
        ({"ends": "2020-01-01"}, "is not before the first day"),
        ({"starts": "2027-02-02", "ends": "2027-02-01"}, "is not before the first day"),
    ],
)
def test_invalid_input_is_explained_and_kept(
    world: World, client: ClientFor, emails_to: EmailsTo, fields: dict[str, str], sentence: str
) -> None:
    response = invite(client(world.dan), world, **fields)
    assert response.status_code == 422
    assert sentence in response.text
    if "name" not in fields:
        assert 'value="Ivy Okafor"' in response.text
    assert not db.session.scalars(select(Person).where(Person.name.like("I%"))).all()
    assert emails_to("ivy@example.org") == []


def test_same_role_twice_is_refused(world: World, client: ClientFor, emails_to: EmailsTo) -> None:
    dan = client(world.dan)
    invite(dan, world)
    response = invite(dan, world)
    assert response.status_code == 422
    assert "Ivy Okafor already has the role of candidate here" in response.text
    assert len(emails_to("ivy@example.org")) == 1


def test_second_role_does_not_invalidate_the_first_link(
    world: World, client: ClientFor, anonymous: FlaskClient, emails_to: EmailsTo
) -> None:
    dan = client(world.dan)
    invite(dan, world)
    page = invite(dan, world, role="assessor")
    assert "An email about it is on its way to ivy@example.org." in page.text, "and not an invitation"
    invitation, role_email = emails_to("ivy@example.org")
    assert "/links/" not in role_email
    assert anonymous.get(find_link(invitation)).status_code == 200


def test_administrator_cannot_invite_themselves(world: World, client: ClientFor) -> None:
    response = invite(client(world.dan), world, email=world.dan.email, role="internal_verifier")
    assert response.status_code == 422
    assert "You cannot give yourself a role" in response.text


def test_closed_account_cannot_be_invited(world: World, client: ClientFor) -> None:
    with transaction():
        world.frank.deactivated_at = clock.now()
    response = invite(client(world.dan), world, email=world.frank.email)
    assert response.status_code == 422
    assert "account with this address is closed" in response.text


def test_markup_in_a_name_is_escaped(world: World, client: ClientFor, mail_server: object) -> None:
    page = invite(client(world.dan), world, name="<img src=x onerror=alert(1)>").text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_administrator_sees_no_link_where_no_emails_are_sent(world: World, client: ClientFor) -> None:
    page = invite(client(world.dan), world).text
    assert "Show an invitation link on the person’s page" in page
    assert "/links/" not in page


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_invite(world: World, client: ClientFor, name: str) -> None:
    browser = client(getattr(world, name))
    assert browser.get(f"/centres/{world.northgate.id}/people/invite").status_code == 404
    assert invite(browser, world).status_code == 404
    assert not db.session.scalars(select(AccountLink)).all()


def test_a_link_that_was_never_emailed_does_not_stand_in_for_an_invitation(
    world: World, client: ClientFor, request: pytest.FixtureRequest
) -> None:
    """Emails are configured after Ivy was invited: her second role brings the invitation that she never got."""
    dan = client(world.dan)
    page = invite(dan, world)
    assert "This installation sends no emails." in page.text
    emails_to = request.getfixturevalue("emails_to")
    invite(dan, world, role="assessor")
    (mail,) = emails_to("ivy@example.org")
    assert mail.startswith("Your invitation to the evidence tracker")


def test_an_invitation_is_said_to_be_sent_only_when_it_is(
    world: World, client: ClientFor, emails_to: EmailsTo
) -> None:
    dan = client(world.dan)
    invite(dan, world)
    page = dan.post(
        f"/centres/{world.northgate.id}/people/{find_person('ivy@example.org').id}/invite-again",
        follow_redirects=True,
    )
    assert "A new invitation is on its way to ivy@example.org." in page.text
    assert [mail.partition("\n")[0] for mail in emails_to("ivy@example.org")] == [
        "Your invitation to the evidence tracker"
    ] * 2
