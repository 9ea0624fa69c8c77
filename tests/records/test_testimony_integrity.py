"""What `flask verify` names of testimonies that were changed or made outside the product."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.factories import World
from tests.integrity.tampering import tampering_transaction
from tests.privacy.database_dump import dump_database
from tests.records.testimonies import MARGARET, ask, authenticate, build_sample, sign
from tracker import clock
from tracker.extensions import db
from tracker.integrity.actors import find_actors_without_role
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.records import find_wrong_acknowledgements, find_wrong_authors
from tracker.integrity.row_origins import find_rows_of_other_times
from tracker.integrity.rows_and_events import find_unmatched_rows_and_events
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.integrity.testimonies import find_changed_testimonies, find_wrong_witnesses
from tracker.integrity.units_and_evidence import find_changed_evidence
from tracker.ledger.transactions import transaction
from tracker.models import Acknowledgement, Evidence, Registration, WitnessTestimony
from tracker.privacy.erasure import erase_portfolio
from tracker.privacy.export_portfolio import read_portfolio
from tracker.privacy.export_staff_work import read_work
from tracker.records.services.authenticating import refuse_testimony
from tracker.registrations.services import withdraw_candidate

Inbox = Callable[[Any], list[str]]
CHECKS = (
    find_changed_testimonies,
    find_wrong_witnesses,
    find_wrong_authors,
    find_wrong_acknowledgements,
    find_changed_evidence,
)
OF_ROWS = (find_changed_rows, find_unmatched_rows_and_events, find_rows_of_other_times, find_actors_without_role)


@pytest.fixture
def inbox(emails_to: Inbox) -> Inbox:  # noqa: F811 - the fixture
    return emails_to


@pytest.fixture
def testimony(world: World, inbox: Inbox) -> WitnessTestimony:
    """A testimony of Margaret for Alice that Bob has authenticated."""
    signed = sign(ask(world.cfacc15, world.alice), inbox)
    authenticate(signed, world.bob)
    return signed


def list_faults(*checks: Callable[[LedgerSnapshot], Iterator[str]]) -> list[str]:
    db.session.expire_all()
    ledger = LedgerSnapshot()
    return [fault for check in checks for fault in check(ledger)]


def change(model: Any, key: int, **values: Any) -> None:
    db.session.execute(update(model.__table__).where(model.__table__.c.id == key).values(**values))


@pytest.mark.usefixtures("testimony")
def test_testimonies_that_the_product_made_have_no_fault(world: World, inbox: Inbox) -> None:
    refused = sign(ask(world.inscc004, world.bob, criterion_ids=[factories.criterion(world.inscc004, "1").id]), inbox)
    with transaction():
        refuse_testimony(refused, world.inscc004, "I could not reach her.", factories.make_actor(world.bob))
    ask(world.cfacc15, world.bob)
    assert list_faults(*CHECKS) == []
    faults = [each for each in list_faults(*OF_ROWS) if "testimony" in each or "acknowledgement" in each]
    assert faults == []


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("narrative", "She did much more.", "is not what evidence version"),
        ("signed_at", None, "is signed and has no event"),
        ("evidence_id", None, "a testimony that no witness signed"),
    ],
)
def test_a_changed_testimony_is_named(testimony: WitnessTestimony, column: str, value: Any, fault: str) -> None:
    more = {"content": None, "answered_at": None, "answered_by_id": None} if column == "signed_at" else {}
    with tampering_transaction():
        change(WitnessTestimony, testimony.id, **{column: value, **more})
        assert any(fault in each for each in list_faults(find_changed_testimonies))


def test_another_asker_is_named(world: World, testimony: WitnessTestimony) -> None:
    with tampering_transaction():
        change(WitnessTestimony, testimony.id, asked_by_id=world.carol.id)
        assert "asked for by somebody else" in list_faults(find_changed_testimonies)[0]


@pytest.mark.parametrize(
    ("witness", "fault"),
    [("alice", "is of the candidate"), ("bob", "by its witness"), ("carol", "of somebody who verified the unit")],
)
def test_a_witness_who_may_not_be_one_is_named(
    world: World, testimony: WitnessTestimony, witness: str, fault: str
) -> None:
    with tampering_transaction():
        change(WitnessTestimony, testimony.id, witness_id=getattr(world, witness).id)
        db.session.add(build_sample(world))
        assert fault in list_faults(find_wrong_witnesses)[0]


def test_a_device_handed_over_by_who_authenticated_is_named(world: World, testimony: WitnessTestimony) -> None:
    with tampering_transaction():
        change(WitnessTestimony, testimony.id, is_in_person=True, asked_by_id=world.bob.id)
        assert "by who handed over the device" in list_faults(find_wrong_witnesses)[0]


def test_an_authentication_by_another_person_is_named(world: World, testimony: WitnessTestimony) -> None:
    assert testimony.evidence_id
    answer = db.session.query(Acknowledgement).one()
    with tampering_transaction():
        change(Acknowledgement, answer.id, acknowledged_by_id=world.carol.id)
        assert "authenticated by another" in list_faults(find_wrong_acknowledgements)[0]


def test_a_changed_email_address_of_a_signed_testimony_is_named(testimony: WitnessTestimony) -> None:
    with tampering_transaction():
        change(WitnessTestimony, testimony.id, email="mallory@example.org")
        assert any("testimony" in each for each in list_faults(find_changed_rows))


class TestPrivacy:
    def test_the_candidate_gets_what_was_asked_and_by_whom(self, world: World, testimony: WitnessTestimony) -> None:
        ask(world.cfacc15, world.bob, email="other@corvell.example")
        first, second = read_portfolio(world.alice, {})["testimonies"]
        assert (first["asked_by"], first["email"], first["evidence"]) == ("you", MARGARET, 1)
        assert second["asked_by"] == "your assessor"
        assert "email" not in second
        assert testimony.id

    def test_the_assessor_gets_what_they_asked_and_answered(self, world: World, testimony: WitnessTestimony) -> None:
        ask(world.cfacc15, world.bob, title="Call with Alice Moran")
        work = read_work(world.bob)
        assert [each["title"] for each in work["testimonies_asked_for"]] == ["Call with the candidate"]
        assert len(work["testimonies_answered"]) == 1
        assert testimony.id

    def test_erasure_leaves_no_word_of_a_testimony_or_of_its_witness(self, world: World, inbox: Inbox) -> None:
        signed = sign(
            ask(world.cfacc15, world.alice, title="MOUNTAIN", place="RIVER"),
            inbox,
            narrative="VALLEY",
            job="FOREST",
            relationship="MEADOW",
        )
        authenticate(signed, world.bob)
        ask(world.cfacc15, world.alice, title="MOUNTAIN", place="RIVER")
        with transaction():
            withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
        with clock.frozen_at(clock.now() + timedelta(days=37 * 31)), transaction():
            registration = db.session.get_one(Registration, world.registration.id)
            erase_portfolio(registration, is_full=True, actor=factories.make_actor(world.dan))
        dump = dump_database()
        words = ("MOUNTAIN", "RIVER", "VALLEY", "FOREST", "MEADOW", MARGARET, "Margaret")
        assert [word for word in words if word in dump] == []
        assert [
            each for each in list_faults(find_changed_testimonies, find_changed_rows) if "testimony" in each
        ] == []
        assert db.session.query(Evidence).count() == 1
