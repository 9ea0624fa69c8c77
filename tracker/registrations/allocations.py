"""Allocation of unit attempts to assessors and internal verifiers: one unit, or many in one act."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.background import emails
from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refusals, Refused, note_refusal
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.models import Allocation, Person, UnitAttempt
from tracker.registrations import emails as email_texts
from tracker.registrations.current_allocations import ALLOCATED_ROLES
from tracker.registrations.due_releases import end_countersignatures_in, release_due_assessments_in
from tracker.registrations.queries import list_live_roles
from tracker.registrations.separation_of_duties import (
    WhoDidWhat,
    check_may_assess,
    check_may_verify,
    check_not_withdrawn,
    check_not_withdrawn_before_completion,
    list_assessed,
    list_verified,
)
from tracker.registrations.services import check_has_role
from tracker.vocabulary import AttemptState, CountersignatureEnd, Role
from tracker.web.text_direction import isolate


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
    changes = allocate_all([attempt], {role: person}, reason, actor)
    if not changes:
        raise Refused(f"This unit is already allocated to {isolate(person.name)}. Nothing was changed.")
    return changes[0].made


def allocate_all(
    attempts: Iterable[UnitAttempt], people: Mapping[Role, Person], reason: str, actor: Actor
) -> list[AllocationChange]:
    """Allocate attempts to the same people, and send each person concerned one email about all of them.

    An attempt that is already allocated to the person stays as it is. The caller has locked the attempts.

    Raises:
        Refused, Invalid: as `allocate` does, for any of the attempts.
    """
    by_attempt = change_allocations([(attempt, people) for attempt in attempts], reason, actor)
    changes = [change for of_attempt in by_attempt.values() for change in of_attempt]
    email_people_concerned(changes)
    return changes


def change_allocations(
    requests: Sequence[tuple[UnitAttempt, Mapping[Role, Person]]],
    reason: str,
    actor: Actor,
    *,
    refused: Refusals | None = None,
) -> dict[int, list[AllocationChange]]:
    """Allocate each attempt to the people named with it, without an email, in a fixed number of SQL statements.

    Roles in which an attempt is theirs already are left out. The rules hold for the allocations as they are
    afterwards, so that an assessor and a verifier who have done nothing yet can be exchanged (docs/rules.md,
    Separation of duties, rule 4).

    Args:
        requests: the attempts, all of one centre, with the new people by role.
        reason: why allocations are changed.
        actor: the administrator.
        refused: gets why requests are refused, by their place, and the others are carried out; without it, the first
            refusal is raised.

    Returns:
        The changes by the place of their request.

    Raises:
        Refused, Invalid: as `allocate` does.
    """
    if not any(people for _, people in requests):
        return {}
    for place, (attempt, people) in enumerate(requests):
        with note_refusal(refused, place):
            _check_not_withdrawn(attempt, people)
    attempts = [attempt for attempt, _ in requests]
    release_due_assessments_in(attempts)
    facts = _load_facts(attempts, {person.id for _, people in requests for person in people.values()})
    accepted: dict[int, list[Role]] = {}
    for place, (attempt, people) in enumerate(requests):
        if not refused or place not in refused:
            with note_refusal(refused, place):
                accepted[place] = _check_allocatable(attempt, people, reason, facts)
    reassigned = [requests[place][0] for place, roles in accepted.items() if Role.ASSESSOR in roles]
    end_countersignatures_in(reassigned, CountersignatureEnd.ALLOCATION, actor)
    return _make_changes(
        {place: (*requests[place], roles) for place, roles in accepted.items()}, facts, reason, actor
    )


def find_open_allocation(attempt: UnitAttempt, role: Role) -> Allocation | None:
    """Return the allocation of an attempt in this role that has not ended, or None.

    It may be of a person who no longer has the role; `find_current_allocation` leaves those out.
    """
    query = select(Allocation).where(
        Allocation.attempt_id == attempt.id, Allocation.role == role, Allocation.ends_at.is_(None)
    )
    return db.session.scalars(query).one_or_none()


@dataclass(frozen=True)
class _Facts:
    """What the rules of allocation ask about attempts and people."""

    current: Mapping[int, dict[Role, Allocation]]
    """The allocations that have not ended, by attempt and role."""
    roles: Container[tuple[int, Role]]
    """The ids of people, each with a role that they have at the centre now."""
    assessed: WhoDidWhat
    verified: WhoDidWhat


def _load_facts(attempts: Sequence[UnitAttempt], person_ids: Collection[int]) -> _Facts:
    attempt_ids = [attempt.id for attempt in attempts]
    query = select(Allocation).where(Allocation.attempt_id.in_(attempt_ids), Allocation.ends_at.is_(None))
    current: dict[int, dict[Role, Allocation]] = {attempt_id: {} for attempt_id in attempt_ids}
    for allocation in db.session.scalars(query.options(joinedload(Allocation.person))):
        current[allocation.attempt_id][allocation.role] = allocation
    return _Facts(
        current,
        list_live_roles(attempts[0].centre_id, person_ids),
        list_assessed(person_ids, attempt_ids),
        list_verified(person_ids, attempt_ids),
    )


def _check_not_withdrawn(attempt: UnitAttempt, roles: Iterable[Role]) -> None:
    for role in roles:
        if role is Role.INTERNAL_VERIFIER:
            check_not_withdrawn_before_completion(attempt)
        else:
            check_not_withdrawn(attempt)


def _check_allocatable(attempt: UnitAttempt, people: Mapping[Role, Person], reason: str, facts: _Facts) -> list[Role]:
    """Return the roles in which the attempt changes hands; raise as `allocate` does if it may not."""
    if not set(people) <= set(ALLOCATED_ROLES):
        raise NotFound
    if attempt.state is AttemptState.VOID:
        raise Refused("This unit is void. Nothing was changed.")
    for role, person in people.items():
        check_has_role(person, attempt.centre, role, facts.roles)
        if role is Role.ASSESSOR:
            check_may_assess(person.id, attempt, facts.verified)
        else:
            check_may_verify(person.id, attempt, facts.assessed)
    current = {role: allocation.person_id for role, allocation in facts.current[attempt.id].items()}
    afterwards = current | {role: person.id for role, person in people.items()}
    if len(set(afterwards.values())) < len(afterwards):
        raise Refused("The same person cannot assess and verify a unit. Nothing was changed. Choose somebody else.")
    changed = [role for role in ALLOCATED_ROLES if afterwards.get(role) != current.get(role)]
    if any(role in current for role in changed) and not reason.strip():
        raise Invalid("Enter the reason for the change. Nothing was changed.", "reason")
    return changed


def _make_changes(
    accepted: Mapping[int, tuple[UnitAttempt, Mapping[Role, Person], list[Role]]],
    facts: _Facts,
    reason: str,
    actor: Actor,
) -> dict[int, list[AllocationChange]]:
    """End and add the allocations of all accepted requests, and record them in the order of the requests."""
    assert actor.person_id is not None  # noqa: S101 - an administrator allocates, never the operator
    moment, changes = now(), {}
    for place, (attempt, people, roles) in accepted.items():
        changes[place] = [
            AllocationChange(
                attempt,
                Allocation(
                    attempt_id=attempt.id,
                    person=people[role],
                    role=role,
                    starts_at=moment,
                    reason=reason.strip() or "First allocation",
                    allocated_by_id=actor.person_id,
                ),
                facts.current[attempt.id].get(role),
            )
            for role in roles
        ]
    every_change = [change for of_request in changes.values() for change in of_request]
    for change in every_change:
        if change.ended:
            change.ended.ends_at = moment
    db.session.flush()  # before the new ones: a unique index allows one live allocation for each role
    db.session.add_all(change.made for change in every_change)
    db.session.flush()
    for of_request in changes.values():
        _record_changes(of_request, actor)
    return changes


def _record_changes(changes: Iterable[AllocationChange], actor: Actor) -> None:
    """Record the allocations of an attempt that ended, then those that were made."""
    for change in changes:
        if ended := change.ended:
            record("allocation_ended", ended, actor, attempt=ended.attempt_id, role=ended.role.value)
    for change in changes:
        made = change.made
        record(
            "allocation_made",
            made,
            actor,
            texts={"reason": made.reason},
            attempt=made.attempt_id,
            person=made.person_id,
            role=made.role.value,
        )


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
