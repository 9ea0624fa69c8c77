"""Changed email addresses and resets of two-step verification: told at once, and in effect late or by two people."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests import factories
from tests.accounts.conftest import find_link
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, World
from tests.integrity.tampering import tampering_transaction
from tests.pausing import run_while_paused
from tracker import clock
from tracker.accounts.services import account_changes as services
from tracker.accounts.services.people import end_grant
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.integrity.account_changes import (
    find_ends_without_event,
    find_hasty_account_changes,
    find_other_addresses,
)
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger import events
from tracker.ledger.events import OPERATOR
from tracker.ledger.transactions import transaction
from tracker.models import AccountChange, Grant, Person, RecoveryCode, SecondFactor, UserSession
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]
EmailsTo = Callable[..., list[str]]
NEW = "bob@northgate.example.org"
A_DAY = timedelta(hours=24)


@pytest.fixture
def dora(world: World) -> Person:
    """The second administrator of Northgate."""
    with transaction():
        return factories.make_person("Dora Bell", world.northgate, Role.ADMINISTRATOR)


@pytest.fixture
def bobs_app(world: World) -> SecondFactor:
    with transaction():
        return factories.make_app(world.bob)


def ask_for_address(world: World, email: str = NEW, person: Person | None = None) -> AccountChange:
    with transaction():
        return services.request_email_change(
            person or world.bob, world.northgate, email, factories.make_actor(world.dan)
        )


def ask_for_reset(world: World) -> AccountChange:
    with transaction():
        return services.request_two_step_reset(world.bob, world.northgate, factories.make_actor(world.dan))


def approve(change: AccountChange, person: Person) -> None:
    with transaction():
        services.approve_change(db.session.get_one(AccountChange, change.id), factories.make_actor(person))


def address_of(person: Person) -> str:
    db.session.rollback()
    return db.session.scalars(select(Person.email).where(Person.id == person.id)).one()


def path(world: World, ending: str = "", person: Person | None = None) -> str:
    return f"/centres/{world.northgate.id}/people/{(person or world.bob).id}{ending}"


def wait(time: timedelta) -> None:
    clock.frozen = clock.now() + time


def list_faults() -> list[str]:
    db.session.rollback()
    ledger = LedgerSnapshot()
    return [*find_hasty_account_changes(ledger), *find_ends_without_event(ledger), *find_other_addresses(ledger)]


def find_cancel_link(email: str) -> str:
    match = re.search(r"https?://[^/\s]+(/account-changes/\S+)", email)
    assert match, email
    return match.group(1)


def test_the_old_address_is_emailed_at_once_and_nothing_changes_yet(
    world: World, client: ClientFor, dora: Person, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    before = world.bob.email
    dan = client(world.dan)
    response = dan.post(path(world, "/email"), data={"email": NEW.upper(), "password": PASSWORD})
    assert response.status_code == 303
    page = dan.get(response.location).text
    assert f"Email address from {before} to {NEW}" in page
    assert "Approve" not in page  # Dan asked for it
    assert address_of(world.bob) == before
    (message,) = emails_to(before)
    assert "Dan Price at Northgate Skills asked for a change of your account" in message
    assert emails_to(NEW) == []
    assert f"Check with Bob Archer first: https://tracker.example.org{path(world)}" in emails_to(dora)[0]
    assert recorded_acts() == ["account_change_requested"]
    assert "account-changes/" not in emails_to(dora)[0]


def test_a_changed_address_takes_effect_after_24_hours_with_the_workers_next_run(
    world: World, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    before = world.bob.email
    ask_for_address(world)
    wait(A_DAY - timedelta(seconds=1))
    assert services.apply_due_changes() == 0
    wait(timedelta(seconds=1))
    assert services.apply_due_changes() == 1
    assert address_of(world.bob) == NEW
    assert services.apply_due_changes() == 0
    assert "was changed from" in emails_to(NEW)[0]
    assert "was changed from" in emails_to(before)[-1]
    assert recorded_acts() == ["account_change_requested", "email_changed"]
    assert list_faults() == []


def test_signing_in_applies_what_is_due_first(world: World, app: Flask, emails_to: EmailsTo) -> None:
    before = world.bob.email
    ask_for_address(world)
    wait(A_DAY)
    browser = app.test_client()
    assert browser.post("/sign-in", data={"email": before, "password": PASSWORD}).status_code == 422
    assert address_of(world.bob) == NEW
    assert browser.post("/sign-in", data={"email": NEW, "password": PASSWORD}).status_code == 303


def test_the_new_address_signs_in_as_soon_as_it_is_due(world: World, app: Flask, emails_to: EmailsTo) -> None:
    ask_for_address(world)
    wait(A_DAY)
    assert app.test_client().post("/sign-in", data={"email": NEW, "password": PASSWORD}).status_code == 303


def test_no_password_link_goes_to_an_address_that_was_replaced(world: World, app: Flask, emails_to: EmailsTo) -> None:
    before = world.bob.email
    browser = app.test_client()
    browser.post("/forgotten-password", data={"email": before})
    link = find_link(emails_to(before)[0])
    ask_for_address(world)
    wait(A_DAY)
    browser.post("/forgotten-password", data={"email": before})
    assert not any("/links/" in each for each in emails_to(before)[1:])
    assert browser.get(link).status_code == 409  # and the one sent before no longer works


def test_a_second_administrator_approves_and_it_takes_effect_now(
    world: World, client: ClientFor, dora: Person, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    change = ask_for_address(world)
    second = client(dora)
    assert "Approve" in second.get(path(world)).text
    approval = path(world, f"/changes/{change.id}/approve")
    assert "make sure that they asked for it" in second.get(approval).text
    assert second.post(approval, data={"password": "wrong"}).status_code == 422
    response = second.post(approval, data={"password": PASSWORD})
    assert response.status_code == 303
    assert address_of(world.bob) == NEW
    assert "approved by Dora Bell" in second.get(response.location).text
    assert recorded_acts() == ["account_change_requested", "email_changed"]
    assert list_faults() == []


def test_neither_the_requester_nor_the_person_can_approve(world: World, dora: Person, emails_to: EmailsTo) -> None:
    change = ask_for_address(world, person=dora)
    with pytest.raises(Refused, match="You asked for this change"):
        approve(change, world.dan)
    with pytest.raises(Refused, match="your own account"):
        approve(change, dora)
    assert address_of(dora) == "dora.bell@example.org"


def test_the_database_refuses_an_approval_by_the_requester(world: World, emails_to: EmailsTo) -> None:
    change = ask_for_address(world)
    for approver in (world.dan, world.bob):
        values = {"approved_by_id": approver.id, "applied_at": clock.now()}
        with pytest.raises(IntegrityError, match="by_a_second_person"):
            db.session.execute(update(AccountChange).where(AccountChange.id == change.id).values(values))
        db.session.rollback()


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_nobody_but_the_centres_administrators_asks_approves_or_cancels(
    world: World, client: ClientFor, emails_to: EmailsTo, bobs_app: SecondFactor, name: str
) -> None:
    change = ask_for_address(world)
    browser = client(getattr(world, name))
    rests = ("/name", "/email", "/reset-two-step-verification", f"/changes/{change.id}/approve")
    for ending in (*rests, f"/changes/{change.id}/cancel"):
        data = {"password": PASSWORD, "email": "x@example.org", "name": "Somebody Else"}
        assert browser.post(path(world, ending), data=data).status_code == 404
    if name != "bob":
        assert browser.post(f"/account/changes/{change.id}/cancel").status_code == 404
    db.session.rollback()
    assert db.session.get_one(AccountChange, change.id).is_waiting
    assert address_of(world.bob) == world.bob.email


def test_a_change_is_not_reached_through_another_centre(world: World, client: ClientFor, emails_to: EmailsTo) -> None:
    """Heidi gives Bob a role at Southbank: she then sees his page there, and none of Northgate's changes."""
    change = ask_for_address(world)
    with transaction():
        factories.grant(world.bob, world.southbank, Role.ASSESSOR)
    heidi = client(world.heidi)
    address = f"/centres/{world.southbank.id}/people/{world.bob.id}"
    assert heidi.post(f"{address}/changes/{change.id}/approve", data={"password": PASSWORD}).status_code == 404
    assert heidi.post(f"{address}/changes/{change.id}/cancel").status_code == 404
    assert heidi.post(f"{address}/email", data={"email": NEW, "password": PASSWORD}).status_code == 409


def test_only_another_account_with_all_its_roles_at_the_centre_can_be_changed(
    world: World, emails_to: EmailsTo, bobs_app: SecondFactor
) -> None:
    with pytest.raises(Refused, match="your own account"):
        ask_for_address(world, person=world.dan)
    with transaction():
        factories.grant(world.bob, world.southbank, Role.ASSESSOR)
    for ask in (ask_for_address, ask_for_reset):
        with pytest.raises(Refused, match="a role at another centre too"):
            ask(world)
    with transaction():
        ann = factories.make_person("Ann Other")
    with pytest.raises(Refused, match="no role here now"):
        ask_for_address(world, person=ann)


def test_a_change_is_refused_where_no_emails_are_sent(world: World, bobs_app: SecondFactor) -> None:
    for ask in (ask_for_address, ask_for_reset):
        with pytest.raises(Refused, match="sends no emails"):
            ask(world)


def test_the_page_refuses_before_it_asks_for_a_password_where_no_emails_are_sent(
    world: World, client: ClientFor, bobs_app: SecondFactor
) -> None:
    dan = client(world.dan)
    for ending in ("/email", "/reset-two-step-verification"):
        answer = dan.get(path(world, ending))
        assert answer.status_code == 409
        assert "This installation sends no emails" in answer.text
        assert "gets an email about it now" not in answer.text
    page = dan.get(path(world)).text
    assert "Your system operator can change the email address" in " ".join(page.split())
    assert "Change email address" not in page
    assert "Reset two-step verification</a>" not in page


def test_a_corrected_address_promises_no_email_where_none_are_sent(world: World, client: ClientFor) -> None:
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        ivy.password_hash = None
    dan = client(world.dan)
    assert "gets an email" not in dan.get(path(world, "/email", ivy)).text
    data = {"email": "ivy@example.com", "password": PASSWORD}
    page = dan.post(path(world, "/email", ivy), data=data, follow_redirects=True).text
    assert "The address is changed. This installation sends no emails. Show an invitation link" in page


@pytest.mark.parametrize("email", ["alice.moran@example.org", "bob.archer@example.org", "bob", "bób@example.org"])
def test_an_address_in_use_or_unusable_is_refused(world: World, emails_to: EmailsTo, email: str) -> None:
    with pytest.raises(Invalid) as error:
        ask_for_address(world, email)
    assert error.value.field == "email"


def test_one_change_of_a_kind_waits_at_a_time(world: World, emails_to: EmailsTo, bobs_app: SecondFactor) -> None:
    ask_for_address(world)
    with pytest.raises(Refused, match="asked for already"):
        ask_for_address(world, "other@example.org")
    ask_for_reset(world)


def test_the_person_cancels_with_the_link_in_the_email_by_a_button(
    world: World, app: Flask, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    change = ask_for_address(world)
    link = find_cancel_link(emails_to(world.bob)[0])
    browser = app.test_client()
    assert "Cancel this change" in browser.get(link).text
    assert db.session.get_one(AccountChange, change.id).is_waiting  # opening the link changes nothing
    assert browser.post(link).status_code == 303
    assert browser.post(link).status_code == 409
    assert "was cancelled on" in browser.get(link).text
    wait(A_DAY)
    assert services.apply_due_changes() == 0
    assert "was cancelled" in emails_to(world.dan)[-1]
    assert recorded_acts() == ["account_change_requested", "account_change_cancelled"]
    assert list_faults() == []
    with pytest.raises(NotFound):
        services.get_change_by_token("no-such-token")


def test_the_person_cancels_on_their_own_account_page(world: World, client: ClientFor, emails_to: EmailsTo) -> None:
    change = ask_for_address(world)
    bob = client(world.bob)
    assert f"Email address from {world.bob.email} to {NEW}" in bob.get("/account").text
    assert bob.post(f"/account/changes/{change.id}/cancel").status_code == 303
    assert "cancelled" in bob.get("/account").text
    with pytest.raises(Refused, match="was cancelled"):
        approve(change, world.dan)


def test_an_administrator_cancels(world: World, client: ClientFor, dora: Person, emails_to: EmailsTo) -> None:
    change = ask_for_address(world)
    assert client(dora).post(path(world, f"/changes/{change.id}/cancel")).status_code == 303
    db.session.rollback()
    assert db.session.get_one(AccountChange, change.id).cancelled_by_id == dora.id
    assert "was cancelled" in emails_to(world.bob)[-1]


def test_a_reset_removes_factors_codes_and_sessions_when_it_takes_effect(
    world: World,
    client: ClientFor,
    dora: Person,
    bobs_app: SecondFactor,
    emails_to: EmailsTo,
    recorded_acts: Callable[[], list[str]],
) -> None:
    with transaction():
        db.session.add(RecoveryCode(person_id=world.bob.id, code_hash="x", created_at=clock.now()))
    bob = client(world.bob)
    change = ask_for_reset(world)
    assert bob.get("/queue").status_code == 200
    approve(change, dora)
    db.session.rollback()
    assert db.session.scalars(select(SecondFactor).where(SecondFactor.person_id == world.bob.id)).all() == []
    assert db.session.scalars(select(RecoveryCode).where(RecoveryCode.person_id == world.bob.id)).all() == []
    open_sessions = select(UserSession).where(UserSession.person_id == world.bob.id, UserSession.ended_at.is_(None))
    assert db.session.scalars(open_sessions).all() == []
    assert bob.get("/queue").status_code == 302
    assert "An administrator of your centre removed your two-step verification" in emails_to(world.bob)[-1]
    assert recorded_acts() == ["account_change_requested", "two_step_verification_reset"]
    assert list_faults() == []


def test_signing_in_after_24_hours_finds_two_step_verification_reset(
    world: World, app: Flask, bobs_app: SecondFactor, emails_to: EmailsTo
) -> None:
    ask_for_reset(world)
    wait(A_DAY)
    browser = app.test_client()
    browser.post("/sign-in", data={"email": world.bob.email, "password": PASSWORD})
    assert browser.get("/queue").location.startswith("/account/two-step-verification")


def test_a_reset_for_somebody_without_factors_is_refused(world: World, emails_to: EmailsTo) -> None:
    with pytest.raises(Refused, match="has not set up two-step verification"):
        ask_for_reset(world)


def test_an_address_that_was_replaced_lately_is_emailed_about_a_reset_too(
    world: World, dora: Person, bobs_app: SecondFactor, emails_to: EmailsTo
) -> None:
    before = world.bob.email
    approve(ask_for_address(world), dora)
    ask_for_reset(world)
    for address in (before, NEW):
        assert "Reset of two-step verification" in emails_to(address)[-1]
    assert find_cancel_link(emails_to(before)[-1]) == find_cancel_link(emails_to(NEW)[-1])


def test_a_change_is_cancelled_when_its_requester_is_no_longer_an_administrator(
    world: World, dora: Person, emails_to: EmailsTo
) -> None:
    change = ask_for_address(world)
    with transaction():
        role = db.session.scalars(select(Grant).where(Grant.person_id == world.dan.id)).one()
        end_grant(role, factories.make_actor(dora))
    with pytest.raises(Refused, match="no longer an administrator"):
        approve(change, dora)
    wait(A_DAY)
    assert services.apply_due_changes() == 1
    db.session.rollback()
    cancelled = db.session.get_one(AccountChange, change.id)
    assert cancelled.cancelled_because == "Who asked for it is no longer an administrator here."
    assert address_of(world.bob) != NEW
    assert list_faults() == []


def test_an_address_taken_meanwhile_cancels_the_change(world: World, emails_to: EmailsTo) -> None:
    change = ask_for_address(world)
    with transaction():
        factories.make_person("Somebody Else").email = NEW
    wait(A_DAY)
    services.apply_due_changes()
    db.session.rollback()
    assert (
        db.session.get_one(AccountChange, change.id).cancelled_because == "Another account has the new address now."
    )


def test_the_address_of_an_invited_person_is_corrected_at_once(
    world: World, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    dan.post(
        f"/centres/{world.northgate.id}/people/invite",
        data={"name": "Ivy Okafor", "email": "ivy@exmaple.org", "role": "candidate"},
    )
    old_link = find_link(emails_to("ivy@exmaple.org")[0])
    ivy = db.session.scalars(select(Person).where(Person.email == "ivy@exmaple.org")).one()
    data = {"email": "ivy@example.org", "password": PASSWORD}
    assert dan.post(path(world, "/email", ivy), data=data).status_code == 303
    assert address_of(ivy) == "ivy@example.org"
    assert dan.get(old_link).status_code == 409
    assert dan.get(find_link(emails_to("ivy@example.org")[0])).status_code == 200
    assert recorded_acts()[-3:] == ["account_change_requested", "email_changed", "link_issued"]
    assert list_faults() == []


def test_the_operator_changes_an_address_at_once_and_both_addresses_are_emailed(
    world: World, app: Flask, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    before = world.bob.email
    db.session.commit()
    result = app.test_cli_runner().invoke(args=["people", "change-email", before, NEW])
    assert result.exit_code == 0, result.output
    assert address_of(world.bob) == NEW
    for address in (before, NEW):
        assert "was changed from" in emails_to(address)[0]
    assert recorded_acts() == ["account_change_requested", "email_changed"]
    assert list_faults() == []
    repeated = app.test_cli_runner().invoke(args=["people", "change-email", before, "x@example.org"])
    assert (repeated.exit_code, "has no account here" in repeated.output) == (1, True)


def test_only_one_of_a_simultaneous_approval_and_cancellation_counts(
    app: Flask, world: World, client: ClientFor, dora: Person, emails_to: EmailsTo
) -> None:
    change = ask_for_address(world)
    approval, cancelling = path(world, f"/changes/{change.id}/approve"), f"/account/changes/{change.id}/cancel"

    def approve_it(browser: FlaskClient) -> Any:
        return browser.post(approval, data={"password": PASSWORD}).status_code

    def cancel_it(browser: FlaskClient) -> Any:
        return browser.post(cancelling).status_code

    answers = run_concurrently(app, (client(dora), approve_it), (client(world.bob), cancel_it))
    assert answers in ([303, 409], [422, 303])
    assert (address_of(world.bob) == NEW) is (answers[0] == 303)
    assert list_faults() == []


def test_the_worker_and_a_sign_in_apply_a_change_once(
    app: Flask, world: World, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    ask_for_address(world)
    wait(A_DAY)
    run_while_paused(
        app, (services, "_find_obstacle"), services.apply_due_changes, lambda: services.apply_due_changes(NEW)
    )
    assert address_of(world.bob) == NEW
    assert recorded_acts() == ["account_change_requested", "email_changed"]


def test_a_change_that_was_never_approved_is_reported_by_verify(
    world: World, dora: Person, emails_to: EmailsTo
) -> None:
    change = ask_for_address(world)
    with tampering_transaction():
        row = db.session.get_one(AccountChange, change.id)
        services._apply(row, factories.make_actor(world.dan))
        assert_is_named("was asked for and done by the same person")
    with tampering_transaction():
        row = db.session.get_one(AccountChange, change.id)
        services._apply(row, OPERATOR)
        assert_is_named("took effect before the waiting time was over")
    approve(change, dora)
    with tampering_transaction():
        db.session.execute(update(Person).where(Person.id == world.bob.id).values(email="x@example.org"))
        assert_is_named("has another address than it was changed to")
    with tampering_transaction():
        db.session.execute(update(AccountChange).values(applied_at=None, approved_by_id=None))
        assert_is_named("did not end as its events say")


def assert_is_named(words: str) -> None:
    db.session.flush()
    events.append_queued()
    ledger = LedgerSnapshot()
    faults = [*find_hasty_account_changes(ledger), *find_ends_without_event(ledger), *find_other_addresses(ledger)]
    assert any(words in fault for fault in faults), faults
