"""Signatures made with an address that was not confirmed: on every page and sheet that shows them."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.addresses import confirm_by_link, unconfirm
from tests.factories import World
from tests.recording_forms.tagged_pdf import Sheet
from tracker import clock
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, Person
from tracker.portfolio.services.submissions import submit_evidence
from tracker.recording_forms.snapshot import take_snapshot
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import CentreTerms

Browser = Callable[[Person], FlaskClient]
NOTE = "email address not confirmed when signed"
LATER = f"{NOTE}; confirmed on 3 December 2026"
SIGNED = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def read(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", "", page.replace("</dt>", " ").replace("</dd>", " ")).split())


@pytest.fixture
def signed(app_with_signing_key: Flask, world: World) -> World:
    """Bob and Alice signed CFACC15 before they confirmed their addresses, and Carol verified it after she had."""
    clock.frozen = SIGNED
    unconfirm(world.alice, world.bob)
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    with transaction():
        snapshot_hash, carol = take_snapshot(world.cfacc15).hash, factories.make_actor(world.carol)
        reason = "Not in this quarter's plan."
        sign_verification(world.cfacc15, snapshot_hash, carol, clock.now(), unsampled_reason=reason)
    return world


def confirm_later(*people: Person) -> None:
    """Confirm the addresses of these people two days after the signatures."""
    clock.frozen = SIGNED + timedelta(days=2)
    for person in people:
        confirm_by_link(person)


def issue(world: World, client: Browser) -> bytes:
    """Issue the form as Dan, and return its PDF."""
    assert client(world.dan).post(f"/attempts/{world.cfacc15.id}/form/issue").status_code == 303
    return client(world.dan).get(f"/attempts/{world.cfacc15.id}/form.pdf").data


def test_the_units_page_says_it_and_when_the_address_was_confirmed(signed: World, client: Browser) -> None:
    def signatures() -> str:
        page = client(signed.alice).get(f"/attempts/{signed.cfacc15.id}").text
        return read(page[page.index('id="signatures"') :])

    assert f"Bob Archer, 1 December 2026, 12:00, round 1; {NOTE}. Signed although" in signatures()
    assert f"Alice Moran, 1 December 2026, 12:00, round 1; {NOTE} Internal verifier" in signatures()
    assert signatures().count(NOTE) == 2  # Carol had confirmed hers
    confirm_later(signed.bob)
    assert f"Bob Archer, 1 December 2026, 12:00, round 1; {LATER}. Signed although" in signatures()


def test_an_address_that_changes_later_says_nothing_of_earlier_signatures(signed: World, client: Browser) -> None:
    unconfirm(signed.carol)  # as a change of the address does
    assert client(signed.alice).get(f"/attempts/{signed.cfacc15.id}").text.count(NOTE) == 2


def test_the_form_on_screen_says_it(signed: World, client: Browser) -> None:
    def page() -> str:
        return read(client(signed.alice).get(f"/attempts/{signed.cfacc15.id}/form").text)

    assert f"Assessor Bob Archer, signed electronically, 1 December 2026, 12:00; {NOTE} Date sampled" in page()
    assert "Carol Hughes, signed electronically, 1 December 2026, 12:00 Assessor" in page()
    confirm_later(signed.bob)
    assert f"{LATER} Date sampled" in page()


def test_a_printed_form_says_what_held_when_it_was_printed(signed: World, client: Browser) -> None:
    issued = issue(signed, client)
    text = " ".join(Sheet(issued).text.split())
    assert text.count(NOTE) == 2
    assert f"Bob Archer, signed electronically {NOTE}" in text
    confirm_later(signed.alice, signed.bob)
    assert client(signed.dan).get(f"/attempts/{signed.cfacc15.id}/form.pdf").data == issued


def test_a_form_printed_after_the_confirmation_says_both(signed: World, client: Browser) -> None:
    confirm_later(signed.alice, signed.bob)
    assert " ".join(Sheet(issue(signed, client)).text.split()).count(LATER) == 2


def test_a_form_with_confirmed_addresses_says_nothing_of_them(world: World, client: Browser) -> None:
    workflow.sign(world, world.cfacc15)
    assert NOTE not in Sheet(client(world.alice).get(f"/attempts/{world.cfacc15.id}/form.pdf").data).text
    for path in (f"/attempts/{world.cfacc15.id}", f"/attempts/{world.cfacc15.id}/form"):
        assert "not confirmed when" not in client(world.alice).get(path).text


def test_the_public_page_says_it_without_names(signed: World, client: Browser, anonymous: FlaskClient) -> None:
    issued = issue(signed, client)

    def check() -> str:
        file = {"file": (io.BytesIO(issued), "form.pdf")}
        return read(anonymous.post("/verify", data=file).text)

    assert f"Assessor’s signature {NOTE.capitalize()} Candidate’s signature {NOTE.capitalize()} Form" in check()
    assert "Internal verifier’s signature" not in check()
    assert "“Email address not confirmed when signed” means that the signer had not yet used a link" in check()
    assert not any(name in check() for name in ("Alice", "Bob", "Carol"))
    confirm_later(signed.bob)
    assert f"Assessor’s signature {NOTE.capitalize()}; confirmed on 3 December 2026" in check()


@pytest.mark.usefixtures("app_with_signing_key")
def test_a_verifier_is_named_in_the_centres_terms(world: World, client: Browser, anonymous: FlaskClient) -> None:
    unconfirm(world.carol)
    with transaction():
        world.northgate.terms = CentreTerms.ENGLAND
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    with transaction():
        snapshot_hash, carol = take_snapshot(world.cfacc15).hash, factories.make_actor(world.carol)
        sign_verification(
            world.cfacc15, snapshot_hash, carol, clock.now(), unsampled_reason="Not in this quarter's plan."
        )
    file = {"file": (io.BytesIO(issue(world, client)), "form.pdf")}
    page = read(anonymous.post("/verify", data=file).text)
    assert f"Internal quality assurer’s signature {NOTE.capitalize()}" in page


def test_ones_own_receipts_say_it(signed: World, client: Browser) -> None:
    assert f"Assessor, round 1, {NOTE}" in read(client(signed.bob).get("/account").text)
    assert NOTE in client(signed.bob).get("/account/signatures?format=csv").text
    confirm_later(signed.bob)
    assert f"Assessor, round 1, {LATER}" in read(client(signed.bob).get("/account").text)
    assert NOTE not in read(client(signed.carol).get("/account").text)


def test_the_verifiers_record_says_it(signed: World, client: Browser) -> None:
    unconfirm(signed.carol)
    with transaction():
        attempt = signed.inscc004
    workflow.sign(signed, attempt)
    workflow.confirm(attempt)
    with transaction():
        snapshot_hash, carol = take_snapshot(attempt).hash, factories.make_actor(signed.carol)
        sign_verification(attempt, snapshot_hash, carol, clock.now(), unsampled_reason="Not in this quarter's plan.")
    page = read(client(signed.carol).get(f"/attempts/{attempt.id}/verify/history").text)
    assert f"round 1: not sampled; {NOTE}" in page


class TestDeclarations:
    NOTE = "email address not confirmed when submitted"

    @pytest.fixture
    def item(self, world: World) -> Evidence:
        """An item that Alice submitted before she confirmed her address."""
        unconfirm(world.alice)
        with transaction():
            evidence = factories.make_evidence(world.cfacc15, "Call of 5 October")
            factories.claim(world.cfacc15, evidence, "1")
            submit_evidence(evidence, factories.make_actor(world.alice))
        return db.session.scalars(select(Evidence)).one()

    def test_each_page_of_the_declaration_says_it(self, world: World, client: Browser, item: Evidence) -> None:
        own, assessors = f"/evidence/{item.id}/versions/1", f"/attempts/{world.cfacc15.id}/evidence/{item.id}"
        pages = ((world.alice, own), (world.bob, assessors), (world.bob, f"{assessors}/assess"))
        for person, path in pages:
            assert self.NOTE in client(person).get(path).text, path
        clock.frozen = SIGNED + timedelta(days=2)
        confirm_by_link(world.alice)
        for person, path in pages:
            page = client(person).get(path).text
            assert f"{self.NOTE}; confirmed on 3 December 2026" in page, path
