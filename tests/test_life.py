"""A unit from submitted evidence to the printed form, over HTTP."""

import re
from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import PASSWORD, World
from tracker import clock
from tracker.assessment.services.releasing import release_due_assessments
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Criterion, Person, UnitAttempt
from tracker.vocabulary import AttemptState

Browser = Callable[[Person], FlaskClient]


def page(browser: FlaskClient, path: str) -> str:
    response = browser.get(path)
    assert response.status_code == 200, (path, response.status_code)
    return response.text


def read_hidden_field(html: str, name: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert match
    return match[1]


def submit_everything(world: World, alice: FlaskClient) -> int:
    """Submit one item of Alice's that claims every criterion of CFACC15."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Everything")
        query = select(Criterion.id).where(Criterion.unit_id == world.cfacc15.unit_id, Criterion.assessable)
        for criterion_id in list(db.session.scalars(query)):
            db.session.add(
                Claim(
                    attempt_id=world.cfacc15.id,
                    evidence_id=evidence.id,
                    criterion_id=criterion_id,
                    locator="",
                    claimed_at=clock.now(),
                    claimed_by_id=world.alice.id,
                )
            )
    form = page(alice, f"/evidence/{evidence.id}/submit")
    data = {"declared": "y", "idempotency_key": read_hidden_field(form, "idempotency_key")}
    if 'name="version"' in form:
        data["version"] = read_hidden_field(form, "version")
    answer = alice.post(f"/evidence/{evidence.id}/submit", data=data)
    assert answer.status_code == 303
    return evidence.id


def accept_item(world: World, bob: FlaskClient, evidence_id: int, app: Flask) -> None:
    assert "Everything" in page(bob, "/queue")
    address = f"/attempts/{world.cfacc15.id}/evidence/{evidence_id}/assess"
    form = page(bob, address)
    claims = sorted(set(re.findall(r'name="outcome-(\d+)"', form)))
    assert len(claims) == 24
    data = {f"outcome-{claim}": "met" for claim in claims}
    data |= {
        name: read_hidden_field(form, name)
        for name in re.findall(r'type="hidden" name="(\w+)"', form)
        if name != "csrf_token"
    }
    refusal = bob.post(address, data={**data, "act": "accept", "idempotency_key": ""})
    assert refusal.status_code == 422
    assert "valid" in refusal.text
    data |= dict.fromkeys(("valid", "authentic", "current"), "y")
    assert "This one item is claimed for all 24 criteria of CFACC15." in form
    assert bob.post(address, data={**data, "act": "accept"}).status_code == 422
    data["warnings_reason"] = "It covers three contacts with one customer, from first call to letter."
    assert bob.post(address, data={**data, "act": "accept"}).status_code == 303
    with clock.frozen_at(clock.now() + timedelta(seconds=11)):
        assert release_due_assessments() == 1


def test_cfacc15_from_an_item_to_a_verified_form(world: World, client: Browser, app: Flask) -> None:
    alice, bob, carol = client(world.alice), client(world.bob), client(world.carol)
    attempt = world.cfacc15.id
    accept_item(world, bob, submit_everything(world, alice), app)

    form = page(bob, f"/attempts/{attempt}/sign")
    signing = {
        "requirement": re.findall(r'name="requirement" value="(\d+)"', form),
        "comment": "A good spread of evidence.",
        "snapshot_hash": read_hidden_field(form, "snapshot_hash"),
        "act": "sign",
        "warnings_reason": "The calls of one shift show each criterion.",
    }
    if 'name="version"' in form:
        signing["version"] = read_hidden_field(form, "version")
    slip = bob.post(f"/attempts/{attempt}/sign", data={**signing, "password": "not my password"})
    assert slip.status_code == 422
    assert "A good spread of evidence." in slip.text
    assert bob.post(f"/attempts/{attempt}/sign", data={**signing, "password": PASSWORD}).status_code == 303

    assert "Confirm CFACC15" in page(alice, "/")
    form = page(alice, f"/attempts/{attempt}/confirm")
    confirming = {"snapshot_hash": read_hidden_field(form, "snapshot_hash"), "password": PASSWORD}
    if 'name="version"' in form:
        confirming["version"] = read_hidden_field(form, "version")
    assert alice.post(f"/attempts/{attempt}/confirm", data=confirming).status_code == 303

    form = page(carol, f"/attempts/{attempt}/verify")
    decisions = re.findall(r'name="(decision-\d+)" value="agree"', form)
    assert carol.post(f"/attempts/{attempt}/sample", data=dict.fromkeys(decisions[:3], "agree")).status_code == 303
    form = page(carol, f"/attempts/{attempt}/verify/sign")
    verifying = {"snapshot_hash": read_hidden_field(form, "snapshot_hash"), "password": PASSWORD}
    assert carol.post(f"/attempts/{attempt}/verify", data=verifying).status_code == 303

    db.session.rollback()
    assert db.session.get_one(UnitAttempt, attempt).state is AttemptState.VERIFIED
    pdf = alice.get(f"/attempts/{attempt}/form.pdf")
    assert pdf.data.startswith(b"%PDF-")
    for browser in (alice, bob, carol):
        for address in (f"/attempts/{attempt}", f"/attempts/{attempt}/form", "/account"):
            page(browser, address)
