"""What `flask verify` names of records of assessment that were changed or made outside the product."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import update

from tests import factories
from tests.factories import World
from tests.integrity.tampering import tampering_transaction
from tests.records.observations import agree, decide, object_to, observe, withdraw
from tests.records.test_readers import write_again
from tracker.assessment.services.assessments import DraftDecisions, save_draft
from tracker.clock import now
from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.records import (
    find_decisions_on_open_records,
    find_wrong_acknowledgements,
    find_wrong_author_withdrawals,
    find_wrong_authors,
    find_wrong_withdrawals,
)
from tracker.integrity.replay import find_acts_on_closed_attempts
from tracker.integrity.rows_and_events import find_unmatched_rows_and_events
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.integrity.units_and_evidence import find_changed_evidence
from tracker.ledger.transactions import transaction
from tracker.models import Acknowledgement, Evidence, EvidenceVersion, RecordWithdrawal
from tracker.portfolio.queries.evidence import find_version_in
from tracker.vocabulary import AcknowledgementAnswer, Role

CHECKS = (
    find_wrong_authors,
    find_wrong_acknowledgements,
    find_decisions_on_open_records,
    find_wrong_author_withdrawals,
    find_wrong_withdrawals,
    find_acts_on_closed_attempts,
    find_changed_evidence,
)


def list_faults(*checks: Callable[[LedgerSnapshot], Iterator[str]]) -> list[str]:
    db.session.expire_all()
    ledger = LedgerSnapshot()
    return [fault for check in checks for fault in check(ledger)]


def change(model: Any, key: int, **values: Any) -> None:
    db.session.execute(update(model.__table__).where(model.__table__.c.id == key).values(**values))


@pytest.fixture
def record(world: World) -> Evidence:
    """An observation of Alice to which she objected, and whose objection Carol dismissed."""
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    decide(record, world.carol, is_upheld=False)
    return record


def get_answer(role: Role) -> Acknowledgement:
    return db.session.query(Acknowledgement).filter_by(role=role).one()


@pytest.mark.usefixtures("record")
def test_records_that_the_product_made_have_no_fault(world: World) -> None:
    upheld = observe(world.inscc004, world.bob, "She wrote a letter. [14:00 1]")
    object_to(upheld)
    decide(upheld, world.carol, is_upheld=True)
    agree(observe(world.cfacc15, world.bob, "She called back. [15:00 6]"))
    withdraw(observe(world.cfacc15, world.bob, "She sent a form. [16:00 6]"))
    objected = observe(world.cfacc15, world.bob, "She rang off. [16:10 6]")
    object_to(objected)
    withdraw(objected)
    assert list_faults(*CHECKS) == []
    rows = [
        each
        for each in list_faults(find_changed_rows, find_unmatched_rows_and_events)
        if "acknowledgement" in each or "withdrawal" in each
    ]
    assert rows == []


@pytest.mark.parametrize("is_upheld", [False, True])
def test_a_superseded_record_with_drafted_decisions_that_goes_out_of_use_has_no_fault(
    world: World, is_upheld: bool
) -> None:
    """Bob drafts decisions on version 1, which nobody answers; version 2 is withdrawn, or Alice's objection upheld."""
    record = observe(world.cfacc15, world.bob)
    with transaction():
        save_draft(
            world.cfacc15, record.versions[0], DraftDecisions({}, {}, {}, "Clear."), factories.make_actor(world.bob)
        )
    write_again(record, "She said why. [10:11 g]")
    if is_upheld:
        object_to(record)
        decide(record, world.carol, is_upheld=True)
    else:
        withdraw(record)
    assert all(version.submission.withdrawn_at for version in record.versions)
    assert list_faults(*CHECKS) == []


def test_another_author_is_named(world: World, record: Evidence) -> None:
    with tampering_transaction():
        change(EvidenceVersion, record.versions[0].id, author_id=world.grace.id)
        assert "another author or kind" in list_faults(find_wrong_authors)[0]
        assert "is not what was sealed" in list_faults(find_changed_evidence)[0]


def test_an_ordinary_item_that_is_made_a_record_is_named(world: World) -> None:
    evidence = factories.make_evidence(world.cfacc15, "Call")
    version = factories.submit(evidence)
    db.session.commit()
    with tampering_transaction():
        change(Evidence, evidence.id, author_id=world.bob.id, record_kind="observation")
        change(EvidenceVersion, version.id, author_id=world.bob.id, record_kind="observation", content="{}")
        assert "no assessor finished it" in list_faults(find_wrong_authors)[0]


def test_content_that_no_schema_allows_is_named(record: Evidence) -> None:
    with tampering_transaction():
        change(EvidenceVersion, record.versions[0].id, content='{"version":1,"place":7}')
        assert "content that its schema does not allow" in list_faults(find_wrong_authors)[0]


@pytest.mark.parametrize(
    ("role", "column", "value", "fault"),
    [
        (Role.CANDIDATE, "acknowledged_by_id", "carol", "is the candidate's, but another person gave it"),
        (Role.INTERNAL_VERIFIER, "acknowledged_by_id", "bob", "is of the author of the record"),
        (Role.CANDIDATE, "answer", "upheld", "an answer that its role may not give"),
        (Role.CANDIDATE, "answer", "agreed", "in an order that the rules do not allow"),
    ],
)
def test_an_acknowledgement_of_another_person_or_answer_is_named(
    world: World, record: Evidence, role: Role, column: str, value: str, fault: str
) -> None:
    with tampering_transaction():
        changed = getattr(world, value).id if column == "acknowledged_by_id" else value
        change(Acknowledgement, get_answer(role).id, **{column: changed})
        assert any(fault in each for each in list_faults(find_wrong_acknowledgements))
        assert any("acknowledgement" in each for each in list_faults(find_changed_rows))


def test_an_acknowledgement_without_its_event_is_named(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with tampering_transaction():
        forged = Acknowledgement(
            evidence_version_id=record.versions[0].id,
            role=Role.CANDIDATE,
            answer=AcknowledgementAnswer.AGREED,
            statement="I have read this record. This is what happened.",
            reason="",
            acknowledged_at=now(),
            acknowledged_by_id=world.alice.id,
        )
        factories.add_and_flush(forged)
        assert f"acknowledgement {forged.id} is in no event" in list_faults(find_unmatched_rows_and_events)


def test_a_decision_on_a_record_that_did_not_count_is_named(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    version = find_version_in(world.cfacc15, record.id)
    assert version
    with tampering_transaction():
        factories.accept(world.cfacc15, version, world.bob, {})
        assert "was released on a record that did not count" in list_faults(find_decisions_on_open_records)[0]


def test_a_record_taken_out_of_use_without_an_upheld_objection_is_named(record: Evidence) -> None:
    with tampering_transaction():
        submission = record.versions[0].submission
        change(type(submission), submission.id, withdrawn_at=now())
        assert "it ends when an objection to it is upheld" in list_faults(find_wrong_withdrawals)[0]


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("withdrawn_by_id", "carol", "is of another person than the author"),
        ("reason", "It was on another day.", "has changed"),
    ],
)
def test_a_changed_withdrawal_is_named(world: World, column: str, value: str, fault: str) -> None:
    withdrawal = withdraw(observe(world.cfacc15, world.bob))
    with tampering_transaction():
        change(RecordWithdrawal, withdrawal.id, **{column: world.carol.id if value == "carol" else value})
        faults = list_faults(find_wrong_author_withdrawals, find_changed_rows)
        assert any("withdrawal" in each and (fault in each or fault == "has changed") for each in faults), faults


def test_a_withdrawal_of_a_version_that_counted_is_named(record: Evidence, world: World) -> None:
    with tampering_transaction():
        forged = RecordWithdrawal(
            evidence_version_id=record.versions[0].id, reason="No.", withdrawn_at=now(), withdrawn_by_id=world.bob.id
        )
        factories.add_and_flush(forged)
        assert "of a version that counted" in list_faults(find_wrong_author_withdrawals)[0]
        assert f"record withdrawal {forged.id} is in no event" in list_faults(find_unmatched_rows_and_events)
        assert "it ends when an objection" in list_faults(find_wrong_withdrawals)[0]
