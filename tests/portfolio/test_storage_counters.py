"""Counters of the bytes that a candidate and a centre store: right after every change, whoever makes it."""

import hashlib
import io
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import insert, select, text, update

from tests import factories
from tests.factories import World
from tests.integrity.tampering import tampering_transaction
from tests.pausing import run_while_paused
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, CandidateStorage, CentreStorage, Evidence, UnitAttempt
from tracker.portfolio.services import files as services
from tracker.portfolio.services.files import attach_file, remove_file, store_file
from tracker.portfolio.storage_counters import list_differences, recount
from tracker.portfolio.storage_quotas import measure_candidate, measure_centre

Add = Callable[..., Evidence]


@pytest.fixture
def add(world: World) -> Add:
    """`add(attempt, b"words")` adds an item with a file of this content, and returns the item."""

    def add_item(attempt: UnitAttempt, content: bytes, name: str = "notes.txt") -> Evidence:
        file = store_file(io.BytesIO(content), name)
        with transaction():
            evidence = factories.make_evidence(attempt, "A call")
            attach_file(evidence, file)
        return evidence

    return add_item


@pytest.fixture
def ivys_unit(world: World) -> UnitAttempt:
    """A unit of Ivy, who is at Alice's centre."""
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, factories.Role.CANDIDATE)
        return factories.make_attempt(factories.make_registration(ivy, world.northgate, world.dan), "CFACC15")


def differences() -> list[str]:
    found = list(list_differences(db.session.connection()))
    db.session.rollback()
    return found


def erase(evidence: Evidence) -> None:
    """Blank the name of an item's files, as an erasure does; the trigger that refuses it otherwise is not tested here."""
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("ALTER TABLE attachment DISABLE TRIGGER attachment_no_update"))
    else:
        db.session.execute(text("DROP TRIGGER attachment_no_update"))
    db.session.execute(update(Attachment).where(Attachment.evidence_id == evidence.id).values(name="Erased"))


def test_a_file_counts_for_its_candidate_and_their_centre(world: World, add: Add, ivys_unit: UnitAttempt) -> None:
    add(world.cfacc15, b"four")
    add(ivys_unit, b"seventy")
    assert measure_candidate(world.alice.id, world.northgate.id).used == 4
    assert measure_candidate(ivys_unit.candidate_id, world.northgate.id).used == 7
    assert measure_centre(world.northgate.id).used == 11
    assert measure_centre(world.southbank.id).used == 0


def test_the_same_file_of_two_candidates_counts_once_for_the_centre(
    world: World, add: Add, ivys_unit: UnitAttempt
) -> None:
    for attempt in (world.cfacc15, world.inscc004, ivys_unit):
        add(attempt, b"the same")
    assert measure_candidate(world.alice.id, world.northgate.id).used == 8
    assert measure_candidate(ivys_unit.candidate_id, world.northgate.id).used == 8
    assert measure_centre(world.northgate.id).used == 8
    assert differences() == []


def test_a_removed_file_counts_still(world: World, add: Add) -> None:
    evidence = add(world.cfacc15, b"words")
    with transaction():
        remove_file(evidence, evidence.attachments[0])
    assert measure_candidate(world.alice.id, world.northgate.id).used == 5
    assert differences() == []


def test_an_erased_file_counts_no_more_unless_somebody_else_has_it(
    world: World, add: Add, ivys_unit: UnitAttempt
) -> None:
    shared, other = add(world.cfacc15, b"the same"), add(world.cfacc15, b"words")
    add(ivys_unit, b"the same")
    erase(shared)
    assert measure_candidate(world.alice.id, world.northgate.id).used == 5
    assert measure_centre(world.northgate.id).used == 13
    db.session.execute(update(Attachment).where(Attachment.evidence_id == other.id).values(name="Erased"))
    assert measure_candidate(world.alice.id, world.northgate.id).used == 0
    assert measure_centre(world.northgate.id).used == 8
    assert list(list_differences(db.session.connection())) == []
    db.session.rollback()


def test_two_files_of_one_content_that_are_erased_at_once_count_once(world: World, add: Add) -> None:
    evidence = add(world.cfacc15, b"words")
    with transaction():
        attach_file(evidence, store_file(io.BytesIO(b"words"), "again.txt"))
    assert measure_centre(world.northgate.id).used == 5
    erase(evidence)
    assert measure_centre(world.northgate.id).used == 0
    db.session.rollback()


def test_what_the_previous_release_writes_is_counted(world: World, add: Add) -> None:
    """It knows no counters: it adds rows to `attachment` only."""
    evidence = add(world.cfacc15, b"four")
    row = {"evidence_id": evidence.id, "media_type": "text/plain", "uploaded_at": now()}
    contents = (b"one", b"two", b"one")
    with transaction():
        db.session.execute(
            insert(Attachment),
            [
                {**row, "name": f"{number}.txt", "size": 3, "sha256": hashlib.sha256(content).hexdigest()}
                for number, content in enumerate(contents)
            ],
        )
    assert measure_candidate(world.alice.id, world.northgate.id).used == 10
    assert differences() == []


def test_a_counter_changes_in_the_transaction_that_adds_the_file(world: World) -> None:
    file = store_file(io.BytesIO(b"words"), "notes.txt")
    evidence = factories.make_evidence(world.cfacc15, "A call")
    attach_file(evidence, file)
    assert measure_candidate(world.alice.id, world.northgate.id).used == 5
    db.session.rollback()
    assert measure_candidate(world.alice.id, world.northgate.id).used == 0


def test_the_same_file_added_at_once_by_two_candidates_counts_once(
    app: Flask, world: World, ivys_unit: UnitAttempt
) -> None:
    with transaction():
        ids = [factories.make_evidence(each, "A call").id for each in (world.cfacc15, ivys_unit)]
    file = store_file(io.BytesIO(b"words"), "notes.txt")

    def add_to(number: int) -> None:
        with transaction():
            attach_file(db.session.get_one(Evidence, ids[number]), file)

    run_while_paused(app, (services, "_set_updated_at"), lambda: add_to(0), lambda: add_to(1))
    assert measure_centre(world.northgate.id).used == 5
    assert differences() == []


def test_wrong_counters_are_named_and_corrected(app: Flask, world: World, add: Add) -> None:
    add(world.cfacc15, b"words")
    with transaction():
        db.session.execute(update(CandidateStorage).values(size=500))
        db.session.execute(insert(CentreStorage).values(centre_id=world.southbank.id, size=70))
    assert differences() == [
        f"centre {world.southbank.id}: 70 bytes are counted, and the files have 0",
        f"candidate {world.alice.id} at centre {world.northgate.id}: 500 bytes are counted, and the files have 5",
    ]
    runner = app.test_cli_runner()
    assert runner.invoke(args=["storage", "recount"]).output == "2 counters corrected.\n"
    assert differences() == []
    assert measure_candidate(world.alice.id, world.northgate.id).used == 5
    assert runner.invoke(args=["storage", "recount"]).output == "Every counter is right.\n"


def test_files_that_no_trigger_counted_are_counted_again(world: World, add: Add) -> None:
    evidence = add(world.cfacc15, b"four")
    with tampering_transaction():
        db.session.execute(
            insert(Attachment).values(
                evidence_id=evidence.id, name="more.txt", media_type="text/plain", size=9, sha256="0" * 64, uploaded_at=now()
            )
        )  # fmt: skip
        assert recount(db.session.connection()) == 2
        assert db.session.scalars(select(CentreStorage.size)).all() == [13]
        assert recount(db.session.connection()) == 0
