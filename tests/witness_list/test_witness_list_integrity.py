"""What `flask verify` names of witness lists, what is exported of them, and when an entry is erased."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.factories import PASSWORD, World
from tests.integrity.tampering import tampering_transaction
from tests.privacy.database_dump import dump_database
from tests.records.testimonies import MARGARET, ask, authenticate, sign
from tests.witness_list.entries import CV, put_on_list
from tracker import clock
from tracker.errors import Refused
from tracker.extensions import db
from tracker.integrity.actors import find_actors_without_role
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.rows_and_events import find_unmatched_rows_and_events
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.integrity.witness_lists import (
    find_early_witness_erasures,
    find_testimonies_without_status,
    find_wrong_entries,
)
from tracker.ledger.transactions import transaction
from tracker.models import EvidenceVersion, Grant, ListedWitness, Person
from tracker.privacy.export_account import read_account
from tracker.privacy.export_staff_work import read_work
from tracker.privacy.retention import set_rule
from tracker.privacy.witness_erasure import erase_listed_witness, find_entry_retention
from tracker.vocabulary import ListedStatus, Method, Role
from tracker.witness_list.services.listing import remove_witness

Browser = Callable[..., FlaskClient]
Inbox = Callable[[Any], list[str]]
CHECKS = (find_wrong_entries, find_early_witness_erasures, find_testimonies_without_status)
OF_ROWS = (find_changed_rows, find_unmatched_rows_and_events, find_actors_without_role)


@pytest.fixture
def inbox(emails_to: Inbox) -> Inbox:  # noqa: F811 - the fixture
    return emails_to


@pytest.fixture
def version(world: World, inbox: Inbox) -> EvidenceVersion:
    """The authenticated testimony of Margaret, who is a listed expert."""
    put_on_list(world)
    return authenticate(sign(ask(world.cfacc15, world.alice), inbox), world.bob)


def list_faults(*checks: Callable[[LedgerSnapshot], Iterator[str]]) -> list[str]:
    db.session.expire_all()
    ledger = LedgerSnapshot()
    return [fault for check in checks for fault in check(ledger)]


def change(model: Any, **values: Any) -> None:
    db.session.execute(update(model.__table__).values(**values))


def remove(entry: ListedWitness, world: World) -> None:
    with transaction():
        remove_witness(
            db.session.get_one(ListedWitness, entry.id), "Left the company.", factories.make_actor(world.dan)
        )


@pytest.mark.usefixtures("version")
def test_what_the_product_wrote_has_no_fault(world: World) -> None:
    put_on_list(world, ListedStatus.FAMILIAR, by=world.bob, name="Samuel Okoro", email="s@corvell.example")
    remove(db.session.query(ListedWitness).filter_by(email=MARGARET).one(), world)
    assert list_faults(*CHECKS) == []
    assert [each for each in list_faults(*OF_ROWS) if "witness" in each] == []


@pytest.mark.usefixtures("version")
def test_a_changed_entry_is_named(world: World) -> None:
    assert world
    with tampering_transaction():
        change(ListedWitness, name="Mallory")
        assert any("listed witness" in each for each in list_faults(find_changed_rows))


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"starts_on": clock.today() - timedelta(days=1)}, "does not give it"),
        ({"email": "other@corvell.example"}, "does not give it"),
        ({"status": ListedStatus.OTHER}, "does not give it"),
    ],
)
def test_a_testimony_whose_status_no_entry_explains_is_named(
    world: World, values: dict[str, Any], fault: str
) -> None:
    assert world
    with tampering_transaction():
        change(ListedWitness, **values)
        assert any(fault in each for each in list_faults(find_testimonies_without_status))


def test_a_testimony_that_was_made_an_expert_s_is_named(world: World, inbox: Inbox) -> None:
    authenticate(sign(ask(world.cfacc15, world.alice), inbox), world.bob)
    with tampering_transaction():
        change(
            EvidenceVersion,
            method=Method.EXPERT_WITNESS,
            witness_status="on the centre’s witness list: expert witness",
        )
        assert any("does not give it" in each for each in list_faults(find_testimonies_without_status))


@pytest.mark.usefixtures("version")
def test_a_testimony_that_lost_the_status_of_its_entry_is_named(world: World) -> None:
    assert world
    with tampering_transaction():
        change(EvidenceVersion, method=Method.WITNESS_TESTIMONY, witness_status="")
        assert any("lacks the status" in each for each in list_faults(find_testimonies_without_status))


def test_an_expert_whom_no_administrator_listed_is_named(world: World) -> None:
    put_on_list(world, ListedStatus.FAMILIAR, by=world.bob)
    with tampering_transaction():
        change(ListedWitness, status=ListedStatus.EXPERT, cv=CV, inducted_on=clock.today() - timedelta(days=20))
        assert any("not by an administrator" in each for each in list_faults(find_wrong_entries))


def test_an_entry_that_ended_without_an_event_is_named(world: World) -> None:
    put_on_list(world)
    with tampering_transaction():
        change(ListedWitness, removed_at=clock.now(), removed_by_id=world.dan.id, removed_reason="None.")
        assert any("was not removed or erased as" in each for each in list_faults(find_wrong_entries))


class TestErasure:
    def test_an_entry_is_erased_after_the_centre_s_longest_period(self, world: World) -> None:
        entry, dan = put_on_list(world), factories.make_actor(world.dan)
        with transaction():
            set_rule(world.northgate, "", 12, 48, dan)
        assert find_entry_retention(db.session.get_one(ListedWitness, entry.id)).until is None
        remove(entry, world)
        early = clock.frozen_at(clock.now() + timedelta(days=47 * 30))
        with early, pytest.raises(Refused, match="not due for erasure"), transaction():
            erase_listed_witness(db.session.get_one(ListedWitness, entry.id), dan)
        with clock.frozen_at(clock.now() + timedelta(days=49 * 31)):
            with transaction():
                erase_listed_witness(db.session.get_one(ListedWitness, entry.id), dan)
            with pytest.raises(Refused, match="erased already"), transaction():
                erase_listed_witness(db.session.get_one(ListedWitness, entry.id), dan)
            assert list_faults(*CHECKS) == []
            assert [each for each in list_faults(*OF_ROWS) if "witness" in each] == []
        dump = dump_database()
        assert [
            word for word in ("Margaret", MARGARET, "Operations manager", CV, "Left the company") if word in dump
        ] == []

    def test_an_early_erasure_is_named(self, world: World) -> None:
        entry, dan = put_on_list(world), factories.make_actor(world.dan)
        remove(entry, world)
        with clock.frozen_at(clock.now() + timedelta(days=37 * 31)), transaction():
            erase_listed_witness(db.session.get_one(ListedWitness, entry.id), dan)
        with tampering_transaction():
            change(ListedWitness, removed_at=clock.now() + timedelta(days=900))
            assert any("had to be kept" in each for each in list_faults(find_early_witness_erasures))

    def test_the_page_erases_with_the_administrator_s_password(self, world: World, client: Browser) -> None:
        entry = put_on_list(world)
        page = f"/centres/{world.northgate.id}/witnesses/{entry.id}/erase"
        dan = client(world.dan)
        assert "Nothing is due for erasure" in dan.get(page).text
        remove(entry, world)
        assert "It is kept until" in dan.get(page).text
        with clock.frozen_at(clock.now() + timedelta(days=37 * 31)):
            dan = client(world.dan)
            assert dan.post(page, data={"password": "wrong"}).status_code == 422
            assert dan.post(page, data={"password": PASSWORD}).status_code == 303
        db.session.rollback()
        assert db.session.get_one(ListedWitness, entry.id).name == "Erased"


class TestExport:
    def test_a_person_gets_the_entries_with_their_own_address(self, world: World) -> None:
        put_on_list(world, email=world.carol.email.replace("@", "+work@"))
        (entry,) = read_account(db.session.get_one(Person, world.carol.id))["witness_lists"]
        assert (entry["name"], entry["cv"], entry["status"]) == ("Margaret Ellis", CV, "Expert witness")
        assert read_account(db.session.get_one(Person, world.bob.id))["witness_lists"] == []

    def test_who_keeps_the_list_gets_what_they_did_without_names(self, world: World) -> None:
        remove(put_on_list(world), world)
        (entry,) = read_work(world.dan)["witness_list"]
        assert (entry["you"], entry["status"]) == (["recorded", "removed"], "Expert witness")
        assert "Margaret" not in str(entry)


def test_an_assessor_whose_role_ended_is_named_as_one_without_a_role(world: World) -> None:
    put_on_list(world, ListedStatus.OTHER, by=world.bob)
    with tampering_transaction():
        grant = db.session.query(Grant).filter_by(person_id=world.bob.id, role=Role.ASSESSOR).one()
        db.session.execute(
            update(Grant.__table__).where(Grant.__table__.c.id == grant.id).values(role=Role.CANDIDATE)
        )
        assert any("witness_listed" in each for each in list_faults(find_actors_without_role))
