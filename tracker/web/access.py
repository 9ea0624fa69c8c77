"""Who may do what: the permission table, `requires`, and getters that fetch and authorise in one call.

A chosen role only chooses the home page and the queues. Permission comes from the grant and the allocation
for the very thing acted on; the event names that grant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, redirect, request, url_for
from flask_login import UserMixin, current_user, login_manager
from sqlalchemy import select
from sqlalchemy.orm import joinedload, undefer

from tracker.clock import now
from tracker.errors import Forbidden, NotFound
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import SAFE_METHODS, lock_rows
from tracker.models import Allocation, Centre, Evidence, Registration, UnitAttempt, Visit, VisitAttempt
from tracker.vocabulary import PortfolioPart, Role

View = TypeVar("View", bound=Callable[..., Any])


class Act(StrEnum):
    """What can be done to a thing that belongs to somebody."""

    # to an attempt
    READ_ATTEMPT = "read_attempt"
    READ_EVIDENCE = "read_evidence"
    CLAIM_CRITERION = "claim_criterion"
    CONFIRM_UNIT = "confirm_unit"
    ASSESS_EVIDENCE = "assess_evidence"
    SIGN_UNIT = "sign_unit"
    ANSWER_ACTION_POINT = "answer_action_point"
    VERIFY_UNIT = "verify_unit"
    MARK_SEEN = "mark_seen"
    ISSUE_FORM = "issue_form"
    ALLOCATE = "allocate"
    MOVE_ATTEMPT = "move_attempt"
    # to a candidate's own item, draft included
    LOG_EVIDENCE = "log_evidence"
    # to a registration
    READ_REGISTRATION = "read_registration"
    READ_INDEX = "read_index"
    # to a centre
    ADMINISTER_CENTRE = "administer_centre"
    READ_UNIT_DRAFT = "read_unit_draft"
    # to a queue of one's own
    LIST_OWN_QUEUE = "list_own_queue"
    LIST_VERIFICATIONS = "list_verifications"
    LIST_VISITS = "list_visits"


CANDIDATE, ASSESSOR, VERIFIER = Role.CANDIDATE, Role.ASSESSOR, Role.INTERNAL_VERIFIER
VISITOR, ADMINISTRATOR = Role.EXTERNAL_VERIFIER, Role.ADMINISTRATOR

PERMISSIONS: dict[Act, frozenset[Role]] = {
    Act.READ_ATTEMPT: frozenset({CANDIDATE, ASSESSOR, VERIFIER, VISITOR, ADMINISTRATOR}),
    Act.READ_EVIDENCE: frozenset({CANDIDATE, ASSESSOR, VERIFIER, VISITOR}),
    Act.CLAIM_CRITERION: frozenset({CANDIDATE}),
    Act.CONFIRM_UNIT: frozenset({CANDIDATE}),
    Act.ASSESS_EVIDENCE: frozenset({ASSESSOR}),
    Act.SIGN_UNIT: frozenset({ASSESSOR}),
    Act.ANSWER_ACTION_POINT: frozenset({ASSESSOR}),
    Act.VERIFY_UNIT: frozenset({VERIFIER}),
    Act.MARK_SEEN: frozenset({VISITOR}),
    Act.ISSUE_FORM: frozenset({ASSESSOR, VERIFIER, ADMINISTRATOR}),
    Act.ALLOCATE: frozenset({ADMINISTRATOR}),
    Act.MOVE_ATTEMPT: frozenset({ADMINISTRATOR}),
    Act.LOG_EVIDENCE: frozenset({CANDIDATE}),
    Act.READ_REGISTRATION: frozenset({CANDIDATE, ADMINISTRATOR}),
    Act.READ_INDEX: frozenset({CANDIDATE, ADMINISTRATOR}),
    Act.ADMINISTER_CENTRE: frozenset({ADMINISTRATOR}),
    Act.READ_UNIT_DRAFT: frozenset({ADMINISTRATOR, ASSESSOR}),
    Act.LIST_OWN_QUEUE: frozenset({ASSESSOR}),
    Act.LIST_VERIFICATIONS: frozenset({VERIFIER}),
    Act.LIST_VISITS: frozenset({VISITOR}),
}
"""Which standing towards a thing allows an act. A standing is a live grant at the thing's centre, and for an
attempt also: being its candidate, holding it by an allocation now, or having it named in a visit now."""


READS_EVIDENCE = frozenset({Act.READ_EVIDENCE, Act.ASSESS_EVIDENCE, Act.READ_INDEX})
"""The acts under which evidence itself is shown."""


PROVES_TWICE = frozenset({ASSESSOR, VERIFIER, VISITOR, ADMINISTRATOR})
"""The roles whose holders need a second factor, outside the demonstration."""


class Lack(StrEnum):
    """What somebody who gave their password still owes before they count as signed in."""

    PROOF = "proof"
    """of the second factor they have"""
    FACTOR = "factor"
    """a second factor, since they hold a role that needs one"""


ASKED_AT = {Lack.PROOF: "accounts.prove_second_factor", Lack.FACTOR: "accounts.choose_second_factor"}


@dataclass(frozen=True)
class HeldGrant:
    """A role this person holds now."""

    id: int
    role: Role
    centre_id: int
    centre_name: str
    until_at: datetime | None


@dataclass(frozen=True)
class Opened:
    """Whose portfolio this request opened, which part of it, and in which role."""

    candidate_id: int
    centre_id: int
    part: PortfolioPart
    role: Role


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """The person behind this request, as the session was looked up: plain values, no open transaction."""

    person_id: int
    name: str
    email: str
    password_hash: str
    session_id: int
    session_ref: str
    grants: tuple[HeldGrant, ...]
    chosen: HeldGrant | None
    has_second_factor: bool
    is_proven: bool
    """Whether a second factor was proven in this session."""

    @property
    def needs_second_factor(self) -> bool:
        return not current_app.config["DEMO"] and any(grant.role in PROVES_TWICE for grant in self.grants)

    @property
    def lacks(self) -> Lack | None:
        if self.is_proven:
            return None
        if self.has_second_factor:
            return Lack.PROOF
        return Lack.FACTOR if self.needs_second_factor else None

    @property
    def is_authenticated(self) -> bool:
        """Whoever lacks something is to every page what somebody is who is not signed in."""
        return self.lacks is None

    def get_id(self) -> str:
        return str(self.session_id)

    def holds(self, role: Role, centre_id: int | None = None) -> HeldGrant | None:
        """The live grant of this role (at this centre), the chosen one first."""
        own = (self.chosen, *self.grants) if self.chosen else self.grants
        return next((g for g in own if g.role is role and centre_id in {None, g.centre_id}), None)

    @property
    def centre_ids(self) -> tuple[int, ...]:
        """The centres at which this person holds a role now."""
        return tuple(dict.fromkeys(grant.centre_id for grant in self.grants))

    def acting_under(self, grant: HeldGrant | None) -> Actor:
        return Actor(self.person_id, grant.id if grant else None, self.session_ref)


def me() -> SignedIn:
    """The signed-in person; only for views behind `requires` or `signed_in`."""
    person: SignedIn = current_user._get_current_object()  # noqa: SLF001 - the proxy's documented way out
    return person


# --- rules of routes -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """Who reaches a route at all: anybody, anybody signed in, or holders of a role that may do the act."""

    act: Act | None = None
    public: bool = False
    lacking: Lack | None = None
    """Open also to who lacks this."""


def public(view: View) -> View:
    """Open to anybody, signed in or not."""
    return _ruled(view, Rule(public=True))


def signed_in(view: View) -> View:
    """Open to anybody signed in."""
    return _ruled(view, Rule())


def proving(view: View) -> View:
    """Where the second factor is asked for: open to who still has to prove it."""
    return _ruled(view, Rule(lacking=Lack.PROOF))


def setting_up(view: View) -> View:
    """Where a second factor is set up: open to anybody signed in, and to who needs one and has none."""
    return _ruled(view, Rule(lacking=Lack.FACTOR))


def requires(act: Act) -> Callable[[View], View]:
    """Open to holders of a role that may do `act` to something; the getter then asks about this thing."""
    return lambda view: _ruled(view, Rule(act))


def _ruled(view: View, rule: Rule) -> View:
    cast("Any", view).rule = rule
    return view


def rule_of(app: Flask, endpoint: str) -> Rule | None:
    return getattr(app.view_functions.get(endpoint), "rule", None)


def init_app(app: Flask) -> None:
    @app.before_request
    def enforce_rule() -> Any:
        """Deny by default: a route without a rule is refused to everybody."""
        if request.endpoint is None or request.endpoint in {"static", "bootstrap.static"}:
            return None
        rule = rule_of(app, request.endpoint)
        if rule is None:
            raise NotFound
        if rule.public:
            return None
        if not isinstance(current_user, SignedIn):
            return cast("login_manager.LoginManager", app.login_manager).unauthorized()  # type: ignore[attr-defined]  # Flask-Login puts it there
        if (lack := me().lacks) and lack is not rule.lacking:
            return redirect(url_for(ASKED_AT[lack], next=request.full_path.removesuffix("?")))
        if rule.act and not any(me().holds(role) for role in PERMISSIONS[rule.act]):
            raise NotFound
        return None


# --- getters ---------------------------------------------------------------------------------------------


def get_attempt(attempt_id: int, act: Act) -> tuple[UnitAttempt, Actor]:
    """The attempt and the actor; 404 to who should not know of it, 403 to who may read but not do this.

    In an unsafe request the attempt's row is locked.
    """
    query = (
        select(UnitAttempt)
        .where(UnitAttempt.id == attempt_id)
        .options(
            joinedload(UnitAttempt.unit),
            joinedload(UnitAttempt.candidate),
            joinedload(UnitAttempt.centre),
            joinedload(UnitAttempt.registration),
            undefer(UnitAttempt.is_moved),
        )
    )
    if request.method not in SAFE_METHODS:
        # by itself: PostgreSQL does not join anew when a row it waited for has another unit by then
        lock_rows(UnitAttempt, [attempt_id])
    attempt = db.session.scalars(query).one_or_none()
    standings = standings_towards(attempt) if attempt else {}
    if not attempt or not standings:
        raise NotFound
    return attempt, _opened(attempt, act, standings)


def get_registration(registration_id: int, act: Act) -> tuple[Registration, Actor]:
    """The registration and the actor; likewise."""
    registration = db.session.scalars(
        select(Registration)
        .where(Registration.id == registration_id)
        .options(joinedload(Registration.candidate), joinedload(Registration.centre))
    ).one_or_none()
    if not registration:
        raise NotFound
    standings = _administering(registration.centre_id)
    own = me().holds(Role.CANDIDATE, registration.centre_id)
    if own and registration.candidate_id == me().person_id:
        standings[Role.CANDIDATE] = own
    if not standings:
        raise NotFound
    return registration, _opened(registration, act, standings)


def get_own_evidence(evidence_id: int) -> tuple[Evidence, Actor]:
    """A candidate's own item, draft included; 404 to everybody else."""
    evidence = db.session.get(Evidence, evidence_id)
    grant = me().holds(Role.CANDIDATE, evidence.centre_id) if evidence else None
    if not evidence or not grant or evidence.candidate_id != me().person_id or evidence.discarded_at:
        raise NotFound
    return evidence, me().acting_under(grant)


def get_centre(centre_id: int, act: Act = Act.ADMINISTER_CENTRE) -> tuple[Centre, Actor]:
    """A centre this person may do `act` at; 404 otherwise."""
    centre = db.session.get(Centre, centre_id)
    grant = next((g for role in PERMISSIONS[act] if (g := me().holds(role, centre_id))), None)
    if not centre or not grant:
        raise NotFound
    return centre, me().acting_under(grant)


def standings_towards(attempt: UnitAttempt) -> dict[Role, HeldGrant]:
    """What the signed-in person is to an attempt now, each with the grant it rests on."""
    person = me()
    found = _administering(attempt.centre_id)
    own = person.holds(Role.CANDIDATE, attempt.centre_id)
    if own and attempt.candidate_id == person.person_id:
        found[Role.CANDIDATE] = own
    for role in _allocated_roles(attempt.id, person.person_id):
        if grant := person.holds(role, attempt.centre_id):
            found[role] = grant
    visitor = person.holds(Role.EXTERNAL_VERIFIER, attempt.centre_id)
    if visitor and is_in_visit(attempt.id, person.person_id):
        found[Role.EXTERNAL_VERIFIER] = visitor
    return found


def may(attempt: UnitAttempt, act: Act) -> bool:
    """Whether the signed-in person may do this to an attempt now: what a page shows a button by."""
    return any(role in PERMISSIONS[act] for role in standings_towards(attempt))


def is_in_visit(attempt_id: int, person_id: int) -> bool:
    """Whether a visit of this external verifier names the attempt, within its dates."""
    moment = now()
    query = (
        select(VisitAttempt.attempt_id)
        .join(Visit)
        .where(
            VisitAttempt.attempt_id == attempt_id,
            Visit.person_id == person_id,
            Visit.from_at <= moment,
            Visit.until_at > moment,
        )
    )
    return db.session.execute(query).first() is not None


def _allocated_roles(attempt_id: int, person_id: int) -> list[Role]:
    query = select(Allocation.role).where(
        Allocation.attempt_id == attempt_id,
        Allocation.person_id == person_id,
        Allocation.until_at.is_(None),
    )
    return list(db.session.scalars(query))


def _administering(centre_id: int) -> dict[Role, HeldGrant]:
    grant = me().holds(Role.ADMINISTRATOR, centre_id)
    return {Role.ADMINISTRATOR: grant} if grant else {}


def _opened(thing: UnitAttempt | Registration, act: Act, standings: dict[Role, HeldGrant]) -> Actor:
    """Authorise, and keep for the log whose portfolio it is."""
    grant = next((standings[role] for role in PERMISSIONS[act] if role in standings), None)
    if not grant:
        raise Forbidden
    part = PortfolioPart.EVIDENCE if act in READS_EVIDENCE else PortfolioPart.UNITS
    g.opened = Opened(thing.candidate_id, thing.centre_id, part, grant.role)
    return me().acting_under(grant)
