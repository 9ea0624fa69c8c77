"""Queries for the account pages: people, roles, sessions and signatures."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from tracker.accounts.searches import is_person_found
from tracker.accounts.sessions import is_open
from tracker.clock import day_of, now
from tracker.extensions import db
from tracker.models import Allocation, Centre, DeliveryFailure, Grant, Person, Registration, UnitAttempt, UserSession
from tracker.vocabulary import OPEN_ATTEMPT_STATES, Role, use_terms
from tracker.web.formatting import day
from tracker.web.list_pages import load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery

MAX_DEMO_GRANTS = 60
ACCOUNT_STATES = {"open": "Has an account", "invited": "Invited", "closed": "Account closed"}
ADDRESS_STATES = {"unconfirmed": "Address not confirmed", "undelivered": "Email not delivered"}


@dataclass(frozen=True)
class DemoPerson:
    """One of the demo's people, as the sign-in page offers them."""

    name: str
    email: str
    other_roles: tuple[str, ...]


@dataclass(frozen=True)
class PersonAtCentre:
    """A person with the roles that they have or had at a centre."""

    person: Person
    centre: Centre
    failure: DeliveryFailure | None
    """Of the last email to their address, if it could not be delivered."""

    @property
    def grants(self) -> list[Grant]:
        """The roles at the centre, oldest first."""
        return [grant for grant in self.person.grants if grant.centre_id == self.centre.id]

    @property
    def account_state(self) -> str:
        """Whether the account is `open`, `invited` (no password chosen yet) or `closed`."""
        if self.person.deactivated_at:
            return "closed"
        return "open" if self.person.password_hash else "invited"

    @property
    def address_states(self) -> list[str]:
        """What is to be said of the address: that an open account has not confirmed it, that an email failed."""
        unconfirmed = self.account_state == "open" and self.person.email_confirmed_at is None
        undelivered = self.account_state != "closed" and self.failure is not None
        return [
            words
            for words, applies in zip(ADDRESS_STATES.values(), (unconfirmed, undelivered), strict=True)
            if applies
        ]

    def describe_roles(self) -> str:
        """Return the roles in one line, in the centre's terms, with the day on which each ends."""
        return ", ".join(
            use_terms(grant.role.label, self.centre.terms) + (f" until {day(grant.ends_at)}" if grant.ends_at else "")
            for grant in self.grants
        )


PEOPLE = ListDefinition[PersonAtCentre](
    "people",
    (
        Column("Name", lambda row: row.person.name, can_sort=True),
        Column("Email", lambda row: row.person.email, can_sort=True),
        Column("Roles", PersonAtCentre.describe_roles),
        Column("Account", lambda row: ACCOUNT_STATES[row.account_state], only_in_csv=True),
        Column("Address", lambda row: ", ".join(row.address_states), only_in_csv=True),
        Column("Added", lambda row: day_of(row.person.created_at), can_sort=True, largest_first=True),
    ),
    default_sort="name",
)


def list_demo_people() -> list[tuple[Role, list[DemoPerson]]]:
    """List the demo's people under their first role, with the roles in the order of the work."""
    query = (
        select(Person.id, Person.name, Person.email, Grant.role)
        .join(Grant, Grant.person_id == Person.id)
        .where(Person.deactivated_at.is_(None), Person.password_hash.is_not(None))
        .order_by(Grant.id)
        .limit(MAX_DEMO_GRANTS)
    )
    rows = db.session.execute(query).all()
    first_roles: dict[int, Role] = {}
    other_roles: dict[int, list[str]] = {}
    for row in rows:
        if first_roles.setdefault(row.id, row.role) is not row.role:
            other_roles.setdefault(row.id, []).append(row.role.label.lower())
    people = {row.id: DemoPerson(row.name, row.email, tuple(other_roles.get(row.id, ()))) for row in rows}
    by_role = [(role, [people[each] for each in people if first_roles[each] is role]) for role in Role]
    return [(role, role_people) for role, role_people in by_role if role_people]


def list_people_filters(centre: Centre) -> list[Filter]:
    """List the choices that narrow the list of a centre's people."""
    return [
        Filter("role", "Role", "All roles", {role.value: use_terms(role.label, centre.terms) for role in Role}),
        Filter("account", "Account", "All accounts", ACCOUNT_STATES),
        Filter("address", "Email address", "All addresses", ADDRESS_STATES),
    ]


def list_people(centre: Centre, query: ListQuery) -> ListPage[PersonAtCentre]:
    """List a page of the people with a role at a centre, past or present. Runs three SQL statements.

    A search takes one more.
    """
    has_role: ColumnElement[bool] = _select_grants_of(Person.id, centre).exists()
    if role := query.get("role"):
        has_role = Person.id.in_(
            select(Grant.person_id).where(
                Grant.centre_id == centre.id,
                Grant.role == Role(role),
                or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
            )
        )
    statement = (
        select(Person, DeliveryFailure)
        .outerjoin(DeliveryFailure, DeliveryFailure.address == Person.email)
        .where(has_role, is_person_found(query.words, centre.id))
    )
    if account := query.get("account"):
        statement = statement.where(_has_account_state(account))
    if address := query.get("address"):
        statement = statement.where(_has_address_state(address))
    return load_page(
        PEOPLE,
        query,
        statement.options(selectinload(Person.grants)),
        lambda row: PersonAtCentre(row.Person, centre, row.DeliveryFailure),
        key=Person.id,
        order_by={
            "name": [by_name(Person.name)],
            "email": [Person.email],
            "added": [Person.created_at],
        },
    )


def _select_grants_of(person_id: SQLColumnExpression[int], centre: Centre) -> Select[int]:
    """Select the roles that the person of a statement has or had at a centre."""
    return select(Grant.id).where(Grant.person_id == person_id, Grant.centre_id == centre.id)


def _has_account_state(state: str) -> ColumnElement[bool]:
    is_closed, has_password = Person.deactivated_at.is_not(None), Person.password_hash.is_not(None)
    return {
        "closed": is_closed,
        "open": and_(~is_closed, has_password),
        "invited": and_(~is_closed, ~has_password),
    }[state]


def _has_address_state(state: str) -> ColumnElement[bool]:
    if state == "unconfirmed":
        return and_(_has_account_state("open"), Person.email_confirmed_at.is_(None))
    return and_(~_has_account_state("closed"), DeliveryFailure.address.is_not(None))


def find_person_at(centre: Centre, person_id: int) -> Person | None:
    """Return the person if they have or had a role at this centre, or None."""
    query = select(Person).where(Person.id == person_id, _select_grants_of(Person.id, centre).exists())
    return db.session.scalars(query).one_or_none()


def list_grants_at(centre: Centre, person: Person) -> list[Grant]:
    """List a person's roles at a centre: current and future ones first, then those that have ended."""
    query = select(Grant).where(Grant.person_id == person.id, Grant.centre_id == centre.id).order_by(Grant.id)
    moment = now()
    return sorted(db.session.scalars(query), key=lambda grant: bool(grant.ends_at and grant.ends_at <= moment))


def find_grant_at(centre: Centre, person_id: int, grant_id: int) -> Grant | None:
    """Return a person's role at this centre, or None if there is none with this id."""
    query = select(Grant).where(Grant.id == grant_id, Grant.person_id == person_id, Grant.centre_id == centre.id)
    return db.session.scalars(query).one_or_none()


def count_open_units(centre: Centre, person: Person) -> dict[Role, int]:
    """Count the open units of a centre that are allocated to a person, by the role in which they are."""
    query = (
        select(Allocation.role, func.count())
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            Allocation.person_id == person.id,
            Allocation.ends_at.is_(None),
            UnitAttempt.centre_id == centre.id,
            UnitAttempt.state.in_(OPEN_ATTEMPT_STATES),
            Registration.withdrawn_at.is_(None),
        )
        .group_by(Allocation.role)
    )
    return {row[0]: row[1] for row in db.session.execute(query)}


def list_registrations_at(centre: Centre, person: Person) -> list[Registration]:
    """List a candidate's registrations at a centre, oldest first."""
    query = select(Registration).where(Registration.centre_id == centre.id, Registration.candidate_id == person.id)
    return list(db.session.scalars(query.order_by(Registration.id)))


def list_sessions(person_id: int) -> list[UserSession]:
    """List a person's live sessions, last used first."""
    query = (
        select(UserSession)
        .where(UserSession.person_id == person_id, is_open())
        .order_by(UserSession.last_seen_at.desc())
    )
    return list(db.session.scalars(query))


def list_own_roles(person_id: int) -> list[Grant]:
    """List a person's current and future roles."""
    query = (
        select(Grant)
        .where(Grant.person_id == person_id, or_(Grant.ends_at.is_(None), Grant.ends_at > now()))
        .options(joinedload(Grant.centre))
        .order_by(Grant.id)
    )
    return list(db.session.scalars(query))
