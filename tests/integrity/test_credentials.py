"""`flask verify` names what somebody planted in the database to sign in as another person."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, insert, select, update

from tests.accounts.authenticators import code_now
from tests.factories import SECRET
from tests.integrity.tampering import list_violations, tampering_transaction
from tracker import clock
from tracker.accounts.demo_password import DEMO_PASSWORD
from tracker.accounts.passwords import hash_password
from tracker.accounts.recovery_codes import make_codes
from tracker.accounts.services import two_step_verification
from tracker.accounts.services.people import deactivate_person
from tracker.accounts.sessions import COOKIE_NAME, hash_token
from tracker.extensions import db
from tracker.integrity.invariants import CHECKS
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Person, RecoveryCode, SecondFactor, UserSession
from tracker.vocabulary import SecondFactorKind
from tracker.web.encryption import encrypt

CREDENTIAL_CHECKS = [check for check in CHECKS if check.number == 33]
EMAIL = "alice@example.org"
PLANTED = "a token that only the attacker knows"


@pytest.fixture
def alice(demonstration: Flask) -> Person:
    """Alice of the demonstration, with an authenticator app and recovery codes that she set up."""
    person = db.session.scalars(select(Person).where(Person.email == EMAIL)).one()
    with transaction():
        actor = Actor(person.id)
        two_step_verification.add_app(person, SECRET, code_now(SECRET), make_codes(), actor, 0)
    return person


@pytest.fixture
def browser(alice: Person, demonstration: Flask) -> Iterator[FlaskClient]:
    """A browser in which Alice has signed in, the second step included."""
    with transaction():
        db.session.execute(update(SecondFactor).values(last_step=0))  # the code is not waited for
    demonstration.extensions["demo_checked"] = True  # otherwise nothing is served without DEMO=1
    browser = demonstration.test_client()
    browser.post("/sign-in", data={"email": EMAIL, "password": DEMO_PASSWORD})
    assert browser.post("/two-step-verification", data={"code": code_now(SECRET)}).status_code == 303
    yield browser
    demonstration.extensions.pop("demo_checked")


def list_faults() -> list[str]:
    return list_violations(checks=CREDENTIAL_CHECKS)


def plant_session(alice: Person, **changes: object) -> None:
    moment = clock.now()
    values = {
        "token_hash": hash_token(PLANTED), "person_id": alice.id, "address": "", "browser": "", "created_at": moment,
        "last_seen_at": moment, "verified_at": moment,
    }  # fmt: skip
    db.session.execute(insert(UserSession).values(values | changes))


def test_what_people_set_up_themselves_has_no_fault(alice: Person, browser: FlaskClient) -> None:
    assert browser.get("/account").status_code == 200
    assert list_faults() == []
    browser.post("/account/two-step-verification/codes", data={"password": DEMO_PASSWORD})
    browser.post("/account", data={"current": DEMO_PASSWORD, "password": "seven quiet otters"})
    assert list_faults() == []


def test_a_planted_session_is_named_and_would_have_opened_everything(
    alice: Person, browser: FlaskClient, demonstration: Flask
) -> None:
    with transaction():
        plant_session(alice)
    thief = demonstration.test_client()
    thief.set_cookie(COOKIE_NAME, PLANTED)
    assert thief.get("/account").status_code == 200
    (fault,) = list_faults()
    assert f"of person {alice.id} is open, and no event says that they signed in with it" in fault


Plant = Callable[[Person], None]


def replace_token(_alice: Person) -> None:
    db.session.execute(update(UserSession).values(token_hash=hash_token(PLANTED)))


def give_session_to_another(alice: Person) -> None:
    other = db.session.scalars(select(Person.id).where(Person.id != alice.id).limit(1)).one()
    db.session.execute(update(UserSession).values(person_id=other))


def plant_password(alice: Person) -> None:
    db.session.execute(
        update(Person).where(Person.id == alice.id).values(password_hash=hash_password("seven quiet otters"))
    )


def remove_password(alice: Person) -> None:
    db.session.execute(update(Person).where(Person.id == alice.id).values(password_hash=None))


def replace_secret(_alice: Person) -> None:
    db.session.execute(update(SecondFactor).values(secret=encrypt("A" * 32, two_step_verification.SECRET)))


def add_passkey(alice: Person) -> None:
    db.session.execute(
        insert(SecondFactor).values(
            person_id=alice.id, kind=SecondFactorKind.PASSKEY, name="Key", credential_id="a", public_key=b"k",
            sign_count=0, created_at=clock.now(),
        )
    )  # fmt: skip


def remove_app(_alice: Person) -> None:
    db.session.execute(delete(SecondFactor))


def replace_a_code(_alice: Person) -> None:
    code = db.session.scalars(select(RecoveryCode.id).limit(1)).one()
    db.session.execute(
        update(RecoveryCode).where(RecoveryCode.id == code).values(code_hash=hash_password("abcdefghjkmn"))
    )


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (replace_token, "is open, and no event says"),
        (give_session_to_another, "is open, and no event says"),
        (plant_password, "has another password than"),
        (remove_password, "has another password than"),
        (replace_secret, "is not the one that"),
        (add_passkey, "was set up by no event"),
        (remove_app, "is gone, and no event says so"),
        (replace_a_code, "are not those that"),
    ],
)
def test_each_change_in_the_database_is_named(
    alice: Person, browser: FlaskClient, plant: Plant, sentence: str
) -> None:
    with tampering_transaction():
        plant(alice)
        db.session.flush()
        assert sentence in " ".join(list_faults())


def test_a_password_of_somebody_who_never_set_one_is_named(demonstration: Flask) -> None:
    with tampering_transaction():
        moment = clock.now()
        new = {"name": "Ivy", "email": "ivy@example.org", "password_hash": "hash", "created_at": moment}
        db.session.execute(insert(Person).values(new))
        assert "has a password, and no event says that they set one" in " ".join(list_faults())


def test_a_session_that_has_ended_or_waits_for_the_second_step_is_left_out(
    alice: Person, browser: FlaskClient
) -> None:
    with transaction():
        plant_session(alice, ended_at=clock.now())
        plant_session(alice, token_hash=hash_token("another"), verified_at=None)
    assert list_faults() == []


def test_a_closed_account_has_no_fault(alice: Person, browser: FlaskClient) -> None:
    with transaction():
        deactivate_person(alice)
    assert list_faults() == []
