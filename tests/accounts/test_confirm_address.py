"""Confirmed email addresses: a link that was emailed and used confirms one, a link handed over does not."""

import re
import smtplib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests import factories
from tests.accounts.conftest import MailServer, find_link
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, World, make_actor
from tests.integrity.tampering import tampering_transaction
from tracker.accounts.services import account_changes, people
from tracker.accounts.services.account_links import issue_link, issue_shown_link, send_link, use_link
from tracker.extensions import db
from tracker.integrity.confirmed_addresses import find_other_confirmations
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger.events import OPERATOR
from tracker.ledger.transactions import transaction
from tracker.models import AccountLink, Person
from tracker.vocabulary import LinkPurpose, Role

ClientFor = Callable[..., FlaskClient]
EmailsTo = Callable[..., list[str]]
NOON = datetime(2026, 12, 3, 12, 0, tzinfo=UTC)
NEW = "seven quiet otters"
ASK = "/account/confirm-address"
BUTTON = "Send a link to confirm this address"


@pytest.fixture
def ivy(world: World) -> Person:
    """Somebody who is invited, and has not confirmed their address."""
    with transaction():
        return people.find_or_create_person("ivy@example.org", "Ivy Okafor", make_actor(world.dan))


@pytest.fixture
def alice(world: World) -> Person:
    """Alice, who has not confirmed her address."""
    with transaction():
        world.alice.email_confirmed_at = None
    return world.alice


def confirmed_at(person: Person) -> datetime | None:
    db.session.rollback()
    return db.session.scalars(select(Person.email_confirmed_at).where(Person.id == person.id)).one()


def accept(browser: FlaskClient, path: str) -> None:
    assert browser.post(path, data={"name": "Ivy Okafor", "password": NEW}).status_code == 303


def read(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", "", page).split())


def test_an_emailed_invitation_confirms_the_address(
    world: World,
    ivy: Person,
    anonymous: FlaskClient,
    emails_to: EmailsTo,
    recorded_acts: Callable[[], list[str]],
    freeze_clock: Callable[[datetime], None],
) -> None:
    freeze_clock(NOON)
    with transaction():
        people.give_role(ivy, world.northgate, Role.CANDIDATE, make_actor(world.dan))
    accept(anonymous, find_link(emails_to(ivy)[0]))
    assert confirmed_at(ivy) == NOON
    assert recorded_acts()[-2:] == ["invitation_accepted", "email_confirmed"]


def test_an_invitation_that_the_administrator_was_shown_confirms_nothing(
    world: World, ivy: Person, anonymous: FlaskClient
) -> None:
    with transaction():
        path = issue_shown_link(ivy, world.northgate, make_actor(world.dan))
    accept(anonymous, path)
    assert confirmed_at(ivy) is None


def test_a_link_that_a_command_printed_confirms_nothing(
    app: Flask, alice: Person, anonymous: FlaskClient, mail_server: MailServer
) -> None:
    result = app.test_cli_runner().invoke(args=["people", "reset-password", alice.email])
    assert anonymous.post(find_link(result.output), data={"password": NEW}).status_code == 303
    assert confirmed_at(alice) is None


def test_an_emailed_reset_of_the_password_confirms_the_address(
    alice: Person, anonymous: FlaskClient, emails_to: EmailsTo
) -> None:
    anonymous.post("/forgotten-password", data={"email": alice.email})
    assert anonymous.post(find_link(emails_to(alice)[0]), data={"password": NEW}).status_code == 303
    assert confirmed_at(alice)


def test_alice_confirms_her_address_from_her_account(
    alice: Person,
    client: ClientFor,
    emails_to: EmailsTo,
    recorded_acts: Callable[[], list[str]],
    freeze_clock: Callable[[datetime], None],
) -> None:
    freeze_clock(NOON)
    browser = client(alice)
    page = browser.get("/account").text
    assert "Your email address is not confirmed." in page
    assert BUTTON in page
    page = browser.post(ASK, follow_redirects=True).text
    assert f"A link is on its way to {alice.email}." in page
    (mail,) = emails_to(alice)
    assert mail.startswith("Confirm your email address\n")
    path = find_link(mail)
    assert f"a link that was emailed to {alice.email}" in browser.get(path).text
    assert confirmed_at(alice) is None  # a mail scanner follows links too
    page = browser.post(path, follow_redirects=True).text
    assert f"{alice.email} is confirmed." in page
    assert "Your email address was confirmed on 3 December 2026." in page
    assert BUTTON not in page
    assert confirmed_at(alice) == NOON
    assert recorded_acts() == ["link_issued", "email_confirmed"]


def test_the_link_works_once(alice: Person, client: ClientFor, emails_to: EmailsTo) -> None:
    browser = client(alice)
    browser.post(ASK)
    path = find_link(emails_to(alice)[0])
    browser.post(path)
    for answer in (browser.get(path), browser.post(path)):
        assert answer.status_code == 409
        assert "was already used" in answer.text
        assert "Ask for a new link under My account." in answer.text


def test_the_link_is_confirmed_once_by_two_browsers_at_once(
    app: Flask, alice: Person, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    browsers = [client(alice), client(alice)]
    browsers[0].post(ASK)
    path = find_link(emails_to(alice)[0])
    answers = run_concurrently(app, *((each, lambda browser: browser.post(path).status_code) for each in browsers))
    assert sorted(answers) == [303, 409]
    assert recorded_acts().count("email_confirmed") == 1


def test_the_link_expires_after_a_day(
    alice: Person, client: ClientFor, emails_to: EmailsTo, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(NOON)
    client(alice).post(ASK)
    path = find_link(emails_to(alice)[0])
    freeze_clock(NOON + timedelta(hours=23, minutes=59))
    assert client(alice).get(path).status_code == 200
    freeze_clock(NOON + timedelta(hours=24))
    assert client(alice).post(path).status_code == 409
    assert confirmed_at(alice) is None


def test_only_the_signed_in_person_can_use_it(
    world: World, alice: Person, client: ClientFor, anonymous: FlaskClient, emails_to: EmailsTo
) -> None:
    client(alice).post(ASK)
    path = find_link(emails_to(alice)[0])
    assert "/sign-in?next=" in anonymous.get(path).location
    bob = client(world.bob)
    for answer in (bob.get(path), bob.post(path)):
        assert answer.status_code == 409
        assert "is for another account" in answer.text
    assert confirmed_at(alice) is None
    assert client(alice).post(path).status_code == 303


def test_the_link_cannot_set_a_password(
    alice: Person, client: ClientFor, anonymous: FlaskClient, emails_to: EmailsTo
) -> None:
    client(alice).post(ASK)
    token = find_link(emails_to(alice)[0]).rpartition("/")[2]
    for answer in (anonymous.get(f"/links/{token}"), anonymous.post(f"/links/{token}", data={"password": NEW})):
        assert answer.status_code == 409
    with pytest.raises(Exception, match="already used"), transaction():
        use_link(token, "hash")
    db.session.refresh(alice)
    assert alice.password_hash == factories.PASSWORD_HASH


def test_a_link_for_a_password_is_not_one_to_confirm_with(alice: Person, client: ClientFor) -> None:
    with transaction():
        token = issue_link(alice, LinkPurpose.RESET, OPERATOR, is_emailed=True).rpartition("/")[2]
    assert client(alice).get(f"{ASK}/{token}").status_code == 409
    assert client(alice).post(f"{ASK}/{token}").status_code == 409
    assert confirmed_at(alice) is None


def test_a_changed_address_is_not_confirmed_until_its_own_link_is_used(
    world: World, client: ClientFor, emails_to: EmailsTo
) -> None:
    with transaction():
        account_changes.request_email_change(world.bob, None, "bob@northgate.example.org", OPERATOR)
    assert confirmed_at(world.bob) is None
    client(world.bob).post(ASK)
    client(world.bob).post(find_link(emails_to("bob@northgate.example.org")[-1]))
    assert confirmed_at(world.bob)


def test_a_link_emailed_to_the_earlier_address_confirms_nothing(
    alice: Person, client: ClientFor, emails_to: EmailsTo
) -> None:
    earlier = alice.email
    client(alice).post(ASK)
    with transaction():
        account_changes.request_email_change(alice, None, "alice@northgate.example.org", OPERATOR)
    assert client(alice).post(find_link(emails_to(earlier)[0])).status_code == 409
    with transaction():  # as if the link had been left open
        db.session.execute(update(AccountLink).values(used_at=None))
    assert client(alice).post(find_link(emails_to(earlier)[0])).status_code == 409
    assert confirmed_at(alice) is None


def test_the_first_confirmation_stays(world: World, anonymous: FlaskClient, emails_to: EmailsTo) -> None:
    before = world.alice.email_confirmed_at
    anonymous.post("/forgotten-password", data={"email": world.alice.email})
    anonymous.post(find_link(emails_to(world.alice)[0]), data={"password": NEW})
    assert confirmed_at(world.alice) == before


def test_a_changed_password_leaves_the_link_open(alice: Person, client: ClientFor, emails_to: EmailsTo) -> None:
    browser = client(alice)
    browser.post(ASK)
    path = find_link(emails_to(alice)[0])
    assert browser.post("/account", data={"current": PASSWORD, "password": NEW}).status_code == 303
    assert browser.post(path).status_code == 303


def test_the_fourth_link_has_to_wait(
    alice: Person, client: ClientFor, emails_to: EmailsTo, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(NOON)
    browser = client(alice)
    assert [browser.post(ASK).status_code for _ in range(4)] == [303, 303, 303, 422]
    assert "You asked for a link too often." in browser.post(ASK).text
    assert len(emails_to(alice)) == 3
    freeze_clock(NOON + timedelta(minutes=15, seconds=1))
    assert client(alice).post(ASK).status_code == 303


def test_nothing_is_sent_for_a_confirmed_address(world: World, client: ClientFor, emails_to: EmailsTo) -> None:
    answer = client(world.alice).post(ASK)
    assert answer.status_code == 409
    assert "is confirmed already. Nothing was sent." in answer.text
    assert emails_to(world.alice) == []


def test_where_no_emails_are_sent_the_account_says_so(alice: Person, client: ClientFor) -> None:
    browser = client(alice)
    page = read(browser.get("/account").text)
    assert "This installation sends no emails, so you cannot confirm it now." in page
    assert BUTTON not in page
    answer = browser.post(ASK)
    assert answer.status_code == 409
    assert "no address can be confirmed" in answer.text
    assert not db.session.scalars(select(AccountLink)).all()


def test_the_account_says_that_the_link_could_not_be_delivered(
    alice: Person, client: ClientFor, mail_server: MailServer, emails_to: EmailsTo
) -> None:
    mail_server.error = smtplib.SMTPRecipientsRefused({alice.email: (550, b"No such user")})
    browser = client(alice)
    browser.post(ASK)
    assert emails_to(alice) == []
    assert f"An email to {alice.email} could not be delivered on" in read(browser.get("/account").text)


def test_a_confirmation_without_its_event_is_detected(
    world: World, ivy: Person, anonymous: FlaskClient, mail_server: MailServer
) -> None:
    with transaction():
        path = send_link(ivy, LinkPurpose.INVITATION, make_actor(world.dan))
    accept(anonymous, path)

    def faults() -> list[str]:
        return [each for each in find_other_confirmations(LedgerSnapshot()) if f"person {ivy.id} " in each]

    assert faults() == []
    moment = confirmed_at(ivy)
    assert moment
    for value in (None, moment + timedelta(seconds=1)):
        with tampering_transaction():
            db.session.execute(update(Person).where(Person.id == ivy.id).values(email_confirmed_at=value))
            assert faults() == [f"person {ivy.id} did not confirm their address as the events say"]
