"""Allocation of many units in one act: a preview that names what changes and what is refused, then the act.

docs/rules.md, Things, rule 19. The preview runs the act itself and rolls it back, so both follow the same rules.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.errors import Conflict, Invalid, NotFound, Refusals, TrackerError
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows, rehearsal
from tracker.models import Allocation, Centre, Person, Unit, UnitAttempt
from tracker.registrations.allocations import AllocationChange, allocate_all, change_allocations
from tracker.registrations.current_allocations import describe_allocated, has_role_now
from tracker.vocabulary import Role

MAX_UNITS = 200
"""Units that can be allocated in one act."""


@dataclass(frozen=True)
class PlannedUnit:
    """A chosen unit: the people to whom it is allocated now, and the change, or why it is refused."""

    attempt_id: int
    registration_id: int
    candidate: str
    code: str
    current: Mapping[Role, str]
    """The names of the people to whom it is allocated, by role."""
    planned: Mapping[Role, str]
    """The names of the people to whom it would be allocated, for the roles that change."""
    refusal: str | None = None


@dataclass(frozen=True)
class AllocationPlan:
    """The preview of allocating the chosen units: each unit with its change."""

    units: tuple[PlannedUnit, ...]
    digest: str
    """The hash of all changes. The act is refused if its changes have another hash."""

    @property
    def changed(self) -> tuple[PlannedUnit, ...]:
        """The units that would be allocated to somebody else."""
        return tuple(unit for unit in self.units if unit.planned and not unit.refusal)

    @property
    def has_former_assessors(self) -> bool:
        """Whether a unit would go from one assessor to another."""
        return any(Role.ASSESSOR in unit.planned and Role.ASSESSOR in unit.current for unit in self.changed)

    @property
    def refused(self) -> tuple[PlannedUnit, ...]:
        """The units that cannot be allocated to these people."""
        return tuple(unit for unit in self.units if unit.refusal)

    @property
    def unchanged(self) -> tuple[PlannedUnit, ...]:
        """The units that are allocated to these people already."""
        return tuple(unit for unit in self.units if not unit.planned and not unit.refusal)


def load_attempts(centre: Centre, attempt_ids: Collection[int]) -> list[UnitAttempt]:
    """Return chosen attempts of a centre, by candidate and unit.

    Raises:
        Invalid: there are more than `MAX_UNITS`.
        NotFound: one of them does not exist, or is at another centre.
    """
    chosen = set(attempt_ids)
    if len(chosen) > MAX_UNITS:
        raise Invalid(f"Choose at most {MAX_UNITS} units at once. Nothing was changed.")
    query = (
        select(UnitAttempt)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(UnitAttempt.id.in_(chosen), UnitAttempt.centre_id == centre.id)
        .options(
            joinedload(UnitAttempt.candidate), joinedload(UnitAttempt.unit), joinedload(UnitAttempt.registration)
        )
        .order_by(Person.name, Unit.code, UnitAttempt.id)
    )
    attempts = list(db.session.scalars(query))
    if len(attempts) < len(chosen):
        raise NotFound
    return attempts


def plan_allocations(
    centre: Centre, attempt_ids: Collection[int], people: Mapping[Role, Person], reason: str, actor: Actor
) -> AllocationPlan:
    """Return what allocating these attempts to these people would do; with no people, what is allocated now.

    Raises:
        Invalid: too many units, or an allocation would change without a reason.
        NotFound: as `load_attempts` does.
    """
    with rehearsal():
        if people:
            lock_rows(UnitAttempt, attempt_ids)
        attempts = load_attempts(centre, attempt_ids)
        current, refused = _load_current_names(attempts), Refusals()
        changes = change_allocations([(attempt, people) for attempt in attempts], reason, actor, refused=refused)
        for error in refused.values():
            if isinstance(error, Invalid):
                raise error
        units = [
            _build_planned_unit(attempt, current.get(attempt.id, {}), changes.get(place, ()), refused.get(place))
            for place, attempt in enumerate(attempts)
        ]
        made = [change for of_attempt in changes.values() for change in of_attempt]
        return AllocationPlan(tuple(units), _hash_changes(made))


def carry_out_plan(
    centre: Centre,
    attempt_ids: Collection[int],
    people: Mapping[Role, Person],
    reason: str,
    actor: Actor,
    *,
    digest: str,
) -> list[AllocationChange]:
    """Allocate these attempts to these people, all of them or none.

    Raises:
        Conflict: the changes are not those of the plan with this digest.
        Refused, Invalid, NotFound: as `allocate` and `load_attempts` do.
    """
    lock_rows(UnitAttempt, attempt_ids)
    changes = allocate_all(load_attempts(centre, attempt_ids), people, reason, actor)
    if _hash_changes(changes) != digest:
        raise Conflict("The allocations have changed since the preview. Nothing was changed. Check the new preview.")
    return changes


def _build_planned_unit(
    attempt: UnitAttempt,
    current: Mapping[Role, str],
    made: Iterable[AllocationChange],
    refusal: TrackerError | None,
) -> PlannedUnit:
    return PlannedUnit(
        attempt.id,
        attempt.registration_id,
        attempt.candidate.name,
        attempt.unit.code,
        current,
        {change.made.role: change.made.person.name for change in made},
        str(refusal).replace(" Nothing was changed.", "") if refusal else None,
    )


def _load_current_names(attempts: Iterable[UnitAttempt]) -> dict[int, dict[Role, str]]:
    """Return by attempt and role the names of the people to whom attempts are allocated now."""
    query = (
        select(Allocation.attempt_id, Allocation.role, Person.name, has_role_now())
        .join(Person, Person.id == Allocation.person_id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(Allocation.attempt_id.in_([attempt.id for attempt in attempts]), Allocation.ends_at.is_(None))
    )
    names: dict[int, dict[Role, str]] = {}
    for attempt_id, role, name, has_role in db.session.execute(query):
        names.setdefault(attempt_id, {})[role] = describe_allocated(name, has_role) or ""
    return names


def _hash_changes(changes: Iterable[AllocationChange]) -> str:
    """Return a hash of which attempts would be allocated in which role from whom to whom."""
    facts = sorted(
        (
            change.attempt.id,
            change.made.role.value,
            change.ended.person_id if change.ended else 0,
            change.made.person_id,
        )
        for change in changes
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()
