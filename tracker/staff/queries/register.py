"""The staff register of a centre: its assessors and verifiers with their awards, CPD and declarations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import selectinload

from tracker.clock import day_of, now, start_of_day, today
from tracker.extensions import db
from tracker.models import Centre, CpdEntry, Grant, InterestDeclaration, Person, StaffAward
from tracker.registrations.retention_periods import add_months, compute_months, list_rules
from tracker.staff.award_standing import ENDS_SOON, AwardStanding, find_award_standing
from tracker.staff.members import StaffMember
from tracker.vocabulary import ERASED_TEXT, STAFF_ROLES, AwardKind, Role, use_terms
from tracker.web.list_pages import is_among, load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words

YEAR = timedelta(days=365)
"""The time over which CPD is added up, and after which a declaration of interests is due again."""


@dataclass(frozen=True)
class StaffRow:
    """A member of the staff register, as the list shows them."""

    member: StaffMember
    standings: Mapping[Role, AwardStanding]
    """Of each role that runs now; of a former member, of each role that they had."""
    cpd_minutes: int
    """In the last year."""
    declared_on: date | None
    """The day of the last declaration."""
    has_unanswered_interest: bool
    kept_until: date | None
    """Of former staff, until when the centre keeps the record."""

    @property
    def is_declaration_due(self) -> bool:
        """Return whether the last declaration is more than a year ago, or there is none."""
        return self.member.is_current and (self.declared_on is None or self.declared_on < today() - YEAR)

    @property
    def cpd_hours(self) -> float:
        """Return the hours of CPD in the last year."""
        return round(self.cpd_minutes / 60, 2)

    def describe_roles(self) -> str:
        """Return the roles that run now in one line, in the centre's terms."""
        return ", ".join(use_terms(role.label, self.member.centre.terms) for role in self.member.current_roles)

    def describe_award(self, role: Role) -> str:
        """Return the standing to the awards of a role in a few words; empty for a role that the person has not."""
        standing = self.standings.get(role)
        return standing.describe() if standing else ""

    def describe_declaration(self) -> str:
        """Return the state of the declarations in a few words for the CSV file."""
        return "interest not answered" if self.has_unanswered_interest else ""


STAFF = ListDefinition[StaffRow](
    "staff-register",
    (
        Column("Name", lambda row: row.member.person.name, can_sort=True),
        Column("Roles", StaffRow.describe_roles),
        Column("Assessor’s award", lambda row: row.describe_award(Role.ASSESSOR)),
        Column("Internal verifier’s award", lambda row: row.describe_award(Role.INTERNAL_VERIFIER)),
        Column("CPD hours", lambda row: row.cpd_hours, is_number=True),
        Column("Declared", lambda row: row.declared_on),
        Column("Interests", StaffRow.describe_declaration, only_in_csv=True),
        Column("Kept until", lambda row: row.kept_until, only_in_csv=True),
    ),
    default_sort="name",
)
NO_AWARD, TARGET_PASSED, ENDS, DECLARATION, UNANSWERED, FORMER = (
    "no-award", "target-passed", "ends-soon", "declaration-due", "unanswered", "former",
)  # fmt: skip
SHOWN = {
    NO_AWARD: "No award held",
    TARGET_PASSED: "Target date passed",
    ENDS: "Award ends within 90 days",
    DECLARATION: "Declaration due",
    UNANSWERED: "Interest not answered",
    FORMER: "Former staff",
}


def list_staff_filters(centre: Centre) -> list[Filter]:
    """List the choices that narrow the staff register."""
    return [
        Filter(
            "role", "Role", "All roles", {role.value: use_terms(role.label, centre.terms) for role in STAFF_ROLES}
        ),
        Filter("show", "Show", "All current staff", SHOWN),
    ]


def list_staff(centre: Centre, query: ListQuery) -> ListPage[StaffRow]:
    """List a page of a centre's staff register. Runs seven SQL statements, and one more for former staff.

    Those whose roles as assessor and verifier have all ended are listed only where they are asked for.
    """
    shown = query.get("show")
    roles = (Role(query.get("role")),) if query.get("role") else STAFF_ROLES
    # Found first, by the index of roles: SQLite would read everybody in the order of names.
    staff = select(Grant.person_id).where(Grant.centre_id == centre.id, Grant.role.in_(STAFF_ROLES))
    statement = select(Person).where(
        is_among(Person.id, staff), _is_shown(centre.id, roles, shown), contains_words(query, Person.name)
    )
    listed: ListPage[Any] = load_page(
        STAFF,
        query,
        statement.options(selectinload(Person.grants)),
        lambda row: row.Person,
        key=Person.id,
        order_by={"name": [by_name(Person.name)]},
    )
    return replace(listed, rows=_build_rows(centre, listed.rows))


def _build_rows(centre: Centre, people: Iterable[Person]) -> list[StaffRow]:
    members = [
        StaffMember(
            person, centre, tuple(g for g in person.grants if g.centre_id == centre.id and g.role in STAFF_ROLES)
        )
        for person in people
    ]
    ids = [each.person.id for each in members]
    awards, minutes, declarations = (
        _load_awards(centre.id, ids),
        _sum_cpd(centre.id, ids),
        _load_declared(centre.id, ids),
    )
    months = compute_months(rule.record_months for rule in list_rules(centre.id)) if any_ended(members) else 0
    rows = []
    for member in members:
        person_id = member.person.id
        roles = member.current_roles or tuple(dict.fromkeys(grant.role for grant in member.grants))
        declared_at, unanswered = declarations.get(person_id, (None, 0))
        rows.append(
            StaffRow(
                member,
                {role: find_award_standing(awards.get(person_id, ()), role, today()) for role in roles},
                minutes.get(person_id, 0),
                day_of(declared_at) if declared_at else None,
                bool(unanswered),
                add_months(months, day_of(member.ended_at)) if member.ended_at else None,
            )
        )
    return rows


def any_ended(members: Iterable[StaffMember]) -> bool:
    """Return whether the roles of any of these people as assessor and verifier have all ended."""
    return any(member.ended_at for member in members)


def _load_awards(centre_id: int, ids: list[int]) -> dict[int, list[StaffAward]]:
    query = select(StaffAward).where(
        StaffAward.centre_id == centre_id, StaffAward.person_id.in_(ids), StaffAward.removed_at.is_(None)
    )
    by_person: dict[int, list[StaffAward]] = {}
    for award in db.session.scalars(query.order_by(StaffAward.id)):
        by_person.setdefault(award.person_id, []).append(award)
    return by_person


def _sum_cpd(centre_id: int, ids: list[int]) -> dict[int, int]:
    query = (
        select(CpdEntry.person_id, func.sum(CpdEntry.minutes))
        .where(
            CpdEntry.centre_id == centre_id,
            CpdEntry.person_id.in_(ids),
            CpdEntry.removed_at.is_(None),
            CpdEntry.happened_on > today() - YEAR,
        )
        .group_by(CpdEntry.person_id)
    )
    return {row[0]: row[1] for row in db.session.execute(query)}


def _load_declared(centre_id: int, ids: list[int]) -> dict[int, tuple[datetime, int]]:
    """Return when each person last declared their interests, and how many of these have no answer."""
    unanswered = func.count().filter(_is_unanswered())
    query = (
        select(InterestDeclaration.person_id, func.max(InterestDeclaration.declared_at), unanswered)
        .where(InterestDeclaration.centre_id == centre_id, InterestDeclaration.person_id.in_(ids))
        .group_by(InterestDeclaration.person_id)
    )
    return {row[0]: (row[1], row[2]) for row in db.session.execute(query)}


def _is_unanswered() -> ColumnElement[bool]:
    """Return the SQL condition under which a declaration `is_open` and has no answer."""
    return and_(
        InterestDeclaration.interest.not_in(["", ERASED_TEXT]),
        InterestDeclaration.ended_at.is_(None),
        InterestDeclaration.answered_at.is_(None),
    )


def _is_shown(centre_id: int, roles: Iterable[Role], shown: str) -> ColumnElement[bool]:
    """Return the SQL condition of one choice of the filter `show`, for the people with one of these roles."""
    is_current = or_(*(_has_current_role(centre_id, role) for role in roles))
    if shown == FORMER:
        is_any_current = or_(*(_has_current_role(centre_id, role) for role in STAFF_ROLES))
        return and_(_has_role(centre_id, roles), ~is_any_current)
    if is_to_be_done := {NO_AWARD: _holds_none, TARGET_PASSED: _is_overdue, ENDS: _ends_soon}.get(shown):
        return or_(*(and_(_has_current_role(centre_id, role), is_to_be_done(centre_id, role)) for role in roles))
    if shown == DECLARATION:
        return and_(is_current, ~_has_declared_since(centre_id, start_of_day(today() - YEAR)))
    return and_(is_current, _has_declaration(centre_id, _is_unanswered())) if shown == UNANSWERED else is_current


def _has_role(centre_id: int, roles: Iterable[Role]) -> ColumnElement[bool]:
    """Return the SQL condition under which a person has one of these roles, or had it."""
    return exists().where(
        Grant.person_id == Person.id,
        Grant.centre_id == centre_id,
        Grant.role.in_(list(roles)),
        Grant.starts_at <= now(),
    )


def _has_current_role(centre_id: int, role: Role) -> ColumnElement[bool]:
    """Return the SQL condition under which `StaffMember.current_roles` has a role."""
    return and_(
        Person.deactivated_at.is_(None),
        exists().where(
            Grant.person_id == Person.id,
            Grant.centre_id == centre_id,
            Grant.role == role,
            Grant.starts_at <= now(),
            or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
        ),
    )


def _has_award(centre_id: int, role: Role, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(
        StaffAward.person_id == Person.id,
        StaffAward.centre_id == centre_id,
        StaffAward.removed_at.is_(None),
        StaffAward.kind.in_([kind for kind in AwardKind if kind.role is role]),
        *conditions,
    )


def _holds(centre_id: int, role: Role, until: date | None = None) -> ColumnElement[bool]:
    """Return the SQL condition under which `find_award_standing` finds an award held until a day, or today."""
    return _has_award(
        centre_id,
        role,
        StaffAward.awarded_on <= today(),
        or_(StaffAward.ends_on.is_(None), StaffAward.ends_on >= (until or today())),
    )


def _holds_none(centre_id: int, role: Role) -> ColumnElement[bool]:
    return ~_holds(centre_id, role)


def lacks_award(centre_id: int, role: Role) -> ColumnElement[bool]:
    """Return the SQL condition under which a person has a role at a centre now and holds no award for it today."""
    return and_(_has_current_role(centre_id, role), _holds_none(centre_id, role))


def is_qualified_for(centre_id: int, role: Role) -> ColumnElement[bool]:
    """Return the SQL condition under which a person has a role at a centre now and holds an award for it today."""
    return and_(_has_current_role(centre_id, role), _holds(centre_id, role))


def _ends_soon(centre_id: int, role: Role) -> ColumnElement[bool]:
    last_day = today() + ENDS_SOON + timedelta(days=1)
    return and_(_holds(centre_id, role), ~_holds(centre_id, role, last_day))


def _is_overdue(centre_id: int, role: Role) -> ColumnElement[bool]:
    aims = StaffAward.awarded_on.is_(None)
    return and_(
        ~_holds(centre_id, role),
        _has_award(centre_id, role, aims),
        ~_has_award(centre_id, role, aims, StaffAward.target_on >= today()),
    )


def _has_declaration(centre_id: int, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(
        InterestDeclaration.person_id == Person.id, InterestDeclaration.centre_id == centre_id, condition
    )


def _has_declared_since(centre_id: int, moment: datetime) -> ColumnElement[bool]:
    return _has_declaration(centre_id, InterestDeclaration.declared_at >= moment)
