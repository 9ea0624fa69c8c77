"""What `flask verify` names of staff records that were changed or made outside the product."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests import factories
from tests.factories import World
from tests.integrity.given_records import BOB, DAN, build_event, build_snapshot
from tests.integrity.tampering import list_violations, tampering_transaction
from tests.staff.entries import declare, hold, log_cpd, make_competent, work_towards
from tracker.clock import now
from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.integrity.staff_records import (
    BY_OTHERS,
    find_entries_by_the_wrong_person,
    find_entries_without_end_event,
)
from tracker.ledger.events import record
from tracker.ledger.sealing import UnpermittedWrite
from tracker.ledger.transactions import commit, rollback, transaction
from tracker.models import CpdEntry, InterestDeclaration, StaffAward, StaffCompetence
from tracker.vocabulary import AwardKind

Check = Callable[[LedgerSnapshot], Iterator[str]]


@pytest.fixture
def staff_world(world: World) -> World:
    """Northgate, where Bob's staff record has an entry of each kind."""
    with transaction():
        hold(world.bob, world.northgate, world.dan)
        make_competent(world.bob, world.northgate, world.dan)
        log_cpd(world.bob, world.northgate)
        declare(world.bob, world.northgate, "My cousin")
    return world


def list_faults(*checks: Check) -> list[str]:
    db.session.expire_all()
    ledger = LedgerSnapshot()
    return [fault for check in checks for fault in check(ledger)]


def change(model: Any, **values: Any) -> None:
    db.session.execute(update(model.__table__).values(**values))


def test_an_untouched_staff_record_has_no_fault(staff_world: World) -> None:
    assert [each for each in list_violations() if any(name in each for name in ("staff", "cpd", "interest"))] == []


@pytest.mark.parametrize(
    ("model", "column", "value"),
    [
        (StaffAward, "awarded_on", date(2019, 1, 1)),
        (StaffAward, "ends_on", date(2031, 1, 1)),
        (StaffAward, "kind", AwardKind.V1),
        (StaffAward, "certificate_number", "C-2"),
        (StaffCompetence, "unit_code", "INSCC004"),
        (CpdEntry, "minutes", 600),
        (CpdEntry, "learning", "More"),
        (InterestDeclaration, "interest", "Nobody"),
    ],
)
def test_a_changed_entry_is_named(staff_world: World, model: Any, column: str, value: Any) -> None:
    with tampering_transaction():
        change(model, **{column: value})
        name = model.__tablename__.replace("_", " ")
        assert [each for each in list_faults(find_changed_rows) if each.startswith(f"{name} 1 was changed")]


@pytest.mark.parametrize("act", BY_OTHERS)
def test_what_a_person_entered_or_erased_in_their_own_record_is_named(act: str) -> None:
    award = {"person_id": BOB, "centre_id": 1}
    by_bob, by_dan = (build_event(act, ("staff_award", 1), actor=actor) for actor in (BOB, DAN))
    assert list(find_entries_by_the_wrong_person(build_snapshot(by_dan, staff_award=[award]))) == []
    (fault,) = find_entries_by_the_wrong_person(build_snapshot(by_bob, staff_award=[award]))
    assert "in the person's own staff record" in fault


def test_an_entry_in_the_log_of_somebody_else_is_named(staff_world: World) -> None:
    with tampering_transaction():
        change(CpdEntry, person_id=staff_world.carol.id)
        assert any("of somebody else" in each for each in list_faults(find_entries_by_the_wrong_person))


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (StaffAward, {"removed_at": now(), "removed_reason": "x"}),
        (StaffCompetence, {"removed_at": now(), "removed_reason": "x"}),
        (CpdEntry, {"removed_at": now(), "removed_reason": "x"}),
        (InterestDeclaration, {"ended_at": now(), "ended_reason": "x"}),
    ],
)
def test_an_entry_that_ended_without_an_event_is_named(
    staff_world: World, model: Any, values: dict[str, Any]
) -> None:
    if model in (StaffAward, StaffCompetence):
        values = values | {"removed_by_id": staff_world.dan.id}
    with tampering_transaction():
        change(model, **values)
        assert any("did not end as its events say" in each for each in list_faults(find_entries_without_end_event))


def test_an_award_confirmed_without_an_event_is_named(world: World) -> None:
    with transaction():
        work_towards(world.bob, world.northgate, world.dan)
    assert list_faults(find_entries_without_end_event) == []
    with tampering_transaction():
        change(
            StaffAward, awarded_on=date(2020, 1, 1), awarding_body="SQA", certificate_number="1", confirmed_at=now(),
            confirmed_by_id=world.dan.id,
        )  # fmt: skip
        assert any("not confirmed as its events say" in each for each in list_faults(find_entries_without_end_event))


def test_an_act_on_one_award_writes_no_other(staff_world: World) -> None:
    with transaction():
        award = hold(staff_world.carol, staff_world.northgate, staff_world.dan, AwardKind.V1)
    other = db.session.query(StaffAward).filter_by(person_id=staff_world.bob.id).one()
    other.removed_at, other.removed_by_id, other.removed_reason = now(), staff_world.dan.id, "x"
    record("award_removed", award, factories.make_actor(staff_world.dan), person=staff_world.carol.id)
    with pytest.raises(UnpermittedWrite):
        commit()
    rollback()


def test_a_removal_may_not_change_when_the_award_was_given(staff_world: World) -> None:
    award = db.session.query(StaffAward).one()
    award.awarded_on = date(2020, 5, 4) + timedelta(days=1)
    record("award_removed", award, factories.make_actor(staff_world.dan), person=staff_world.bob.id)
    with pytest.raises(UnpermittedWrite):
        commit()
    rollback()
