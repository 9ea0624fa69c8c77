"""Who countersigns for whom at a centre, and whether the centre asks for it: acts of its administrators.

docs/rules.md, Countersigning, rules 1, 2 and 9.
"""

from sqlalchemy import func, select

from tracker.assessment.queries.countersigning import (
    find_countersigner,
    find_countersigner_fault,
    find_fault_in_unit,
    is_qualified,
    list_open_of,
    list_without_countersigner,
)
from tracker.assessment.services.countersigning import ask_another
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Assessment, Centre, Countersignature, Countersigner, Person, UnitAttempt
from tracker.registrations.queries import list_live_roles
from tracker.vocabulary import Role
from tracker.web.countersigners import is_open
from tracker.web.text_direction import isolate

MAX_NAMED = 3
"""The most people whom a refusal names."""


def name_countersigner(assessor: Person, person: Person, centre: Centre, actor: Actor) -> Countersigner:
    """Name the person who countersigns for an assessor from now on; what waits for the former one waits for them.

    Args:
        assessor: whose decisions are countersigned.
        person: who countersigns them.
        centre: the centre.
        actor: its administrator.

    Raises:
        Invalid: the person is the assessor, or cannot countersign today or in a unit that waits.
        Refused: the administrator's own countersigner, or somebody who is no assessor.
    """
    assert actor.person_id is not None  # noqa: S101 - an administrator names, never the operator
    _check_assessor(assessor, centre, actor)
    if person.id == assessor.id:
        raise Invalid("Choose another person: nobody countersigns their own decisions.", "person")
    if fault := find_countersigner_fault(person, centre.id):
        raise Invalid(f"Choose another person: {fault}.", "person")
    lock_rows(UnitAttempt, [each.attempt_id for each in list_open_of(assessor.id, centre.id)])
    lock_rows(Centre, [centre.id])
    former = find_countersigner(assessor.id, centre.id)
    if former and former.person_id == person.id:
        return former
    waiting = list_open_of(assessor.id, centre.id)
    for each in waiting:
        if fault := find_fault_in_unit(person, each.attempt):
            raise Invalid(f"{each.attempt.unit.code} waits to be countersigned, and {fault}.", "person")
    if former:
        _end(former, actor)
    named = Countersigner(
        centre_id=centre.id,
        assessor_id=assessor.id,
        person_id=person.id,
        starts_at=now(),
        named_by_id=actor.person_id,
    )
    db.session.add(named)
    db.session.flush()
    record("countersigner_named", named, actor, centre=centre.id, assessor=assessor.id, person=person.id)
    for each in waiting:
        ask_another(each, person, assessor, actor)
    return named


def end_countersigner(named: Countersigner, centre: Centre, actor: Actor) -> None:
    """End the naming of a countersigner who is needed no longer. The row stays in the record.

    Raises:
        Refused: it has ended, the assessor still needs a countersigner, or something waits.
    """
    lock_rows(Centre, [centre.id])
    lock_rows(Countersigner, [named.id])
    _check_assessor(named.assessor, centre, actor, is_current=False)
    name = isolate(named.assessor.name)
    if named.ends_at:
        raise Refused("This has ended already. Nothing was changed.")
    if list_open_of(named.assessor_id, centre.id):
        raise Refused(f"Decisions of {name} wait to be countersigned. Nothing was changed. Name another person.")
    is_assessor = (named.assessor_id, Role.ASSESSOR) in list_live_roles(centre.id, [named.assessor_id])
    if centre.has_countersigning and is_assessor and not is_qualified(named.assessor_id, centre.id):
        raise Refused(f"{name} holds no assessor’s award today. Nothing was changed. Name another person instead.")
    _end(named, actor)


def change_countersigning(centre: Centre, actor: Actor, *, is_on: bool) -> None:
    """Switch countersigning on or off at a centre. Nothing is recorded where it stays the same.

    Raises:
        Refused: an assessor without an award has no countersigner; or something waits, and it would be switched off.
    """
    lock_rows(Centre, [centre.id])
    if is_on is bool(centre.has_countersigning):
        return
    if is_on and (without := list_without_countersigner(centre.id, limit=MAX_NAMED + 1)):
        names = ", ".join(isolate(person.name) for person in without[:MAX_NAMED])
        others = " and others" if len(without) > MAX_NAMED else ""
        raise Refused(
            f"Nothing was changed: nobody countersigns for {names}{others}. "
            "Name a countersigner for every assessor without an award first."
        )
    if not is_on and (waiting := _count_waiting(centre.id)):
        raise Refused(
            f"Nothing was changed: {waiting} {'decision waits' if waiting == 1 else 'decisions wait'} to be "
            "countersigned. Switch countersigning off when all are answered."
        )
    centre.has_countersigning = is_on
    record("countersigning_changed", centre, actor, is_on=is_on)


def _check_assessor(assessor: Person, centre: Centre, actor: Actor, *, is_current: bool = True) -> None:
    if assessor.id == actor.person_id:
        raise Refused("Another administrator names who countersigns for you. Nothing was changed.")
    if is_current and (assessor.id, Role.ASSESSOR) not in list_live_roles(centre.id, [assessor.id]):
        raise Refused(f"{isolate(assessor.name)} is no assessor of the centre now. Nothing was changed.")


def _end(named: Countersigner, actor: Actor) -> None:
    named.ends_at = now()
    db.session.flush()  # an assessor has one countersigner at a time: the old one ends before the new one is inserted
    record("countersigner_ended", named, actor, centre=named.centre_id, assessor=named.assessor_id)


def _count_waiting(centre_id: int) -> int:
    """Count what waits for a countersigner at a centre, with what will once it can no longer be undone."""
    in_centre = select(UnitAttempt.id).where(UnitAttempt.centre_id == centre_id)
    asked = select(func.count(Countersignature.id)).where(Countersignature.attempt_id.in_(in_centre), is_open())
    to_ask = select(func.count(Assessment.id)).where(
        Assessment.attempt_id.in_(in_centre),
        Assessment.release_after.is_not(None),
        Assessment.needs_countersigner.is_(True),
    )
    return (db.session.scalar(asked) or 0) + (db.session.scalar(to_ask) or 0)
