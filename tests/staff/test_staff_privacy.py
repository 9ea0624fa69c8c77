"""Staff records in people's own data, and their erasure after the last role has ended."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests import factories
from tests.factories import PASSWORD, World
from tests.integrity.tampering import tampering_transaction
from tests.privacy.database_dump import dump_database
from tests.staff.entries import declare, hold, log_cpd, make_certificate, make_competent
from tracker import clock
from tracker.clock import day_of, now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.integrity.staff_records import find_early_staff_erasures, find_entries_without_end_event
from tracker.ledger.transactions import transaction
from tracker.models import Grant, Person, StaffAward, StaffErasure
from tracker.privacy import retention, staff_erasure
from tracker.registrations import retention_periods
from tracker.staff.members import StaffMember, find_staff_member
from tracker.staff.services import awards, own_entries
from tracker.vocabulary import AwardKind, Role

Browser = Callable[[Person], FlaskClient]
STAFF_TABLES = ("staff award", "staff competence", "cpd entry", "interest declaration", "staff erasure")
CANARIES = (
    "QX-AWARD",
    "QX-BODY",
    "QX-NUMBER",
    "QX-BASIS",
    "QX-COURSE",
    "QX-LEARNED",
    "QX-KEPT",
    "QX-COUSIN",
    "QX-ANSWER",
    "QX-REASON",
)


def fill_record(world: World) -> None:
    """Fill Bob's staff record with a canary in each text."""
    dan, bob = factories.make_actor(world.dan), factories.make_actor(world.bob)
    with transaction():
        certificate = make_certificate(awarding_body="QX-BODY", number="QX-NUMBER")
        awards.record_held_award(world.bob, world.northgate, AwardKind.OTHER_ASSESSING, "QX-AWARD", certificate, dan)
        removed = hold(world.bob, world.northgate, world.dan)
        competence = awards.record_competence(world.bob, world.northgate, "CFACC15", "", "QX-BASIS", dan)
        texts = ("QX-COURSE", "QX-LEARNED", "QX-KEPT")
        own_entries.record_cpd(world.bob, world.northgate, clock.today(), 60, texts, bob)
        declaration = declare(world.bob, world.northgate, "QX-COUSIN")
    with transaction():
        awards.remove_award(removed, world.bob, "QX-REASON", dan)
        awards.remove_competence(competence, world.bob, "QX-REASON", dan)
        own_entries.answer_interest(declaration, world.bob, "QX-ANSWER", dan)


def leave(world: World, days_ago: int) -> None:
    """Let Bob's role have ended so many days ago."""
    with transaction():
        db.session.execute(
            update(Grant).where(Grant.person_id == world.bob.id).values(ends_at=factories.days_ago(days_ago))
        )
        factories.leave_unsealed()


def read_data(browser: FlaskClient) -> dict[str, Any]:
    """Return the data that somebody downloads about themselves."""
    with browser.post("/account/data", data={"password": PASSWORD}) as answer:
        data: dict[str, Any] = json.loads(zipfile.ZipFile(io.BytesIO(answer.data)).read("data.json"))
    return data


def get_member(world: World) -> StaffMember:
    db.session.rollback()
    member = find_staff_member(world.northgate.id, world.bob.id)
    assert member
    return member


def erase(world: World) -> StaffErasure:
    with transaction():
        return staff_erasure.erase_staff_record(get_member(world), factories.make_actor(world.dan))


def list_faults(*checks: Callable[[LedgerSnapshot], Iterator[str]]) -> list[str]:
    db.session.expire_all()
    ledger = LedgerSnapshot()
    return [fault for check in checks for fault in check(ledger)]


def test_what_an_administrator_wrote_names_nobody_else(world: World, client: Browser) -> None:
    dan = factories.make_actor(world.dan)
    with transaction():
        awards.record_competence(world.bob, world.northgate, "CFACC15", "", "Dan Price saw Bob Archer at work", dan)
        declaration = declare(world.bob, world.northgate, "My cousin")
    with transaction():
        own_entries.answer_interest(declaration, world.bob, "Bob does not assess her. Dan Price", dan)
    own, written = (read_data(client(person)) for person in (world.bob, world.dan))
    assert own["staff_register"]["competence"][0]["basis"] == "an administrator of the centre saw Bob Archer at work"
    answer = own["staff_register"]["declarations"][0]["answer"]
    assert answer == "Bob does not assess her. an administrator of the centre"
    (competence,) = written["as_staff"]["staff_register"]["competence_recorded"]
    assert competence["basis"] == "Dan Price saw the assessor or verifier at work"
    (answered,) = written["as_staff"]["staff_register"]["declarations_answered"]
    assert answered["answer"] == "the assessor or verifier does not assess her. Dan Price"


def test_the_data_export_has_ones_own_staff_record_and_nobody_elses(world: World, client: Browser) -> None:
    fill_record(world)
    exports = {}
    for person in (world.bob, world.carol, world.dan):
        with client(person).post("/account/data", data={"password": PASSWORD}) as answer:
            archive = zipfile.ZipFile(io.BytesIO(answer.data))
        exports[person.name] = archive.read("data.json").decode()
    assert [word for word in CANARIES if word not in exports["Bob Archer"]] == []
    assert [word for word in CANARIES if word in exports["Carol Hughes"]] == []
    assert [word for word in CANARIES if word in exports["Dan Price"]] == ["QX-BASIS", "QX-ANSWER", "QX-REASON"]
    record = json.loads(exports["Bob Archer"])["staff_register"]
    assert {each["centre"] for part in record.values() for each in part} == {"Northgate Skills"}
    assert [each["kind"] for each in record["awards"]] == ["Another assessor’s award", "L&D9DI"]


def test_a_record_is_kept_while_its_person_has_a_role(world: World) -> None:
    fill_record(world)
    assert staff_erasure.find_staff_retention(get_member(world)).until is None
    with pytest.raises(Refused, match="not due"):
        erase(world)


def test_a_role_that_is_to_begin_keeps_a_record_from_erasure(world: World) -> None:
    fill_record(world)
    leave(world, 1_200)
    with transaction():
        factories.grant(world.bob, world.northgate, Role.ASSESSOR).starts_at = now() + timedelta(days=7)
    assert staff_erasure.find_staff_retention(get_member(world)).until is None
    with pytest.raises(Refused, match="not due"):
        erase(world)


def test_the_record_of_a_closed_account_is_kept_from_when_it_was_closed(world: World) -> None:
    fill_record(world)
    with transaction():
        world.bob.deactivated_at = factories.days_ago(1_200)
        factories.leave_unsealed()
    ended_on = day_of(factories.days_ago(1_200))
    assert staff_erasure.find_staff_retention(get_member(world)).ended_on == ended_on
    leave(world, 1_300)
    assert staff_erasure.find_staff_retention(get_member(world)).ended_on == day_of(factories.days_ago(1_300))
    leave(world, -30)
    assert staff_erasure.find_staff_retention(get_member(world)).ended_on == ended_on
    erase(world)
    assert list_faults(find_early_staff_erasures) == []


def test_it_is_kept_as_long_as_the_centre_keeps_decisions(world: World) -> None:
    fill_record(world)
    leave(world, 40)
    ended_on = day_of(factories.days_ago(40))
    assert staff_erasure.find_staff_retention(get_member(world)).until == retention_periods.add_months(36, ended_on)
    with transaction():
        retention.set_rule(world.northgate, "SQA", 12, 72, factories.make_actor(world.dan))
    assert staff_erasure.find_staff_retention(get_member(world)).until == retention_periods.add_months(72, ended_on)
    with pytest.raises(Refused, match="not due"):
        erase(world)


def test_erased_texts_are_in_no_table_and_what_decisions_rest_on_is_kept(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    fill_record(world)
    leave(world, 1_200)
    erase(world)
    dump = dump_database()
    assert [word for word in CANARIES if word in dump] == []
    kept = db.session.scalars(select(StaffAward).order_by(StaffAward.id)).all()
    assert [(each.kind, each.awarded_on is not None) for each in kept] == [
        (AwardKind.OTHER_ASSESSING, True), (AwardKind.LD9DI, True),
    ]  # fmt: skip
    assert recorded_acts()[-1] == "staff_record_erased"
    assert [each for each in list_faults(find_changed_rows) if each.startswith(STAFF_TABLES)] == []
    assert list_faults(find_early_staff_erasures, find_entries_without_end_event) == []
    with pytest.raises(Refused, match="not due"):
        erase(world)


def test_an_administrator_does_not_erase_their_own_record(world: World, client: Browser) -> None:
    fill_record(world)
    with transaction():
        factories.grant(world.bob, world.northgate, Role.ADMINISTRATOR)
        db.session.execute(
            update(Grant)
            .where(Grant.person_id == world.bob.id, Grant.role == Role.ASSESSOR)
            .values(ends_at=factories.days_ago(1_200))
        )
        factories.leave_unsealed()
    address = f"/centres/{world.northgate.id}/staff/{world.bob.id}/erase"
    answer = client(world.bob).post(address, data={"password": PASSWORD})
    assert answer.status_code == 422
    assert "your own staff record" in answer.text
    assert db.session.scalars(select(StaffErasure)).all() == []
    assert client(world.dan).post(address, data={"password": PASSWORD}).status_code == 303


def test_an_erased_declaration_asks_for_no_answer(world: World, client: Browser) -> None:
    with transaction():
        declare(world.bob, world.northgate, "QX-COUSIN")
    leave(world, 1_200)
    erase(world)
    with transaction():
        factories.grant(world.bob, world.northgate, Role.ASSESSOR)
    register = f"/centres/{world.northgate.id}/staff"
    dan = client(world.dan)
    page = dan.get(f"{register}/{world.bob.id}").text
    assert "was erased on" in page
    assert "Not answered yet" not in page
    assert "Interest not answered</span>" not in dan.get(register).text
    assert "Bob Archer" not in dan.get(f"{register}?show=unanswered").text
    with transaction():
        declare(world.bob, world.northgate)


def test_entries_at_another_centre_are_kept(world: World) -> None:
    with transaction():
        factories.grant(world.bob, world.southbank, Role.ASSESSOR)
        make_competent(world.bob, world.southbank, world.heidi)
        log_cpd(world.bob, world.southbank, "Kept at Southbank")
    fill_record(world)
    with transaction():
        db.session.execute(
            update(Grant)
            .where(Grant.person_id == world.bob.id, Grant.centre_id == world.northgate.id)
            .values(ends_at=factories.days_ago(1_200))
        )
        factories.leave_unsealed()
    erase(world)
    dump = dump_database()
    assert "Kept at Southbank" in dump
    assert "Eight years on a help desk" in dump


def test_an_erasure_before_its_time_is_named(world: World) -> None:
    fill_record(world)
    leave(world, 1_200)
    erase(world)
    assert list_faults(find_early_staff_erasures) == []
    with tampering_transaction():
        db.session.execute(
            update(Grant).where(Grant.person_id == world.bob.id).values(ends_at=factories.days_ago(100))
        )
        (fault,) = list_faults(find_early_staff_erasures)
        assert "had to be kept until" in fault
    with tampering_transaction():
        db.session.execute(update(Grant).where(Grant.person_id == world.bob.id).values(ends_at=None))
        (fault,) = list_faults(find_early_staff_erasures)
        assert "of a person who had a role" in fault


def test_an_administrator_erases_with_their_password(world: World, client: Browser) -> None:
    fill_record(world)
    address = f"/centres/{world.northgate.id}/staff/{world.bob.id}"
    dan = client(world.dan)
    assert "has a role" in dan.get(f"{address}/erase").text
    leave(world, 1_200)
    assert "Former staff" in dan.get(f"/centres/{world.northgate.id}/staff?show=former").text
    assert f"{address}/erase" in dan.get(address).text
    assert "cannot be undone" in dan.get(f"{address}/erase").text
    assert dan.post(f"{address}/erase", data={"password": "wrong horse battery"}).status_code == 422
    assert dan.post(f"{address}/erase", data={"password": PASSWORD}).status_code == 303
    page = dan.get(address).text
    assert "was erased on" in page
    assert "Not answered yet" not in page
    assert "QX-" not in page
    assert "Nothing is left to erase." in dan.get(f"{address}/erase").text
    assert now() - timedelta(minutes=5) < db.session.scalars(select(StaffErasure.erased_at)).one()
