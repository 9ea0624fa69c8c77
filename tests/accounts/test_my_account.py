"""My account: roles, signatures with receipts, sessions, password."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories import LONG_AGO, PASSWORD, World, grant
from tracker import clock
from tracker.accounts.passwords import is_password
from tracker.accounts.services.attempt_limits import PASSWORD_CONFIRMATION
from tracker.accounts.sessions import start_session
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Event, Signature, UserSession
from tracker.vocabulary import Role, SignatureRole

NEW = "seven quiet otters"
ClientFor = Callable[..., FlaskClient]


def test_account_lists_roles_with_their_end_dates(world: World, client: ClientFor) -> None:
    with transaction():
        grant(world.alice, world.southbank, Role.ASSESSOR, ends_at=clock.now() + timedelta(days=400))
        grant(world.alice, world.northgate, Role.ADMINISTRATOR, ends_at=clock.now() - timedelta(days=1))
    page = client(world.alice).get("/account").text
    assert "Southbank College" in page
    assert "no end date" in page
    assert "Centre administrator" not in page, "that role has ended"


def test_account_lists_signatures_with_receipts(world: World, client: ClientFor) -> None:
    add_signature(world)
    event = db.session.scalars(select(Event).where(Event.object_type == "signature")).one()
    for address in ("/account", "/account/signatures"):
        page = client(world.alice).get(address).text
        assert "CFACC15" in page
        assert "Candidate, round 1" in page
        assert event.hash in page
        assert "5" * 64 in page
        assert event.hash not in client(world.bob).get(address).text


def test_account_shows_the_newest_signatures_and_links_to_all(world: World, client: ClientFor) -> None:
    for n in range(7):
        add_signature(world, round_=n + 1, superseded_at=LONG_AGO if n < 6 else None)
    alice = client(world.alice)
    page = alice.get("/account").text
    assert page.count('data-label="Receipt"') == 5
    assert "The newest 5 of 7 are shown." in page
    assert "Candidate, round 7" in page
    assert "Candidate, round 2" not in page
    assert "1–7 of 7" in alice.get("/account/signatures").text
    assert "1–1 of 1" in alice.get("/account/signatures?state=live&role=candidate&q=cfacc15").text
    heads, row = alice.get("/account/signatures?state=live&format=csv").data.decode("utf-8-sig").splitlines()
    assert heads == "Unit,Candidate,Role,Round,Signed,Superseded,Note,Receipt,Signed content"
    assert row.startswith("CFACC15,Alice Moran,Candidate,7,")


def add_signature(world: World, round_: int = 1, superseded_at: datetime | None = None) -> None:
    """Store a signature of Alice's under CFACC15, with its event."""
    with transaction():
        signature = Signature(
            attempt_id=world.cfacc15.id,
            round=round_,
            role=SignatureRole.CANDIDATE,
            person_id=world.alice.id,
            statement="I confirm",
            snapshot_hash="5" * 64,
            snapshot="{}",
            comment="",
            signed_at=LONG_AGO + timedelta(hours=round_),
            reauthenticated_at=LONG_AGO,
            session_ref="test",
            superseded_at=superseded_at,
        )
        db.session.add(signature)
        db.session.flush()
        events.record("unit_confirmed", signature, Actor(world.alice.id))


def test_page_takes_few_statements_however_many_sessions(
    world: World, client: ClientFor, count_statements: Callable
) -> None:
    alice = client(world.alice)
    with transaction():
        for _ in range(30):
            start_session(world.alice, "192.0.2.7", "Chrome on Windows", proven=True)
    with count_statements() as statements:
        assert alice.get("/account").status_code == 200
    assert len(statements) <= 12


def test_person_signs_another_browser_out(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    phone, office = client(world.alice), client(world.alice)
    session_id = db.session.scalars(select(UserSession.id).order_by(UserSession.id)).first()
    assert "End session" in office.get("/account").text
    assert office.post(f"/account/sessions/{session_id}/end").status_code == 303
    assert phone.get("/account").status_code == 302
    assert office.get("/account").status_code == 200
    assert recorded_acts()[-1] == "session_ended"


def test_nobody_can_end_another_persons_session(world: World, client: ClientFor) -> None:
    alice, bob = client(world.alice), client(world.bob)
    session_id = db.session.scalars(select(UserSession.id).where(UserSession.person_id == world.alice.id)).one()
    assert bob.post(f"/account/sessions/{session_id}/end").status_code == 404
    assert alice.get("/account").status_code == 200


def test_session_can_be_ended_once(world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]) -> None:
    client(world.alice)
    office = client(world.alice)
    session_id = db.session.scalars(select(UserSession.id).order_by(UserSession.id)).first()
    office.post(f"/account/sessions/{session_id}/end")
    assert office.post(f"/account/sessions/{session_id}/end").status_code == 404
    assert recorded_acts().count("session_ended") == 1


def test_changing_the_password_signs_other_browsers_out(
    world: World,
    client: ClientFor,
    emails_to: Callable[..., list[str]],
    recorded_acts: Callable[[], list[str]],
) -> None:
    phone, office = client(world.alice), client(world.alice)
    response = office.post("/account", data={"current": PASSWORD, "password": NEW})
    assert response.status_code == 303
    assert "Your password is changed" in office.get("/account").text
    assert phone.get("/account").status_code == 302
    db.session.refresh(world.alice)
    assert is_password(world.alice.password_hash, NEW)
    assert recorded_acts()[-1] == "password_changed"
    assert "Your password was changed" in emails_to(world.alice)[0]


@pytest.mark.parametrize(
    ("current", "password", "sentence"),
    [
        ("wrong horse battery", NEW, "That is not your password. Nothing was changed."),
        ("", NEW, "Enter your current password."),
        (PASSWORD, "too short", "at least 12 characters"),
        (PASSWORD, "Alice Moran", "at least 12 characters"),
    ],
)
def test_wrong_current_password_changes_nothing(
    world: World, client: ClientFor, current: str, password: str, sentence: str
) -> None:
    response = client(world.alice).post("/account", data={"current": current, "password": password})
    assert response.status_code == 422
    assert response.text.count(sentence) == 2, "in the summary and beside the field"
    db.session.refresh(world.alice)
    assert is_password(world.alice.password_hash, PASSWORD)


def test_guessing_the_password_in_a_session_is_rate_limited(world: World, client: ClientFor) -> None:
    office = client(world.alice)
    for guess in range(PASSWORD_CONFIRMATION.free_attempts):
        office.post("/account", data={"current": f"guess number {guess}", "password": NEW})
    response = office.post("/account", data={"current": PASSWORD, "password": NEW})
    assert response.status_code == 422
    assert "There were too many wrong passwords" in response.text
    db.session.refresh(world.alice)
    assert is_password(world.alice.password_hash, PASSWORD)


def test_account_page_needs_sign_in(world: World, anonymous: FlaskClient) -> None:
    assert anonymous.get("/account").status_code == 302
    assert anonymous.post("/account", data={"current": PASSWORD, "password": NEW}).status_code == 302


def test_form_from_another_site_changes_no_password(world: World, app: Flask, client: ClientFor) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert client(world.alice).post("/account", data={"current": PASSWORD, "password": NEW}).status_code == 400
    db.session.refresh(world.alice)
    assert is_password(world.alice.password_hash, PASSWORD)
