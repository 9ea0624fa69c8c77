"""Allocation of unit attempts to assessors and internal verifiers: one unit, or many in one act."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from tracker.background import emails
from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Allocation, Person, UnitAttempt
from tracker.registrations import emails as email_texts
from tracker.registrations.due_releases import release_due_assessments_in
from tracker.registrations.separation_of_duties import (
    check_may_assess,
    check_may_verify,
    check_not_withdrawn,
    check_not_withdrawn_before_completion,
)
from tracker.registrations.services import check_has_role
from tracker.vocabulary import AttemptState, Role
from tracker.web.text_direction import isolate

ALLOCATED_ROLES = (Role.ASSESSOR, Role.INTERNAL_VERIFIER)
"""The roles in which an attempt is allocated to somebody, in the order in which they are allocated."""


@dataclass(frozen=True)
class AllocationChange:
    """An allocation that was made, and the allocation of the attempt in the same role that it ended, if any."""

    attempt: UnitAttempt
    made: Allocation
    ended: Allocation | None


def allocate(attempt: UnitAttempt, person: Person, role: Role, reason: str, actor: Actor) -> Allocation:
    """Allocate an attempt to an assessor or verifier from now on, and email the people concerned.

    An earlier allocation in the role ends, and is kept (docs/rules.md, Roles and permissions).

    Raises:
        Refused: a withdrawn candidate, a void attempt, a person without the role, or separation of duties.
        Invalid: a change without a reason.
    """
    changes = change_allocations(attempt, {role: person}, reason, actor)
    if not changes:
        raise Refused(f"This unit is already allocated to {isolate(person.name)}. Nothing was changed.")
    email_people_concerned(changes)
    return changes[0].made


def allocate_all(
    attempts: Iterable[UnitAttempt], people: Mapping[Role, Person], reason: str, actor: Actor
) -> list[AllocationChange]:
    """Allocate attempts to the same people, and send each person concerned one email about all of them.

    An attempt that is already allocated to the person stays as it is. The caller has locked the attempts.

    Raises:
        Refused, Invalid: as `allocate` does, for any of the attempts.
    """
    changes = [change for attempt in attempts for change in change_allocations(attempt, people, reason, actor)]
    email_people_concerned(changes)
    return changes


def change_allocations(
    attempt: UnitAttempt, people: Mapping[Role, Person], reason: str, actor: Actor
) -> list[AllocationChange]:
    """Allocate an attempt to these people without an email; leave out roles in which it is theirs already.

    The rules hold for the allocations as they are afterwards, so that an assessor and a verifier who have done
    nothing yet can be exchanged (docs/rules.md, Separation of duties, rule 4).

    Raises:
        Refused, Invalid: as `allocate` does.
    """
    if not people:
        return []
    for role in people:
        _check_not_withdrawn(attempt, role)
    release_due_assessments_in(attempt)
    current = _load_open_allocations(attempt)
    _check_allocatable(attempt, people, current)
    changed = [role for role in ALLOCATED_ROLES if role in people and not _is_allocated(current, role, people[role])]
    ended = {role: current[role] for role in changed if role in current}
    if ended and not reason.strip():
        raise Invalid("Enter the reason for the change. Nothing was changed.", "reason")
    moment = now()
    for allocation in ended.values():
        _end_allocation(allocation, moment, actor)
    return [
        AllocationChange(
            attempt, _add_allocation(attempt, people[role], role, reason, moment, actor), ended.get(role)
        )
        for role in changed
    ]


def find_open_allocation(attempt: UnitAttempt, role: Role) -> Allocation | None:
    """Return the allocation of an attempt in this role that has not ended, or None.

    It may be of a person who no longer has the role; `find_current_allocation` leaves those out.
    """
    query = select(Allocation).where(
        Allocation.attempt_id == attempt.id, Allocation.role == role, Allocation.ends_at.is_(None)
    )
    return db.session.scalars(query).one_or_none()


def _load_open_allocations(attempt: UnitAttempt) -> dict[Role, Allocation]:
    """Return the allocations of an attempt that have not ended, by role."""
    query = select(Allocation).where(Allocation.attempt_id == attempt.id, Allocation.ends_at.is_(None))
    return {allocation.role: allocation for allocation in db.session.scalars(query)}


def _is_allocated(current: Mapping[Role, Allocation], role: Role, person: Person) -> bool:
    return role in current and current[role].person_id == person.id


def _check_not_withdrawn(attempt: UnitAttempt, role: Role) -> None:
    if role is Role.INTERNAL_VERIFIER:
        check_not_withdrawn_before_completion(attempt)
    else:
        check_not_withdrawn(attempt)


def _check_allocatable(
    attempt: UnitAttempt, people: Mapping[Role, Person], current: Mapping[Role, Allocation]
) -> None:
    if not set(people) <= set(ALLOCATED_ROLES):
        raise NotFound
    if attempt.state is AttemptState.VOID:
        raise Refused("This unit is void. Nothing was changed.")
    for role, person in people.items():
        check_has_role(person, attempt.centre, role)
        check = check_may_assess if role is Role.ASSESSOR else check_may_verify
        check(person.id, attempt)
    afterwards = {role: allocation.person_id for role, allocation in current.items()}
    afterwards |= {role: person.id for role, person in people.items()}
    if len(set(afterwards.values())) < len(afterwards):
        raise Refused("The same person cannot assess and verify a unit. Nothing was changed. Choose somebody else.")


def _end_allocation(current: Allocation, moment: datetime, actor: Actor) -> None:
    current.ends_at = moment
    db.session.flush()  # before the next allocation: a unique index allows one live allocation for each role
    record("allocation_ended", current, actor, attempt=current.attempt_id, role=current.role.value)


def _add_allocation(
    attempt: UnitAttempt, person: Person, role: Role, reason: str, moment: datetime, actor: Actor
) -> Allocation:
    assert actor.person_id is not None  # noqa: S101 - an administrator allocates, never the operator
    allocation = Allocation(
        attempt_id=attempt.id,
        person=person,
        role=role,
        starts_at=moment,
        reason=reason.strip() or "First allocation",
        allocated_by_id=actor.person_id,
    )
    db.session.add(allocation)
    db.session.flush()
    record(
        "allocation_made",
        allocation,
        actor,
        texts={"reason": allocation.reason},
        attempt=attempt.id,
        person=person.id,
        role=role.value,
    )
    return allocation


def email_people_concerned(changes: Iterable[AllocationChange]) -> None:
    """Email each former and each new assessor and verifier, and each candidate who has a new assessor, once."""
    ended: dict[tuple[Role, Person], list[AllocationChange]] = {}
    made: dict[tuple[Role, Person], list[AllocationChange]] = {}
    new_assessors: dict[tuple[Person, Person], list[AllocationChange]] = {}
    for change in changes:
        role, person = change.made.role, change.made.person
        made.setdefault((role, person), []).append(change)
        if change.ended:
            ended.setdefault((role, change.ended.person), []).append(change)
        if role is Role.ASSESSOR:
            new_assessors.setdefault((change.attempt.candidate, person), []).append(change)
    for (role, person), person_changes in ended.items():
        text = email_texts.build_allocation_ended_email(
            role, _list_units(person_changes), emails.build_url("/account")
        )
        emails.notify(person, f"allocation_ended:{_build_topic_part(person_changes)}:{role.value}", *text)
    for (role, person), person_changes in made.items():
        text = email_texts.build_allocation_made_email(role, _list_units(person_changes), _build_url(person_changes))
        emails.notify(person, f"allocation_made:{_build_topic_part(person_changes)}:{role.value}", *text)
    for (candidate, assessor), person_changes in new_assessors.items():
        text = email_texts.build_assessor_allocated_email(
            assessor.name, _list_units(person_changes), _build_url(person_changes)
        )
        emails.notify(candidate, f"allocation_made:{_build_topic_part(person_changes)}:candidate", *text)


def _list_units(changes: Iterable[AllocationChange]) -> list[email_texts.AllocatedUnit]:
    attempts = [change.attempt for change in changes]
    return [email_texts.AllocatedUnit(each.unit.code, each.unit.title, each.candidate.name) for each in attempts]


def _build_url(changes: Sequence[AllocationChange]) -> str:
    """Return the address of the unit, or of the home page for several units."""
    return emails.build_url(f"/attempts/{changes[0].attempt.id}" if len(changes) == 1 else "/")


def _build_topic_part(changes: Sequence[AllocationChange]) -> str:
    """Return the part of an email's topic that names the first allocation, so that each act is emailed.

    The pages say that an email is sent, also when a unit is allocated to the same person twice in a day.
    """
    return str(changes[0].made.id)
