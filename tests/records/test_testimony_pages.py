"""Pages of testimonies: the witness's page without an account and without scripts, and those of candidate and assessor."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.factories import World
from tests.privacy.database_dump import dump_database
from tests.records.hidden_fields import read_fields
from tests.records.testimonies import (
    MARGARET,
    NARRATIVE,
    ask,
    authenticate,
    find_code,
    find_token,
    list_ids,
    sign,
    sign_in_person,
)
from tracker import clock
from tracker.clock import today
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, WitnessTestimony
from tracker.portfolio.queries.testimonies import find_state
from tracker.records.services.testifying import CODE_LIFETIME
from tracker.records.services.testimony_requests import AskedTestimony, hand_over
from tracker.vocabulary import Role, WitnessTestimonyState

Browser = Callable[..., FlaskClient]
Inbox = Callable[[Any], list[str]]
MAX_STATEMENTS = 9


@pytest.fixture
def inbox(emails_to: Inbox) -> Inbox:  # noqa: F811 - the fixture
    return emails_to


def type_form(attempt: Any, **fields: Any) -> dict[str, Any]:
    return {
        "name": "Margaret Ellis",
        "job": "Operations manager",
        "relationship": "Her line manager",
        "status": "familiar",
        "is_unrelated": "y",
        "narrative": NARRATIVE,
        "criterion": list_ids(attempt, "5"),
        "act": "code",
        **fields,
    }


def get_testimony() -> WitnessTestimony:
    db.session.rollback()
    return db.session.scalars(select(WitnessTestimony)).one()


def test_from_asking_to_evidence_without_scripts(
    world: World, client: Browser, anonymous: FlaskClient, inbox: Inbox
) -> None:
    """Alice asks Margaret, who signs on her phone; Bob authenticates it, and it is in his queue."""
    alice, bob = client(world.alice), client(world.bob)
    base = f"/attempts/{world.cfacc15.id}"
    assert f'href="{base}/testimonies"' in alice.get(base).text
    assert "No witness was asked" in alice.get(f"{base}/testimonies").text
    asked = {
        **read_fields(alice.get(f"{base}/testimonies/new").text),
        "witness_name": "Margaret Ellis",
        "email": f" {MARGARET} ",
        "title": "Late refund, case CH-2231",
        "happened_on": today().isoformat(),
        "place": "Leeds",
        "criterion": list_ids(world.cfacc15, "5", "6"),
    }
    answer = alice.post(f"{base}/testimonies/new", data=asked)
    assert answer.location == f"{base}/testimonies"
    assert "Waiting for the witness" in alice.get(answer.location).text

    page = f"/witness/{find_token(inbox)}"
    shown = anonymous.get(page).text
    assert "Witness testimony for Alice Moran" in shown
    assert "Late refund, case CH-2231" in shown
    assert "Sign and send" not in shown
    sent = anonymous.post(page, data=type_form(world.cfacc15)).text
    assert NARRATIVE in sent
    assert "We sent a code to" in sent
    typed = type_form(
        world.cfacc15, act="sign", code=find_code(inbox), signed_name="margaret  ellis", save_id="a" * 32
    )
    signed = anonymous.post(page, data=typed)
    assert signed.status_code == 303
    assert "saved-" in signed.headers["Set-Cookie"]  # the browser drops what it kept
    again = anonymous.get(page)
    assert again.status_code == 200
    assert "You have signed this testimony" in again.text
    assert NARRATIVE not in again.text

    queue = bob.get("/queue").text
    assert "Testimonies to authenticate" in queue
    answering = f"{base}/testimonies/{get_testimony().id}"
    assert f'href="{answering}"' in queue
    shown = bob.get(answering).text
    assert NARRATIVE in shown
    assert MARGARET in shown
    assert alice.get(answering).status_code == 404
    answer = bob.post(answering, data={**read_fields(shown), "answer": "authenticate"})
    assert answer.status_code == 303
    assert find_state(get_testimony()) is WitnessTestimonyState.AUTHENTICATED
    evidence = db.session.scalars(select(Evidence)).one()
    for reader in (alice, bob):
        record = reader.get(f"/records/{evidence.id}").text
        assert "Witness testimony for Alice Moran by Margaret Ellis" in record
        assert "Knows these standards from their work" in record
        assert "Write a new version" not in record
        assert "Print this record" in record
        assert NARRATIVE in record
    assert "Late refund" in bob.get("/queue").text
    assert bob.get(f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess").status_code == 200
    assert bob.get(f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}").status_code == 200
    assert "Margaret Ellis" in alice.get("/evidence").text


def test_the_form_that_is_sent_twice_asks_once(world: World, client: Browser, inbox: Inbox) -> None:
    alice, page = client(world.alice), f"/attempts/{world.cfacc15.id}/testimonies/new"
    asked = {
        **read_fields(alice.get(page).text),
        "witness_name": "Margaret Ellis",
        "email": MARGARET,
        "title": "Late refund",
        "happened_on": today().isoformat(),
        "place": "Leeds",
        "criterion": list_ids(world.cfacc15, "5"),
    }
    assert [alice.post(page, data=asked).status_code for _ in range(2)] == [303, 303]
    assert len(inbox(MARGARET)) == 1


def test_the_field_for_the_code_is_there_again_while_it_works(
    world: World, anonymous: FlaskClient, inbox: Inbox
) -> None:
    ask(world.cfacc15, world.alice)
    page = f"/witness/{find_token(inbox)}"
    assert "Sign and send" not in anonymous.get(page).text
    anonymous.post(page, data=type_form(world.cfacc15))
    assert "Sign and send" in anonymous.get(page).text
    with clock.frozen_at(clock.now() + CODE_LIFETIME + timedelta(seconds=1)):
        assert "Sign and send" not in anonymous.get(page).text


def test_a_witness_reads_who_reads_what_they_write(world: World, anonymous: FlaskClient) -> None:
    with transaction():
        asked = AskedTestimony("Margaret Ellis", "", "Refund", today(), "Leeds", list_ids(world.cfacc15, "5"))
        token = hand_over(world.cfacc15, asked, factories.make_actor(world.alice))
    shown = " ".join(anonymous.get(f"/witness/{token}").text.split())
    assert "can read it, with your name, job and address" in shown
    assert "and their assessors can read it." in shown


def test_what_is_missing_is_said_and_what_was_typed_stays(world: World, anonymous: FlaskClient, inbox: Inbox) -> None:
    ask(world.cfacc15, world.alice)
    page = f"/witness/{find_token(inbox)}"
    answer = anonymous.post(page, data=type_form(world.cfacc15, is_unrelated=""))
    assert answer.status_code == 422
    assert "relative or partner" in answer.text
    assert NARRATIVE in answer.text
    assert len(inbox(MARGARET)) == 1


def test_the_page_shows_what_is_to_be_confirmed_and_nothing_else(
    world: World, anonymous: FlaskClient, inbox: Inbox
) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Secret complaint")
        factories.claim(world.cfacc15, evidence, "7")
        factories.submit(evidence)
    ask(world.cfacc15, world.alice)
    shown = anonymous.get(f"/witness/{find_token(inbox)}").text
    assert "Secret complaint" not in shown
    assert world.alice.email not in shown
    proposed = set(list_ids(world.cfacc15, "5", "6"))
    assert {int(each) for each in re.findall(r'name="criterion" value="(\d+)"', shown)} == proposed
    assert "/candidates" not in shown


def test_the_candidate_cannot_sign_in_the_witness_s_stead(world: World, client: Browser, inbox: Inbox) -> None:
    ask(world.cfacc15, world.bob)
    page, alice = f"/witness/{find_token(inbox)}", client(world.alice)
    assert alice.get(page).status_code == 409
    assert alice.post(page, data=type_form(world.cfacc15)).status_code == 409
    assert len(inbox(MARGARET)) == 1


def test_a_device_that_is_handed_over_opens_no_page_of_the_candidate(world: World, client: Browser) -> None:
    """Alice hands over her phone: she is signed out, the witness signs, and Bob reads that it was in person."""
    phone, base = client(world.alice), f"/attempts/{world.cfacc15.id}/testimonies"
    asked = {
        **read_fields(phone.get(f"{base}/new").text),
        "witness_name": "Margaret Ellis",
        "title": "Late refund",
        "happened_on": today().isoformat(),
        "place": "Leeds",
        "criterion": list_ids(world.cfacc15, "5"),
        "act": "hand_over",
    }
    answer = phone.post(f"{base}/new", data=asked)
    page = answer.location
    assert page.startswith("/witness/")
    assert phone.get("/evidence").location.startswith("/sign-in")
    shown = phone.get(page).text
    assert "Sign and send" in shown
    assert "Email me a code" not in shown
    typed = type_form(world.cfacc15, act="sign", signed_name="Margaret Ellis", contact="m@corvell.example")
    assert phone.post(page, data={**typed, "contact": "m at corvell"}).status_code == 422
    assert phone.post(page, data={**typed, "act": "code"}).status_code == 409
    assert phone.post(page, data=typed).status_code == 303
    assert "You have signed" in phone.get(page).text
    shown = client(world.bob).get(f"{base}/{get_testimony().id}").text
    assert "Signed in person, address not confirmed" in shown
    assert "on the device of" in shown


def test_the_link_of_a_device_is_not_stored(world: World, client: Browser) -> None:
    phone, page = client(world.alice), f"/attempts/{world.cfacc15.id}/testimonies/new"
    asked = {
        **read_fields(phone.get(page).text),
        "witness_name": "Margaret Ellis",
        "title": "Late refund",
        "happened_on": today().isoformat(),
        "place": "Leeds",
        "criterion": list_ids(world.cfacc15, "5"),
        "act": "hand_over",
    }
    token = phone.post(page, data=asked).location.rpartition("/")[2]
    assert token
    assert token not in dump_database()


def test_an_assessor_who_hands_over_a_device_reads_who_may_authenticate_it(world: World, client: Browser) -> None:
    bob, base = client(world.bob), f"/attempts/{world.cfacc15.id}/testimonies"
    assert "Another assessor has to authenticate it" in bob.get(f"{base}/new").text
    assert "Another assessor" not in client(world.alice).get(f"{base}/new").text
    testimony = sign_in_person(world.cfacc15, world.bob)
    address = f"{base}/{testimony.id}"
    shown = bob.get(address).text
    assert "another assessor has to authenticate this" in shown
    answer = bob.post(address, data={**read_fields(shown), "answer": "authenticate"})
    assert answer.status_code == 409
    assert "You handed over the device" in answer.text


def test_a_witness_declines_on_the_page(world: World, anonymous: FlaskClient, client: Browser, inbox: Inbox) -> None:
    ask(world.cfacc15, world.alice)
    page = f"/witness/{find_token(inbox)}"
    assert anonymous.post(page, data={"act": "decline", "reason": "I was on leave."}).status_code == 303
    ended = anonymous.get(page)
    assert ended.status_code == 409
    assert "This link no longer works" in ended.text
    assert f'data-forget="witness-testimony-{get_testimony().id}"' in ended.text  # the browser drops what it kept
    listed = client(world.alice).get(f"/attempts/{world.cfacc15.id}/testimonies").text
    assert "Declined by the witness" in listed
    assert "I was on leave." in listed


def test_a_form_without_the_csrf_token_is_refused(world: World, app: Flask, inbox: Inbox) -> None:
    ask(world.cfacc15, world.alice)
    app.config["WTF_CSRF_ENABLED"] = True
    answer = app.test_client().post(f"/witness/{find_token(inbox)}", data=type_form(world.cfacc15))
    app.config["WTF_CSRF_ENABLED"] = False
    assert answer.status_code == 400
    assert len(inbox(MARGARET)) == 1


def test_the_page_is_not_cached_and_tells_other_sites_nothing(
    world: World, anonymous: FlaskClient, inbox: Inbox
) -> None:
    ask(world.cfacc15, world.alice)
    answer = anonymous.get(f"/witness/{find_token(inbox)}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_the_asker_withdraws_a_request(world: World, client: Browser, anonymous: FlaskClient, inbox: Inbox) -> None:
    testimony = ask(world.cfacc15, world.alice)
    address = f"/attempts/{world.cfacc15.id}/testimonies/{testimony.id}/withdraw"
    assert client(world.alice).post(address).status_code == 303
    assert find_state(get_testimony()) is WitnessTestimonyState.WITHDRAWN
    assert anonymous.get(f"/witness/{find_token(inbox)}").status_code == 409


def test_a_testimony_is_found_in_its_own_unit_only(world: World, client: Browser, inbox: Inbox) -> None:
    testimony = sign(ask(world.cfacc15, world.alice), inbox)
    assert client(world.bob).get(f"/attempts/{world.inscc004.id}/testimonies/{testimony.id}").status_code == 404


@pytest.mark.usefixtures("inbox")
def test_each_page_takes_few_statements(
    world: World, client: Browser, anonymous: FlaskClient, inbox: Inbox, count_statements: Any
) -> None:
    first = sign(ask(world.cfacc15, world.alice), inbox)
    authenticate(first, world.bob)
    with transaction():
        factories.grant(world.carol, world.northgate, Role.ASSESSOR)
    ask(world.cfacc15, world.bob)
    base = f"/attempts/{world.cfacc15.id}/testimonies"
    pages = [
        (anonymous, f"/witness/{find_token(inbox)}"),
        (client(world.bob), base),
        (client(world.alice), f"{base}/new"),
        (client(world.bob), f"{base}/{first.id}"),
    ]
    for browser, address in pages:
        browser.get(address)
        with count_statements() as statements:
            assert browser.get(address).status_code == 200
        assert len(statements) <= MAX_STATEMENTS, (address, statements)
