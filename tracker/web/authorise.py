"""Getters that fetch an object and authorise the act in one call.

The chosen role only decides the home page and the queues. Permission comes from the grant and the allocation for the
object itself, and the event names that grant (docs/rules.md, Roles and permissions).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import g, request
from sqlalchemy import and_, bindparam, exists, or_, select
from sqlalchemy.orm import aliased, joinedload, undefer

from tracker.clock import now
from tracker.errors import Forbidden, NotFound
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import SAFE_METHODS, lock_rows
from tracker.models import Allocation, Centre, Claim, Evidence, Registration, UnitAttempt, Visit, VisitAttempt
from tracker.statements import fetch_rows, moment_of_reading
from tracker.vocabulary import PortfolioPart, RecordKind, Role
from tracker.web.countersigners import is_asked_in
from tracker.web.current_user import CurrentGrant, me
from tracker.web.permissions import ACTS_THAT_SHOW_EVIDENCE, PERMISSIONS, Act
from tracker.web.record_authors import is_allocated_to_author


@dataclass(frozen=True)
class OpenedPortfolio:
    """Whose portfolio this request opened, which part of it, and in which role: for the portfolio access log."""

    candidate_id: int
    centre_id: int
    part: PortfolioPart
    role: Role


@dataclass(frozen=True)
class RolesInRecord:
    """The signed-in person's roles in a record of assessment now, in each attempt that it claims criteria in."""

    by_attempt: tuple[tuple[UnitAttempt, frozenset[Role]], ...]

    @property
    def roles(self) -> frozenset[Role]:
        """Return the roles in any of its attempts."""
        return frozenset(role for _, roles in self.by_attempt for role in roles)

    @property
    def readable_attempts(self) -> tuple[UnitAttempt, ...]:
        """Return the attempts whose evidence the person may read."""
        return tuple(attempt for attempt, roles in self.by_attempt if roles & PERMISSIONS[Act.READ_EVIDENCE])


IS_OWN_ALLOCATION = and_(
    Allocation.attempt_id == bindparam("attempt_id"),
    Allocation.person_id == bindparam("person_id"),
    Allocation.ends_at.is_(None),
)
ATTEMPT_WITH_OWN_ALLOCATIONS = (
    select(UnitAttempt, Allocation.role)
    .outerjoin(Allocation, IS_OWN_ALLOCATION)
    .where(UnitAttempt.id == bindparam("attempt_id"))
    .options(
        joinedload(UnitAttempt.unit),
        joinedload(UnitAttempt.candidate),
        joinedload(UnitAttempt.centre),
        joinedload(UnitAttempt.registration),
        undefer(UnitAttempt.is_moved),
    )
)
"""An attempt with the roles in which it is allocated to a person: a row for each role, or one row without."""
LIVE_CLAIM = aliased(Claim)
HAS_LIVE_CLAIM = exists().where(LIVE_CLAIM.evidence_id == bindparam("record_id"), LIVE_CLAIM.removed_at.is_(None))
ATTEMPTS_OF_RECORD = (
    select(UnitAttempt, Allocation.role)
    .outerjoin(
        Allocation,
        and_(
            Allocation.attempt_id == UnitAttempt.id,
            Allocation.person_id == bindparam("person_id"),
            Allocation.ends_at.is_(None),
        ),
    )
    .where(
        UnitAttempt.id.in_(
            select(Claim.attempt_id).where(
                Claim.evidence_id == bindparam("record_id"), or_(Claim.removed_at.is_(None), ~HAS_LIVE_CLAIM)
            )
        )
    )
    .order_by(UnitAttempt.id)
)
"""The attempts that a record claims criteria in, with the roles in which each is allocated to a person.

Where none of its claims is live, because its objection was upheld, they are the attempts that it claimed criteria in.
"""
OWN_ALLOCATIONS = select(Allocation.role).where(IS_OWN_ALLOCATION)
EVIDENCE = select(Evidence).where(Evidence.id == bindparam("evidence_id"))
RECORD = EVIDENCE.options(joinedload(Evidence.candidate), joinedload(Evidence.author))
OWN_RECORD = RECORD.where(
    Evidence.author_id == bindparam("person_id"),
    Evidence.record_kind != RecordKind.WITNESS_TESTIMONY,
    Evidence.discarded_at.is_(None),
    is_allocated_to_author(),
)
OPEN_VISIT = (
    select(VisitAttempt.attempt_id)
    .join(Visit)
    .where(
        VisitAttempt.attempt_id == bindparam("attempt_id"),
        Visit.person_id == bindparam("person_id"),
        Visit.starts_at <= moment_of_reading(),
        Visit.ends_at > moment_of_reading(),
    )
)


COUNTERSIGNER_ACTS = frozenset({Act.READ_ATTEMPT, Act.READ_EVIDENCE})
"""What a countersigner may do in a unit while they are asked to countersign something of it.

docs/rules.md, Who sees what, rule 14.
"""


def note_opened(portfolios: Iterable[OpenedPortfolio]) -> None:
    """Note for the portfolio access log whose portfolios this request opens."""
    g.opened = tuple(portfolios)


def get_attempt(attempt_id: int, act: Act) -> tuple[UnitAttempt, Actor]:
    """Return the attempt and the actor, and lock the attempt's row if the request may change something.

    Raises:
        NotFound: the person should not know that the attempt exists.
        Forbidden: the person may read the attempt but not do this.
    """
    if request.method not in SAFE_METHODS:
        # The row is locked by a query of its own: after waiting for a lock, PostgreSQL does not join again, and the
        # attempt may have moved to another unit meanwhile.
        lock_rows(UnitAttempt, [attempt_id])
    rows = db.session.execute(
        ATTEMPT_WITH_OWN_ALLOCATIONS, {"attempt_id": attempt_id, "person_id": me().person_id}
    ).all()
    if not rows:
        raise NotFound
    attempt: UnitAttempt = rows[0][0]
    roles = _list_roles(attempt, [role for _, role in rows if role])
    if act in COUNTERSIGNER_ACTS and not roles.keys() & PERMISSIONS[act]:
        roles |= _find_countersigner(attempt)
    if not roles:
        raise NotFound
    return attempt, _authorise(attempt, act, roles)


def get_attempts(attempt_ids: Iterable[int], act: Act) -> tuple[list[UnitAttempt], Actor]:
    """Return several attempts of one centre, and the actor; lock and raise as `get_attempt` does.

    The rows are locked in the order of their ids, so that two requests never wait for each other.
    """
    ids = list(dict.fromkeys(attempt_ids))
    if request.method not in SAFE_METHODS:
        lock_rows(UnitAttempt, ids)
    authorised = [get_attempt(attempt_id, act) for attempt_id in ids]
    return [attempt for attempt, _ in authorised], authorised[0][1]


def get_registration(registration_id: int, act: Act) -> tuple[Registration, Actor]:
    """Return the registration and the actor; raise as `get_attempt` does."""
    registration = _load_registration(registration_id)
    roles = _list_roles_in_registration(registration)
    if not roles:
        raise NotFound
    return registration, _authorise(registration, act, roles)


def get_index_of_evidence(registration_id: int) -> tuple[Registration, frozenset[int] | None]:
    """Return a registration whose index of evidence this person may read, and the attempts whose evidence it lists.

    Candidates and administrators read the whole index, for which the attempts are None. Others read the evidence
    claimed in the attempts of this candidate at this centre that are allocated to them now or that their visit names
    (docs/rules.md, Who sees what, rule 4).

    Raises:
        NotFound: the person may read nothing of it.
    """
    registration = _load_registration(registration_id)
    roles, attempt_ids = _list_roles_in_registration(registration), None
    if not roles:
        found = _list_readable_attempts(registration)
        attempt_ids = frozenset(attempt_id for attempt_id, _ in found)
        roles = {grant.role: grant for _, grant in found}
    if not roles:
        raise NotFound
    _authorise(registration, Act.READ_INDEX, roles)
    return registration, attempt_ids


def get_own_evidence(evidence_id: int, *, with_answers: bool = False) -> tuple[Evidence, Actor]:
    """Return evidence that a candidate wrote themselves, drafts included; raise NotFound for everybody else.

    Args:
        evidence_id: the item.
        with_answers: whether it may be answers to set questions, which are written on a page of their own.
    """
    evidence = db.session.scalars(EVIDENCE, {"evidence_id": evidence_id}).one_or_none()
    if not evidence or evidence.candidate_id != me().person_id or evidence.author_id or evidence.discarded_at:
        raise NotFound
    if evidence.record_kind and not with_answers:
        raise NotFound
    grant = me().find_grant(Role.CANDIDATE, evidence.centre_id)
    if not grant:
        raise NotFound
    return evidence, me().as_actor(grant)


def get_own_record(record_id: int) -> tuple[Evidence, Actor]:
    """Return a record that the signed-in assessor writes or wrote, drafts included; raise NotFound for others.

    Also for its author, once no attempt of the candidate is allocated to them (docs/rules.md, Who sees what, rule 6).
    """
    values = {"evidence_id": record_id, "person_id": me().person_id}
    record = db.session.scalars(OWN_RECORD, values).one_or_none()
    grant = me().find_grant(Role.ASSESSOR, record.centre_id) if record else None
    if not record or not grant:
        raise NotFound
    return record, _authorise(record, Act.WRITE_RECORD, {Role.ASSESSOR: grant})


def get_record(record_id: int, act: Act) -> tuple[Evidence, Actor, RolesInRecord]:
    """Return a finished record of assessment, the actor and their roles in it; raise as `get_attempt` does.

    Its candidate may read it, and whoever may read evidence of an attempt in `ATTEMPTS_OF_RECORD`.
    """
    record = db.session.scalars(RECORD, {"evidence_id": record_id}).one_or_none()
    if not record or record.author_id is None or record.number is None:
        raise NotFound
    by_attempt = _list_roles_in_record(record)
    in_record = RolesInRecord(tuple((attempt, frozenset(roles)) for attempt, roles in by_attempt))
    if not in_record.readable_attempts:
        raise NotFound
    grants = {role: grant for _, roles in by_attempt for role, grant in roles.items()}
    return record, _authorise(record, act, grants), in_record


def _list_roles_in_record(record: Evidence) -> list[tuple[UnitAttempt, dict[Role, CurrentGrant]]]:
    """Return the signed-in person's roles in each attempt of a record now, each with its grant."""
    rows = db.session.execute(ATTEMPTS_OF_RECORD, {"record_id": record.id, "person_id": me().person_id}).all()
    allocated: dict[int, tuple[UnitAttempt, list[Role]]] = {}
    for attempt, role in rows:
        allocated.setdefault(attempt.id, (attempt, []))[1].extend([role] if role else [])
    return [(attempt, _list_roles(attempt, in_attempt)) for attempt, in_attempt in allocated.values()]


def get_centre(centre_id: int, act: Act = Act.ADMINISTER_CENTRE) -> tuple[Centre, Actor]:
    """Return a centre at which this person may do `act`, and the actor; raise NotFound otherwise."""
    grant = next((g for role in PERMISSIONS[act] if (g := me().find_grant(role, centre_id))), None)
    if not grant:
        raise NotFound
    return db.session.get_one(Centre, centre_id), me().as_actor(grant)


def list_roles_in_attempt(attempt: UnitAttempt) -> dict[Role, CurrentGrant]:
    """Return the signed-in person's roles in an attempt now, each with its grant."""
    rows = fetch_rows(OWN_ALLOCATIONS, attempt_id=attempt.id, person_id=me().person_id)
    return _list_roles(attempt, [row.role for row in rows])


def _list_roles(attempt: UnitAttempt, allocated: Iterable[Role]) -> dict[Role, CurrentGrant]:
    """Return the signed-in person's roles in an attempt; an allocated role counts if they have it at the centre."""
    person = me()
    roles = _find_administrator(attempt.centre_id)
    own = person.find_grant(Role.CANDIDATE, attempt.centre_id)
    if own and attempt.candidate_id == person.person_id:
        roles[Role.CANDIDATE] = own
    for role in allocated:
        if grant := person.find_grant(role, attempt.centre_id):
            roles[role] = grant
    visitor = person.find_grant(Role.EXTERNAL_VERIFIER, attempt.centre_id)
    if visitor and is_in_visit(attempt.id, person.person_id):
        roles[Role.EXTERNAL_VERIFIER] = visitor
    return roles


def is_allowed(attempt: UnitAttempt, act: Act) -> bool:
    """Return whether the signed-in person may do this to an attempt now, so that a page can show its button."""
    return any(role in PERMISSIONS[act] for role in list_roles_in_attempt(attempt))


def is_in_visit(attempt_id: int, person_id: int) -> bool:
    """Return whether a visit of this external verifier names the attempt, within its dates."""
    return bool(fetch_rows(OPEN_VISIT, attempt_id=attempt_id, person_id=person_id))


def _load_registration(registration_id: int) -> Registration:
    registration = db.session.scalars(
        select(Registration)
        .where(Registration.id == registration_id)
        .options(joinedload(Registration.candidate), joinedload(Registration.centre))
    ).one_or_none()
    if not registration:
        raise NotFound
    return registration


def _list_roles_in_registration(registration: Registration) -> dict[Role, CurrentGrant]:
    roles = _find_administrator(registration.centre_id)
    own = me().find_grant(Role.CANDIDATE, registration.centre_id)
    if own and registration.candidate_id == me().person_id:
        roles[Role.CANDIDATE] = own
    return roles


def _list_readable_attempts(registration: Registration) -> list[tuple[int, CurrentGrant]]:
    """List the candidate's attempts at the centre that are allocated to this person or in their visit.

    Each comes with the person's grant at the centre; an attempt counts only in a role that they have there now.
    """
    person, centre_id, moment = me(), registration.centre_id, now()
    is_own = (UnitAttempt.candidate_id == registration.candidate_id) & (UnitAttempt.centre_id == centre_id)
    allocated = (
        select(UnitAttempt.id, Allocation.role)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(is_own, Allocation.person_id == person.person_id, Allocation.ends_at.is_(None))
    )
    visited = (
        select(UnitAttempt.id)
        .join(VisitAttempt, VisitAttempt.attempt_id == UnitAttempt.id)
        .join(Visit, Visit.id == VisitAttempt.visit_id)
        .where(is_own, Visit.person_id == person.person_id, Visit.starts_at <= moment, Visit.ends_at > moment)
    )
    found = [(row[0], row[1]) for row in db.session.execute(allocated)]
    found += [(attempt_id, Role.EXTERNAL_VERIFIER) for attempt_id in db.session.scalars(visited)]
    return [(attempt_id, grant) for attempt_id, role in found if (grant := person.find_grant(role, centre_id))]


def _find_countersigner(attempt: UnitAttempt) -> dict[Role, CurrentGrant]:
    """Return the assessor's grant of a person whom something in the attempt waits for; empty for everybody else."""
    grant = me().find_grant(Role.ASSESSOR, attempt.centre_id) if attempt.centre.has_countersigning else None
    return {Role.ASSESSOR: grant} if grant and is_asked_in(attempt.id, me().person_id) else {}


def _find_administrator(centre_id: int) -> dict[Role, CurrentGrant]:
    grant = me().find_grant(Role.ADMINISTRATOR, centre_id)
    return {Role.ADMINISTRATOR: grant} if grant else {}


def _authorise(target: UnitAttempt | Registration | Evidence, act: Act, roles: dict[Role, CurrentGrant]) -> Actor:
    """Return the actor, and note for the portfolio access log whose portfolio was opened."""
    grant = next((roles[role] for role in PERMISSIONS[act] if role in roles), None)
    if not grant:
        raise Forbidden
    part = PortfolioPart.EVIDENCE if act in ACTS_THAT_SHOW_EVIDENCE else PortfolioPart.UNITS
    note_opened([OpenedPortfolio(target.candidate_id, target.centre_id, part, grant.role)])
    return me().as_actor(grant)
